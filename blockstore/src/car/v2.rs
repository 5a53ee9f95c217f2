use std::io::SeekFrom;

use cid::Cid;
use datastore::Result;
use futures::{AsyncSeek, AsyncSeekExt, AsyncWrite, AsyncWriteExt, Stream, TryStreamExt};

use super::header::{CarV2Layout, PRAGMA, V2_END, V2_LEN};
use super::index::IndexWriter;
use super::output;
use super::writer::{CarWriter, Exported};
use crate::Block;

/// Writes a CARv2, with an index if one is asked for, to a sink that can seek: its header says how much
/// follows it, and is written last.
///
/// The index is a `MultihashIndexSorted`, as go-car writes it, without blocks of identity CIDs. It is held
/// in memory until the end: 40 bytes for each block with a digest of 32 bytes, and 24 more while it is
/// sorted.
///
/// A writer that is dropped before [`finish`](Self::finish) leaves a file whose header says so.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use datastore_blocks::{Block, CarV2Writer, RAW};
/// use futures::io::Cursor;
///
/// let block = Block::new(RAW, "hello world");
/// let mut file = Cursor::new(Vec::new());
/// let mut writer = CarV2Writer::new(&mut file, &[*block.cid()]).await?.with_index();
/// writer.write(&block).await?;
/// let exported = writer.finish().await?;
/// assert_eq!(exported.bytes, file.get_ref().len() as u64);
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct CarV2Writer<W> {
    data: CarWriter<W>,
    index: Option<IndexWriter>,
}

impl<W: AsyncWrite + AsyncSeek + Unpin> CarV2Writer<W> {
    /// Writes the headers where the sink stands.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](datastore::ErrorKind::Unavailable) if the sink fails.
    pub async fn new(mut sink: W, roots: &[Cid]) -> Result<Self> {
        sink.write_all(&PRAGMA).await.map_err(output::failed)?;
        // A header whose data has no bytes: not a file yet.
        sink.write_all(&[0; V2_LEN]).await.map_err(output::failed)?;
        Ok(Self { data: CarWriter::new(sink, roots).await?, index: None })
    }

    /// Makes an index of the blocks that are written from now on.
    #[must_use]
    pub fn with_index(mut self) -> Self {
        self.index = Some(IndexWriter::default());
        self
    }

    /// As [`CarWriter::write`]; answers where the section begins, in bytes from the start of the data.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub async fn write(&mut self, block: &Block) -> Result<u64> {
        let offset = self.data.write(block).await?;
        if let Some(index) = &mut self.index {
            index.add(block.cid().hash(), offset);
        }
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

    /// Writes the index and the header, and leaves the sink at the end of the file.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub async fn finish(self) -> Result<Exported> {
        let Exported { blocks, bytes: data_size } = self.data.written();
        let mut output = self.data.into_output();
        let mut layout = CarV2Layout {
            characteristics: [0; 16],
            data_offset: V2_END,
            data_size,
            index_offset: 0,
        };
        if let Some(index) = self.index {
            layout.index_offset = layout.data_end();
            index.write(&mut output).await?;
        }
        let bytes = V2_END + output.position();
        let sink = output.into_sink().await?;
        patch(sink, bytes, &layout).await.map_err(output::failed)?;
        Ok(Exported { blocks, bytes })
    }
}

/// Writes the fixed header of a file that ends where the sink stands.
async fn patch<W>(mut sink: W, file_len: u64, layout: &CarV2Layout) -> std::io::Result<()>
where
    W: AsyncWrite + AsyncSeek + Unpin,
{
    let end = sink.stream_position().await?;
    let start = end.saturating_sub(file_len);
    sink.seek(SeekFrom::Start(start + PRAGMA.len() as u64)).await?;
    sink.write_all(&layout.encode()).await?;
    sink.seek(SeekFrom::Start(end)).await?;
    sink.flush().await
}
