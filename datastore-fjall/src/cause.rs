//! What the engine says of a failure, in words: its own `Display` prints its `Debug`.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use fjall::{Error as E, LsmError as L};

/// An error of the engine, to be the source of one of ours, or of many: the failure that shut a store
/// down.
#[derive(Clone, Debug)]
pub(crate) struct Cause(Arc<E>);

impl Cause {
    pub(crate) fn new(error: E) -> Self {
        Self(Arc::new(error))
    }

    pub(crate) fn error(&self) -> &E {
        &self.0
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.error() {
            E::Io(error) | E::Storage(L::Io(error)) => error.fmt(f),
            E::Storage(L::ChecksumMismatch { got, expected }) => {
                let (got, expected) = (got.into_u128(), expected.into_u128());
                write!(f, "the checksum is {got:032x} and was written as {expected:032x}")
            }
            E::InvalidTag((of, tag)) | E::Storage(L::InvalidTag((of, tag))) => {
                write!(f, "{tag} is no {of}")
            }
            E::Storage(L::InvalidHeader(of)) => write!(f, "the header is no {of}"),
            E::InvalidTrailer | E::Storage(L::InvalidTrailer) => f.write_str("the trailer is none"),
            E::Decompress(with) | E::Storage(L::Decompress(with)) => {
                write!(f, "it does not decompress as {with}")
            }
            E::Storage(L::Utf8(error)) => error.fmt(f),
            E::Storage(L::InvalidVersion(version)) => write!(f, "the version is {version}"),
            E::InvalidVersion(None) => f.write_str("the version is none"),
            E::InvalidVersion(Some(version)) => write!(f, "the version is {}", u8::from(*version)),
            E::JournalRecovery(_) => f.write_str("a batch in the journal is not whole"),
            E::Poisoned => f.write_str("a thread of the engine failed, as it does on a full disk"),
            E::Locked => f.write_str("the engine's lock is held"),
            E::KeyspaceDeleted => f.write_str("the keyspace was deleted"),
            E::Unrecoverable | E::Storage(L::Unrecoverable) => {
                f.write_str("the engine does not find the files that it needs")
            }
            // A later engine's, of which only it has a name.
            other => write!(f, "{other:?}"),
        }
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self.error() {
            // Said already, by `Display`.
            E::Io(error) | E::Storage(L::Io(error)) => io::Error::source(error),
            _ => None,
        }
    }
}
