use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::gate::Gate;
use crate::{
    Batch, Capabilities, CheckReport, Condition, Datastore, Entry, Error, ErrorKind, Found, Key,
    KeyRange, Op, Outcome, Page, Query, Result, Scope, Want,
};

/// A store whose keys all lie below a prefix of another store.
///
/// `/x` is `/prefix/x` below, whatever `x` is, so that no two keys meet; queries are pushed down as
/// they are. [`check`](Datastore::check), [`compact`](Datastore::compact), [`sync`](Datastore::sync)
/// and [`disk_usage`](Datastore::disk_usage) are those of the whole store below.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use std::sync::Arc;
/// use datastore::{DatastoreExt, MemoryDatastore, Namespace, key};
///
/// let store = Arc::new(MemoryDatastore::new());
/// let peers = Namespace::new(store.clone(), key!("/peers"));
/// peers.put(&key!("/a"), "1").await?;
/// assert!(store.has(&key!("/peers/a")).await?);
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Namespace<S> {
    inner: S,
    prefix: Key,
    gate: Gate,
}

impl<S: Datastore> Namespace<S> {
    /// Wraps a store.
    pub fn new(inner: S, prefix: Key) -> Self {
        Self { inner, prefix, gate: Gate::default() }
    }

    /// The store below.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Where the keys lie in the store below.
    pub fn prefix(&self) -> &Key {
        &self.prefix
    }

    fn lower(&self, key: &Key) -> Result<Key> {
        self.prefix.join(key)
    }

    /// Takes the prefix off a key of the store below.
    fn raise(&self, key: &mut Key) -> Result<()> {
        if key.strip(&self.prefix) {
            return Ok(());
        }
        let message = format!("a query below {} returned {key}", self.prefix);
        Err(Error::new(ErrorKind::Internal, message))
    }

    /// An error of the store below, in the keys of this one.
    fn raise_error(&self, error: Error) -> Error {
        error.map_keys(|key| self.prefix.strip_from(&key).unwrap_or(key))
    }

    /// The same query on the store below; `None` if nothing can match.
    fn lower_query(&self, query: &Query) -> Option<Query> {
        let Query { scope, after, before, direction, limit, select } = query;
        let prefix = self.prefix.as_bytes();
        let scope = match scope {
            Scope::All => Scope::Descendants(self.prefix.clone()),
            // A key too long to exist below has nothing below it either.
            Scope::Descendants(key) => Scope::Descendants(self.lower(key).ok()?),
            Scope::StartsWith(start) if start.is_empty() => Scope::Descendants(self.prefix.clone()),
            Scope::StartsWith(start) if start.first() == Some(&b'/') => {
                Scope::StartsWith(Bytes::from([prefix, start].concat()))
            }
            Scope::StartsWith(_) => return None,
            Scope::Range(..) => {
                let wanted = KeyRange::of_scope(scope)?.prefixed(prefix)?;
                wanted.intersect(KeyRange::below(&self.prefix)?)?.into()
            }
        };
        // A cursor that would be too long below becomes a bound, which may be of any length.
        let mut lowered = Query {
            scope,
            after: None,
            before: None,
            direction: *direction,
            limit: *limit,
            select: *select,
        };
        for (cursor, is_after) in [(after, true), (before, false)] {
            let Some(cursor) = cursor else { continue };
            match self.lower(cursor) {
                Ok(key) if is_after => lowered.after = Some(key),
                Ok(key) => lowered.before = Some(key),
                Err(_) => {
                    let bound = Bound::Excluded(Bytes::from([prefix, cursor.as_bytes()].concat()));
                    let (start, end) = if is_after {
                        (bound, Bound::Unbounded)
                    } else {
                        (Bound::Unbounded, bound)
                    };
                    let range = KeyRange::of_scope(&lowered.scope)?;
                    lowered.scope = range.intersect(KeyRange::new(start, end)?)?.into();
                }
            }
        }
        Some(lowered)
    }
}

#[async_trait]
impl<S: Datastore> Datastore for Namespace<S> {
    fn capabilities(&self) -> Capabilities {
        let below = self.inner.capabilities();
        let max_key_len = below.max_key_len.saturating_sub(self.prefix.as_bytes().len());
        Capabilities { max_key_len, ..below }
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        self.gate.check_open()?;
        let found = self.inner.read(&self.lower(key)?, want).await;
        found.map_err(|error| self.raise_error(error))
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        self.gate.check_open()?;
        let Some(lowered) = self.lower_query(query) else { return Ok(Page::default()) };
        let Page { mut entries, mut next } =
            self.inner.query_page(&lowered).await.map_err(|error| self.raise_error(error))?;
        for key in entries.iter_mut().map(Entry::key_mut).chain(&mut next) {
            self.raise(key)?;
        }
        Ok(Page { entries, next })
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        self.gate.check_open()?;
        let Batch { mut ops, mut conditions, durability } = batch;
        let op_keys = ops.iter_mut().map(|op| match op {
            Op::Put { key, value: _ } | Op::Delete { key } => key,
        });
        let condition_keys = conditions.iter_mut().map(|condition| match condition {
            Condition::Absent(key) | Condition::Unchanged(key, _) => key,
        });
        for key in op_keys.chain(condition_keys) {
            *key = self.lower(key).map_err(|error| error.with_outcome(Outcome::NotApplied))?;
        }
        let result = self.inner.commit(Batch { ops, conditions, durability }).await;
        result.map_err(|error| self.raise_error(error))
    }

    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        self.gate.check_open()?;
        Ok(Arc::new(Namespace::new(self.inner.snapshot().await?, self.prefix.clone())))
    }

    async fn sync(&self) -> Result<()> {
        self.gate.check_open()?;
        self.inner.sync().await
    }

    async fn disk_usage(&self) -> Result<u64> {
        self.gate.check_open()?;
        self.inner.disk_usage().await
    }

    async fn compact(&self) -> Result<()> {
        self.gate.check_open()?;
        self.inner.compact().await
    }

    async fn check(&self) -> Result<CheckReport> {
        self.gate.check_open()?;
        self.inner.check().await
    }

    async fn close(&self) -> Result<()> {
        self.gate.close();
        Ok(())
    }
}
