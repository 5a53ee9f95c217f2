use cid::Cid;
use datastore::Result;
use futures::stream::{BoxStream, StreamExt};
use futures::{AsyncSeek, AsyncWrite, TryStreamExt};

use super::v2::CarV2Writer;
use super::writer::{CarWriter, Exported};
use crate::{Block, Blockstore, Walked};

impl Blockstore {
    /// Writes a CARv1 of all that is reached from `roots`, in the order of [`walk`](Self::walk): the same DAG
    /// gives the same file from every store. Blocks of identity CIDs are left out.
    ///
    /// For a file or standard output, wrap it in [`futures::io::AllowStdIo`].
    ///
    /// # Errors
    /// Those of [`walk`](Self::walk), a missing block among them, and of [`CarWriter::new`]. What was
    /// written then is a file that is cut off between two blocks: remove it.
    ///
    /// # Examples
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::sync::Arc;
    /// use datastore::MemoryDatastore;
    /// use datastore_blocks::{Block, Blockstore, RAW};
    ///
    /// let blocks = Blockstore::open(Arc::new(MemoryDatastore::new())).await?;
    /// let block = Block::new(RAW, "hello world");
    /// blocks.put(block.clone()).await?;
    ///
    /// let mut file = Vec::new();
    /// let exported = blocks.export_car(&[*block.cid()], &mut file).await?;
    /// assert_eq!((exported.blocks, exported.bytes), (1, file.len() as u64));
    /// # Ok::<(), datastore::Error>(()) }).unwrap();
    /// ```
    pub async fn export_car<W>(&self, roots: &[Cid], sink: W) -> Result<Exported>
    where
        W: AsyncWrite + Unpin,
    {
        let mut writer = CarWriter::new(sink, roots).await?;
        writer.write_all(self.dag_blocks(roots)).await?;
        writer.finish().await
    }

    /// As [`export_car`](Self::export_car), a CARv2 with an index.
    ///
    /// # Errors
    /// As [`export_car`](Self::export_car).
    pub async fn export_car_v2<W>(&self, roots: &[Cid], sink: W) -> Result<Exported>
    where
        W: AsyncWrite + AsyncSeek + Unpin,
    {
        let mut writer = CarV2Writer::new(sink, roots).await?.with_index();
        writer.write_all(self.dag_blocks(roots)).await?;
        writer.finish().await
    }

    /// The blocks of all that is reached from `roots`, as [`export_car`](Self::export_car) writes them. For
    /// a file of every block there is, write those of [`get_all`](Self::get_all).
    ///
    /// # Errors
    /// The stream ends with the first of [`walk`](Self::walk).
    pub fn dag_blocks(&self, roots: &[Cid]) -> BoxStream<'static, Result<Block>> {
        let block = |visit: crate::Visit| async move {
            match visit.block {
                Walked::Data(data) => Ok(Some(Block::unverified(visit.cid, data))),
                // Not of a walk that reads leaves and takes no missing block.
                Walked::Present | Walked::Missing => Ok(None),
            }
        };
        self.walk(roots.iter().copied()).try_filter_map(block).boxed()
    }
}
