use std::cmp::Ordering;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Stream, TryStreamExt};

use crate::{Entry, Error, ErrorKind, Result};

/// What no store does for a query: filters, offsets and other orders, done on the caller's side of
/// the store, at a cost that each method states.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use datastore::{DatastoreExt, EntryStreamExt, MemoryDatastore, Query, key};
///
/// let store = MemoryDatastore::new();
/// store.put(&key!("/a"), "3").await?;
/// store.put(&key!("/b"), "1").await?;
/// store.put(&key!("/c"), "2").await?;
/// let small = store.query(Query::all()).filter_entries(|entry| entry.value() < Some(&"3".into()));
/// let sorted = small.sorted_by(100, |a, b| a.value().cmp(&b.value())).await?;
/// assert_eq!(sorted.first().map(|entry| entry.key()), Some(&key!("/b")));
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
pub trait EntryStreamExt: Stream<Item = Result<Entry>> + Sized {
    /// Passes on the entries that `keep` accepts. The store still reads all of them, so a limit belongs
    /// behind the filter ([`limit_entries`](Self::limit_entries)), not in the query.
    fn filter_entries<F>(self, keep: F) -> FilterEntries<Self, F>
    where
        F: FnMut(&Entry) -> bool,
    {
        FilterEntries { entries: self, keep }
    }

    /// Leaves out the first `offset` entries. The store still reads them: a cursor costs nothing.
    fn skip_entries(self, offset: usize) -> SkipEntries<Self> {
        SkipEntries { entries: self, offset }
    }

    /// Ends after `limit` entries.
    fn limit_entries(self, limit: usize) -> LimitEntries<Self> {
        LimitEntries { entries: self, left: limit }
    }

    /// Gathers all entries and sorts them; equal ones stay in the order of the query.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] as soon as there are more than `most` entries, which bounds
    /// the memory; and what the stream fails with.
    fn sorted_by<F>(
        self,
        most: usize,
        mut compare: F,
    ) -> impl Future<Output = Result<Vec<Entry>>> + Send
    where
        Self: Send + Unpin,
        F: FnMut(&Entry, &Entry) -> Ordering + Send,
    {
        async move {
            let mut stream = self;
            let mut entries = Vec::new();
            while let Some(entry) = stream.try_next().await? {
                if entries.len() == most {
                    let message = format!("more than {most} entries to sort: narrow the query");
                    return Err(Error::new(ErrorKind::InvalidInput, message));
                }
                entries.push(entry);
            }
            entries.sort_by(&mut compare);
            Ok(entries)
        }
    }
}

impl<T: Stream<Item = Result<Entry>>> EntryStreamExt for T {}

/// See [`EntryStreamExt::filter_entries`].
#[derive(Debug)]
#[must_use = "a stream does nothing unless polled"]
pub struct FilterEntries<T, F> {
    entries: T,
    keep: F,
}

impl<T, F> Stream for FilterEntries<T, F>
where
    T: Stream<Item = Result<Entry>> + Unpin,
    F: FnMut(&Entry) -> bool + Unpin,
{
    type Item = Result<Entry>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match Pin::new(&mut this.entries).poll_next(cx) {
                Poll::Ready(Some(Ok(entry))) if !(this.keep)(&entry) => {}
                other => return other,
            }
        }
    }
}

/// See [`EntryStreamExt::skip_entries`].
#[derive(Debug)]
#[must_use = "a stream does nothing unless polled"]
pub struct SkipEntries<T> {
    entries: T,
    offset: usize,
}

impl<T: Stream<Item = Result<Entry>> + Unpin> Stream for SkipEntries<T> {
    type Item = Result<Entry>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match Pin::new(&mut this.entries).poll_next(cx) {
                Poll::Ready(Some(Ok(_))) if this.offset > 0 => this.offset -= 1,
                other => return other,
            }
        }
    }
}

/// See [`EntryStreamExt::limit_entries`].
#[derive(Debug)]
#[must_use = "a stream does nothing unless polled"]
pub struct LimitEntries<T> {
    entries: T,
    left: usize,
}

impl<T: Stream<Item = Result<Entry>> + Unpin> Stream for LimitEntries<T> {
    type Item = Result<Entry>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        let next = Pin::new(&mut this.entries).poll_next(cx);
        if let Poll::Ready(Some(_)) = next {
            this.left -= 1;
        }
        next
    }
}
