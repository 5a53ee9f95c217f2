use bytes::Bytes;
use prost::Message;
use prost::encoding::WireType::{self, LengthDelimited, Varint};

use crate::lenient::Schema;

/// What lies under `/peers/<cid>`, with the fields of all releases. The messages in it are read one by
/// one, so that a damaged one hides no other; and the maps are lists, so that their order stays.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Peer {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(super) addresses: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(super) protocols: Vec<Bytes>,
    /// The metadata of releases that did not have maps.
    #[prost(bytes = "bytes", repeated, tag = "3")]
    pub(super) metadata_list: Vec<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    pub(super) public_key: Option<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "5")]
    pub(super) peer_record_envelope: Option<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "6")]
    pub(super) metadata: Vec<Bytes>,
    #[prost(bytes = "bytes", repeated, tag = "7")]
    pub(super) tags: Vec<Bytes>,
    /// Milliseconds since 1970.
    #[prost(uint64, optional, tag = "8")]
    pub(super) updated: Option<u64>,
}

impl Schema for Peer {
    const FIELDS: &[(u32, WireType)] = &[
        (1, LengthDelimited),
        (2, LengthDelimited),
        (3, LengthDelimited),
        (4, LengthDelimited),
        (5, LengthDelimited),
        (6, LengthDelimited),
        (7, LengthDelimited),
        (8, Varint),
    ];
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Address {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) multiaddr: Bytes,
    #[prost(bool, optional, tag = "2")]
    pub(super) is_certified: Option<bool>,
    /// Milliseconds since 1970.
    #[prost(uint64, optional, tag = "3")]
    pub(super) observed: Option<u64>,
}

impl Schema for Address {
    const FIELDS: &[(u32, WireType)] = &[(1, LengthDelimited), (2, Varint), (3, Varint)];
}

/// An entry of a map of bytes, or of the list that was there before.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Entry {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) key: Bytes,
    /// js leaves empty bytes out, and writes an empty tag.
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(super) value: Option<Bytes>,
}

impl Schema for Entry {
    const FIELDS: &[(u32, WireType)] = &[(1, LengthDelimited), (2, LengthDelimited)];
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Tag {
    #[prost(uint32, tag = "1")]
    pub(super) value: u32,
    /// Milliseconds since 1970.
    #[prost(uint64, optional, tag = "2")]
    pub(super) expiry: Option<u64>,
}

impl Schema for Tag {
    const FIELDS: &[(u32, WireType)] = &[(1, Varint), (2, Varint)];
}

/// The tags of releases that kept them in the metadata, under the name `tags`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct TagList {
    #[prost(message, repeated, tag = "1")]
    pub(super) tags: Vec<NamedTag>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct NamedTag {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(uint32, tag = "2")]
    pub(super) value: u32,
    /// Milliseconds since 1970.
    #[prost(uint64, optional, tag = "3")]
    pub(super) expiry: Option<u64>,
}

/// What lies under `/peers/addrs/<cid>`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Addresses {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(super) addrs: Vec<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "2")]
    pub(super) certified_record: Option<Bytes>,
}

impl Schema for Addresses {
    const FIELDS: &[(u32, WireType)] = &[(1, LengthDelimited), (2, LengthDelimited)];
}

/// What lies under `/peers/protos/<cid>`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Protocols {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(super) protocols: Vec<Bytes>,
}

impl Schema for Protocols {
    const FIELDS: &[(u32, WireType)] = &[(1, LengthDelimited)];
}
