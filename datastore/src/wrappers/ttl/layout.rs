use std::ops::Bound;

use bytes::Bytes;
use futures::TryStreamExt;

use crate::{
    Datastore, DatastoreExt, Direction, Error, ErrorKind, Key, KeyRange, Outcome, Query, Result,
    Select,
};

/// Which keys of the store below are the layer's own, and what is left to callers.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    reserved: Key,
    format: Key,
    index: Key,
    max_key_len: usize,
    max_value_len: u64,
}

const FORMAT: &str = "datastore-ttl\nversion 1\n";

impl Layout {
    /// All that lies below `reserved` is the layer's own.
    pub(super) fn new(reserved: Key) -> Result<Self> {
        let (format, index) = (reserved.child("format")?, reserved.child("expiry")?);
        let (max_key_len, max_value_len) = (Key::MAX_LEN, u64::MAX);
        Ok(Self { reserved, format, index, max_key_len, max_value_len })
    }

    /// Sets how long the keys and values of callers can be.
    pub(super) fn limited(self, max_key_len: usize, max_value_len: u64) -> Self {
        Self { max_key_len, max_value_len, ..self }
    }

    pub(super) fn index(&self) -> &Key {
        &self.index
    }

    pub(super) fn limits(&self) -> (usize, u64) {
        (self.max_key_len, self.max_value_len)
    }

    /// Checks that all values of the store below have headers, as its marker says; marks a store that is
    /// empty.
    pub(super) async fn check_format(&self, below: &impl Datastore) -> Result<()> {
        let incompatible = |found: &str| {
            let message = format!("the store is {found}; this layer reads and writes {FORMAT:?}");
            Err(Error::new(ErrorKind::Incompatible, message).with_key(self.format.clone()))
        };
        if let Some(found) = below.get(&self.format).await? {
            if found == FORMAT {
                return Ok(());
            }
            return incompatible(&format!("marked as {:?}", String::from_utf8_lossy(&found)));
        }
        if below.query_keys(Query::all().limit(1)).try_next().await?.is_some() {
            return incompatible("not empty, and was written without a layer for expiry");
        }
        if below.capabilities().writable {
            below.put(&self.format, FORMAT).await?;
        }
        Ok(())
    }

    /// Checks that a key can be a caller's.
    pub(super) fn check_key(&self, key: &Key) -> Result<()> {
        let (len, most) = (key.as_bytes().len(), self.max_key_len);
        let why = if len > most {
            format!("the key has {len} bytes; with more than {most} it cannot expire")
        } else if *key == self.reserved || self.reserved.is_ancestor_of(key) {
            format!("{} and what lies below is reserved", self.reserved)
        } else {
            return Ok(());
        };
        Err(Error::new(ErrorKind::InvalidKey, why).with_key(key.clone()))
    }

    /// Checks that a value leaves room for its header.
    pub(super) fn check_value(&self, key: &Key, value: &Bytes) -> Result<()> {
        let (len, most) = (value.len() as u64, self.max_value_len);
        if len <= most {
            return Ok(());
        }
        let message = format!("the value has {len} bytes; the store takes {most}");
        let error = Error::new(ErrorKind::InvalidInput, message).with_key(key.clone());
        Err(error.with_outcome(Outcome::NotApplied))
    }

    /// What to ask of the store below for a page of `query`, and the cursor of the page that follows the last
    /// one of that; `None` if nothing can match.
    ///
    /// A query across the reserved keys is one of what lies before them, then one of what lies behind: a
    /// page of both would be from two moments.
    pub(super) fn lower_query(&self, query: &Query) -> Option<(Query, Option<Key>)> {
        let range = query.key_range()?;
        let lowered = Query { select: Select::Values, ..query.clone() };
        if range.clone().intersect(KeyRange::below(&self.reserved)?).is_none() {
            return Some((lowered, None));
        }
        let edge = |next: u8| Bytes::from([self.reserved.as_bytes(), &[next]].concat());
        // `0` is the byte after `/`.
        let (start, end) = (Bound::Excluded(edge(b'/')), Bound::Included(edge(b'0')));
        let before = range.clone().intersect(KeyRange::new(Bound::Unbounded, start)?);
        let behind = range.intersect(KeyRange::new(end, Bound::Unbounded)?);
        let (first, second) = match query.direction {
            Direction::Ascending => (before, behind),
            Direction::Descending => (behind, before),
        };
        let jump = self.format.clone();
        let next = (first.is_some() && second.is_some()).then_some(jump);
        let scope = first.or(second)?.into();
        Some((Query { scope, ..lowered }, next))
    }
}
