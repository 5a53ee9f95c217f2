use datastore::{Error, ErrorKind, Expiry, Result};

/// The time from opening a peerstore to closing it. What is marked as connected is connected in one
/// session, and in no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    /// Random, never 0.
    pub(crate) id: u64,
    /// When it began.
    pub(crate) began: Expiry,
}

impl Session {
    /// A session that begins now.
    pub(crate) fn begin(began: Expiry) -> Result<Self> {
        let no_dice = |error: getrandom::Error| {
            Error::new(ErrorKind::Internal, "the system gives no random number").with_source(error)
        };
        Ok(Self { id: getrandom::u64().map_err(no_dice)?.max(1), began })
    }
}
