use std::io;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use cid::{Cid, Version};
use datastore::{Error, ErrorKind, MANY_BYTES, MANY_OPS, Outcome, Result};
use futures::{Stream, StreamExt};

use super::balanced::Balanced;
use crate::{Block, Blockstore, Stored};

/// How a file becomes blocks, and so which CID it has.
///
/// # Examples
/// ```
/// use datastore_blocks::AddOptions;
///
/// let as_ipfs_add = AddOptions::v0();
/// let as_ipfs_add_cid_version_1 = AddOptions::v1();
/// let in_larger_chunks = AddOptions::v1().chunk_len(1 << 20);
/// # let _ = (as_ipfs_add, as_ipfs_add_cid_version_1, in_larger_chunks);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddOptions {
    pub(crate) version: Version,
    pub(crate) chunk_len: usize,
    pub(crate) max_links: usize,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Added {
    /// The CID of the file.
    pub cid: Cid,
    /// Bytes of the file.
    pub size: u64,
    /// What storing its blocks came to.
    pub stored: Stored,
}

impl AddOptions {
    /// Bytes of a chunk if nothing else is said, as in go.
    pub const CHUNK_LEN: usize = 256 << 10;

    /// Links of a node if nothing else is said, as in go.
    pub const MAX_LINKS: usize = 174;

    /// CIDv0, every block a dag-pb node: the CID that `ipfs add` prints.
    pub fn v0() -> Self {
        Self { version: Version::V0, ..Self::v1() }
    }

    /// CIDv1, the chunks as raw blocks: the CID that `ipfs add --cid-version 1` prints.
    pub fn v1() -> Self {
        Self { version: Version::V1, chunk_len: Self::CHUNK_LEN, max_links: Self::MAX_LINKS }
    }

    /// Cuts the file every `bytes`. Another length gives another CID.
    #[must_use]
    pub fn chunk_len(mut self, bytes: usize) -> Self {
        self.chunk_len = bytes;
        self
    }

    /// Gives a node `links` at most. Another number gives another CID to files of more chunks.
    #[must_use]
    pub fn max_links(mut self, links: usize) -> Self {
        self.max_links = links;
        self
    }

    fn check(&self) -> Result<()> {
        if self.chunk_len == 0 || self.max_links < 2 {
            let message = "a chunk has one byte at least, and a node two links";
            let error = Error::new(ErrorKind::InvalidInput, message);
            return Err(error.with_outcome(Outcome::NotApplied));
        }
        Ok(())
    }
}

impl Default for AddOptions {
    fn default() -> Self {
        Self::v1()
    }
}

impl Blockstore {
    /// Stores a file of any size as blocks of UnixFS, in the balanced layout.
    ///
    /// It takes the memory of one commit ([`MANY_BYTES`], or a chunk) and of one node in each level of
    /// the tree. Blocks are committed as they are complete, the root last: a [`Hold`](crate::Hold) keeps
    /// them from collections until the root is pinned. See [`from_reader`](crate::from_reader) for files
    /// of the file system.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the source fails; [`ErrorKind::InvalidInput`] for options that make
    /// no tree, or blocks that the policy does not take; those of the datastore. Blocks that were
    /// committed before stay.
    ///
    /// # Examples
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::sync::Arc;
    /// use datastore::MemoryDatastore;
    /// use datastore_blocks::{AddOptions, Blockstore, from_reader};
    /// use futures::TryStreamExt;
    ///
    /// let blocks = Blockstore::open(Arc::new(MemoryDatastore::new())).await?;
    /// let added = blocks.add_file(from_reader(&b"hello world"[..]), AddOptions::v0()).await?;
    /// assert_eq!(added.cid.to_string(), "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD");
    ///
    /// let parts: Vec<_> = blocks.read_file(&added.cid).try_collect().await?;
    /// assert_eq!(parts.concat(), b"hello world");
    /// # Ok::<(), datastore::Error>(()) }).unwrap();
    /// ```
    pub async fn add_file<T>(&self, source: T, options: AddOptions) -> Result<Added>
    where
        T: Stream<Item = io::Result<Bytes>> + Send,
    {
        options.check()?;
        let mut source = pin!(source);
        let mut tree = Balanced::new(&options);
        let mut complete = Complete::default();
        let mut chunk = BytesMut::new();
        while let Some(part) = source.next().await {
            let mut part = part.map_err(unreadable)?;
            while !part.is_empty() {
                if chunk.is_empty() {
                    chunk.reserve(options.chunk_len.min(MANY_BYTES));
                }
                let room = options.chunk_len - chunk.len();
                chunk.extend_from_slice(&part.split_to(room.min(part.len())));
                if chunk.len() == options.chunk_len {
                    tree.push(chunk.split().freeze(), &mut complete.blocks);
                    complete.store_if_many(self).await?;
                }
            }
        }
        if !chunk.is_empty() {
            // Not the buffer itself, which may be far larger.
            tree.push(Bytes::copy_from_slice(&chunk), &mut complete.blocks);
        }
        let root = tree.finish(&mut complete.blocks);
        complete.store(self).await?;
        Ok(Added { cid: root.cid, size: root.file_size, stored: complete.stored })
    }
}

/// Blocks that are complete and not stored yet.
#[derive(Default)]
struct Complete {
    blocks: Vec<Block>,
    stored: Stored,
}

impl Complete {
    async fn store_if_many(&mut self, to: &Blockstore) -> Result<()> {
        let bytes: usize = self.blocks.iter().map(|block| block.data().len()).sum();
        if bytes >= MANY_BYTES || self.blocks.len() >= MANY_OPS {
            self.store(to).await
        } else {
            Ok(())
        }
    }

    async fn store(&mut self, to: &Blockstore) -> Result<()> {
        let blocks = std::mem::take(&mut self.blocks);
        // Their digests were computed here: no second look at those.
        let policy = &to.inner.options.policy;
        blocks.iter().try_for_each(|block| policy.check(block.cid(), block.data().len()))?;
        self.stored.add(to.put_verified(blocks).await?);
        Ok(())
    }
}

fn unreadable(error: io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "the source of the file cannot be read").with_source(error)
}
