//! Where rows lie in the datastore.
//!
//! A peer's part of a key is its id as CIDv1 with the codec libp2p-key, in lower-case base32 with the multibase
//! prefix: `bafzaa…`, the text form of the [peer-id spec](https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md),
//! and what js-libp2p writes.

use datastore::{Key, Query, Result, key};
use libp2p_identity::PeerId;
use multibase::Base;

/// One kind of rows, one row for each peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Book {
    /// Addresses, the certified record, and its watermark: `/peers/addrs/<p>`.
    Addresses,
    /// Protocols: `/peers/protos/<p>`.
    Protocols,
    /// The public key, where the id does not hold it: `/peers/keys/<p>`.
    Keys,
    /// The private key: `/peers/private-keys/<p>`.
    PrivateKeys,
    /// Tags: `/peers/tags/<p>`.
    Tags,
    /// What became of requests to the peer: `/peers/reputation/<p>`.
    Reputation,
}

impl Book {
    /// Every book.
    pub(crate) const ALL: [Self; 6] = [
        Self::Addresses,
        Self::Protocols,
        Self::Keys,
        Self::PrivateKeys,
        Self::Tags,
        Self::Reputation,
    ];

    /// Below what its rows lie.
    pub(crate) fn prefix(self) -> Key {
        match self {
            Self::Addresses => key!("/peers/addrs"),
            Self::Protocols => key!("/peers/protos"),
            Self::Keys => key!("/peers/keys"),
            Self::PrivateKeys => key!("/peers/private-keys"),
            Self::Tags => key!("/peers/tags"),
            Self::Reputation => key!("/peers/reputation"),
        }
    }

    /// The key of a peer's row.
    pub(crate) fn key(self, peer: &PeerId) -> Result<Key> {
        self.prefix().child(peer_text(peer))
    }
}

/// Metadata, a row for each entry: `/peers/metadata/<p>/<escaped name>`.
pub(crate) const METADATA: Key = key!("/peers/metadata");

/// What expires, by when: `/peers/expiry/…`.
pub(crate) const EXPIRY: Key = key!("/peers/expiry");

/// Rows that could not be read, under the key that they had: `/peers/quarantine/…`.
const QUARANTINE: Key = key!("/peers/quarantine");

/// The state of the peerstore itself: `/peers/self/…`.
pub(crate) const OWN: Key = key!("/peers/self");

/// Where a row goes that could not be read.
pub(crate) fn quarantine(key: &Key) -> Result<Key> {
    key!("/peers").strip_from(key).map_or_else(|| Ok(QUARANTINE), |rest| QUARANTINE.join(&rest))
}

/// The metadata of one peer.
pub(crate) fn metadata_of(peer: &PeerId) -> Result<Key> {
    METADATA.child(peer_text(peer))
}

/// The book and the peer of a row, by its key.
pub(crate) fn place(key: &Key) -> Option<(Book, PeerId)> {
    let book = Book::ALL.into_iter().find(|book| book.prefix().is_ancestor_of(key))?;
    let rest = book.prefix().strip_from(key)?;
    Some((book, peer_of(rest.last_segment()).filter(|_| rest.is_top_level())?))
}

/// All rows of a book.
pub(crate) fn all(book: Book) -> Query {
    Query::descendants(book.prefix())
}

/// Version 1, codec libp2p-key.
const CID_PREFIX: [u8; 2] = [0x01, 0x72];

/// A peer's part of a key.
pub(crate) fn peer_text(peer: &PeerId) -> String {
    multibase::encode(Base::Base32Lower, [&CID_PREFIX[..], &peer.to_bytes()].concat())
}

/// The peer that a part of a key names; `None` if it is not one that [`peer_text`] writes.
pub(crate) fn peer_of(text: &[u8]) -> Option<PeerId> {
    let text = str::from_utf8(text).ok().filter(|text| text.starts_with('b'))?;
    let (_, cid) = multibase::decode(text).ok()?;
    let peer = PeerId::from_bytes(cid.strip_prefix(&CID_PREFIX)?).ok()?;
    // Another text of the same id would be a second row of the peer.
    (peer_text(&peer) == text).then_some(peer)
}
