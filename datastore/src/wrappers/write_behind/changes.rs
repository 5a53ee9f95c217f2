use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;

use crate::{Batch, Direction, Durability, Key, KeyRange, Op};

/// The value that a key gets; `None` deletes it.
pub(super) type Change = Option<Bytes>;

/// The last change of each key, and how many bytes keys and values take.
#[derive(Clone, Default)]
pub(super) struct Changes {
    of: BTreeMap<Key, Change>,
    bytes: usize,
}

impl Changes {
    /// Copies, so that what is held is what is counted: a small value may be a part of a large buffer.
    pub(super) fn copied(ops: Vec<Op>) -> Self {
        let mut changes = Self::default();
        for op in ops {
            match op {
                Op::Put { key, value } => {
                    changes.set(key.detached(), Some(Bytes::copy_from_slice(&value)));
                }
                Op::Delete { key } => changes.set(key.detached(), None),
            }
        }
        changes
    }

    pub(super) fn len(&self) -> usize {
        self.of.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Change> {
        self.of.get(key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.of.keys()
    }

    /// The changes within a range, in order.
    pub(super) fn within(
        &self,
        range: &KeyRange,
        direction: Direction,
    ) -> impl Iterator<Item = (Key, Change)> {
        let bounds = (range.start(), range.end());
        direction
            .order(self.of.range::<[u8], _>(bounds))
            .map(|(key, change)| (key.clone(), change.clone()))
    }

    /// Keys and bytes once `newer` were added.
    pub(super) fn size_with(&self, newer: &Self) -> (usize, usize) {
        let (mut keys, mut bytes) = (self.len() + newer.len(), self.bytes + newer.bytes);
        for key in newer.of.keys() {
            if let Some(replaced) = self.of.get(key) {
                keys -= 1;
                bytes -= size(key, replaced);
            }
        }
        (keys, bytes)
    }

    /// Adds what was written after these.
    pub(super) fn add_newer(&mut self, newer: Self) {
        for (key, change) in newer.of {
            self.set(key, change);
        }
    }

    /// Adds what was written before these.
    pub(super) fn add_older(&mut self, older: Self) {
        for (key, change) in older.of {
            if !self.of.contains_key(&key) {
                self.set(key, change);
            }
        }
    }

    /// Removes what landed, of a flush that landed in part.
    pub(super) fn remove_landed(&mut self, landed: &[Key], failed: &[Key]) {
        let failed: BTreeSet<&Key> = failed.iter().collect();
        for key in landed.iter().filter(|key| !failed.contains(key)) {
            if let Some(change) = self.of.remove(key) {
                self.bytes -= size(key, &change);
            }
        }
    }

    pub(super) fn to_batch(&self, durability: Durability) -> Batch {
        let op = |(key, change): (&Key, &Change)| match change.clone() {
            Some(value) => Op::Put { key: key.clone(), value },
            None => Op::Delete { key: key.clone() },
        };
        Batch { ops: self.of.iter().map(op).collect(), conditions: Vec::new(), durability }
    }

    fn set(&mut self, key: Key, change: Change) {
        self.bytes += size(&key, &change);
        let len = key.as_bytes().len();
        if let Some(replaced) = self.of.insert(key, change) {
            self.bytes -= len + replaced.map_or(0, |value| value.len());
        }
    }
}

fn size(key: &Key, change: &Change) -> usize {
    key.as_bytes().len() + change.as_ref().map_or(0, Bytes::len)
}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { of, bytes } = self;
        f.debug_struct("Changes").field("keys", &of.len()).field("bytes", bytes).finish()
    }
}
