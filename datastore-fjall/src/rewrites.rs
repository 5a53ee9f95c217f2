//! How many versions a memtable keeps of keys that were written again and again: readers walk them all.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use datastore::Op;
use xxhash_rust::xxh3::xxh3_64;

/// About how many writes met a key that was written before, since the last [`restart`](Self::restart).
///
/// Of each key one bit is remembered, that of its hash: two keys with the same bit count as one. Of the 160,000 small
/// records that fill a memtable one in twelve is taken for a rewrite so.
pub(crate) struct Rewrites {
    seen: Box<[AtomicU64]>,
    count: AtomicU64,
}

impl Rewrites {
    /// Counts those among these operations.
    pub(crate) fn note(&self, ops: &[Op]) {
        let rewrites = ops.iter().filter(|op| self.is_seen(op.key().as_bytes())).count();
        if rewrites > 0 {
            self.count.fetch_add(rewrites as u64, Ordering::Relaxed);
        }
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Forgets all keys, for those who write meanwhile sooner or later.
    pub(crate) fn restart(&self) {
        self.seen.iter().for_each(|word| word.store(0, Ordering::Relaxed));
        self.count.store(0, Ordering::Relaxed);
    }

    /// Whether the key was seen before; it is from now on.
    fn is_seen(&self, key: &[u8]) -> bool {
        let hash = xxh3_64(key);
        let (word, bit) = (hash as usize / WORD % WORDS, 1 << (hash as usize % WORD));
        self.seen.get(word).is_some_and(|word| {
            // What is written over and over only reads.
            word.load(Ordering::Relaxed) & bit != 0
                || word.fetch_or(bit, Ordering::Relaxed) & bit != 0
        })
    }
}

impl Default for Rewrites {
    fn default() -> Self {
        Self { seen: (0..WORDS).map(|_| AtomicU64::new(0)).collect(), count: AtomicU64::new(0) }
    }
}

impl fmt::Debug for Rewrites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rewrites").field("count", &self.count()).finish_non_exhaustive()
    }
}

/// 128 KiB of them.
const WORDS: usize = 1 << 14;
const WORD: usize = u64::BITS as usize;

#[cfg(test)]
mod tests {
    use datastore::{Key, Result};

    use super::*;

    fn write(number: u64) -> Result<Op> {
        Ok(Op::Delete { key: Key::new(format!("/records/{number}"))? })
    }

    #[test]
    fn what_is_written_again_is_counted_and_what_is_new_hardly() {
        let rewrites = Rewrites::default();
        let new: Vec<_> = (0..160_000).map(|number| write(number).unwrap()).collect();
        rewrites.note(&new);
        let taken_for_rewrites = rewrites.count();
        assert!(taken_for_rewrites < 16_000, "{taken_for_rewrites}");
        // One by one as in a batch.
        new.iter().for_each(|op| rewrites.note(std::slice::from_ref(op)));
        assert_eq!(rewrites.count(), taken_for_rewrites + 160_000);
        rewrites.restart();
        assert_eq!(rewrites.count(), 0);
        rewrites.note(&[write(7).unwrap(), write(7).unwrap(), write(8).unwrap()]);
        assert_eq!(rewrites.count(), 1);
    }
}
