use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec;

use futures::Stream;
use futures::stream::FusedStream;

use crate::{Datastore, Direction, Entry, Error, ErrorKind, Key, Page, Query, Result};

/// The entries of a query, page by page; what [`DatastoreExt::query`](crate::DatastoreExt::query)
/// returns.
///
/// The end of the stream says that the query is complete; a failure is its last item. One page is held
/// at a time, and no view of the store between pages. Dropping the stream ends the query.
#[must_use = "a stream does nothing unless polled"]
pub struct EntryStream<'s, S: ?Sized> {
    store: &'s S,
    entries: vec::IntoIter<Entry>,
    state: State<'s>,
}

enum State<'s> {
    /// The query of the next page.
    Ready(Query),
    /// The page under way, and the query that it belongs to.
    Reading(ReadPage<'s>),
    Done,
}

type ReadPage<'s> = Pin<Box<dyn Future<Output = (Query, Result<Page>)> + Send + 's>>;

impl<'s, S: Datastore + ?Sized> EntryStream<'s, S> {
    pub(crate) fn new(store: &'s S, query: Query) -> Self {
        Self { store, entries: Vec::new().into_iter(), state: State::Ready(query) }
    }

    /// Takes in the page; the limit of the query is that of all pages together.
    fn take_page(&mut self, mut query: Query, page: Page) -> Result<()> {
        let left = query.limit.map(|limit| limit.saturating_sub(page.entries.len()));
        query.limit = left;
        self.state = match page.next {
            Some(cursor) if left != Some(0) => {
                if !goes_on(&query, &cursor) {
                    // A store that stays where it is would be asked for ever.
                    let message =
                        format!("the store gave a page whose cursor {cursor} does not go on");
                    return Err(Error::new(ErrorKind::Internal, message));
                }
                State::Ready(query.resume(cursor))
            }
            _ => State::Done,
        };
        self.entries = page.entries.into_iter();
        Ok(())
    }
}

/// Whether the cursor of a page lies past where the page began.
fn goes_on(query: &Query, cursor: &Key) -> bool {
    match query.direction {
        Direction::Ascending => query.after.as_ref().is_none_or(|after| cursor > after),
        Direction::Descending => query.before.as_ref().is_none_or(|before| cursor < before),
    }
}

impl<S: Datastore + ?Sized> Stream for EntryStream<'_, S> {
    type Item = Result<Entry>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let Some(entry) = this.entries.next() {
                return Poll::Ready(Some(Ok(entry)));
            }
            match &mut this.state {
                State::Done => return Poll::Ready(None),
                State::Reading(reading) => {
                    let Poll::Ready((query, page)) = reading.as_mut().poll(cx) else {
                        return Poll::Pending;
                    };
                    if let Err(error) = page.and_then(|page| this.take_page(query, page)) {
                        this.state = State::Done;
                        return Poll::Ready(Some(Err(error)));
                    }
                }
                State::Ready(_) => {
                    let State::Ready(query) = std::mem::replace(&mut this.state, State::Done)
                    else {
                        continue;
                    };
                    let store = this.store;
                    this.state = State::Reading(Box::pin(async move {
                        let page = store.query_page(&query).await;
                        (query, page)
                    }));
                }
            }
        }
    }
}

impl<S: Datastore + ?Sized> FusedStream for EntryStream<'_, S> {
    fn is_terminated(&self) -> bool {
        self.entries.as_slice().is_empty() && matches!(self.state, State::Done)
    }
}

impl<S: Datastore + ?Sized> fmt::Debug for EntryStream<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryStream")
            .field("store", &self.store)
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// The keys of a query; what [`DatastoreExt::query_keys`](crate::DatastoreExt::query_keys) returns.
#[derive(Debug)]
#[must_use = "a stream does nothing unless polled"]
pub struct KeyStream<'s, S: Datastore + ?Sized>(pub(crate) EntryStream<'s, S>);

impl<S: Datastore + ?Sized> FusedStream for KeyStream<'_, S> {
    fn is_terminated(&self) -> bool {
        self.0.is_terminated()
    }
}

impl<S: Datastore + ?Sized> Stream for KeyStream<'_, S> {
    type Item = Result<Key>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let entry = Pin::new(&mut self.0).poll_next(cx);
        entry.map(|entry| entry.map(|entry| entry.map(Entry::into_key)))
    }
}
