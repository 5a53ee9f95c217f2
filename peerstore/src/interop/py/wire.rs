use bytes::Bytes;
use prost::Message;

/// Addresses, or protocols.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Items {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(super) items: Vec<Bytes>,
}

/// Metadata, or keys: a map, whose entries are read one by one.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Map {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub(super) entries: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct MapEntry {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) value: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Latency {
    #[prost(int64, tag = "1")]
    pub(super) nanos: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct OwnRecord {
    #[prost(bytes = "bytes", tag = "1")]
    pub(super) envelope: Bytes,
}
