use datastore::{Error, ErrorKind, Result};
use libp2p_identity::{PeerId, PublicKey};

use super::{field, inline_key, matches};
use crate::cbor::Flaw;
use crate::layout::Book;
use crate::row::Row;
use crate::session::Session;

/// The public key of a peer whose id does not hold it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct KeyRow(Option<PublicKey>);

impl KeyRow {
    /// The row for a peer's key: an empty one, which is not stored, if the id holds the key.
    pub(crate) fn new(peer: &PeerId, key: PublicKey) -> Result<Self> {
        if !matches(peer, &key) {
            let message = format!("the public key is not that of the peer {peer}");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        Ok(Self(if inline_key(peer).is_some() { None } else { Some(key) }))
    }

    /// The key that is stored.
    pub(crate) fn key(&self) -> Option<&PublicKey> {
        self.0.as_ref()
    }
}

impl Row for KeyRow {
    const BOOK: Book = Book::Keys;

    fn decode(value: &[u8], peer: &PeerId, _: &Session) -> Result<Self, Flaw> {
        let key = PublicKey::try_decode_protobuf(field::read(value)?)
            .map_err(|_| Flaw::Damaged("the public key cannot be read"))?;
        if !matches(peer, &key) {
            return Err(Flaw::Damaged("the public key is not that of the peer"));
        }
        Ok(Self(Some(key)))
    }

    fn encode(&self) -> Vec<u8> {
        field::write(self.0.as_ref().map(PublicKey::encode_protobuf).as_deref())
    }

    fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn weight(&self) -> usize {
        // An RSA key lies outside of the row itself, about as long as its encoding.
        size_of::<Self>() + self.0.as_ref().map_or(0, |key| key.encode_protobuf().len())
    }
}
