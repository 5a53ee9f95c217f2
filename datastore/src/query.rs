use std::ops::{Bound, RangeBounds};

use bytes::Bytes;

use crate::{Key, KeyRange};

/// Which keys to list, from where, in which direction, how many, and what to return of each.
///
/// A query that nothing can match (`range` from b to a, a cursor past the end, limit 0) is valid and
/// finds nothing.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use datastore::{DatastoreExt, MemoryDatastore, Query, key};
/// use futures::TryStreamExt;
///
/// let store = MemoryDatastore::new();
/// for name in ["/a", "/a/1", "/a/2", "/ab"] {
///     store.put(&datastore::Key::new(name)?, name).await?;
/// }
/// let below = Query::descendants(key!("/a")).descending().keys_only();
/// let keys: Vec<_> = store.query_keys(below).try_collect().await?;
/// assert_eq!(keys, [key!("/a/2"), key!("/a/1")]);
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Which keys.
    pub scope: Scope,
    /// Only keys greater than this one: the cursor of an ascending query.
    pub after: Option<Key>,
    /// Only keys less than this one: the cursor of a descending query.
    pub before: Option<Key>,
    /// In which order.
    pub direction: Direction,
    /// How many entries at most, of a page as of a whole stream; `None` for no limit of yours.
    pub limit: Option<usize>,
    /// What to return of each entry.
    pub select: Select,
}

/// Which keys a [`Query`] lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every key.
    All,
    /// The keys strictly below this one: `/a` has `/a/b` and `/a/b/c`, neither `/a` nor `/ab`.
    Descendants(Key),
    /// The keys whose encoded form begins with these bytes: `/a` has `/a`, `/a/b` and `/ab`.
    StartsWith(Bytes),
    /// The keys whose encoded form lies between these bounds, bytewise.
    Range(Bound<Bytes>, Bound<Bytes>),
}

/// The order of a [`Query`], bytewise on the encoded keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Least key first.
    #[default]
    Ascending,
    /// Greatest key first.
    Descending,
}

/// What a [`Query`] returns beside the keys; a store reads no more than it must.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Select {
    /// Nothing.
    Keys,
    /// The sizes of the values.
    Sizes,
    /// The values, and so their sizes.
    #[default]
    Values,
}

impl Query {
    /// Every key and value.
    pub fn all() -> Self {
        Self {
            scope: Scope::All,
            after: None,
            before: None,
            direction: Direction::default(),
            limit: None,
            select: Select::default(),
        }
    }

    /// What lies strictly below `key`.
    pub fn descendants(key: Key) -> Self {
        Self { scope: Scope::Descendants(key), ..Self::all() }
    }

    /// What begins with `prefix`, segment boundaries aside.
    pub fn starts_with(prefix: impl Into<Bytes>) -> Self {
        Self { scope: Scope::StartsWith(prefix.into()), ..Self::all() }
    }

    /// What lies within `range`, such as `key!("/a")..key!("/b")`.
    pub fn range(range: impl RangeBounds<Key>) -> Self {
        let start = range.start_bound().map(Key::to_bytes);
        let end = range.end_bound().map(Key::to_bytes);
        Self { scope: Scope::Range(start, end), ..Self::all() }
    }

    /// Only keys greater than `cursor`.
    #[must_use]
    pub fn after(mut self, cursor: Key) -> Self {
        self.after = Some(cursor);
        self
    }

    /// Only keys less than `cursor`.
    #[must_use]
    pub fn before(mut self, cursor: Key) -> Self {
        self.before = Some(cursor);
        self
    }

    /// Greatest key first.
    #[must_use]
    pub fn descending(mut self) -> Self {
        self.direction = Direction::Descending;
        self
    }

    /// At most `limit` entries.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Without values and sizes.
    #[must_use]
    pub fn keys_only(mut self) -> Self {
        self.select = Select::Keys;
        self
    }

    /// With sizes, without values.
    #[must_use]
    pub fn sizes_only(mut self) -> Self {
        self.select = Select::Sizes;
        self
    }

    /// The same query from `cursor` on, the [`Page::next`](crate::Page::next) of a page of it.
    #[must_use]
    pub fn resume(self, cursor: Key) -> Self {
        match self.direction {
            Direction::Ascending => self.after(cursor),
            Direction::Descending => self.before(cursor),
        }
    }

    /// The keys that scope and cursors leave, as one range of bytes that no engine chokes on;
    /// `None` if nothing can match, limit 0 included. Limit aside, a store need look at nothing else.
    pub fn key_range(&self) -> Option<KeyRange> {
        if self.limit == Some(0) {
            return None;
        }
        let mut range = KeyRange::of_scope(&self.scope)?;
        if let Some(after) = &self.after {
            range = range
                .intersect(KeyRange::new(Bound::Excluded(after.to_bytes()), Bound::Unbounded)?)?;
        }
        if let Some(before) = &self.before {
            range = range
                .intersect(KeyRange::new(Bound::Unbounded, Bound::Excluded(before.to_bytes()))?)?;
        }
        Some(range)
    }
}
