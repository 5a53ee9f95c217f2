use bytes::Bytes;
use prost::Message;
use prost::encoding::WireType::{self, LengthDelimited, Varint};

use crate::lenient::Schema;

/// What lies under `/peers/addrs/<B32>`. The messages in it are read one by one, so that a damaged one
/// hides no other.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AddrBookRecord {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) id: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    pub(super) addrs: Vec<Bytes>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    pub(super) certified_record: Option<Bytes>,
}

impl Schema for AddrBookRecord {
    const FIELDS: &[(u32, WireType)] =
        &[(1, LengthDelimited), (2, LengthDelimited), (3, LengthDelimited)];
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AddrEntry {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) addr: Bytes,
    /// Seconds since 1970.
    #[prost(int64, tag = "2")]
    pub(super) expiry: i64,
    /// Nanoseconds.
    #[prost(int64, tag = "3")]
    pub(super) ttl: i64,
}

impl Schema for AddrEntry {
    const FIELDS: &[(u32, WireType)] = &[(1, LengthDelimited), (2, Varint), (3, Varint)];
}

/// The time to live of an address that is kept for ever, in nanoseconds.
pub(super) const PERMANENT: i64 = i64::MAX;

/// The time to live of an address that the node is connected to.
pub(super) const CONNECTED: i64 = i64::MAX - 1;
