//! What the engine's errors mean in the terms of the contract. Nothing of fjall shows outside but as
//! a source.

use std::any::Any;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use datastore::{Error, ErrorKind, Outcome, Result};

/// An error of the engine, kept to be the source of many: the failure that shut a store down.
#[derive(Clone, Debug)]
pub(crate) struct Cause(Arc<fjall::Error>);

impl Cause {
    pub(crate) fn new(error: fjall::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

/// Whether the engine still takes writes. It stops for good at the first that it could not finish: a full
/// disk, a failed fsync. What is in memory can be read on.
#[derive(Debug, Default)]
pub(crate) struct Health {
    failure: OnceLock<Cause>,
}

impl Health {
    /// Answers `Closed` with its cause after a failure.
    pub(crate) fn check(&self) -> Result<()> {
        match self.failure.get() {
            None => Ok(()),
            Some(cause) => Err(shut_down(cause.clone())),
        }
    }

    /// The error of a write that failed, and with it the engine.
    pub(crate) fn write_failed(&self, error: fjall::Error) -> Error {
        let refused = matches!(error, fjall::Error::Poisoned);
        self.fail(error);
        match self.check() {
            // It was not even tried: the failure is an earlier one.
            Err(closed) if refused => closed,
            _ => self.unknown("the write failed"),
        }
    }

    /// Remembers what the engine ended with.
    pub(crate) fn fail(&self, error: fjall::Error) {
        let mut first = false;
        let cause = self.failure.get_or_init(|| {
            first = true;
            Cause::new(error)
        });
        if first {
            tracing::error!(%cause, "the store takes no more writes");
        }
    }

    /// The error of a write that may have happened, before a failure.
    pub(crate) fn unknown(&self, what: &str) -> Error {
        let (kind, why) = match self.failure.get() {
            Some(cause) => describe(&cause.0),
            None => (ErrorKind::Internal, "for no known reason".to_owned()),
        };
        let message = format!("{what}: {why}; the store takes no more writes, open it again");
        let error = Error::new(kind, message).with_outcome(Outcome::Unknown);
        match self.failure.get() {
            Some(cause) => error.with_source(cause.clone()),
            None => error,
        }
    }
}

/// The error of a read, or of opening, that failed.
pub(crate) fn engine(error: fjall::Error) -> Error {
    let (kind, message) = describe(&error);
    Error::new(kind, message).with_source(error)
}

/// The error of a file of ours.
pub(crate) fn io(path: &Path, error: io::Error) -> Error {
    let (kind, message) = describe_io(&error);
    Error::new(kind, format!("{}: {message}", path.display())).with_source(error)
}

/// Runs what calls the engine, and turns a panic of it, which damaged files can bring about, into
/// an error.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    // What the engine leaves half done behind its own locks, it finds poisoned itself.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(&*panic)))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let said = panic.downcast_ref::<String>().map(String::as_str);
    let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
    let message = format!("the engine gave up on its files, which are damaged: {said}");
    Error::new(ErrorKind::Corrupt, message).with_outcome(Outcome::Unknown)
}

fn shut_down(cause: Cause) -> Error {
    Error::new(
        ErrorKind::Closed,
        "the store takes no writes any more after a failure; open it again",
    )
    .with_outcome(Outcome::NotApplied)
    .with_source(cause)
}

fn describe(error: &fjall::Error) -> (ErrorKind, String) {
    use fjall::{Error as E, LsmError as L};
    let damaged = |what: &str| (ErrorKind::Corrupt, format!("{what}: the files are damaged"));
    match error {
        E::Io(error) | E::Storage(L::Io(error)) => describe_io(error),
        E::Storage(L::InvalidVersion(version)) => {
            (ErrorKind::Incompatible, format!("the tree is of version {version} of the engine"))
        }
        E::InvalidVersion(version) => {
            let found = version
                .map_or_else(|| "an unknown version".to_owned(), |v| format!("version {v:?}"));
            (ErrorKind::Incompatible, format!("the files are of {found} of the engine"))
        }
        E::Storage(L::ChecksumMismatch { .. }) => damaged("a checksum does not match"),
        E::JournalRecovery(_) => damaged("a journal cannot be read"),
        E::Decompress(_) | E::Storage(L::Decompress(_)) => {
            damaged("a block cannot be decompressed")
        }
        E::InvalidTrailer | E::Storage(L::InvalidTrailer) => damaged("a trailer is not one"),
        E::InvalidTag(_) | E::Storage(L::InvalidTag(_)) => damaged("a tag is not one"),
        E::Storage(L::InvalidHeader(_)) => damaged("a header is not one"),
        E::Storage(L::Utf8(_)) => damaged("a name is not text"),
        E::Unrecoverable | E::Storage(L::Unrecoverable) => damaged("the engine cannot recover"),
        E::Locked => (ErrorKind::Unavailable, "another handle has the engine open".to_owned()),
        E::Poisoned => {
            (ErrorKind::Closed, "the engine shut itself down after a failure".to_owned())
        }
        E::KeyspaceDeleted => (ErrorKind::Internal, "the keyspace is gone".to_owned()),
        _ => (ErrorKind::Internal, "the engine failed".to_owned()),
    }
}

fn describe_io(error: &io::Error) -> (ErrorKind, String) {
    use io::ErrorKind as K;
    match error.kind() {
        K::StorageFull | K::QuotaExceeded => {
            (ErrorKind::Unavailable, "the disk is full: free some space".to_owned())
        }
        K::PermissionDenied => (ErrorKind::PermissionDenied, "permission denied".to_owned()),
        K::ReadOnlyFilesystem => {
            (ErrorKind::Unavailable, "the file system is read-only".to_owned())
        }
        K::NotFound => (ErrorKind::Corrupt, "a file is missing".to_owned()),
        K::UnexpectedEof => (ErrorKind::Corrupt, "a file is cut short".to_owned()),
        K::InvalidData | K::InvalidInput => (ErrorKind::Corrupt, "a file is damaged".to_owned()),
        _ => (ErrorKind::Internal, "the disk failed".to_owned()),
    }
}
