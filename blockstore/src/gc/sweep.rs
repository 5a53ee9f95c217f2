use datastore::{Datastore, DatastoreExt, Entry, Key, MANY_OPS, Query, Result};
use futures::TryStreamExt;

use super::marks::Marks;
use super::state::{Phase, State};
use crate::Blockstore;
use crate::hashes::IDENTITY;
use crate::store::Hash;

/// The walk over all blocks, held against the marks, which are in the same order.
pub(super) struct Sweeper<'r> {
    pub(super) blocks: &'r Blockstore,
    pub(super) marks: &'r Marks,
    pub(super) dry_run: bool,
}

/// A block of a page.
struct Found {
    hash: Hash,
    key: Key,
    size: u64,
    live: bool,
}

impl Found {
    /// What its key and the key of its marks have in common.
    fn name(&self) -> &[u8] {
        self.key.last_segment()
    }
}

impl Sweeper<'_> {
    /// Deals with the blocks of one page; whether there are more.
    pub(super) async fn step(&self, state: &mut State) -> Result<bool> {
        let layout = &self.blocks.inner.layout;
        let blocks = layout.blocks.clone().map_or_else(Query::all, Query::descendants);
        let mut query = blocks.sizes_only().limit(MANY_OPS);
        query.after = state.cursor()?;
        let page = self.blocks.inner.store.query_page(&query).await?;

        let mut after = state.clone();
        let mut found = Vec::with_capacity(page.entries.len());
        for entry in &page.entries {
            match self.parse(entry) {
                Some(block) => found.push(block),
                None => after.unknown += 1,
            }
        }
        self.hold_against_marks(&mut found).await?;
        for block in found.iter().filter(|block| block.live) {
            after.keep(block.size);
        }
        found.retain(|block| !block.live);
        match &page.next {
            Some(next) => after.cursor = Some(next.to_string()),
            None => after.enter(Phase::Clean),
        }
        self.delete(found, &mut after).await?;
        *state = after;
        Ok(page.next.is_some())
    }

    /// Deletes the blocks that are still not marked once no writer is in between.
    async fn delete(&self, mut dead: Vec<Found>, after: &mut State) -> Result<()> {
        if self.dry_run {
            dead.iter().for_each(|block| after.sweep(block.size));
            return Ok(());
        }
        let alone = if dead.is_empty() { None } else { Some(self.blocks.inner.gate.alone().await) };
        self.hold_against_marks(&mut dead).await?;
        for block in &dead {
            if block.live { after.keep(block.size) } else { after.sweep(block.size) }
        }
        let dead = dead.iter().filter(|block| !block.live);
        let hashes: Vec<Hash> = dead.map(|block| block.hash).collect();
        self.blocks.delete_with(&hashes, vec![after.op()?]).await?;
        drop(alone);
        Ok(())
    }

    /// Sets which blocks are live. Both are in the same order.
    async fn hold_against_marks(&self, found: &mut [Found]) -> Result<()> {
        let (Some(first), Some(last)) = (found.first(), found.last()) else { return Ok(()) };
        let marked = self.marks.between(first.name(), last.name())?;
        let mut marks = self.marks.store.query_keys(marked);
        let mut found = found.iter_mut().peekable();
        while let Some(mark) = marks.try_next().await? {
            let Some(name) = self.marks.name(&mark) else { continue };
            while found.next_if(|block| block.name() < name).is_some() {}
            if let Some(block) = found.peek_mut().filter(|block| block.name() == name) {
                block.live = true;
            }
        }
        Ok(())
    }

    fn parse(&self, entry: &Entry) -> Option<Found> {
        let hash = self.blocks.inner.layout.multihash(entry.key())?;
        let (key, size) = (entry.key().clone(), entry.size().unwrap_or_default());
        (hash.code() != IDENTITY).then_some(Found { hash, key, size, live: false })
    }
}

impl State {
    fn keep(&mut self, size: u64) {
        self.kept += 1;
        self.kept_bytes += size;
    }

    fn sweep(&mut self, size: u64) {
        self.swept += 1;
        self.swept_bytes += size;
    }
}
