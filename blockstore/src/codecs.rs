//! Codes of the multicodec table for what a block holds.

/// Bytes without links.
pub const RAW: u64 = 0x55;

/// MerkleDAG protobuf: UnixFS.
pub const DAG_PB: u64 = 0x70;

/// CBOR with links.
pub const DAG_CBOR: u64 = 0x71;

/// JSON with links.
pub const DAG_JSON: u64 = 0x0129;
