use std::cmp::Reverse;
use std::collections::HashSet;
use std::fmt;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use datastore::Expiry;
use libp2p_identity::{Keypair, PeerId, PublicKey};
use multiaddr::Multiaddr;

use super::value::ImportedValue;

/// What rows of another implementation say of one peer.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedPeer {
    /// The peer that the key of the row names.
    pub peer: PeerId,
    /// Its addresses, in the order of the row. One address may come up twice, in one row or in two:
    /// an address book puts them together.
    pub addresses: Vec<ImportedAddress>,
    /// Its certified record, not verified: of several that which claims the highest sequence.
    pub envelope: Option<ImportedEnvelope>,
    /// Others that rows have, from the highest claim downwards, for where that one does not verify. Of more than seven,
    /// the highest.
    pub other_envelopes: Vec<ImportedEnvelope>,
    /// Its public key, where the row has one; it hashes to the id. Keys that the id itself holds are
    /// mostly not stored.
    pub public_key: Option<PublicKey>,
    /// Its private key, where the row has one; it is the id's.
    pub private_key: Option<ImportedPrivateKey>,
    /// Its protocols, each once, in the order of the row.
    pub protocols: Vec<String>,
    /// Its metadata, name and value, in the order of the row.
    pub metadata: Vec<(String, ImportedValue)>,
    /// Its tags; js-libp2p alone has them.
    pub tags: Vec<ImportedTag>,
    /// How long it takes to answer; of the others, py-libp2p alone stores it.
    pub latency: Option<Duration>,
    /// When the row was written; js-libp2p alone stores it, and not in its older rows.
    pub updated: Option<SystemTime>,
}

/// One address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedAddress {
    /// The address, as it is stored.
    pub addr: Multiaddr,
    /// How long it was meant to be kept. `None` if the row does not say, or if it is for ever: then
    /// `expiry` is [`Expiry::NEVER`].
    pub ttl: Option<Duration>,
    /// When it expires. `None` if the row has no times: it is for whoever takes it in to say how
    /// long an address of unknown age is worth keeping; for ever is not it.
    pub expiry: Option<Expiry>,
    /// Whether the node was connected to it when the row was written (go-libp2p). That session is
    /// over, so it expires 15 minutes after the row was written, as it does after a disconnect.
    pub connected: bool,
    /// Whether the envelope lists it, or the row says so. No more than a claim until the envelope is verified.
    pub certified: bool,
    /// When it was seen at the latest, or some time before.
    pub last_seen: Option<SystemTime>,
}

/// A signed envelope that says that it has the peer's record. It is not verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedEnvelope {
    /// The envelope, byte for byte.
    pub bytes: Bytes,
    /// The sequence that the row claims, or else the envelope.
    pub sequence: Option<u64>,
}

/// A private key, which is the peer's. It is not shown by `Debug`.
#[derive(Clone)]
pub struct ImportedPrivateKey {
    keypair: Keypair,
    encoded: Vec<u8>,
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportedTag {
    /// Its name.
    pub name: String,
    /// Its value; js-libp2p takes 0 to 100.
    pub value: u32,
    /// When it expires.
    pub expiry: Expiry,
}

impl ImportedPeer {
    /// A peer of which nothing more is known.
    pub fn new(peer: PeerId) -> Self {
        Self {
            peer,
            addresses: Vec::new(),
            envelope: None,
            other_envelopes: Vec::new(),
            public_key: None,
            private_key: None,
            protocols: Vec::new(),
            metadata: Vec::new(),
            tags: Vec::new(),
            latency: None,
            updated: None,
        }
    }

    /// Adds what another row says of the same peer. Where both say something of one thing, the envelope
    /// with the higher claimed sequence stays before the other one, the later `updated`, the other's metadata and
    /// tags, and of all else what was there.
    pub fn merge(&mut self, other: Self) {
        self.append(other);
        self.tidy();
    }

    /// As [`merge`](Self::merge), before [`tidy`](Self::tidy): many rows are tidied once.
    pub(super) fn append(&mut self, other: Self) {
        self.addresses.extend(other.addresses);
        self.add_envelopes(other.envelope.into_iter().chain(other.other_envelopes));
        self.public_key = self.public_key.take().or(other.public_key);
        self.private_key = self.private_key.take().or(other.private_key);
        self.protocols.extend(other.protocols);
        self.metadata.extend(other.metadata);
        self.tags.extend(other.tags);
        self.latency = self.latency.or(other.latency);
        self.updated = self.updated.max(other.updated);
    }

    /// All that may be its certified record, from the highest claim downwards.
    pub(crate) fn envelopes(&self) -> impl Iterator<Item = &ImportedEnvelope> {
        self.envelope.iter().chain(&self.other_envelopes)
    }

    fn add_envelopes(&mut self, more: impl Iterator<Item = ImportedEnvelope>) {
        let mut all: Vec<_> = self.envelope.take().into_iter().collect();
        all.append(&mut self.other_envelopes);
        for envelope in more {
            match all.iter_mut().find(|known| known.bytes == envelope.bytes) {
                Some(known) => known.sequence = known.sequence.max(envelope.sequence),
                None => all.push(envelope),
            }
        }
        all.sort_by_key(|envelope| Reverse(envelope.sequence));
        all.truncate(ENVELOPES);
        let mut all = all.into_iter();
        self.envelope = all.next();
        self.other_envelopes = all.collect();
    }

    /// Leaves each protocol once, and of metadata and tags of one name the last, as in a protobuf map.
    pub(super) fn tidy(&mut self) {
        let mut known = HashSet::new();
        self.protocols.retain(|protocol| known.insert(protocol.clone()));
        keep_last(&mut self.metadata, |(name, _)| name);
        keep_last(&mut self.tags, |tag| &tag.name);
    }
}

impl ImportedPrivateKey {
    pub(crate) fn new(keypair: Keypair, encoded: Vec<u8>) -> Self {
        Self { keypair, encoded }
    }

    /// The keypair.
    pub fn keypair(&self) -> &Keypair {
        &self.keypair
    }

    /// The protobuf of libp2p's private keys; there also for RSA, whose keypairs cannot be encoded.
    pub fn encoded(&self) -> &[u8] {
        &self.encoded
    }
}

impl PartialEq for ImportedPrivateKey {
    fn eq(&self, other: &Self) -> bool {
        self.keypair.public() == other.keypair.public()
    }
}

impl fmt::Debug for ImportedPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportedPrivateKey").finish_non_exhaustive()
    }
}

/// How many envelopes of one peer are kept: each of them is verified. A store has at most four rows of a peer that
/// have one.
const ENVELOPES: usize = 8;

fn keep_last<T>(items: &mut Vec<T>, name: impl Fn(&T) -> &String) {
    let mut known = HashSet::new();
    items.reverse();
    items.retain(|item| known.insert(name(item).clone()));
    items.reverse();
}
