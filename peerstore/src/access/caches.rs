use libp2p_identity::PeerId;

use super::cache::RowCache;
use super::slot::{Rows, Slot};
use crate::address::AddressRow;
use crate::keys::{KeyRow, PrivateKeyRow};
use crate::protocols::ProtocolRow;
use crate::reputation::ReputationRow;
use crate::row::Row;
use crate::tags::TagRow;

/// A row with a place in the caches and in a change.
pub(crate) trait Stored: Row {
    fn cache(caches: &Caches) -> &RowCache<Self>;
    fn slot(rows: &mut Rows) -> &mut Slot<Self>;
}

/// The rows in memory, book by book.
#[derive(Debug)]
pub(crate) struct Caches {
    addresses: RowCache<AddressRow>,
    protocols: RowCache<ProtocolRow>,
    keys: RowCache<KeyRow>,
    private_keys: RowCache<PrivateKeyRow>,
    tags: RowCache<TagRow>,
    reputation: RowCache<ReputationRow>,
}

impl Caches {
    /// Caches of so many bytes together: half of it for addresses, which are asked for most.
    pub(crate) fn new(bytes: u64) -> Self {
        let (half, rest) = (bytes / 2, bytes / 10);
        Self {
            addresses: RowCache::new(half),
            protocols: RowCache::new(rest),
            keys: RowCache::new(rest),
            // Private keys stay in memory no longer than they are used.
            private_keys: RowCache::new(0),
            tags: RowCache::new(rest),
            reputation: RowCache::new(rest),
        }
    }

    /// Forgets all rows of a peer.
    pub(crate) fn forget(&self, peer: &PeerId) {
        let Self { addresses, protocols, keys, private_keys, tags, reputation } = self;
        addresses.forget(peer);
        protocols.forget(peer);
        keys.forget(peer);
        private_keys.forget(peer);
        tags.forget(peer);
        reputation.forget(peer);
    }
}

macro_rules! stored {
    ($($row:ty => $field:ident),* $(,)?) => {$(
        impl Stored for $row {
            fn cache(caches: &Caches) -> &RowCache<Self> {
                &caches.$field
            }

            fn slot(rows: &mut Rows) -> &mut Slot<Self> {
                &mut rows.$field
            }
        }
    )*};
}

stored! {
    AddressRow => addresses,
    ProtocolRow => protocols,
    KeyRow => keys,
    PrivateKeyRow => private_keys,
    TagRow => tags,
    ReputationRow => reputation,
}
