use bytes::Bytes;
use datastore::Key;

use crate::Result;

/// The keys and values that every subject of a comparison reads and writes.
///
/// Keys are 32 bytes long and lie scattered: going through them by number is going through the
/// store at random. Values are cut out of one buffer of noise, so that making them costs nothing.
#[derive(Debug)]
pub struct Data {
    keys: Vec<Key>,
    below_wrappers: Vec<Key>,
    entries: usize,
    noise: Bytes,
    value_len: usize,
}

/// How a subject spells the keys; the bytes that reach the engine are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// As the engine holds them.
    Whole,
    /// Without what the four wrappers of [`wrapped`](crate::wrapped) put in front.
    BelowWrappers,
}

/// Size of the values of a benchmark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueSize {
    /// 100 bytes: a record of a peer.
    Small,
    /// 1 KiB: a signed envelope.
    Medium,
    /// 64 KiB: a block.
    Large,
}

/// How many keys there are beside those of the entries, to be looked for in vain.
const ABSENT: usize = 50_000;

/// Values begin at so many places of the noise.
const NOISE_OFFSETS: usize = 4096;

/// What a hot set may take of the engine's cache, which holds whole blocks.
const HOT_BYTES: usize = 8 << 20;

/// Most keys of a hot set.
const HOT_KEYS: usize = 1024;

impl Data {
    /// Makes the keys of `entries` entries with values of `size`.
    ///
    /// # Errors
    /// None for the keys that are made here; the constructor of keys has some.
    pub fn new(entries: usize, size: ValueSize) -> Result<Self> {
        let value_len = size.bytes();
        let prefix = datastore::key!("/a/b");
        let mut keys = Vec::with_capacity(entries + ABSENT);
        let mut below_wrappers = Vec::with_capacity(entries + ABSENT);
        for number in 0..entries + ABSENT {
            let below = numbered_key(number)?;
            let whole = prefix.join(&below)?;
            // The first clone of a key makes room for a count of its clones, which would lie between what the stores
            // allocate, for good.
            keys.push(whole.clone());
            below_wrappers.push(below.clone());
        }
        let noise = (0..value_len + NOISE_OFFSETS).map(|at| scatter(at as u64) as u8).collect();
        Ok(Self { keys, below_wrappers, entries, noise, value_len })
    }

    /// How many entries there are.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Size of a value in bytes.
    pub fn value_len(&self) -> usize {
        self.value_len
    }

    /// The keys of the entries.
    pub fn present(&self, form: KeyForm) -> &[Key] {
        self.all(form).get(..self.entries).unwrap_or_default()
    }

    /// Keys that have no value, in the midst of those that have.
    pub fn absent(&self, form: KeyForm) -> &[Key] {
        self.all(form).get(self.entries..).unwrap_or_default()
    }

    /// A few of the keys, whose blocks fit the engine's cache.
    pub fn hot(&self, form: KeyForm) -> &[Key] {
        let present = self.present(form);
        let hot = (HOT_BYTES / self.value_len.max(4096)).min(HOT_KEYS);
        present.get(..hot).unwrap_or(present)
    }

    /// The value of the entry with this number.
    pub fn value(&self, number: usize) -> Bytes {
        let start = number % NOISE_OFFSETS;
        self.noise.slice(start..start + self.value_len)
    }

    fn all(&self, form: KeyForm) -> &[Key] {
        match form {
            KeyForm::Whole => &self.keys,
            KeyForm::BelowWrappers => &self.below_wrappers,
        }
    }
}

impl ValueSize {
    /// All sizes.
    pub const ALL: [Self; 3] = [Self::Small, Self::Medium, Self::Large];

    /// In bytes.
    pub fn bytes(self) -> usize {
        match self {
            Self::Small => 100,
            Self::Medium => 1 << 10,
            Self::Large => 64 << 10,
        }
    }

    /// As it is written in names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "100B",
            Self::Medium => "1KiB",
            Self::Large => "64KiB",
        }
    }
}

/// The key of the entry with this number: keys that follow each other lie anywhere.
///
/// # Errors
/// None for the keys that are made here; the constructor of keys has some.
pub fn numbered_key(number: usize) -> datastore::Result<Key> {
    Key::new(format!("/{:016x}/{number:010}", scatter(number as u64)))
}

/// The finalizer of splitmix64 (Steele et al., "Fast splittable pseudorandom number generators"):
/// a bijection that looks random.
fn scatter(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_are_32_bytes_long_and_all_different() {
        let data = Data::new(1000, ValueSize::Small).unwrap();
        let present = data.present(KeyForm::Whole);
        let absent = data.absent(KeyForm::Whole);
        let all: HashSet<_> = present.iter().chain(absent).collect();
        assert_eq!((present.len(), all.len()), (1000, 1000 + ABSENT));
        assert!(all.iter().all(|key| key.as_bytes().len() == 32));
    }

    #[test]
    fn values_have_the_size_asked_for() {
        for size in ValueSize::ALL {
            let data = Data::new(1, size).unwrap();
            assert_eq!(data.value(NOISE_OFFSETS - 1).len(), size.bytes());
        }
    }
}
