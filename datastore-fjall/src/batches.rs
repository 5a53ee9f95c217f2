//! Batches that are being applied. Inside the engine a batch becomes visible key by key, but not to snapshots: whoever
//! reads meanwhile has to know whether it may have seen a part.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datastore::{Key, Op};
use parking_lot::Mutex;
use xxhash_rust::xxh3::xxh3_64;

use crate::writes::Ending;

/// Batches begun and ended.
#[derive(Debug, Default)]
pub(crate) struct Batches {
    short: Runs,
    long: Runs,
    /// What the long ones under way write.
    written: Mutex<Vec<Arc<Keys>>>,
}

/// Keys by their hashes, sorted. One with the hash of another is taken for it.
#[derive(Debug)]
pub(crate) struct Keys(Vec<u64>);

/// No batch was being applied.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest {
    short: u64,
    long: u64,
}

/// No short batch was being applied, and perhaps no long one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BeforeRead {
    short: u64,
    long: Option<u64>,
}

#[derive(Debug, Default)]
struct Runs {
    begun: AtomicU64,
    ended: AtomicU64,
}

struct Long<'b> {
    batches: &'b Batches,
    keys: Arc<Keys>,
}

impl Batches {
    /// Until the guard is dropped, a batch is applied.
    pub(crate) fn begin(&self) -> impl Drop + '_ {
        self.short.begin();
        Ending(&self.short.ended)
    }

    /// As [`begin`](Self::begin), a batch that takes so long that who reads other keys shall not wait for it.
    pub(crate) fn begin_long(&self, keys: Keys) -> impl Drop + '_ {
        let keys = Arc::new(keys);
        // Before it writes the first of them.
        self.written.lock().push(Arc::clone(&keys));
        self.long.begin();
        Long { batches: self, keys }
    }

    /// Whether a long batch is being applied.
    pub(crate) fn long_ones_run(&self) -> bool {
        self.long.none_runs().is_none()
    }

    /// To be asked before something is read that is not of one moment.
    pub(crate) fn at_rest(&self) -> Option<Rest> {
        Some(Rest { short: self.short.none_runs()?, long: self.long.none_runs()? })
    }

    /// Whether no batch began since.
    pub(crate) fn rested_since(&self, rest: Rest) -> bool {
        self.short.none_began_since(rest.short) && self.long.none_began_since(rest.long)
    }

    /// To be asked before a key is read; `None` while the read would have to be done again.
    pub(crate) fn before_read(&self) -> Option<BeforeRead> {
        Some(BeforeRead { short: self.short.none_runs()?, long: self.long.none_runs() })
    }

    /// Whether what was read of `key` is of no batch that is not whole: what a later read of any key shows is as
    /// new.
    pub(crate) fn saw_whole(&self, before: BeforeRead, key: &Key) -> bool {
        let no_long_ran = || before.long.is_some_and(|begun| self.long.none_began_since(begun));
        // A long one that has ended by now is visible to all, and one that has not is here.
        let of_none = || !self.written.lock().iter().any(|keys| keys.has(key));
        self.short.none_began_since(before.short) && (no_long_ran() || of_none())
    }
}

impl Runs {
    fn begin(&self) {
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// How many began, if all of them have ended.
    fn none_runs(&self) -> Option<u64> {
        // In this order: one that begins in between makes the two differ.
        let ended = self.ended.load(Ordering::SeqCst);
        let begun = self.begun.load(Ordering::SeqCst);
        (begun == ended).then_some(begun)
    }

    fn none_began_since(&self, begun: u64) -> bool {
        self.begun.load(Ordering::SeqCst) == begun
    }
}

impl Keys {
    pub(crate) fn of(ops: &[Op]) -> Self {
        let mut hashes: Vec<u64> = ops.iter().map(|op| xxh3_64(op.key().as_bytes())).collect();
        hashes.sort_unstable();
        Self(hashes)
    }

    fn has(&self, key: &Key) -> bool {
        self.0.binary_search(&xxh3_64(key.as_bytes())).is_ok()
    }
}

impl Drop for Long<'_> {
    fn drop(&mut self) {
        self.batches.written.lock().retain(|keys| !Arc::ptr_eq(keys, &self.keys));
        self.batches.long.ended.fetch_add(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use datastore::key;

    use super::*;

    fn keys_of(keys: &[Key]) -> Keys {
        let ops: Vec<Op> = keys.iter().map(|key| Op::Delete { key: key.clone() }).collect();
        Keys::of(&ops)
    }

    #[test]
    fn a_read_beside_a_long_batch_is_whole_unless_the_batch_writes_its_key() {
        let batches = Batches::default();
        let begins_meanwhile = batches.before_read().unwrap();
        let one = batches.begin_long(keys_of(&[key!("/b"), key!("/a")]));
        let other = batches.begin_long(keys_of(&[key!("/c")]));
        let before = batches.before_read().unwrap();
        for before in [begins_meanwhile, before] {
            for key in [key!("/a"), key!("/b"), key!("/c")] {
                assert!(!batches.saw_whole(before, &key), "{key}");
            }
            assert!(batches.saw_whole(before, &key!("/d")));
        }
        drop(one);
        assert!(batches.saw_whole(before, &key!("/a")));
        assert!(!batches.saw_whole(before, &key!("/c")));
        drop(other);
        assert!(batches.saw_whole(before, &key!("/c")));
        assert!(batches.written.lock().is_empty());
    }

    #[test]
    fn no_read_beside_a_short_batch_is_whole() {
        let batches = Batches::default();
        let before = batches.before_read().unwrap();
        let short = batches.begin();
        assert!(batches.before_read().is_none());
        drop(short);
        assert!(!batches.saw_whole(before, &key!("/a")));
        assert!(batches.saw_whole(batches.before_read().unwrap(), &key!("/a")));
    }

    #[test]
    fn batches_are_at_rest_once_the_long_ones_have_ended_too() {
        let batches = Batches::default();
        let rest = batches.at_rest().unwrap();
        assert!(batches.rested_since(rest));
        let long = batches.begin_long(keys_of(&[key!("/a")]));
        assert!(batches.at_rest().is_none());
        drop(long);
        assert!(!batches.rested_since(rest));
        let rest = batches.at_rest().unwrap();
        drop(batches.begin());
        assert!(!batches.rested_since(rest));
    }
}
