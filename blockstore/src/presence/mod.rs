//! Which blocks are there, as far as is known without asking the datastore.
//!
//! Readers and writers of one block meet under the lock of its shard. A reader takes the shard's epoch
//! before it asks the datastore, and its answer is remembered only if no change of the block is under way
//! and none ended since; so what is remembered is never older than a write that was acknowledged.
//! A writer is in every filter, the one in use and the one being built, before its commit begins.

mod build;
mod filter;
mod fingerprint;
mod options;
mod shard;
mod stats;

use std::sync::Arc;

use arc_swap::ArcSwap;
use async_lock::Mutex;
use datastore::Found;

use crate::Blockstore;
use crate::store::Hash;

use filter::Filter;
use fingerprint::Fingerprint;
use shard::Shard;

pub(crate) use fingerprint::Fingerprints;
pub use options::PresenceOptions;
pub use stats::{FilterStats, PresenceStats};

pub(crate) struct Presence {
    options: PresenceOptions,
    /// Whether a write that was given up may land later.
    lands_late: bool,
    fingerprints: Fingerprints,
    /// A power of two of them.
    shards: Vec<Shard>,
    filters: ArcSwap<Filters>,
    /// Held by whoever builds a filter; nobody else sets `filters`.
    builder: Mutex<()>,
}

#[derive(Clone, Default)]
struct Filters {
    in_use: Option<Arc<Filter>>,
    /// Not complete: only written to.
    being_built: Option<Arc<Filter>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Absent,
    /// With its size, if that is known.
    Present(Option<u64>),
    Unknown,
}

/// What is known of a block, and from when on what the datastore says of it counts.
pub(crate) struct Asked<'p> {
    pub(crate) known: Known,
    watch: Option<Watch<'p>>,
}

struct Watch<'p> {
    shard: &'p Shard,
    block: Fingerprint,
    epoch: u64,
}

/// A write under way; dropped before it is done, it is not known what became of it.
#[must_use]
pub(crate) struct Change<'p> {
    presence: &'p Presence,
    /// The blocks, and what is known of them once it is done.
    blocks: Vec<(Fingerprint, Known)>,
}

const MAX_SHARDS: usize = 64;

/// Fewer blocks in a shard, and the cache could not tell which of them are asked for most.
const MIN_SHARD: usize = 16;

impl Blockstore {
    /// What is remembered of which blocks are there; `None` without
    /// [`BlockstoreOptions::presence`](crate::BlockstoreOptions::presence).
    pub fn presence_stats(&self) -> Option<PresenceStats> {
        self.inner.presence.as_ref().map(Presence::stats)
    }
}

impl Presence {
    pub(crate) fn new(options: &PresenceOptions, atomic_batches: bool) -> Self {
        let options = options.clone();
        // The greatest power of two that leaves each shard enough.
        let most = (options.cached_blocks / MIN_SHARD).clamp(1, MAX_SHARDS);
        let count = 1 << most.ilog2();
        Self {
            lands_late: !atomic_batches,
            fingerprints: Fingerprints::new(),
            shards: (0..count).map(|_| Shard::new(options.cached_blocks / count)).collect(),
            filters: ArcSwap::default(),
            builder: Mutex::new(()),
            options,
        }
    }

    /// Before the datastore is asked.
    pub(crate) fn ask(&self, hash: &Hash) -> Asked<'_> {
        let block = self.fingerprints.of(hash);
        if self.filters.load().in_use.as_ref().is_some_and(|filter| filter.rules_out(block)) {
            return Asked { known: Known::Absent, watch: None };
        }
        let Some(shard) = self.shard(block) else { return Asked::without_presence() };
        let mut state = shard.lock();
        let known = state.known(block);
        let epoch = state.epoch;
        let watch = match known {
            Known::Unknown | Known::Present(None) => Some(Watch { shard, block, epoch }),
            Known::Absent | Known::Present(Some(_)) => None,
        };
        Asked { known, watch }
    }

    /// Before blocks of these sizes are written.
    pub(crate) fn writing(&self, blocks: impl Iterator<Item = (Hash, u64)>) -> Change<'_> {
        let known = |(hash, size)| (self.fingerprints.of(&hash), Known::Present(Some(size)));
        self.begin(blocks.map(known).collect())
    }

    /// Before blocks are deleted.
    pub(crate) fn deleting(&self, hashes: &[Hash]) -> Change<'_> {
        self.begin(hashes.iter().map(|hash| (self.fingerprints.of(hash), Known::Absent)).collect())
    }

    fn begin(&self, blocks: Vec<(Fingerprint, Known)>) -> Change<'_> {
        for (block, known) in &blocks {
            let Some(shard) = self.shard(*block) else { continue };
            let mut state = shard.lock();
            state.begin(*block);
            if let Known::Present(_) = known {
                // Under the lock: whoever begins a build later finds the block under way.
                let filters = self.filters.load();
                filters.in_use.iter().chain(&filters.being_built).for_each(|to| to.insert(*block));
            }
        }
        Change { presence: self, blocks }
    }

    fn shard(&self, block: Fingerprint) -> Option<&Shard> {
        self.shards.get(block.shard as usize & (self.shards.len() - 1))
    }

    fn stats(&self) -> PresenceStats {
        let filter = self.filters.load().in_use.as_ref().map(|filter| filter.stats());
        let mut stats = PresenceStats { filter, ..PresenceStats::default() };
        for shard in &self.shards {
            let state = shard.lock();
            stats.cached += state.len() as u64;
            stats.cache_bytes += state.bytes() as u64;
            stats.present += state.present;
            stats.absent += state.absent;
            stats.unknown += state.unknown;
        }
        stats
    }
}

impl Asked<'_> {
    /// Where nothing is remembered.
    pub(crate) fn without_presence() -> Self {
        Self { known: Known::Unknown, watch: None }
    }

    /// What the datastore said.
    pub(crate) fn seen(self, found: Option<&Found>) {
        if let Some(Watch { shard, block, epoch }) = self.watch {
            let known = found.map_or(Known::Absent, |found| Known::Present(found.size()));
            shard.lock().seen(block, epoch, known);
        }
    }
}

impl Change<'_> {
    /// It was acknowledged.
    pub(crate) fn done(mut self) {
        let filters = self.presence.filters.load();
        for (block, known) in std::mem::take(&mut self.blocks) {
            let Some(shard) = self.presence.shard(block) else { continue };
            shard.lock().end(block, known);
            if let (Known::Absent, Some(filter)) = (known, &filters.in_use) {
                filter.delete(block);
            }
        }
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        for (block, _) in std::mem::take(&mut self.blocks) {
            let Some(shard) = self.presence.shard(block) else { continue };
            let mut state = shard.lock();
            if self.presence.lands_late {
                state.doubt(block);
            }
            state.end(block, Known::Unknown);
        }
    }
}
