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
