//! The messages, as protobuf lays them out. Fields that are not known are skipped, the last of a repeated
//! field counts, and their order does not.

use bytes::Bytes;
use prost::encoding::WireType;
use prost::{Message, length_delimiter_len};

use crate::lenient::{Lenient, Schema};

/// What is signed begins with it, so that a signature for another purpose is of no use here.
pub(super) const DOMAIN: &str = "libp2p-peer-record";

/// The multicodec `libp2p-peer-record`, 0x0301, as both go-libp2p and js-libp2p write it.
pub(super) const PAYLOAD_TYPE: [u8; 2] = [0x03, 0x01];

#[derive(Clone, PartialEq, Message)]
pub(super) struct Envelope {
    #[prost(message, optional, tag = "1")]
    pub(super) public_key: Option<Lenient<PublicKey>>,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) payload_type: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    pub(super) payload: Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    pub(super) signature: Bytes,
}

impl Schema for Envelope {
    const FIELDS: &[(u32, WireType)] = &[
        (1, WireType::LengthDelimited),
        (2, WireType::LengthDelimited),
        (3, WireType::LengthDelimited),
        (5, WireType::LengthDelimited),
    ];
}

/// A message of its own and no string of bytes: protobuf merges what is repeated of it field by field.
#[derive(Clone, PartialEq, Message)]
pub(super) struct PublicKey {
    #[prost(int32, optional, tag = "1")]
    pub(super) key_type: Option<i32>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(super) data: Option<Bytes>,
}

impl Schema for PublicKey {
    const FIELDS: &[(u32, WireType)] = &[(1, WireType::Varint), (2, WireType::LengthDelimited)];
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct PeerRecord {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) peer_id: Bytes,
    #[prost(uint64, tag = "2")]
    pub(super) sequence: u64,
    #[prost(message, repeated, tag = "3")]
    pub(super) addresses: Vec<Lenient<AddressInfo>>,
}

impl Schema for PeerRecord {
    const FIELDS: &[(u32, WireType)] =
        &[(1, WireType::LengthDelimited), (2, WireType::Varint), (3, WireType::LengthDelimited)];
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AddressInfo {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) multiaddr: Bytes,
}

impl Schema for AddressInfo {
    const FIELDS: &[(u32, WireType)] = &[(1, WireType::LengthDelimited)];
}

/// As much of a [`PeerRecord`] as says whose it is.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Claim {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) peer_id: Bytes,
}

impl Schema for Claim {
    const FIELDS: &[(u32, WireType)] = &[(1, WireType::LengthDelimited)];
}

/// What the signature of an envelope is of: domain, payload type and payload, each after its length.
pub(super) fn signed_bytes(payload: &[u8]) -> Vec<u8> {
    let parts = [DOMAIN.as_bytes(), &PAYLOAD_TYPE, payload];
    let len = parts.iter().map(|part| length_delimiter_len(part.len()) + part.len()).sum();
    let mut signed = Vec::with_capacity(len);
    for part in parts {
        push_length(&mut signed, part.len());
        signed.extend_from_slice(part);
    }
    signed
}

/// As an unsigned varint.
fn push_length(bytes: &mut Vec<u8>, mut len: usize) {
    while len > 0x7f {
        bytes.push(len as u8 | 0x80);
        len >>= 7;
    }
    bytes.push(len as u8);
}
