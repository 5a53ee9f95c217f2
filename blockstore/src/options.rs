use std::sync::Arc;

use datastore::{Datastore, Durability, Key, Result};

use crate::layout::BLOCKS;
use crate::{Blockstore, Policy, PresenceOptions};

/// How a [`Blockstore`] is opened.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use std::sync::Arc;
/// use datastore::MemoryDatastore;
/// use datastore_blocks::{BlockstoreOptions, PresenceOptions};
///
/// let blocks = BlockstoreOptions::new()
///     .presence(PresenceOptions::new())
///     .open(Arc::new(MemoryDatastore::new()))
///     .await?;
/// # let _ = blocks;
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct BlockstoreOptions {
    pub(crate) prefix: Option<Key>,
    pub(crate) policy: Policy,
    pub(crate) verify_reads: bool,
    pub(crate) keep_codecs: bool,
    pub(crate) presence: Option<PresenceOptions>,
    pub(crate) durability: Durability,
    pub(crate) marks: Option<Arc<dyn Datastore>>,
}

impl BlockstoreOptions {
    /// Blocks below `/blocks`, verified when they are put and when they are read, without a presence
    /// cache.
    pub fn new() -> Self {
        Self {
            prefix: Some(BLOCKS),
            policy: Policy::new(),
            verify_reads: true,
            keep_codecs: false,
            presence: None,
            durability: Durability::Buffered,
            marks: None,
        }
    }

    /// Keeps blocks below `prefix`, or with `None` at the top, as boxo's `NoPrefix` does.
    #[must_use]
    pub fn prefix(mut self, prefix: Option<Key>) -> Self {
        self.prefix = prefix;
        self
    }

    /// Which blocks are taken.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Whether data is hashed when it is read. A store with checksums of its own needs that less; about
    /// 0.7 ms for a MiB of SHA2-256.
    #[must_use]
    pub fn verify_reads(mut self, verify: bool) -> Self {
        self.verify_reads = verify;
        self
    }

    /// Whether the codec of each block is kept beside it, so that listings answer the CIDs that were
    /// put: one more key for each block. Without, as in go and js, they answer CIDv1 raw. Deletes,
    /// collections and scrubs take the codecs with the block either way, if some were kept before the first of them.
    #[must_use]
    pub fn keep_codecs(mut self, keep: bool) -> Self {
        self.keep_codecs = keep;
        self
    }

    /// Remembers which blocks are there and which are not. Only for a datastore that nobody else writes
    /// blocks to.
    #[must_use]
    pub fn presence(mut self, presence: PresenceOptions) -> Self {
        self.presence = Some(presence);
        self
    }

    /// How durable a put is when it is acknowledged.
    #[must_use]
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Where collections of garbage keep their marks, if not in the datastore of the blocks: a local store
    /// beside a remote one, so that a mark is not a request. It serves this datastore alone.
    ///
    /// Name the same store each time. A collection whose marks are not found when the blocks are opened, or
    /// are lost, is given up, and the next starts over. While one is unfinished, each put waits until its
    /// marks are durable there.
    #[must_use]
    pub fn marks(mut self, store: Arc<dyn Datastore>) -> Self {
        self.marks = Some(store);
        self
    }

    /// Opens the blocks of a datastore. It stays the caller's to close.
    ///
    /// # Errors
    /// [`InvalidKey`](datastore::ErrorKind::InvalidKey) for a prefix that leaves keys no room; those of the datastore.
    pub async fn open(self, store: Arc<dyn Datastore>) -> Result<Blockstore> {
        Blockstore::with_options(store, self).await
    }
}

impl Default for BlockstoreOptions {
    fn default() -> Self {
        Self::new()
    }
}
