use bytes::Bytes;
use prost::Message;
use prost::encoding::WireType::{self, LengthDelimited, Varint};

use crate::lenient::Schema;

/// Addresses, or protocols.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Items {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(super) items: Vec<Bytes>,
}

impl Schema for Items {
    const FIELDS: &[(u32, WireType)] = &[(1, LengthDelimited)];
}

/// Metadata, or keys: a map, whose entries are read one by one.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Map {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(super) entries: Vec<Bytes>,
}

impl Schema for Map {
    const FIELDS: &[(u32, WireType)] = &[(1, LengthDelimited)];
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct MapEntry {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) value: Bytes,
}

impl Schema for MapEntry {
    const FIELDS: &[(u32, WireType)] = &[(1, LengthDelimited), (2, LengthDelimited)];
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Latency {
    #[prost(int64, tag = "1")]
    pub(super) nanos: i64,
}

impl Schema for Latency {
    const FIELDS: &[(u32, WireType)] = &[(1, Varint)];
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OwnRecord {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) envelope: Bytes,
}

impl Schema for OwnRecord {
    const FIELDS: &[(u32, WireType)] = &[(1, LengthDelimited)];
}
