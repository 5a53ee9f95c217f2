use bytes::Bytes;
use libp2p_identity::{PeerId, PublicKey};
use multiaddr::Multiaddr;

use crate::metadata::MetadataValue;

/// What changed of a peer: what was, and what is. Sent only where the two differ, and for each peer in the
/// order of its changes. Private keys are in no event.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PeerEvent {
    /// The first that is known of a peer, or the first since it was told that nothing is; other events of the same
    /// change follow.
    Discovered {
        /// The peer.
        peer: PeerId,
    },
    /// Addresses, ordered by their bytes. That a lifetime grew is no event.
    Addresses {
        /// The peer.
        peer: PeerId,
        /// What was.
        previous: Vec<Multiaddr>,
        /// What is.
        current: Vec<Multiaddr>,
    },
    /// The signed record.
    Record {
        /// The peer.
        peer: PeerId,
        /// The bytes of its envelope.
        previous: Option<Bytes>,
        /// The bytes of its envelope.
        current: Option<Bytes>,
    },
    /// Protocols, ordered.
    Protocols {
        /// The peer.
        peer: PeerId,
        /// What was.
        previous: Vec<String>,
        /// What is.
        current: Vec<String>,
    },
    /// The public key.
    PublicKey {
        /// The peer.
        peer: PeerId,
        /// What was.
        previous: Option<Box<PublicKey>>,
        /// What is.
        current: Option<Box<PublicKey>>,
    },
    /// One entry of the metadata.
    Metadata {
        /// The peer.
        peer: PeerId,
        /// The name of the entry.
        name: String,
        /// What was.
        previous: Option<MetadataValue>,
        /// What is.
        current: Option<MetadataValue>,
    },
    /// Nothing is known of the peer any more. Where it was removed as a whole, what else it was is not told
    /// apart; where the last of it went otherwise, or expired and was collected, that comes before.
    Removed {
        /// The peer.
        peer: PeerId,
    },
    /// The record that the node has sealed of itself.
    OwnRecord {
        /// The bytes of its envelope.
        previous: Option<Bytes>,
        /// The bytes of its envelope.
        current: Option<Bytes>,
    },
}

impl PeerEvent {
    /// The peer that it is about; `None` for the node's own record.
    pub fn peer(&self) -> Option<&PeerId> {
        match self {
            Self::Discovered { peer }
            | Self::Addresses { peer, .. }
            | Self::Record { peer, .. }
            | Self::Protocols { peer, .. }
            | Self::PublicKey { peer, .. }
            | Self::Metadata { peer, .. }
            | Self::Removed { peer } => Some(peer),
            Self::OwnRecord { .. } => None,
        }
    }
}
