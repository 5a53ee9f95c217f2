use cid::Cid;
use datastore::{Datastore, Entry, Error, Key, MANY_OPS, MANY_READS, Query, Result};
use futures::{StreamExt, TryStreamExt, stream};

use super::marks::Marks;
use crate::Blockstore;

/// The look whether the leaves are there that pins reach.
///
/// Nothing of them is read, and a page of a listing tells it of a thousand.
pub(super) struct Leaves<'r> {
    pub(super) blocks: &'r Blockstore,
    pub(super) marks: &'r Marks,
}

impl Leaves<'_> {
    /// Of about a thousand those that are not there, and where that ended, if there are more.
    pub(super) async fn missing(&self, cursor: Option<Key>) -> Result<(Vec<Cid>, Option<Key>)> {
        let (leaves, next) = self.marks.leaves(cursor).await?;
        let unlisted = self.unlisted(&leaves).await?;
        // Some may have been put since they were passed.
        let look = |cid: Cid| async move { Ok::<_, Error>((cid, self.blocks.has(&cid).await?)) };
        let looks = stream::iter(unlisted).map(look).buffered(MANY_READS);
        let gone = looks.try_filter_map(|(cid, there)| async move { Ok((!there).then_some(cid)) });
        Ok((gone.try_collect().await?, next))
    }

    /// Those that a listing does not have. Both are in the same order.
    async fn unlisted(&self, leaves: &[Cid]) -> Result<Vec<Cid>> {
        let layout = &self.blocks.inner.layout;
        let keys: Vec<Key> =
            leaves.iter().map(|cid| layout.block(cid.hash())).collect::<Result<_>>()?;
        let mut leaves = keys.iter().zip(leaves).peekable();
        let (mut unlisted, mut after) = (Vec::new(), None);
        // Each page begins at a leaf: where they are few, what lies between them is passed over.
        while let (Some((first, _)), Some(last)) = (leaves.peek(), keys.last()) {
            let mut query = Query::range(*first..=last).keys_only().limit(MANY_OPS);
            query.after = after.take();
            let page = self.blocks.inner.store.query_page(&query).await?;
            let mut listed = page.entries.iter().map(Entry::key).peekable();
            let passed = |key: &Key| page.next.as_ref().is_none_or(|next| key <= next);
            while let Some((key, cid)) = leaves.next_if(|(key, _)| passed(key)) {
                while listed.next_if(|listed| *listed < key).is_some() {}
                if listed.peek() != Some(&key) {
                    unlisted.push(*cid);
                }
            }
            // It may lie before all that is left: a page may have nothing and go on.
            after = page.next;
        }
        Ok(unlisted)
    }
}
