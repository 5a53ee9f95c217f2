use bytes::Bytes;

use crate::{Key, Version};

/// Writes to commit together: ordered operations, the conditions they stand under, and how
/// durable they must be when [`commit`](crate::Datastore::commit) returns.
///
/// The last operation on a key wins. Where the store is atomic the batch lands whole or not at all;
/// elsewhere see [`ErrorKind::PartialCommit`](crate::ErrorKind::PartialCommit). A batch is consumed by
/// the commit; an empty one with conditions checks them, an empty one without does nothing but honour
/// its durability.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use datastore::{Batch, Datastore, DatastoreExt, MemoryDatastore, key};
///
/// let store = MemoryDatastore::new();
/// let batch = Batch::new()
///     .put(key!("/a"), "1")
///     .delete(key!("/b"))
///     .absent(key!("/a"))
///     .synced();
/// store.commit(batch).await?;
/// assert_eq!(store.get(&key!("/a")).await?.as_deref(), Some(&b"1"[..]));
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The operations, in order.
    pub ops: Vec<Op>,
    /// What must hold for the batch to be applied.
    pub conditions: Vec<Condition>,
    /// What the batch survives once it is committed.
    pub durability: Durability,
}

/// One write of a [`Batch`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Sets the value of a key.
    Put {
        /// The key.
        key: Key,
        /// Its new value.
        value: Bytes,
    },
    /// Removes a key; one that is not there is not an error.
    Delete {
        /// The key.
        key: Key,
    },
}

/// What must hold when a [`Batch`] is applied; otherwise the commit is a
/// [`Conflict`](crate::ErrorKind::Conflict) and applies nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The key has no value.
    Absent(Key),
    /// The value of the key is still what it was when this version was read.
    Unchanged(Key, Version),
}

/// What a commit survives once it returned; what that means for a store, its
/// [`Capabilities`](crate::Capabilities) declare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Durability {
    /// As fast as the store can: on disk stores it survives the process, not a loss of power.
    #[default]
    Buffered,
    /// After the store made it as durable as it can: on disk stores it survives a loss of power.
    Synced,
}

impl Batch {
    /// An empty batch, without conditions, [`Durability::Buffered`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a put.
    #[must_use]
    pub fn put(mut self, key: Key, value: impl Into<Bytes>) -> Self {
        self.ops.push(Op::Put { key, value: value.into() });
        self
    }

    /// Adds a delete.
    #[must_use]
    pub fn delete(mut self, key: Key) -> Self {
        self.ops.push(Op::Delete { key });
        self
    }

    /// Adds the condition that `key` has no value.
    #[must_use]
    pub fn absent(mut self, key: Key) -> Self {
        self.conditions.push(Condition::Absent(key));
        self
    }

    /// Adds the condition that the value of `key` is as it was when `version` was read.
    #[must_use]
    pub fn unchanged(mut self, key: Key, version: Version) -> Self {
        self.conditions.push(Condition::Unchanged(key, version));
        self
    }

    /// Asks for [`Durability::Synced`].
    #[must_use]
    pub fn synced(mut self) -> Self {
        self.durability = Durability::Synced;
        self
    }
}

impl Op {
    /// The key that is written.
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }
}

impl Condition {
    /// The key that is looked at.
    pub fn key(&self) -> &Key {
        match self {
            Self::Absent(key) | Self::Unchanged(key, _) => key,
        }
    }

    /// Whether the condition holds for `current`, the value of its key now; for stores whose version
    /// is the value itself, for which a version of another store never holds.
    pub fn holds(&self, current: Option<&[u8]>) -> bool {
        match self {
            Self::Absent(_) => current.is_none(),
            Self::Unchanged(_, version) => {
                version.as_value().is_some_and(|value| current == Some(value.as_ref()))
            }
        }
    }
}

impl Extend<Op> for Batch {
    fn extend<I: IntoIterator<Item = Op>>(&mut self, ops: I) {
        self.ops.extend(ops);
    }
}

impl FromIterator<Op> for Batch {
    fn from_iter<I: IntoIterator<Item = Op>>(ops: I) -> Self {
        Self { ops: ops.into_iter().collect(), ..Self::default() }
    }
}
