use std::io;

use datastore::{Error, ErrorKind, Result};
use futures::{AsyncWrite, AsyncWriteExt};

/// A sink that small pieces are gathered for.
#[derive(Debug)]
pub(super) struct Output<W> {
    sink: W,
    buf: Vec<u8>,
    position: u64,
}

const BUF_LEN: usize = 128 << 10;

impl<W: AsyncWrite + Unpin> Output<W> {
    pub(super) fn new(sink: W) -> Self {
        Self { sink, buf: Vec::with_capacity(BUF_LEN), position: 0 }
    }

    /// How many bytes were put.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) async fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.position += bytes.len() as u64;
        if self.buf.len() + bytes.len() > BUF_LEN {
            self.drain().await?;
        }
        if bytes.len() >= BUF_LEN {
            return self.sink.write_all(bytes).await.map_err(failed);
        }
        self.buf.extend_from_slice(bytes);
        Ok(())
    }

    /// The sink, with all that was put.
    pub(super) async fn into_sink(mut self) -> Result<W> {
        self.drain().await?;
        self.sink.flush().await.map_err(failed)?;
        Ok(self.sink)
    }

    async fn drain(&mut self) -> Result<()> {
        self.sink.write_all(&self.buf).await.map_err(failed)?;
        self.buf.clear();
        Ok(())
    }
}

/// The error of a sink.
pub(super) fn failed(error: io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "the CAR file cannot be written").with_source(error)
}
