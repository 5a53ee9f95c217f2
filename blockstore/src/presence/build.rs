use std::sync::Arc;

use datastore::{DatastoreExt, Error, ErrorKind, Result};
use futures::TryStreamExt;

use super::filter::{Filter, Size};
use super::{FilterStats, Filters, Presence};
use crate::Blockstore;
use crate::pause::pause;

impl Blockstore {
    /// Lists all blocks and makes a filter of them, which from then on answers for most absent blocks in
    /// place of the datastore; a later one replaces it. Calls `progress` with the number of blocks so far;
    /// if there are more than the filter was to hold, with a larger one it begins again.
    ///
    /// Blocks can be read, put and deleted meanwhile; those that are put are in the filter. Until it is
    /// complete, the one before stays in use. If the listing fails or the future is dropped, it stays on.
    /// Builds wait for each other. A filter is kept in memory alone: build one after each opening, and
    /// again when [`FilterStats::is_stale`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] without
    /// [`BlockstoreOptions::presence`](crate::BlockstoreOptions::presence); [`ErrorKind::Unavailable`] where
    /// writes that were given up may land later, and too many were to remember them; those of the datastore.
    ///
    /// # Examples
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::sync::Arc;
    /// use datastore::MemoryDatastore;
    /// use datastore_blocks::{Block, BlockstoreOptions, PresenceOptions, RAW};
    ///
    /// let store = Arc::new(MemoryDatastore::new());
    /// let blocks = BlockstoreOptions::new().presence(PresenceOptions::new()).open(store).await?;
    /// blocks.put(Block::new(RAW, "hello world")).await?;
    /// let filter = blocks.build_filter(|_| {}).await?;
    /// assert_eq!(filter.blocks, 1);
    /// assert!(!blocks.has(Block::new(RAW, "something else").cid()).await?);
    /// # Ok::<(), datastore::Error>(()) }).unwrap();
    /// ```
    pub async fn build_filter(&self, mut progress: impl FnMut(u64) + Send) -> Result<FilterStats> {
        let Some(presence) = &self.inner.presence else {
            let message = "these blocks were opened without a presence cache: a filter needs one";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        };
        let _builder = presence.builder.lock().await;
        let mut size = Size::of(presence.expected_blocks(), &presence.options);
        let mut counted = false;
        loop {
            let build = presence.begin_build(Filter::new(size))?;
            let blocks = self.list_into(&build, &mut progress).await?;
            if counted || size.serves(blocks, &presence.options) {
                return Ok(build.complete());
            }
            counted = true;
            size = Size::of(with_room(blocks), &presence.options);
        }
    }

    async fn list_into(
        &self,
        build: &Build<'_>,
        progress: &mut (impl FnMut(u64) + Send),
    ) -> Result<u64> {
        let layout = &self.inner.layout;
        let mut keys = self.inner.store.query_keys(layout.all());
        let mut blocks = 0;
        while let Some(key) = keys.try_next().await? {
            if let Some(hash) = layout.multihash(&key) {
                build.filter.insert(build.presence.fingerprints.of(&hash));
                blocks += 1;
                progress(blocks);
                if blocks % KEYS_AT_ONCE == 0 {
                    pause().await;
                }
            }
        }
        Ok(blocks)
    }
}

/// Keys that are taken in before others get their turn.
const KEYS_AT_ONCE: u64 = 1024;

/// A filter that is being built; given up if it is dropped.
struct Build<'p> {
    presence: &'p Presence,
    filter: Arc<Filter>,
}

impl Presence {
    fn expected_blocks(&self) -> u64 {
        let before = self.filters.load().in_use.as_ref().map_or(0, |filter| {
            let FilterStats { blocks, deleted, .. } = filter.stats();
            with_room(blocks.saturating_sub(deleted))
        });
        before.max(self.options.expected_blocks)
    }

    /// From here on, and before the listing, whatever is put is in the filter.
    fn begin_build(&self, filter: Filter) -> Result<Build<'_>> {
        let filter = Arc::new(filter);
        let in_use = self.filters.load().in_use.clone();
        self.filters.store(Arc::new(Filters { in_use, being_built: Some(Arc::clone(&filter)) }));
        let build = Build { presence: self, filter };
        // Those whose writers came before, and may commit once the listing has passed.
        for shard in &self.shards {
            let state = shard.lock();
            state.may_land().ok_or_else(unknown)?.for_each(|block| build.filter.insert(block));
        }
        Ok(build)
    }
}

impl Build<'_> {
    fn complete(self) -> FilterStats {
        let in_use = Some(Arc::clone(&self.filter));
        self.presence.filters.store(Arc::new(Filters { in_use, being_built: None }));
        self.filter.stats()
    }
}

impl Drop for Build<'_> {
    fn drop(&mut self) {
        let in_use = self.presence.filters.load().in_use.clone();
        self.presence.filters.store(Arc::new(Filters { in_use, being_built: None }));
    }
}

fn unknown() -> Error {
    let message = "too many writes were given up that may still come to pass: no listing is complete; \
                   build a filter once the blocks were opened anew";
    Error::new(ErrorKind::Unavailable, message)
}

/// A quarter more, for those that come.
fn with_room(blocks: u64) -> u64 {
    blocks.saturating_add(blocks / 4)
}
