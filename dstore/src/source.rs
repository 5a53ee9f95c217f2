use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bytes::Bytes;
use futures::{Stream, stream};
use tokio::sync::mpsc::channel;

use crate::failure::{Failure, Result};

/// A file, or standard input, of any size, that is read from its beginning to its end.
pub(crate) struct Source {
    input: Box<dyn Read + Send>,
    len: Option<u64>,
    broken: Broken,
}

/// Whether it was the source that failed, where something else tells of a failure.
#[derive(Clone, Default)]
pub(crate) struct Broken(Arc<AtomicBool>);

impl Source {
    /// Opens a file; `-` is standard input.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let broken = Broken::default();
        if path == Path::new("-") {
            return Ok(Self { input: Box::new(io::stdin()), len: None, broken });
        }
        let failed = |error| Failure::io(format!("cannot open {}", path.display()), error);
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let len = metadata.is_file().then_some(metadata.len());
        Ok(Self { input: Box::new(file), len, broken })
    }

    /// How many bytes it has, where that can be known.
    pub(crate) fn len(&self) -> Option<u64> {
        self.len
    }

    pub(crate) fn broken(&self) -> Broken {
        self.broken.clone()
    }

    /// Reads on a thread of its own, since reading a pipe blocks for as long as its writer likes.
    pub(crate) fn on_thread(
        mut self,
    ) -> Result<impl Stream<Item = io::Result<Bytes>> + Send + 'static> {
        let (sender, mut receiver) = channel(AHEAD);
        thread::Builder::new()
            .name("dstore-input".to_owned())
            .spawn(move || {
                loop {
                    let mut part = vec![0; PART];
                    let read = self.read(&mut part);
                    let last = !matches!(read, Ok(1..));
                    let part = match read {
                        Ok(0) => return,
                        Ok(len) => {
                            part.truncate(len);
                            Ok(Bytes::from(part))
                        }
                        Err(error) => Err(error),
                    };
                    if sender.blocking_send(part).is_err() || last {
                        return;
                    }
                }
            })
            .map_err(|error| Failure::io("cannot start a thread", error))?;
        Ok(stream::poll_fn(move |context| receiver.poll_recv(context)))
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.input.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.broken.0.store(true, Ordering::Release);
                    return Err(error);
                }
                read => return read,
            }
        }
    }
}

impl Broken {
    pub(crate) fn is(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Bytes that are read at a time, and how many of such parts are read ahead.
const PART: usize = 256 << 10;
const AHEAD: usize = 4;
