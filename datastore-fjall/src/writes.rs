//! How often the store was written, by which a value is known to be the one that was read without another look.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

use datastore::{Key, Seen, Version};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Writes of an open store, whatever they wrote.
///
/// A write counts once what it wrote is visible, and before it lets go of the lock that conditions take alone. So
/// whoever holds that lock, and finds the count that somebody found before reading a value, knows that the value is
/// what that somebody read: what was visible later counted later.
#[derive(Debug)]
pub(crate) struct Writes {
    /// Tells places of this store from those of others, and of its own past.
    seed: u64,
    count: AtomicU64,
}

impl Writes {
    pub(crate) fn new() -> Self {
        Self { seed: RandomState::new().hash_one(0), count: AtomicU64::new(0) }
    }

    /// How many there have been.
    pub(crate) fn so_far(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// What to say of the value of `key` that was read after there had been so many writes.
    pub(crate) fn seen(&self, key: &Key, writes: u64) -> Seen {
        Seen { place: xxh3_64_with_seed(key.as_bytes(), self.seed), writes }
    }

    /// Whether nothing was written since the value of `key` was read that has this version; to be asked while
    /// nothing is written.
    pub(crate) fn none_since(&self, key: &Key, version: &Version) -> bool {
        // The key is not hashed in vain.
        let seen = version.seen().filter(|seen| seen.writes == self.so_far());
        seen.is_some_and(|seen| seen == self.seen(key, seen.writes))
    }

    /// Begins a write, which counts when it ends, however it does.
    pub(crate) fn begin(&self) -> impl Drop + '_ {
        Ending(&self.count)
    }
}

/// Counts when it is dropped.
pub(crate) struct Ending<'c>(pub(crate) &'c AtomicU64);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}
