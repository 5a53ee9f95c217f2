use cid::Cid;
use datastore::{Error, Result};
use futures::{AsyncWrite, Stream, TryStreamExt};

use super::output::Output;
use super::{header, varint};
use crate::Block;

/// Writes a CARv1: a header, and blocks in the order in which they are written.
///
/// For a [`std::io::Write`], such as a file or standard output, wrap it in [`futures::io::AllowStdIo`].
/// Writes are gathered, so the sink needs no buffer of its own. A writer that is dropped before
/// [`finish`](Self::finish) leaves a file that is cut off.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use datastore_blocks::{Block, CarWriter, RAW};
///
/// let block = Block::new(RAW, "hello world");
/// let mut file = Vec::new();
/// let mut writer = CarWriter::new(&mut file, &[*block.cid()]).await?;
/// writer.write(&block).await?;
/// writer.finish().await?;
/// assert_eq!(file.len(), 59 + 48);
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct CarWriter<W> {
    output: Output<W>,
    blocks: u64,
}

/// What was written to a CAR file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Exported {
    /// Blocks.
    pub blocks: u64,
    /// The size of the file in bytes.
    pub bytes: u64,
}

impl<W: AsyncWrite + Unpin> CarWriter<W> {
    /// Writes the header. The blocks of `roots` need not be written; there should be one root at least,
    /// since older readers refuse a file without.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](datastore::ErrorKind::Unavailable) if the sink fails.
    pub async fn new(sink: W, roots: &[Cid]) -> Result<Self> {
        let mut output = Output::new(sink);
        output.put(&encode(roots)?).await?;
        Ok(Self { output, blocks: 0 })
    }

    /// Writes a block, which is not verified again; answers where its section begins, in bytes from the start
    /// of the CARv1.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub async fn write(&mut self, block: &Block) -> Result<u64> {
        let (cid, data) = (block.cid(), block.data());
        let cid = cid.to_bytes();
        let mut head = Vec::with_capacity(cid.len() + 9);
        varint::write((cid.len() + data.len()) as u64, &mut head);
        head.extend_from_slice(&cid);
        let offset = self.output.position();
        self.output.put(&head).await?;
        self.output.put(data).await?;
        self.blocks += 1;
        Ok(offset)
    }

    /// Writes the blocks of a stream.
    ///
    /// # Errors
    /// The first of the stream; as [`new`](Self::new).
    pub async fn write_all<T>(&mut self, blocks: T) -> Result<()>
    where
        T: Stream<Item = Result<Block>>,
    {
        let mut blocks = std::pin::pin!(blocks);
        while let Some(block) = blocks.try_next().await? {
            self.write(&block).await?;
        }
        Ok(())
    }

    /// What was written so far.
    pub fn written(&self) -> Exported {
        Exported { blocks: self.blocks, bytes: self.output.position() }
    }

    /// Flushes the file; it stays the sink's to close.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub async fn finish(self) -> Result<Exported> {
        let written = self.written();
        self.into_output().into_sink().await?;
        Ok(written)
    }

    pub(super) fn into_output(self) -> Output<W> {
        self.output
    }
}

/// The bytes of a CARv1 with `roots` and no blocks.
fn encode(roots: &[Cid]) -> Result<Vec<u8>> {
    header::encode(roots).map_err(|fault| Error::from(super::CarError::new(0, fault)))
}
