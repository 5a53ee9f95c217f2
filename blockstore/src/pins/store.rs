use cid::Cid;
use datastore::{
    Batch, Datastore, DatastoreExt, Error, ErrorKind, MANY_OPS, MANY_READS, Op, Outcome, Query,
    Result,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::PinOptions;
use super::row::{self, Pin, PinMode};
use crate::{Blockstore, WalkOptions};

/// The pins of a [`Blockstore`]: what [`collect_garbage`](Blockstore::collect_garbage) keeps.
///
/// A pin is of a CID, in either version: the same digest under two codecs is pinned twice, since it reaches
/// different blocks. Blocks need not be there for their pins to be found or taken away.
///
/// Every change is one commit, as durable as the puts of the [`Blockstore`]. Changes by clones of one
/// [`Blockstore`] exclude each other.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use std::sync::Arc;
/// use datastore::MemoryDatastore;
/// use datastore_blocks::{Block, Blockstore, PinMode, PinOptions, PinnedBy, RAW};
///
/// let blocks = Blockstore::open(Arc::new(MemoryDatastore::new())).await?;
/// let (block, pins) = (Block::new(RAW, "hello world"), blocks.pins());
/// blocks.put(block.clone()).await?;
///
/// pins.pin_recursive(block.cid(), PinOptions::new().name("greeting")).await?;
/// assert_eq!(pins.pinned_by(block.cid()).await?, Some(PinnedBy::Recursive));
/// assert_eq!(pins.unpin(block.cid()).await?, Some(PinMode::Recursive));
/// assert_eq!(pins.unpin(block.cid()).await?, None);
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Pins {
    pub(super) blocks: Blockstore,
}

/// Why a block stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PinnedBy {
    /// The CID is pinned recursively.
    Recursive,
    /// The block is pinned directly, by this CID or one of another codec.
    Direct,
    /// The block is reached from this CID, which is pinned recursively.
    Indirect(Cid),
}

impl Blockstore {
    /// What is pinned here.
    pub fn pins(&self) -> Pins {
        Pins { blocks: self.clone() }
    }
}

impl Pins {
    /// The longest name of a pin, in bytes; as Kubo's.
    pub const MAX_NAME_LEN: usize = 255;

    /// Keeps a block and all that is reached from it. A direct pin of the CID is superseded; a pin that is
    /// there gets the new name.
    ///
    /// Unless told otherwise it walks first, to see that all blocks are there; blocks are read, raw leaves
    /// asked for. While a collection is unfinished it walks in any case, and marks. That takes about 100
    /// bytes of memory for each block. What was seen there is kept, whatever is collected meanwhile; a block
    /// that a collection was about to delete may be found missing.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], naming it, if a block is missing; as [`links`](crate::links) for a block whose
    /// links are not known; [`ErrorKind::InvalidInput`] for a name that is too long; those of the datastore.
    pub async fn pin_recursive(&self, cid: &Cid, options: PinOptions) -> Result<()> {
        self.pin(&row::as_v1(cid), PinMode::Recursive, options).await
    }

    /// Keeps a block, and not what it links to. A pin that is there gets the new name.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if the block is not there; [`ErrorKind::InvalidInput`] if the CID is pinned
    /// recursively, or for a name that is too long; those of the datastore.
    pub async fn pin_direct(&self, cid: &Cid, options: PinOptions) -> Result<()> {
        self.pin(&row::as_v1(cid), PinMode::Direct, options).await
    }

    /// Takes the pin of a CID away; answers of which mode it was, `None` if there was none. What no other pin
    /// reaches goes with the next collection that begins.
    ///
    /// # Errors
    /// Those of the datastore.
    pub async fn unpin(&self, cid: &Cid) -> Result<Option<PinMode>> {
        let _changing = self.blocks.inner.gate.pinning.lock().await;
        let mode = self.mode(cid).await?;
        if mode.is_some() {
            // A superseded row may be left where batches are not atomic.
            let keys = [PinMode::Direct.key(cid)?, PinMode::Recursive.key(cid)?];
            self.commit(keys.into_iter().map(|key| Op::Delete { key }).collect()).await?;
        }
        Ok(mode)
    }

    /// The pin of a CID.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if its row cannot be read; those of the datastore.
    pub async fn get(&self, cid: &Cid) -> Result<Option<Pin>> {
        for mode in [PinMode::Recursive, PinMode::Direct] {
            let key = mode.key(cid)?;
            if let Some(value) = self.blocks.inner.store.get(&key).await? {
                return row::decode(&key, &value).map(Some);
            }
        }
        Ok(None)
    }

    /// Why a collection keeps a block; `None` if it does not.
    ///
    /// Unless the CID is pinned itself, direct pins are listed, and then recursive ones walked one after
    /// another, until one is found that keeps the block, by any codec: all of them where there is none.
    /// Missing blocks are passed over. A pin that cannot be walked to its end does not hide another that keeps
    /// the block.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] or [`ErrorKind::Unsupported`] if no pin was found that keeps the block and one, which
    /// is named, cannot be walked to its end, so that it may; [`ErrorKind::Corrupt`] for a row that names no CID;
    /// those of the datastore.
    pub async fn pinned_by(&self, cid: &Cid) -> Result<Option<PinnedBy>> {
        match self.mode(cid).await? {
            Some(PinMode::Recursive) => return Ok(Some(PinnedBy::Recursive)),
            Some(PinMode::Direct) => return Ok(Some(PinnedBy::Direct)),
            None => {}
        }
        let store = &self.blocks.inner.store;
        let mut rows = store.query_keys(Query::descendants(PinMode::Direct.home()?));
        while let Some(key) = rows.try_next().await? {
            if row::parse(&key)?.0.hash() == cid.hash() {
                return Ok(Some(PinnedBy::Direct));
            }
        }
        let mut rows = store.query_keys(Query::descendants(PinMode::Recursive.home()?));
        let mut unknown = None;
        while let Some(key) = rows.try_next().await? {
            let (root, _) = row::parse(&key)?;
            match self.reaches(&root, cid).await {
                Ok(true) => return Ok(Some(PinnedBy::Indirect(root))),
                Ok(false) => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Unsupported) =>
                {
                    unknown.get_or_insert_with(|| not_walked(&root, error));
                }
                Err(error) => return Err(error),
            }
        }
        unknown.map_or(Ok(None), Err)
    }

    async fn reaches(&self, root: &Cid, cid: &Cid) -> Result<bool> {
        let options = WalkOptions::new().skip_missing(true).read_leaves(false);
        let mut walk = self.blocks.walk_with([*root], options);
        while let Some(visit) = walk.try_next().await? {
            if visit.cid.hash() == cid.hash() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn pin(&self, cid: &Cid, mode: PinMode, options: PinOptions) -> Result<()> {
        let PinOptions { name, check } = options;
        if name.len() > Self::MAX_NAME_LEN {
            let (len, most) = (name.len(), Self::MAX_NAME_LEN);
            return Err(refused(format!("a name of {len} bytes; {most} at most")));
        }
        let gate = &self.blocks.inner.gate;
        loop {
            let before = gate.runs().await;
            self.secure(cid, mode, check, before.marking).await?;
            let entered = gate.enter([].iter()).await?;
            if entered.runs() == before {
                return self.write(cid, mode, &name).await;
            }
            // A collection began meanwhile, and has not heard of what was seen before; or one ended, and
            // what was seen and not marked by then may be gone.
        }
    }

    /// Sees that what is pinned is there, and marks it for the collection that is unfinished.
    async fn secure(&self, cid: &Cid, mode: PinMode, check: bool, marking: bool) -> Result<()> {
        if !check && !marking {
            return Ok(());
        }
        if mode == PinMode::Direct {
            return self.secure_page(&[*cid], check, true).await;
        }
        let options = WalkOptions::new().read_leaves(false).skip_missing(!check);
        let walk = self.blocks.walk_with([*cid], options);
        let pages = walk.map_ok(|visit| visit.cid).try_chunks(MANY_OPS);
        let mut pages = std::pin::pin!(pages);
        while let Some(page) = pages.try_next().await.map_err(|error| error.1)? {
            self.secure_page(&page, check, false).await?;
        }
        Ok(())
    }

    /// Marks some blocks, then looks whether they are there, if nobody saw them or they may have gone since.
    async fn secure_page(&self, cids: &[Cid], check: bool, unseen: bool) -> Result<()> {
        let Blockstore { inner } = &self.blocks;
        let entered = inner.gate.enter(cids.iter().map(Cid::hash)).await?;
        let marks = entered.marks();
        if !marks.is_empty() {
            self.commit(marks).await?;
        }
        if !check || !(unseen || entered.runs().marking) {
            return Ok(());
        }
        let look = |cid: Cid| async move { Ok::<_, Error>((cid, self.blocks.has(&cid).await?)) };
        let mut looks = stream::iter(cids.to_vec()).map(look).buffered(MANY_READS).boxed();
        while let Some((cid, there)) = looks.try_next().await? {
            if !there {
                let message = format!("there is no block {cid}: it cannot be pinned");
                return Err(Error::new(ErrorKind::NotFound, message));
            }
        }
        Ok(())
    }

    async fn write(&self, cid: &Cid, mode: PinMode, name: &str) -> Result<()> {
        let _changing = self.blocks.inner.gate.pinning.lock().await;
        let before = self.mode(cid).await?;
        let put = Op::Put { key: mode.key(cid)?, value: row::encode(name)? };
        match (mode, before) {
            (PinMode::Direct, Some(PinMode::Recursive)) => {
                Err(refused(format!("{cid} is pinned recursively; unpin it first")))
            }
            (PinMode::Recursive, Some(PinMode::Direct)) => {
                let superseded = Op::Delete { key: PinMode::Direct.key(cid)? };
                if self.blocks.inner.store.capabilities().atomic_batches {
                    return self.commit(vec![put, superseded]).await;
                }
                self.commit(vec![put]).await?;
                self.commit(vec![superseded]).await
            }
            _ => self.commit(vec![put]).await,
        }
    }

    /// How a CID is pinned, whatever the value of the row.
    async fn mode(&self, cid: &Cid) -> Result<Option<PinMode>> {
        for mode in [PinMode::Recursive, PinMode::Direct] {
            if self.blocks.inner.store.has(&mode.key(cid)?).await? {
                return Ok(Some(mode));
            }
        }
        Ok(None)
    }

    async fn commit(&self, ops: Vec<Op>) -> Result<()> {
        let durability = self.blocks.inner.options.durability;
        self.blocks.inner.store.commit(Batch { ops, durability, ..Batch::new() }).await
    }
}

fn not_walked(root: &Cid, error: Error) -> Error {
    let message = format!("what the pin of {root} reaches is not known");
    Error::new(error.kind(), message).with_source(error)
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::InvalidInput, message).with_outcome(Outcome::NotApplied)
}
