use std::sync::Arc;

use bytes::Bytes;
use cid::Cid;
use datastore::{Error, ErrorKind, Result};
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::part::{Part, corrupt};
use crate::codecs::RAW;
use crate::dag::ahead::{Answer, ReadAhead, Want, no_block_of_dag};
use crate::long_cid::{resized, usual};
use crate::{Blockstore, LongCid};

/// The levels of a tree that are followed: a balanced one of 2^64 bytes has 9.
const MAX_DEPTH: u32 = 128;

impl Blockstore {
    /// The bytes of a file of UnixFS, in order.
    ///
    /// Balanced and trickle layouts are read, and any other whose links stand in the order of their
    /// bytes; a raw block is a file too. Up to 64 blocks are in memory, read ahead.
    ///
    /// What each node says of sizes is checked against what is there, so that a stream that ends without
    /// an error has given the whole file. What is said to be empty is not read.
    ///
    /// # Errors
    /// The stream ends with the first: [`ErrorKind::NotFound`] at a missing block, naming it and what links
    /// it; [`ErrorKind::Unsupported`] for what is not a file (a directory, a symbolic link), or a tree of
    /// more than 128 levels; [`ErrorKind::Corrupt`] for a block that is no part of a file, or of another
    /// size than was said; those of [`get`](Self::get).
    pub fn read_file(&self, cid: &Cid) -> BoxStream<'static, Result<Bytes>> {
        self.read_file_range(cid, 0, u64::MAX)
    }

    /// The bytes of a file from `offset`, `len` at most; empty past its end. Blocks that hold none of them
    /// are not read.
    ///
    /// # Errors
    /// As [`read_file`](Self::read_file); of blocks that are not read, nothing is known.
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
    /// let added = blocks.add_file(from_reader(&b"hello world"[..]), AddOptions::v1()).await?;
    /// let parts: Vec<_> = blocks.read_file_range(&added.cid, 6, 3).try_collect().await?;
    /// assert_eq!(parts.concat(), b"wor");
    /// # Ok::<(), datastore::Error>(()) }).unwrap();
    /// ```
    pub fn read_file_range(
        &self,
        cid: &Cid,
        offset: u64,
        len: u64,
    ) -> BoxStream<'static, Result<Bytes>> {
        // There is always room.
        let cid = resized(cid).unwrap_or_default();
        let root = Pending { cid, parent: None, size: None, start: 0, depth: 0 };
        let reader = Reader {
            ahead: ReadAhead::new(self.clone()),
            pending: vec![root],
            from: offset,
            to: offset.saturating_add(len),
        };
        let next = |mut reader: Reader| async move {
            Ok(reader.next().await?.map(|bytes| (bytes, reader)))
        };
        stream::try_unfold(reader, next).boxed()
    }

    /// The size of a file of UnixFS, as its root says, in bytes.
    ///
    /// # Errors
    /// As [`read_file`](Self::read_file), of the root.
    pub async fn file_size(&self, cid: &Cid) -> Result<u64> {
        if cid.codec() == RAW {
            return self.size(cid).await?.ok_or_else(|| no_block_of_dag(cid, None::<&Cid>));
        }
        let block = self.get(cid).await?.ok_or_else(|| no_block_of_dag(cid, None::<&Cid>))?;
        Ok(Part::read(cid, &block)?.size)
    }
}

struct Reader {
    ahead: ReadAhead,
    /// Parts that are still to be read, the next one last.
    pending: Vec<Pending>,
    from: u64,
    to: u64,
}

struct Pending {
    cid: LongCid,
    parent: Option<Arc<LongCid>>,
    /// How many bytes the parent says that it has.
    size: Option<u64>,
    /// Where they begin in the file.
    start: u64,
    depth: u32,
}

impl Reader {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        while let Some(next) = self.pending.pop() {
            for pending in self.pending.iter().rev().take(ReadAhead::WINDOW) {
                if let Some(cid) = usual(&pending.cid) {
                    self.ahead.start(&cid, Want::Data);
                }
            }
            let block = self.read(&next).await?;
            let Part { data, links, size } = Part::read(&next.cid, &block)?;
            next.check(size)?;
            self.expand(&next, data.len() as u64, &links)?;
            let data = self.within(next.start, data);
            if !data.is_empty() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    async fn read(&mut self, next: &Pending) -> Result<Bytes> {
        let Some(cid) = usual(&next.cid) else {
            return Ok(Bytes::copy_from_slice(next.cid.hash().digest()));
        };
        match self.ahead.read(&cid, Want::Data).await? {
            Answer::Data(block) => Ok(block),
            Answer::Present | Answer::Missing => Err(no_block_of_dag(&cid, next.parent.as_deref())),
        }
    }

    /// Puts the links of a part before all that is pending, but for those that hold nothing of the range.
    fn expand(&mut self, of: &Pending, data: u64, links: &[(LongCid, u64)]) -> Result<()> {
        if links.is_empty() {
            return Ok(());
        }
        if of.depth >= MAX_DEPTH {
            let message = format!("{}: the file has more than {MAX_DEPTH} levels", of.cid);
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let (parent, first) = (Arc::new(of.cid), self.pending.len());
        let mut start = of.start.saturating_add(data);
        for &(cid, size) in links {
            let end = start.saturating_add(size);
            if start < end && start < self.to && end > self.from {
                let parent = Some(Arc::clone(&parent));
                let depth = of.depth + 1;
                self.pending.push(Pending { cid, parent, size: Some(size), start, depth });
            }
            start = end;
        }
        if let Some(added) = self.pending.get_mut(first..) {
            added.reverse();
        }
        Ok(())
    }

    /// What of the bytes at `start` is in the range.
    fn within(&self, start: u64, mut data: Bytes) -> Bytes {
        let clamp = |position: u64| {
            let within = position.saturating_sub(start).min(data.len() as u64);
            usize::try_from(within).unwrap_or(usize::MAX)
        };
        let (from, to) = (clamp(self.from), clamp(self.to));
        data.truncate(to);
        data.split_off(from.min(to))
    }
}

impl Pending {
    fn check(&self, found: u64) -> Result<()> {
        match (self.size, &self.parent) {
            (Some(said), Some(parent)) if said != found => {
                let reason = format!("it has {found} bytes, and {parent} says {said}");
                Err(corrupt(&self.cid, reason.into()))
            }
            _ => Ok(()),
        }
    }
}
