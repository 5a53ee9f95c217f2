/// What a store promises, and what the whole stack of wrappers over it promises.
///
/// The conformance suite holds each field against what the store does. Fields are added in later
/// releases, so a store begins with [`Capabilities::minimal`] or [`Capabilities::embedded`] and
/// sets what differs.
///
/// # Examples
/// ```
/// use datastore::{Capabilities, Survives};
///
/// let mut mine = Capabilities::embedded();
/// mine.buffered = Survives::Process;
/// mine.synced = Survives::Power;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// Whether commits are accepted at all.
    pub writable: bool,
    /// Whether a batch lands whole or not at all. A commit that is not atomic may also land after
    /// its future was dropped; an atomic one lands before anything that is issued after the drop.
    pub atomic_batches: bool,
    /// Which batches may have conditions.
    pub conditions: Conditions,
    /// What a [`Buffered`](crate::Durability::Buffered) commit survives.
    pub buffered: Survives,
    /// What a [`Synced`](crate::Durability::Synced) commit, or any commit before a
    /// [`sync`](crate::Datastore::sync), survives.
    pub synced: Survives,
    /// Whether [`snapshot`](crate::Datastore::snapshot) is supported.
    pub snapshots: bool,
    /// Whether the keys and values of a page are from one moment.
    pub consistent_pages: bool,
    /// Whether pages in descending order cost what ascending ones do.
    pub fast_descending: bool,
    /// Whether [`disk_usage`](crate::Datastore::disk_usage) is supported.
    pub disk_usage: bool,
    /// Longest key, in bytes of its encoded form.
    ///
    /// A store whose names escape some bytes may refuse shorter keys that need escapes, as
    /// [`InvalidKey`](crate::ErrorKind::InvalidKey) and before anything is written; it takes every key
    /// of this length that needs none.
    pub max_key_len: usize,
    /// Largest value, in bytes.
    pub max_value_len: u64,
}

/// Which batches may have [`Condition`](crate::Condition)s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Conditions {
    /// None.
    Unsupported,
    /// Those of one put, or of no operation, whose conditions are all on one key, which is that of
    /// the put: no delete stands under a condition. Many object stores look at `If-Match` and
    /// `If-None-Match` when they put, and not when they delete.
    SinglePut,
    /// Those whose operations and conditions are all on one key.
    SingleKey,
    /// All.
    AnyBatch,
}

/// What acknowledged writes survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Survives {
    /// Nothing: they are gone with the store's handle.
    Nothing,
    /// The end of the process, however it ends; not a loss of power.
    Process,
    /// A loss of power.
    Power,
}

impl Capabilities {
    /// A writable store that promises nothing else.
    pub fn minimal() -> Self {
        Self {
            writable: true,
            atomic_batches: false,
            conditions: Conditions::Unsupported,
            buffered: Survives::Nothing,
            synced: Survives::Nothing,
            snapshots: false,
            consistent_pages: false,
            fast_descending: false,
            disk_usage: false,
            max_key_len: crate::Key::MAX_LEN,
            max_value_len: u64::MAX,
        }
    }

    /// An embedded engine: atomic, conditions on any batch, consistent pages in both directions,
    /// snapshots; what it survives is still to be set.
    pub fn embedded() -> Self {
        Self {
            atomic_batches: true,
            conditions: Conditions::AnyBatch,
            snapshots: true,
            consistent_pages: true,
            fast_descending: true,
            ..Self::minimal()
        }
    }
}
