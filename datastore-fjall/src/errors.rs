//! What the engine's errors mean in the terms of the contract. Nothing of fjall shows outside but as
//! a source.

use std::any::Any;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use datastore::{Error, ErrorKind, Outcome, Result};

use crate::cause::Cause;

/// The error of a read, or of opening, that failed.
pub(crate) fn engine(error: fjall::Error) -> Error {
    let (kind, message) = describe(&error);
    Error::new(kind, message).with_source(Cause::new(error))
}

/// The error of a file of ours.
pub(crate) fn io(path: &Path, error: io::Error) -> Error {
    let (kind, message) = match dead_link(path, &error) {
        Some(link) => {
            let message = format!("{} is a symbolic link that leads nowhere", link.display());
            return Error::new(ErrorKind::InvalidInput, message).with_source(error);
        }
        None => describe_io(&error),
    };
    Error::new(kind, format!("{}: {message}", path.display())).with_source(error)
}

/// The link on the way to `path` that made it fail: it leads to nothing, or in a circle.
fn dead_link<'p>(path: &'p Path, error: &io::Error) -> Option<&'p Path> {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return None;
    }
    path.ancestors().find(|part| part.is_symlink() && fs::metadata(part).is_err())
}

/// Whether there is no space left.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
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

/// What kind of failure it is, and what it comes to.
pub(crate) fn describe(error: &fjall::Error) -> (ErrorKind, String) {
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
        _ if is_full(error) => {
            (ErrorKind::Unavailable, "the disk is full: free some space".to_owned())
        }
        K::PermissionDenied => (ErrorKind::PermissionDenied, "permission denied".to_owned()),
        K::ReadOnlyFilesystem => {
            (ErrorKind::Unavailable, "the file system is read-only".to_owned())
        }
        K::IsADirectory => {
            (ErrorKind::Incompatible, "a directory stands where a file should".to_owned())
        }
        K::NotADirectory => {
            (ErrorKind::Incompatible, "a file stands where a directory should".to_owned())
        }
        K::InvalidFilename => {
            (ErrorKind::InvalidInput, "the path, or a name in it, is too long".to_owned())
        }
        K::NotFound => (ErrorKind::Corrupt, "a file is missing".to_owned()),
        K::UnexpectedEof => (ErrorKind::Corrupt, "a file is cut short".to_owned()),
        K::InvalidData | K::InvalidInput => (ErrorKind::Corrupt, "a file is damaged".to_owned()),
        _ => (ErrorKind::Internal, "the disk failed".to_owned()),
    }
}
