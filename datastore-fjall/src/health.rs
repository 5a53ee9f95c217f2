//! Whether the engine still takes writes.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use datastore::{Error, ErrorKind, Outcome, Result};

use crate::cause::Cause;
use crate::errors;

/// Whether the engine still takes writes. It stops for good at the first that it could not finish: a full
/// disk, a failed fsync. What is in memory can be read on.
#[derive(Debug)]
pub(crate) struct Health {
    directory: PathBuf,
    failure: OnceLock<Cause>,
}

impl Health {
    /// That of the store in `directory`.
    pub(crate) fn new(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), failure: OnceLock::new() }
    }

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
            Cause::new(self.explain(error))
        });
        if first {
            tracing::error!(%cause, "the store takes no more writes");
        }
    }

    /// The error of a write that may have happened, before a failure.
    pub(crate) fn unknown(&self, what: &str) -> Error {
        let (kind, why) = match self.failure.get() {
            Some(cause) => errors::describe(cause.error()),
            None => (ErrorKind::Internal, "for no known reason".to_owned()),
        };
        let message = format!("{what}: {why}; the store takes no more writes, open it again");
        let error = Error::new(kind, message).with_outcome(Outcome::Unknown);
        match self.failure.get() {
            Some(cause) => error.with_source(cause.clone()),
            None => error,
        }
    }

    /// A thread of the engine that fails keeps to itself what it failed with; that the disk is full can
    /// still be seen.
    fn explain(&self, error: fjall::Error) -> fjall::Error {
        match error {
            fjall::Error::Poisoned => match self.probe() {
                Err(full) if errors::is_full(&full) => full.into(),
                _ => error,
            },
            known => known,
        }
    }

    /// Whether the disk takes a small file.
    fn probe(&self) -> io::Result<()> {
        let path = self.directory.join(PROBE);
        let written = File::create(&path).and_then(|mut file| file.write_all(&[1; PROBE_BYTES]));
        // What was written is of no use to anybody, and may be all that is left of the disk.
        drop(std::fs::remove_file(&path));
        written
    }
}

fn shut_down(cause: Cause) -> Error {
    Error::new(
        ErrorKind::Closed,
        "the store takes no writes any more after a failure; open it again",
    )
    .with_outcome(Outcome::NotApplied)
    .with_source(cause)
}

const PROBE: &str = "PROBE.tmp";
const PROBE_BYTES: usize = 256 << 10;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    fn cause_after_poison(directory: &Path) -> String {
        let health = Health::new(directory);
        let error = health.write_failed(fjall::Error::Poisoned);
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Closed, Some(Outcome::NotApplied)));
        std::error::Error::source(&error).unwrap().to_string()
    }

    #[test]
    fn a_thread_that_failed_where_there_is_space_left_failed_for_no_known_reason() {
        let directory = tempfile::tempdir().unwrap();
        let cause = cause_after_poison(directory.path());
        assert!(cause.contains("a thread of the engine failed"), "{cause}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_thread_that_failed_where_there_is_no_space_failed_for_that() {
        let directory = tempfile::tempdir().unwrap();
        // Takes nothing, as a full disk.
        std::os::unix::fs::symlink("/dev/full", directory.path().join(PROBE)).unwrap();
        let cause = cause_after_poison(directory.path());
        assert!(cause.contains("No space left"), "{cause}");
    }
}
