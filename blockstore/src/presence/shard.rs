use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use quick_cache::UnitWeighter;
use quick_cache::unsync::{Cache, DefaultLifecycle};

use super::Known;
use super::fingerprint::{AsIs, Fingerprint};

/// What is remembered of a part of the blocks.
pub(super) struct Shard {
    state: Mutex<State>,
}

pub(super) struct State {
    /// Of blocks that no change is under way for; never [`Known::Unknown`].
    cache: Cache<Fingerprint, Known, UnitWeighter, AsIs>,
    /// Counts the ends of changes: who has seen a number, and sees it again, knows that none ended between.
    pub(super) epoch: u64,
    under_way: HashMap<Fingerprint, UnderWay, AsIs>,
    doubtful: Doubtful,
    pub(super) present: u64,
    pub(super) absent: u64,
    pub(super) unknown: u64,
}

/// Changes of a block that have begun and not ended.
struct UnderWay {
    changes: u32,
    /// Whether there ever were two of them at a time: then nobody knows which came last.
    mixed: bool,
}

/// Blocks of which a write may still land, since it was given up, in a store where that can be.
enum Doubtful {
    These(HashSet<Fingerprint, AsIs>),
    /// More than are kept.
    All,
}

/// How many doubtful blocks a shard knows one by one, 32 bytes each.
const MAX_DOUBTFUL: usize = 1024;

impl Shard {
    pub(super) fn new(capacity: usize) -> Self {
        let weights = capacity as u64;
        let cache = Cache::with(
            capacity,
            weights,
            UnitWeighter,
            AsIs::default(),
            DefaultLifecycle::default(),
        );
        Self {
            state: Mutex::new(State {
                cache,
                epoch: 0,
                under_way: HashMap::default(),
                doubtful: Doubtful::These(HashSet::default()),
                present: 0,
                absent: 0,
                unknown: 0,
            }),
        }
    }

    // A panic cannot leave a part undone that matters: nothing between two changes can panic.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(super) fn known(&mut self, block: Fingerprint) -> Known {
        let known = self.cache.get(&block).copied().unwrap_or(Known::Unknown);
        match known {
            Known::Present(_) => self.present += 1,
            Known::Absent => self.absent += 1,
            Known::Unknown => self.unknown += 1,
        }
        known
    }

    /// Takes in what a read answered that was begun when the epoch was `epoch`.
    pub(super) fn seen(&mut self, block: Fingerprint, epoch: u64, known: Known) {
        if self.epoch == epoch && !self.under_way.contains_key(&block) {
            self.remember(block, known);
        }
    }

    /// A change begins: whatever was known may be over at any moment.
    pub(super) fn begin(&mut self, block: Fingerprint) {
        self.cache.remove(&block);
        let new = UnderWay { changes: 0, mixed: false };
        let under_way = self.under_way.entry(block).or_insert(new);
        under_way.changes += 1;
        under_way.mixed |= under_way.changes > 1;
    }

    /// A change ends: it led to what is `known`, or nobody knows.
    pub(super) fn end(&mut self, block: Fingerprint, known: Known) {
        self.epoch += 1;
        let Entry::Occupied(mut under_way) = self.under_way.entry(block) else { return };
        under_way.get_mut().changes -= 1;
        if under_way.get().changes == 0 && !under_way.remove().mixed {
            self.remember(block, known);
        }
    }

    /// From here on nothing that is seen of a block is remembered.
    pub(super) fn doubt(&mut self, block: Fingerprint) {
        if let Doubtful::These(blocks) = &mut self.doubtful {
            blocks.insert(block);
            if blocks.len() > MAX_DOUBTFUL {
                self.doubtful = Doubtful::All;
                self.cache.clear();
            }
        }
    }

    /// Blocks that may be written from here on by those who began before; `None` if there are more than
    /// are known.
    pub(super) fn may_land(&self) -> Option<impl Iterator<Item = Fingerprint>> {
        let Doubtful::These(doubtful) = &self.doubtful else { return None };
        Some(self.under_way.keys().chain(doubtful).copied())
    }

    pub(super) fn len(&self) -> usize {
        self.cache.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.cache.memory_used().total()
    }

    fn remember(&mut self, block: Fingerprint, known: Known) {
        let doubtful = match &self.doubtful {
            Doubtful::These(blocks) => blocks.contains(&block),
            Doubtful::All => true,
        };
        if known != Known::Unknown && !doubtful {
            self.cache.insert(block, known);
        }
    }
}
