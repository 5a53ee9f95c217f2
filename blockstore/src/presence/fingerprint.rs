use std::hash::{BuildHasher, BuildHasherDefault, Hash as StdHash, Hasher, RandomState};

use siphasher::sip128::SipHasher13;

use crate::hashes::MAX_DIGEST_LEN;
use crate::store::Hash;

/// 128 bits that stand for a multihash: as good as equal only for equal ones, since nobody outside the
/// process knows the key that they are made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    /// For places in tables and filters.
    pub(crate) places: u64,
    /// For the choice of a shard.
    pub(super) shard: u64,
}

/// Makes fingerprints with a key of its own: who chooses CIDs can neither make two alike nor crowd them.
pub(crate) struct Fingerprints {
    hasher: SipHasher13,
}

impl Fingerprints {
    pub(crate) fn new() -> Self {
        // Keyed by the randomness that the standard library takes from the system for its tables.
        let random = RandomState::new();
        let hasher = SipHasher13::new_with_keys(random.hash_one(0), random.hash_one(1));
        Self { hasher }
    }

    pub(crate) fn of(&self, hash: &Hash) -> Fingerprint {
        let (code, digest) = (hash.code().to_le_bytes(), hash.digest());
        let mut bytes = [0; size_of::<u64>() + MAX_DIGEST_LEN];
        let len = code.len() + digest.len();
        if let Some((head, tail)) = bytes.split_at_mut_checked(code.len()) {
            head.copy_from_slice(&code);
            // Always: a multihash holds no longer digest.
            if let Some(tail) = tail.get_mut(..digest.len()) {
                tail.copy_from_slice(digest);
            }
        }
        let sum = self.hasher.hash(bytes.get(..len).unwrap_or(&bytes));
        Fingerprint { places: sum.h1, shard: sum.h2 }
    }
}

/// For tables of fingerprints, which need no more hashing.
pub(super) type AsIs = BuildHasherDefault<Places>;

#[derive(Default)]
pub(super) struct Places(u64);

impl StdHash for Fingerprint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.places);
    }
}

impl Hasher for Places {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, places: u64) {
        self.0 = places;
    }
}
