use std::sync::{Arc, Weak};

use bytes::Bytes;
use cid::Cid;
use datastore::{Batch, Datastore, DatastoreExt, Durability, Key, MANY_READS, Op, Result};
use futures::future::try_join_all;

use crate::gc::Entered;
use crate::hashes::IDENTITY;
use crate::may_hold::MayHold;
use crate::store::{Hash, Inner};
use crate::{Block, Blockstore, Stored};

/// Blocks that were looked for, and what is to be committed of them.
///
/// No sweep removes them while this lives.
#[must_use = "nothing is stored before it is written"]
pub(crate) struct Prepared<'b> {
    blockstore: &'b Blockstore,
    batch: Batch,
    /// How many were found to be there.
    found: usize,
    stored: Stored,
    // Ends before `_entered`: what is under way is in the gate.
    new: Arc<New>,
    _entered: Entered<'b>,
}

/// The blocks that a write under way stores, until it has ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnderWay(Weak<New>);

/// Hashes and sizes of blocks that are not there yet, in the order of their keys.
type New = Vec<(Hash, u64)>;

impl Blockstore {
    /// Looks which blocks are there, of those that the policy has admitted. What is under way is not written
    /// again: if that write fails, this one must not follow it. What is certainly not there is not looked for.
    pub(crate) async fn prepare(
        &self,
        blocks: Vec<Block>,
        under_way: UnderWay,
        may_hold: Option<&mut MayHold>,
    ) -> Result<Prepared<'_>> {
        let Inner { options, layout, gate, .. } = &*self.inner;
        let mut batch = Batch { durability: options.durability, ..Batch::new() };
        let mut stored = Stored { present: blocks.len() as u64, ..Stored::default() };
        let codecs = if options.keep_codecs { codecs_of(&blocks) } else { Vec::new() };
        let mut blocks = distinct(blocks);
        // Before the look whether they are there: no sweep removes them from here on.
        let entered = gate.enter(blocks.iter().map(|block| block.cid().hash())).await?;
        batch.ops.extend(entered.marks());
        under_way.leave_out(&mut blocks);
        let asked = blocks.len();
        let blocks = self.absent(blocks, may_hold).await?;
        let found = asked - blocks.len();
        for key in self.unkept(codecs, &blocks).await? {
            batch.ops.push(Op::Put { key, value: Bytes::new() });
        }
        let sizes = blocks.iter().map(|block| (*block.cid().hash(), block.data().len() as u64));
        let new = Arc::new(sizes.collect());
        for block in blocks {
            let (cid, value) = block.into_parts();
            stored.written += 1;
            stored.present -= 1;
            stored.bytes += value.len() as u64;
            batch.ops.push(Op::Put { key: layout.block(cid.hash())?, value });
        }
        Ok(Prepared { blockstore: self, batch, found, stored, new, _entered: entered })
    }

    /// The keys of codecs that are not kept. Of blocks that are new it is not asked: a delete of the block
    /// may be under way, and takes those that are there with it.
    async fn unkept(&self, codecs: Vec<Cid>, new: &[Block]) -> Result<Vec<Key>> {
        let is_new =
            |cid: &Cid| new.binary_search_by(|block| block.cid().hash().cmp(cid.hash())).is_ok();
        let (of_new, others): (Vec<Cid>, Vec<Cid>) = codecs.into_iter().partition(is_new);
        let key = |cid| self.inner.layout.codec(cid);
        let mut unkept: Vec<Key> = of_new.iter().map(key).collect::<Result<_>>()?;
        let others: Vec<Key> = others.iter().map(key).collect::<Result<_>>()?;
        for some in others.chunks(MANY_READS) {
            let kept = try_join_all(some.iter().map(|key| self.inner.store.has(key))).await?;
            let some = some.iter().zip(kept).filter(|(_, kept)| !kept);
            unkept.extend(some.map(|(key, _)| key.clone()));
        }
        Ok(unkept)
    }

    /// Those that are not there.
    async fn absent(
        &self,
        mut blocks: Vec<Block>,
        may_hold: Option<&mut MayHold>,
    ) -> Result<Vec<Block>> {
        let is_there = async |block: &Block| match &may_hold {
            Some(may_hold) if may_hold.rules_out(block.cid().hash()) => Ok(false),
            _ => self.has(block.cid()).await,
        };
        let mut there = Vec::with_capacity(blocks.len());
        for some in blocks.chunks(MANY_READS) {
            there.extend(try_join_all(some.iter().map(is_there)).await?);
        }
        let mut there = there.into_iter();
        blocks.retain(|_| there.next() == Some(false));
        if let Some(may_hold) = may_hold {
            blocks.iter().for_each(|block| may_hold.insert(block.cid().hash()));
        }
        Ok(blocks)
    }
}

impl Prepared<'_> {
    /// What a look at other blocks has to know of this one while it is written.
    pub(crate) fn under_way(&self) -> UnderWay {
        UnderWay(Arc::downgrade(&self.new))
    }

    /// Commits what is new.
    pub(crate) async fn write(self) -> Result<Stored> {
        let Inner { store, options, presence, .. } = &*self.blockstore.inner;
        let writing = presence.as_ref().map(|presence| presence.writing(self.new.iter().copied()));
        if !self.batch.ops.is_empty() {
            store.commit(self.batch).await?;
        }
        if let Some(writing) = writing {
            writing.done();
        }
        if self.found > 0 && options.durability == Durability::Synced {
            // They are there, and may have been written by somebody who asked for less.
            store.sync().await?;
        }
        Ok(self.stored)
    }
}

impl UnderWay {
    fn leave_out(&self, blocks: &mut Vec<Block>) {
        // Once it has ended nothing is left out: a delete or a sweep may have come since.
        let Some(new) = self.0.upgrade() else { return };
        let mut new = new.iter().map(|(hash, _)| hash).peekable();
        blocks.retain(|block| {
            let hash = block.cid().hash();
            while new.next_if(|earlier| *earlier < hash).is_some() {}
            new.peek() != Some(&hash)
        });
    }
}

/// The codecs of blocks to be stored, each once, in the order of the blocks' keys.
fn codecs_of(blocks: &[Block]) -> Vec<Cid> {
    let stored = blocks.iter().map(Block::cid).filter(|cid| cid.hash().code() != IDENTITY);
    let mut cids: Vec<Cid> = stored.map(|cid| Cid::new_v1(cid.codec(), *cid.hash())).collect();
    cids.sort_unstable_by(|one, other| {
        (one.hash(), one.codec()).cmp(&(other.hash(), other.codec()))
    });
    cids.dedup();
    cids
}

/// Each block once, none of an identity CID, in the order of their keys: an engine finds its way from one to
/// the next sooner than to any other.
fn distinct(mut blocks: Vec<Block>) -> Vec<Block> {
    blocks.retain(|block| block.cid().hash().code() != IDENTITY);
    blocks.sort_unstable_by(|one, other| one.cid().hash().cmp(other.cid().hash()));
    blocks.dedup_by(|one, other| one.cid().hash() == other.cid().hash());
    blocks
}
