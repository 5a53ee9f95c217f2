use datastore::Result;
use libp2p_identity::{PeerId, PublicKey};

use crate::access::Core;
use crate::address::{Address, AddressRow};
use crate::keys::{KeyRow, PrivateKeyRow, inline_key};
use crate::metadata::MetadataValue;
use crate::protocols::ProtocolRow;
use crate::record::VerifiedRecord;
use crate::reputation::{Reputation, ReputationRow};
use crate::row::Row;
use crate::tags::{Tag, TagRow};

/// All that is known of a peer at one moment, but for its private key.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Peer {
    /// The peer.
    pub id: PeerId,
    /// Its addresses that have not expired, those first that are most likely to be of use.
    pub addresses: Vec<Address>,
    /// Its signed record, while an address lives that it certifies. It was verified when it was taken.
    pub record: Option<VerifiedRecord>,
    /// Its public key: the one in its id, the one that was set, or that of its private key.
    pub public_key: Option<PublicKey>,
    /// Whether its private key is there too.
    pub has_private_key: bool,
    /// Its protocols, ordered by their bytes.
    pub protocols: Vec<String>,
    /// Its metadata by name, ordered by the keys of their rows.
    pub metadata: Vec<(String, MetadataValue)>,
    /// Its tags that have not expired, ordered by name.
    pub tags: Vec<(String, Tag)>,
    /// What became of requests to it.
    pub reputation: Reputation,
}

/// Reads a peer while nobody changes it; `None` if nothing is known that has not expired.
pub(crate) async fn read(core: &Core, peer: &PeerId) -> Result<Option<Peer>> {
    let _unchanged = core.change(peer).await?;
    let now = core.now();
    let addresses = core.read::<AddressRow>(peer).await?;
    let stored_key = core.read::<KeyRow>(peer).await?.key().cloned();
    let private_key = core.read::<PrivateKeyRow>(peer).await?;
    let record = addresses.live_record(now).map(|record| record.envelope.clone());
    let mut found = Peer {
        id: *peer,
        addresses: addresses.live(now).cloned().collect(),
        record: record.map(VerifiedRecord::reread).transpose()?,
        public_key: stored_key,
        has_private_key: private_key.keypair().is_some(),
        protocols: core.read::<ProtocolRow>(peer).await?.iter().map(ToOwned::to_owned).collect(),
        metadata: core.all_metadata(peer).await?,
        tags: core
            .read::<TagRow>(peer)
            .await?
            .live(now)
            .map(|(name, tag)| (name.to_owned(), tag))
            .collect(),
        reputation: Reputation::clone(&*core.read::<ReputationRow>(peer).await?),
    };
    // What is known may be an address that this release cannot read.
    if !found.is_known() && !addresses.is_known_at(now) {
        return Ok(None);
    }
    let derived = || private_key.keypair().map(|keypair| keypair.public());
    found.public_key = inline_key(peer).or(found.public_key).or_else(derived);
    Ok(Some(found))
}

impl Peer {
    /// Whether it is more than an id, and the key that may be in it.
    fn is_known(&self) -> bool {
        let Self {
            id: _,
            addresses,
            record,
            public_key,
            has_private_key,
            protocols,
            metadata,
            tags,
            reputation,
        } = self;
        let books = [addresses.is_empty(), protocols.is_empty(), metadata.is_empty()];
        let keys = record.is_some() || public_key.is_some() || *has_private_key;
        let nothing = tags.is_empty() && *reputation == Reputation::default();
        keys || !nothing || books.contains(&false)
    }
}
