use bytes::Bytes;
use libp2p_core::SignedEnvelope;
use libp2p_identity::Keypair;
use multiaddr::Multiaddr;
use prost::Message;

use super::error::RecordError;
use super::verified::VerifiedRecord;
use super::wire::{AddressInfo, DOMAIN, PAYLOAD_TYPE, PeerRecord};
use crate::lenient::Lenient;
use crate::multiaddrs;

impl VerifiedRecord {
    /// Signs a record of the key's own peer, with these addresses in this order; those that other peers would leave
    /// out are left out (see [`is_address_of`](crate::is_address_of)).
    ///
    /// Other peers take it only if `sequence` is higher than in any record that they have of this peer: see
    /// [`next_sequence`](crate::next_sequence). With the same arguments the envelope has the same bytes,
    /// which are those that go-libp2p and js-libp2p make, unless the key is one of ECDSA: these signatures
    /// hold something random in other implementations.
    ///
    /// # Errors
    /// [`RecordError::Signing`].
    pub fn seal(
        keypair: &Keypair,
        sequence: u64,
        addresses: &[Multiaddr],
    ) -> Result<Self, RecordError> {
        let peer = keypair.public().to_peer_id();
        let addresses = addresses.iter().filter(|addr| multiaddrs::flaw(addr).is_none());
        let addresses: Vec<_> = addresses.cloned().collect();
        let infos = addresses.iter();
        let infos = infos.map(|addr| AddressInfo { multiaddr: Bytes::from(addr.to_vec()) });
        let record = PeerRecord {
            peer_id: Bytes::from(peer.to_bytes()),
            sequence,
            addresses: infos.map(Lenient).collect(),
        };
        let (domain, payload_type) = (DOMAIN.to_owned(), PAYLOAD_TYPE.to_vec());
        let envelope = SignedEnvelope::new(keypair, domain, payload_type, record.encode_to_vec())
            .map_err(|flaw| RecordError::Signing(flaw.to_string()))?;
        let envelope = Bytes::from(envelope.into_protobuf_encoding());
        Ok(Self { peer, sequence, addresses, envelope })
    }
}
