use std::io::{self, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Where something else writes, that tells of a failure in words of its own: this one is kept apart.
pub(crate) struct Sink<W> {
    to: W,
    failed: Failed,
}

/// The first failure to write.
#[derive(Clone, Default)]
pub(crate) struct Failed(Arc<Mutex<Option<io::Error>>>);

impl<W> Sink<W> {
    pub(crate) fn new(to: W) -> (Self, Failed) {
        let failed = Failed::default();
        (Self { to, failed: failed.clone() }, failed)
    }
}

impl Failed {
    /// The failure, if there was one.
    pub(crate) fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn note<T>(&self, done: io::Result<T>) -> io::Result<T> {
        done.map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert(error);
            }
            kind.into()
        })
    }
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.failed.note(self.to.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.failed.note(self.to.flush())
    }
}

impl<W: Seek> Seek for Sink<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.failed.note(self.to.seek(to))
    }
}
