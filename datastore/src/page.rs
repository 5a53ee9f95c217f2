use std::ops::ControlFlow;

use bytes::Bytes;

use crate::key::JoinedKeys;
use crate::{Direction, Error, ErrorKind, Key, Query, Result};

/// Some entries of a query, in its order, and where it goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The entries; there may be none although there is a `next`.
    pub entries: Vec<Entry>,
    /// The cursor of the next page, for [`Query::resume`]; `None`, and only `None`, says that the query
    /// is complete. It stays good across restarts of the store.
    pub next: Option<Key>,
}

/// A key, and what the query selected of its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    key: Key,
    content: Content,
}

/// What a query selected of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    Nothing,
    /// Its size in bytes.
    Size(u64),
    /// All of it.
    Value(Bytes),
}

impl Entry {
    /// Makes an entry.
    pub fn new(key: Key, content: Content) -> Self {
        Self { key, content }
    }

    /// The key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Size of the value in bytes, if sizes or values were selected.
    pub fn size(&self) -> Option<u64> {
        match &self.content {
            Content::Nothing => None,
            Content::Size(size) => Some(*size),
            Content::Value(value) => Some(value.len() as u64),
        }
    }

    /// The value, if values were selected.
    pub fn value(&self) -> Option<&Bytes> {
        match &self.content {
            Content::Value(value) => Some(value),
            Content::Nothing | Content::Size(_) => None,
        }
    }

    pub(crate) fn key_mut(&mut self) -> &mut Key {
        &mut self.key
    }

    /// The key alone.
    pub fn into_key(self) -> Key {
        self.key
    }

    /// Key and content.
    pub fn into_parts(self) -> (Key, Content) {
        (self.key, self.content)
    }
}

/// Gathers a [`Page`] within the bounds that every page keeps; for implementors of
/// [`query_page`](crate::Datastore::query_page).
///
/// The keys of a page share one buffer: one allocation a page, not one an entry.
///
/// # Examples
/// ```
/// use datastore::{Content, PageBuilder, Query};
///
/// let mut page = PageBuilder::new(&Query::all().limit(1));
/// for (key, value) in [("/a", "1"), ("/b", "2")] {
///     // Breaks once the page is full; the entry that is refused begins the next page.
///     if page.push(key.as_bytes(), Content::Value(value.into())).is_break() {
///         break;
///     }
/// }
/// let page = page.finish()?;
/// assert_eq!(page.entries.len(), 1);
/// assert_eq!(page.next.as_ref(), page.entries.last().map(|entry| entry.key()));
/// # Ok::<(), datastore::Error>(())
/// ```
#[derive(Debug)]
pub struct PageBuilder {
    /// The keys, one after the other.
    keys: Vec<u8>,
    /// Where the key of each entry ends.
    ends: Vec<usize>,
    /// The entries, whose keys are put in place all at once.
    entries: Vec<Entry>,
    bytes: usize,
    max_entries: usize,
    end: End,
}

/// How far a page goes.
#[derive(Debug)]
enum End {
    /// To the end of the query.
    OfQuery,
    /// To its last entry: the one after it was refused.
    Full,
    /// To this key, whether or not it is an entry.
    At(Bytes),
}

impl PageBuilder {
    /// Most entries of a page.
    pub const MAX_ENTRIES: usize = 4096;

    /// A page is full once its keys and values reach this many bytes; one entry always fits.
    pub const MAX_BYTES: usize = 4 << 20;

    /// Begins a page of `query`.
    pub fn new(query: &Query) -> Self {
        let max_entries = query.limit.unwrap_or(usize::MAX).min(Self::MAX_ENTRIES);
        let guess = max_entries.min(256);
        Self {
            keys: Vec::with_capacity(guess * 48),
            ends: Vec::with_capacity(guess),
            entries: Vec::with_capacity(guess),
            bytes: 0,
            max_entries,
            end: End::OfQuery,
        }
    }

    /// Whether the page takes no more; a store can ask before it fetches a value.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.entries.len() >= self.max_entries || self.bytes >= Self::MAX_BYTES
    }

    /// Appends an entry, or breaks, leaving it out, if the page is full: there is a next page.
    #[inline]
    pub fn push(&mut self, key: &[u8], content: Content) -> ControlFlow<()> {
        if self.is_full() {
            self.end = End::Full;
            return ControlFlow::Break(());
        }
        self.keys.extend_from_slice(key);
        self.bytes += key.len();
        if let Content::Value(value) = &content {
            self.bytes += value.len();
        }
        self.ends.push(self.keys.len());
        // With room made first, the entry is made where it stays.
        self.entries.reserve(1);
        self.entries.push(Entry::new(PLACE, content));
        ControlFlow::Continue(())
    }

    /// Ends the page early, for a store that stops for a reason of its own: `last` is the last key
    /// that it has dealt with, pushed or passed over, and there is a next page after it.
    pub fn cut(&mut self, last: &[u8]) {
        self.end = End::At(Bytes::copy_from_slice(last));
    }

    /// The page. It has a cursor if an entry was refused or the page was [`cut`](Self::cut).
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if what was pushed is not a key.
    pub fn finish(self) -> Result<Page> {
        let Self { keys, ends, mut entries, bytes: _, max_entries: _, end } = self;
        let keys = JoinedKeys::new(keys.into());
        let mut start = 0;
        for (entry, end) in entries.iter_mut().zip(ends) {
            entry.key = keys.key(start..end).map_err(corrupt)?;
            start = end;
        }
        let next = match end {
            End::OfQuery => None,
            End::Full => entries.last().map(|entry| entry.key.detached()),
            End::At(last) => Some(Key::from_bytes(last).map_err(corrupt)?),
        };
        Ok(Page { entries, next })
    }
}

/// Stands where a key will be.
const PLACE: Key = crate::key!("/key");

fn corrupt(error: Error) -> Error {
    Error::new(ErrorKind::Corrupt, "the store holds a key that is not one").with_source(error)
}

impl Direction {
    /// The items in this direction.
    pub fn order<'a, T>(
        self,
        items: impl DoubleEndedIterator<Item = T> + 'a,
    ) -> Box<dyn Iterator<Item = T> + 'a> {
        match self {
            Self::Ascending => Box::new(items),
            Self::Descending => Box::new(items.rev()),
        }
    }
}
