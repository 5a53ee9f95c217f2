use serde::{Deserialize, Serialize};

/// How much is kept, at most. Zero is no limit.
///
/// Addresses of connected peers are not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Limits {
    /// Addresses of one peer that are not connected; the one that expires next goes first. 64, as go-libp2p.
    pub addresses: usize,
    /// Protocols of one peer; 1,024, as go-libp2p.
    pub protocols: usize,
    /// Bytes of one peer's metadata, names and values.
    pub metadata_bytes: usize,
    /// Bytes of one signed envelope.
    pub envelope_bytes: usize,
    /// Tags of one peer.
    pub tags: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            addresses: 64,
            protocols: 1_024,
            metadata_bytes: 64 << 10,
            envelope_bytes: 64 << 10,
            tags: 64,
        }
    }
}
