use std::fmt;

use bytes::Bytes;
use datastore::{Error, ErrorKind, Result};
use libp2p_identity::{Keypair, PeerId};

use super::{field, matches};
use crate::cbor::Flaw;
use crate::layout::Book;
use crate::row::Row;
use crate::session::Session;

/// The private key of a peer, which is most often the node itself. Its `Debug` shows the peer alone.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct PrivateKeyRow(Option<PrivateKey>);

#[derive(Clone)]
struct PrivateKey {
    keypair: Keypair,
    /// As it was handed in: `libp2p_identity` reads RSA keys and does not write them.
    protobuf: Bytes,
}

impl PrivateKeyRow {
    /// The row for a peer's key pair.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a key that is not the peer's. [`ErrorKind::Unsupported`] for one of RSA,
    /// which [`from_protobuf`](Self::from_protobuf) takes.
    pub(crate) fn new(peer: &PeerId, keypair: &Keypair) -> Result<Self> {
        let protobuf = keypair.to_protobuf_encoding().map_err(|_| {
            let message = "an RSA key pair cannot be encoded: hand in its protobuf encoding";
            Error::new(ErrorKind::Unsupported, message)
        })?;
        Self::from_parts(peer, keypair.clone(), &protobuf)
    }

    /// The row for a peer's private key, in the protobuf of libp2p.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for one that cannot be read or is not the peer's.
    pub(crate) fn from_protobuf(peer: &PeerId, protobuf: &[u8]) -> Result<Self> {
        // What the library says of it is left out: it is about the bytes of a private key.
        let keypair = Keypair::from_protobuf_encoding(protobuf)
            .map_err(|_| Error::new(ErrorKind::InvalidInput, "the private key cannot be read"))?;
        Self::from_parts(peer, keypair, protobuf)
    }

    /// The key pair.
    pub(crate) fn keypair(&self) -> Option<&Keypair> {
        self.0.as_ref().map(|key| &key.keypair)
    }

    /// The private key in the protobuf of libp2p, for exports that ask for it.
    pub(crate) fn protobuf(&self) -> Option<&Bytes> {
        self.0.as_ref().map(|key| &key.protobuf)
    }

    fn from_parts(peer: &PeerId, keypair: Keypair, protobuf: &[u8]) -> Result<Self> {
        if !matches(peer, &keypair.public()) {
            let message = format!("the private key is not that of the peer {peer}");
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        Ok(Self(Some(PrivateKey { keypair, protobuf: Bytes::copy_from_slice(protobuf) })))
    }
}

impl Row for PrivateKeyRow {
    const BOOK: Book = Book::PrivateKeys;

    fn decode(value: &[u8], peer: &PeerId, _: &Session) -> Result<Self, Flaw> {
        Self::from_protobuf(peer, field::read(value)?).map_err(|_| {
            Flaw::Damaged("the private key cannot be read, or is not that of the peer")
        })
    }

    fn encode(&self) -> Vec<u8> {
        field::write(self.protobuf().map(Bytes::as_ref))
    }

    fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    fn weight(&self) -> usize {
        // Twice: the key pair of an RSA key lies outside of the row, and is about as long as its encoding.
        size_of::<Self>() + self.protobuf().map_or(0, |protobuf| 2 * protobuf.len())
    }
}

impl PartialEq for PrivateKey {
    fn eq(&self, other: &Self) -> bool {
        self.protobuf == other.protobuf
    }
}

impl fmt::Debug for PrivateKeyRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let peer = self.keypair().map(|keypair| keypair.public().to_peer_id());
        f.debug_tuple("PrivateKeyRow").field(&peer).finish()
    }
}
