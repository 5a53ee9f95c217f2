use std::future::Future;

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};

use crate::{
    Batch, Condition, Datastore, EntryStream, Error, ErrorKind, Found, Key, KeyStream, Op, Query,
    Result, Want,
};

/// What users of a store call: the contract in familiar words. Every [`Datastore`] has it, trait
/// objects included.
///
/// Dropping a future cancels as the contract says of the method beneath it.
pub trait DatastoreExt: Datastore {
    /// The value of `key`, `None` if it has none.
    ///
    /// # Errors
    /// As [`Datastore::read`].
    fn get(&self, key: &Key) -> impl Future<Output = Result<Option<Bytes>>> + Send {
        async move { Ok(self.read(key, Want::Value).await?.and_then(Found::into_value)) }
    }

    /// The value of `key`, where its absence is an error.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it has none; and as [`Datastore::read`].
    fn get_required(&self, key: &Key) -> impl Future<Output = Result<Bytes>> + Send {
        async move {
            let missing = || Error::new(ErrorKind::NotFound, format!("{key} has no value"));
            self.get(key).await?.ok_or_else(missing)
        }
    }

    /// The bytes of the value from `offset`, `len` at most; `None` if there is no value.
    ///
    /// # Errors
    /// As [`Datastore::read`].
    fn get_range(
        &self,
        key: &Key,
        offset: u64,
        len: u64,
    ) -> impl Future<Output = Result<Option<Bytes>>> + Send {
        async move { Ok(self.read(key, Want::Range { offset, len }).await?.and_then(Found::into_value)) }
    }

    /// Whether `key` has a value.
    ///
    /// # Errors
    /// As [`Datastore::read`].
    fn has(&self, key: &Key) -> impl Future<Output = Result<bool>> + Send {
        async move { Ok(self.read(key, Want::Exists).await?.is_some()) }
    }

    /// Size of the value of `key` in bytes, `None` if it has none.
    ///
    /// # Errors
    /// As [`Datastore::read`].
    fn size(&self, key: &Key) -> impl Future<Output = Result<Option<u64>>> + Send {
        async move { Ok(self.read(key, Want::Size).await?.and_then(|found| found.size())) }
    }

    /// Sets the value of `key`; durable as [`Durability::Buffered`](crate::Durability::Buffered).
    ///
    /// # Errors
    /// As [`Datastore::commit`].
    fn put(&self, key: &Key, value: impl Into<Bytes>) -> impl Future<Output = Result<()>> + Send {
        self.commit(Batch::new().put(key.clone(), value))
    }

    /// Removes `key`; one that is not there is not an error.
    ///
    /// # Errors
    /// As [`Datastore::commit`].
    fn delete(&self, key: &Key) -> impl Future<Output = Result<()>> + Send {
        self.commit(Batch::new().delete(key.clone()))
    }

    /// Writes a stream of entries in its order, in batches of bounded size, and returns how many.
    ///
    /// # Errors
    /// What the stream or a commit fails with; the batches before it are written.
    fn put_many<T>(&self, entries: T) -> impl Future<Output = Result<u64>> + Send
    where
        T: Stream<Item = Result<(Key, Bytes)>> + Send,
    {
        self.apply_many(entries.map_ok(|(key, value)| Op::Put { key, value }))
    }

    /// Removes a stream of keys in its order, in batches of bounded size, and returns how many it
    /// named.
    ///
    /// # Errors
    /// As [`put_many`](Self::put_many).
    fn delete_many<T>(&self, keys: T) -> impl Future<Output = Result<u64>> + Send
    where
        T: Stream<Item = Result<Key>> + Send,
    {
        self.apply_many(keys.map_ok(|key| Op::Delete { key }))
    }

    /// Applies a stream of operations in its order, in batches of at most [`MANY_OPS`] operations
    /// or, one larger value aside, [`MANY_BYTES`] bytes, and returns how many.
    ///
    /// # Errors
    /// As [`put_many`](Self::put_many).
    fn apply_many<T>(&self, ops: T) -> impl Future<Output = Result<u64>> + Send
    where
        T: Stream<Item = Result<Op>> + Send,
    {
        async move {
            let mut ops = std::pin::pin!(ops);
            let (mut batch, mut bytes, mut applied) = (Batch::new(), 0, 0);
            while let Some(op) = ops.try_next().await? {
                let size = op.key().as_bytes().len() + value_len(&op);
                if batch.ops.len() == MANY_OPS || (bytes > 0 && bytes + size > MANY_BYTES) {
                    self.commit(std::mem::take(&mut batch)).await?;
                    bytes = 0;
                }
                bytes += size;
                applied += 1;
                batch.ops.push(op);
            }
            if !batch.ops.is_empty() {
                self.commit(batch).await?;
            }
            Ok(applied)
        }
    }

    /// The values of a stream of keys, in its order, up to [`MANY_READS`] of them read at a time.
    fn get_many<'s, T>(
        &'s self,
        keys: T,
    ) -> impl Stream<Item = Result<(Key, Option<Bytes>)>> + Send + 's
    where
        T: Stream<Item = Result<Key>> + Send + 's,
    {
        keys.map(move |key| async move {
            let key = key?;
            let value = self.get(&key).await?;
            Ok((key, value))
        })
        .buffered(MANY_READS)
    }

    /// The entries of `query`, as a stream over its pages.
    fn query(&self, query: Query) -> EntryStream<'_, Self> {
        EntryStream::new(self, query)
    }

    /// The keys of `query`; values are not read.
    fn query_keys(&self, query: Query) -> KeyStream<'_, Self> {
        KeyStream(EntryStream::new(self, query.keys_only()))
    }

    /// How many keys `query` finds: it walks them.
    ///
    /// # Errors
    /// As [`Datastore::query_page`].
    fn count(&self, query: Query) -> impl Future<Output = Result<u64>> + Send {
        self.query_keys(query).try_fold(0, async |count, _| Ok(count + 1))
    }

    /// Reads the value of `key`, lets `change` make the new one (`None`: no value), and commits it under
    /// the condition that nobody changed it meanwhile; again from the start if somebody did. Returns the
    /// new value. A change to the value that is already there writes nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] from stores without conditions, and to a change that deletes from those
    /// with less than [`Conditions::SingleKey`](crate::Conditions::SingleKey);
    /// [`ErrorKind::Conflict`] after [`UPDATE_TRIES`] rounds that others won; and as
    /// [`Datastore::read`] and [`Datastore::commit`].
    fn update<F>(
        &self,
        key: &Key,
        mut change: F,
    ) -> impl Future<Output = Result<Option<Bytes>>> + Send
    where
        F: FnMut(Option<Bytes>) -> Option<Bytes> + Send,
    {
        async move {
            let mut tries = 0;
            loop {
                let found = self.read(key, Want::Value).await?;
                let condition = match found.as_ref().map(Found::version) {
                    None => Condition::Absent(key.clone()),
                    Some(Some(version)) => Condition::Unchanged(key.clone(), version),
                    Some(None) => return Err(Error::unsupported("this store has no versions")),
                };
                let old = found.and_then(Found::into_value);
                let new = change(old.clone());
                if new == old {
                    return Ok(new);
                }
                let mut batch = match new.clone() {
                    Some(value) => Batch::new().put(key.clone(), value),
                    None => Batch::new().delete(key.clone()),
                };
                batch.conditions.push(condition);
                tries += 1;
                match self.commit(batch).await {
                    Err(error) if error.kind() == ErrorKind::Conflict && tries < UPDATE_TRIES => {}
                    Err(error) => return Err(error),
                    Ok(()) => return Ok(new),
                }
            }
        }
    }
}

impl<S: Datastore + ?Sized> DatastoreExt for S {}

/// Most operations in one batch of [`put_many`](DatastoreExt::put_many) and its kin.
pub const MANY_OPS: usize = 1000;

/// Most bytes in one batch of [`put_many`](DatastoreExt::put_many) and its kin.
pub const MANY_BYTES: usize = 4 << 20;

/// Most reads that [`get_many`](DatastoreExt::get_many) has under way.
pub const MANY_READS: usize = 16;

/// Rounds of an [`update`](DatastoreExt::update) before it gives up.
pub const UPDATE_TRIES: usize = 1000;

fn value_len(op: &Op) -> usize {
    match op {
        Op::Put { key: _, value } => value.len(),
        Op::Delete { key: _ } => 0,
    }
}
