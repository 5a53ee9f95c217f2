use std::sync::atomic::{AtomicU64, Ordering};

/// Counts writers without a lock, as long as those of a slot are at one key.
///
/// What there is to know of a slot is in one word, so that whoever changes it sees in the same step who else is
/// there. From the lowest bit on: how many writers there are, whether they are waited for, for how many keys the slot
/// is closed, and the upper half of the hash of the key that the writers are at. Without writers, what the word says
/// of them is of no account.
#[derive(Debug)]
pub(super) struct Slots(Box<[AtomicU64; SLOTS]>);

const SLOTS: usize = 1024;

const WRITER: u64 = 1;
const WRITERS: u64 = (1 << 12) - 1;
const WAITED: u64 = 1 << 12;
/// There is room for all closings: each is for a key in memory.
const CLOSING: u64 = 1 << 13;
const CLOSINGS: u64 = (1 << 32) - CLOSING;
const HASH: u64 = u64::MAX << 32;

impl Slots {
    /// Counts a writer at a key, unless the slot is closed or there are writers at another one; says whether it did.
    pub(super) fn enter(&self, key: u64) -> bool {
        let counted = |word: u64| match word & WRITERS {
            _ if word & CLOSINGS != 0 => None,
            0 => Some(key & HASH | WRITER),
            WRITERS => None,
            _ => (word & HASH == key & HASH).then_some(word + WRITER),
        };
        self.slot(key).fetch_update(Ordering::Acquire, Ordering::Relaxed, counted).is_ok()
    }

    /// A writer that was counted leaves; says whether it was the last one, and waited for.
    pub(super) fn leave(&self, key: u64) -> bool {
        let before = self.slot(key).fetch_sub(WRITER, Ordering::Release);
        before & (WRITERS | WAITED) == WRITER | WAITED
    }

    /// Closes the slot of a key, unless there are writers at the key, who are waited for then; says whether it did.
    pub(super) fn close(&self, key: u64) -> bool {
        let are_there = |word: u64| word & WRITERS != 0 && word & HASH == key & HASH;
        let closed = |word| Some(if are_there(word) { word | WAITED } else { word + CLOSING });
        let before = self.slot(key).fetch_update(Ordering::Acquire, Ordering::Relaxed, closed);
        before.is_ok_and(|before| !are_there(before))
    }

    /// Opens what was closed.
    pub(super) fn open(&self, key: u64) {
        self.slot(key).fetch_sub(CLOSING, Ordering::Release);
    }

    #[allow(clippy::indexing_slicing, reason = "a remainder is less than the length")]
    pub(super) fn slot(&self, key: u64) -> &AtomicU64 {
        &self.0[key as usize % SLOTS]
    }
}

impl Default for Slots {
    fn default() -> Self {
        Self(Box::new([const { AtomicU64::new(0) }; SLOTS]))
    }
}
