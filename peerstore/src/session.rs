use datastore::Expiry;

/// The time from opening a peerstore to closing it. What is marked as connected is connected in one
/// session, and in no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// Random, never 0.
    pub(crate) id: u64,
    /// When it began.
    pub(crate) began: Expiry,
}
