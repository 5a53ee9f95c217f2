use datastore::{DatastoreExt, Result};
use fastbloom::BloomFilter;
use futures::TryStreamExt;

use crate::Blockstore;
use crate::presence::Fingerprints;
use crate::store::Hash;

/// The blocks that a store may hold, for one who writes many: those that it held before, and those written since by
/// whoever has this.
///
/// What others write meanwhile is not among them, and is written again: of all mistakes the one that loses nothing.
pub(crate) struct MayHold {
    fingerprints: Fingerprints,
    filter: BloomFilter,
}

impl MayHold {
    /// Lists a store of `most` blocks at most; `None` if it has more.
    pub(crate) async fn list(blockstore: &Blockstore, most: usize) -> Result<Option<Self>> {
        let layout = &blockstore.inner.layout;
        let one_more = layout.all().limit(most.saturating_add(1));
        let keys: Vec<_> = blockstore.inner.store.query_keys(one_more).try_collect().await?;
        if keys.len() > most {
            return Ok(None);
        }
        let filter = BloomFilter::with_num_bits(BITS).hashes(PROBES);
        let mut held = Self { fingerprints: Fingerprints::new(), filter };
        keys.iter().filter_map(|key| layout.multihash(key)).for_each(|hash| held.insert(&hash));
        Ok(Some(held))
    }

    /// Whether a block is not there, unless somebody else wrote it meanwhile.
    pub(crate) fn rules_out(&self, hash: &Hash) -> bool {
        !self.filter.contains_hash(self.fingerprints.of(hash).places)
    }

    pub(crate) fn insert(&mut self, hash: &Hash) {
        self.filter.insert_hash(self.fingerprints.of(hash).places);
    }
}

/// 2 MiB, whatever the number of blocks: of 1.6 million blocks it takes one in a hundred for one that may be there, of
/// 5 million one in four.
const BITS: usize = 1 << 24;
const PROBES: u32 = 4;
