//! Where rows lie in the datastore.
//!
//! A peer's part of a key is its id as CIDv1 with the codec libp2p-key, in lower-case base32 with the multibase
//! prefix: `bafzaa…`, the text form of the [peer-id
//! spec](https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md), and what js-libp2p writes.

use data_encoding::Encoding;
use data_encoding_macro::new_encoding;
use datastore::{Key, Query, Result, key};
use libp2p_identity::PeerId;

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
pub(crate) const QUARANTINE: Key = key!("/peers/quarantine");

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

/// Base32 in lower case, and what multibase writes before it.
const BASE32: Encoding = new_encoding! { symbols: "abcdefghijklmnopqrstuvwxyz234567", };
const BASE32_CODE: u8 = b'b';

/// The longest CID of a peer: before the digest, a byte for what it is and a byte for its length.
const LONGEST_CID: usize = CID_PREFIX.len() + 2 + 64;

/// A peer's part of a key.
pub(crate) fn peer_text(peer: &PeerId) -> String {
    let mut cid = [0; LONGEST_CID];
    let (prefix, id) = cid.split_at_mut(CID_PREFIX.len());
    prefix.copy_from_slice(&CID_PREFIX);
    let written = peer.as_ref().write(id);
    debug_assert!(written.is_ok(), "there is room for any");
    let cid = cid.get(..CID_PREFIX.len() + written.unwrap_or_default()).unwrap_or_default();
    let mut text = String::with_capacity(1 + BASE32.encode_len(cid.len()));
    text.push(char::from(BASE32_CODE));
    BASE32.encode_append(cid, &mut text);
    text
}

/// The peer that a part of a key names; `None` if it is not one that [`peer_text`] writes.
pub(crate) fn peer_of(text: &[u8]) -> Option<PeerId> {
    let digits = text.strip_prefix(&[BASE32_CODE])?;
    let mut cid = [0; LONGEST_CID];
    let cid = cid.get_mut(..BASE32.decode_len(digits.len()).ok()?)?;
    BASE32.decode_mut(digits, cid).ok()?;
    // Both forms, of numbers and of digits, are refused if there is a shorter one: no other text is the same id.
    PeerId::from_bytes(cid.strip_prefix(&CID_PREFIX)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA";

    fn peer() -> PeerId {
        PEER.parse().unwrap()
    }

    fn text_of(cid: &[u8]) -> String {
        format!("b{}", BASE32.encode(cid))
    }

    #[test]
    fn a_peer_has_one_text() {
        let text = peer_text(&peer());
        // As js-libp2p and kubo print it.
        assert_eq!(text, "bafzaajaiaejcal72gwuz2or47oyxxn6b3rkwdmmkrxgkjxzy3rqt5kczyn7lcm3l");
        assert_eq!(peer_of(text.as_bytes()), Some(peer()));
    }

    #[test]
    fn other_texts_of_a_peer_are_none() {
        let id = peer().to_bytes();
        let cid = [&CID_PREFIX[..], &id].concat();
        assert_eq!(peer_of(text_of(&cid).as_bytes()), Some(peer()));
        let upper = text_of(&cid).to_uppercase();
        assert_eq!(peer_of(upper.as_bytes()), None, "upper case");
        assert_eq!(peer_of(upper.replacen('B', "b", 1).as_bytes()), None, "digits in upper case");
        assert_eq!(peer_of(format!("{}a", text_of(&cid)).as_bytes()), None, "one digit more");
        assert_eq!(peer_of(format!("{}=", text_of(&cid)).as_bytes()), None, "padded");
        assert_eq!(peer_of(PEER.as_bytes()), None, "base58");
        let (code, rest) = id.split_first().unwrap();
        let long = [&CID_PREFIX[..], &[code | 0x80, 0x00], rest].concat();
        assert_eq!(peer_of(text_of(&long).as_bytes()), None, "a number longer than it must be");
        let followed = [&cid[..], &[0]].concat();
        assert_eq!(peer_of(text_of(&followed).as_bytes()), None, "something behind it");
        let short = cid.strip_suffix(&[*cid.last().unwrap()]).unwrap();
        assert_eq!(peer_of(text_of(short).as_bytes()), None, "a byte less");
        assert_eq!(peer_of(b""), None);
        assert_eq!(peer_of(b"b"), None);
    }

    #[test]
    fn digits_with_bits_to_spare_are_of_no_peer() {
        // 40 bytes are 64 digits and leave no bit; 37 do.
        let id =
            PeerId::from_bytes(&[&[0x00, 0x21, 0x08, 0x02, 0x12][..], &[7; 30]].concat()).unwrap();
        let text = peer_text(&id);
        assert_eq!(peer_of(text.as_bytes()), Some(id));
        let mut digits = text.clone().into_bytes();
        *digits.last_mut().unwrap() += 1;
        assert_eq!(peer_of(&digits), None);
    }

    #[test]
    fn the_longest_id_has_a_text_and_nothing_longer_is_one() {
        let id = PeerId::from_bytes(&[&[0x12, 64][..], &[7; 64]].concat()).unwrap();
        let text = peer_text(&id);
        assert_eq!(peer_of(text.as_bytes()), Some(id));
        assert_eq!(peer_of(format!("{text}aaaaaaaa").as_bytes()), None);
    }
}
