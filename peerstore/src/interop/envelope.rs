use bytes::Bytes;
use libp2p_identity::PeerId;
use multiaddr::{Multiaddr, Protocol};
use prost::Message;
use prost::encoding::WireType::{self, LengthDelimited, Varint};

use super::address::address;
use super::imported::{ImportedAddress, ImportedEnvelope};
use crate::lenient::{self, Schema};

/// What an envelope says of itself, unverified.
#[derive(Debug, Default)]
pub(super) struct Claims {
    sequence: Option<u64>,
    addresses: Vec<Multiaddr>,
}

impl Claims {
    /// What can be read of it. Nothing is refused: whether it is an envelope is seen when it is verified.
    pub(super) fn of(envelope: &Bytes, peer: &PeerId) -> Self {
        let record = lenient::decode(envelope.clone())
            .and_then(|envelope: Envelope| lenient::decode::<PeerRecord>(envelope.payload));
        let Ok(record) = record else {
            return Self::default();
        };
        let infos = record.addresses.into_iter().filter_map(|info| lenient::decode(info).ok());
        let addresses = infos.filter_map(|info: AddressInfo| address(&info.multiaddr).ok());
        Self {
            sequence: Some(record.seq),
            addresses: addresses.map(|addr| without_self(addr, peer)).collect(),
        }
    }

    /// The envelope, with the sequence that the row has beside it or else its own.
    pub(super) fn envelope(&self, bytes: Bytes, stated: Option<u64>) -> ImportedEnvelope {
        ImportedEnvelope { bytes, sequence: stated.or(self.sequence) }
    }

    /// Marks the addresses that it lists.
    pub(super) fn mark(&self, addresses: &mut [ImportedAddress], peer: &PeerId) {
        for address in addresses {
            let listed = without_self(address.addr.clone(), peer);
            address.certified |= self.addresses.contains(&listed);
        }
    }
}

/// The envelope of a row of py, for whose key there is no other peer than the one that signed it.
pub(super) fn signer(envelope: &Bytes) -> Option<PeerId> {
    let envelope: Envelope = lenient::decode(envelope.clone()).ok()?;
    let key = libp2p_identity::PublicKey::try_decode_protobuf(&envelope.public_key).ok()?;
    Some(key.to_peer_id())
}

/// Go and js take `/p2p/<peer>` off the end of an address of that peer.
fn without_self(mut addr: Multiaddr, peer: &PeerId) -> Multiaddr {
    if addr.iter().last() == Some(Protocol::P2p(*peer)) {
        addr.pop();
    }
    addr
}

#[derive(Clone, PartialEq, Message)]
struct Envelope {
    #[prost(bytes = "bytes", tag = "1")]
    public_key: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    payload: Bytes,
}

impl Schema for Envelope {
    const FIELDS: &[(u32, WireType)] = &[(1, LengthDelimited), (3, LengthDelimited)];
}

#[derive(Clone, PartialEq, Message)]
struct PeerRecord {
    #[prost(uint64, tag = "2")]
    seq: u64,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    addresses: Vec<Bytes>,
}

impl Schema for PeerRecord {
    const FIELDS: &[(u32, WireType)] = &[(2, Varint), (3, LengthDelimited)];
}

#[derive(Clone, PartialEq, Message)]
struct AddressInfo {
    #[prost(bytes = "bytes", tag = "1")]
    multiaddr: Bytes,
}

impl Schema for AddressInfo {
    const FIELDS: &[(u32, WireType)] = &[(1, LengthDelimited)];
}
