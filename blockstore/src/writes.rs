use cid::Cid;
use datastore::{
    Batch, Datastore, DatastoreExt, Error, Key, MANY_BYTES, MANY_OPS, MANY_READS, Op, Query, Result,
};
use futures::future::try_join_all;
use futures::{Stream, StreamExt, TryStreamExt};

use crate::hashes::IDENTITY;
use crate::prepared::UnderWay;
use crate::store::{Hash, Inner};
use crate::{Block, Blockstore};

/// What puts came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stored {
    /// Blocks that were written.
    pub written: u64,
    /// Bytes of the blocks that were written.
    pub bytes: u64,
    /// Blocks that were there before, or came twice; identity CIDs among them.
    pub present: u64,
}

impl Blockstore {
    /// Stores a block, verified. One that is there already costs no write.
    ///
    /// # Errors
    /// [`InvalidInput`](datastore::ErrorKind::InvalidInput) if the data does not have the digest of the CID, or the
    /// policy does not take it; those of the datastore.
    pub async fn put(&self, block: Block) -> Result<Stored> {
        self.put_batch(vec![block]).await
    }

    /// Stores blocks in one commit, verified. If one is refused, none is stored.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub async fn put_batch(&self, blocks: Vec<Block>) -> Result<Stored> {
        let policy = &self.inner.options.policy;
        blocks.iter().try_for_each(|block| policy.admit(block))?;
        self.put_verified(blocks).await
    }

    /// Stores the blocks of a stream, in commits of [`MANY_OPS`] blocks or [`MANY_BYTES`] bytes, in bounded
    /// memory.
    ///
    /// # Errors
    /// As [`put`](Self::put); what was committed before stays.
    pub async fn put_many<T>(&self, blocks: T) -> Result<Stored>
    where
        T: Stream<Item = Block> + Send,
    {
        let mut blocks = std::pin::pin!(blocks);
        let (mut batch, mut bytes, mut sum) = (Vec::new(), 0, Stored::default());
        while let Some(block) = blocks.next().await {
            bytes += block.data().len();
            batch.push(block);
            if batch.len() >= MANY_OPS || bytes >= MANY_BYTES {
                sum.add(self.put_batch(std::mem::take(&mut batch)).await?);
                bytes = 0;
            }
        }
        sum.add(self.put_batch(batch).await?);
        Ok(sum)
    }

    /// Removes a block; Ok if it is not there. What pins say is not looked at.
    ///
    /// # Errors
    /// Those of the datastore.
    pub async fn delete(&self, cid: &Cid) -> Result<()> {
        self.delete_batch(&[*cid.hash()]).await
    }

    /// Removes the blocks of a stream, in commits of [`MANY_OPS`] blocks; answers how many CIDs there were.
    ///
    /// # Errors
    /// Those of the datastore; what was removed before stays so.
    pub async fn delete_many<T>(&self, cids: T) -> Result<u64>
    where
        T: Stream<Item = Cid> + Send,
    {
        let mut batches = std::pin::pin!(cids.map(|cid| *cid.hash()).ready_chunks(MANY_OPS));
        let mut count = 0;
        while let Some(batch) = batches.next().await {
            self.delete_batch(&batch).await?;
            count += batch.len() as u64;
        }
        Ok(count)
    }

    /// Makes all that was stored durable.
    ///
    /// # Errors
    /// Those of the datastore.
    pub async fn sync(&self) -> Result<()> {
        self.inner.store.sync().await
    }

    /// Stores blocks that the policy has admitted.
    pub(crate) async fn put_verified(&self, blocks: Vec<Block>) -> Result<Stored> {
        self.prepare(blocks, UnderWay::default(), None).await?.write().await
    }

    pub(crate) async fn delete_batch(&self, hashes: &[Hash]) -> Result<()> {
        self.delete_with(hashes, Vec::new()).await
    }

    /// Removes blocks in one commit with `also`, which comes last.
    pub(crate) async fn delete_with(&self, hashes: &[Hash], also: Vec<Op>) -> Result<()> {
        let Inner { store, options, layout, presence, .. } = &*self.inner;
        let mut batch = Batch { durability: options.durability, ..Batch::new() };
        for some in hashes.chunks(MANY_READS) {
            let stored = || some.iter().filter(|hash| hash.code() != IDENTITY);
            for hash in stored() {
                batch.ops.push(Op::Delete { key: layout.block(hash)? });
            }
            let codecs = try_join_all(stored().map(|hash| self.kept_codecs(hash))).await?;
            batch.ops.extend(codecs.into_iter().flatten().map(|key| Op::Delete { key }));
        }
        batch.ops.extend(also);
        if batch.ops.is_empty() {
            return Ok(());
        }
        let deleting = presence.as_ref().map(|presence| presence.deleting(hashes));
        store.commit(batch).await?;
        if let Some(deleting) = deleting {
            deleting.done();
        }
        Ok(())
    }

    /// The keys of the codecs that are kept of a block, which go with it.
    pub(crate) async fn kept_codecs(&self, hash: &Hash) -> Result<Vec<Key>> {
        if !self.has_codecs().await? {
            return Ok(Vec::new());
        }
        let kept = Query::descendants(self.inner.layout.codecs_of(hash)?);
        self.inner.store.query_keys(kept).try_collect().await
    }

    /// Whether codecs are kept of some blocks, by this store or, before the first delete, by another: looked for
    /// once, so that deletes do not pay for what most stores have not.
    async fn has_codecs(&self) -> Result<bool> {
        let Inner { store, options, layout, codecs, .. } = &*self.inner;
        let look = || async {
            let first = Query::descendants(layout.codecs.clone()).keys_only().limit(1);
            Ok::<_, Error>(!store.query_page(&first).await?.entries.is_empty())
        };
        Ok(options.keep_codecs || *codecs.get_or_try_init(look).await?)
    }
}

impl Stored {
    /// Adds what more puts came to.
    pub fn add(&mut self, more: Self) {
        self.written += more.written;
        self.bytes += more.bytes;
        self.present += more.present;
    }
}
