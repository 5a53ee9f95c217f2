use bytes::Bytes;
use libp2p_identity::PeerId;
use multiaddr::Multiaddr;
use prost::Message;

use super::error::RecordError;
use super::opened::OpenedEnvelope;
use super::wire::PeerRecord;
use crate::lenient::Lenient;
use crate::multiaddrs;

/// What a peer says of itself, and that it was this peer who said it. There is none without a signature that
/// was verified, or made here.
///
/// Whether a record is newer than another of the same peer, its [`sequence`](Self::sequence) tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedRecord {
    pub(super) peer: PeerId,
    pub(super) sequence: u64,
    pub(super) addresses: Vec<Multiaddr>,
    pub(super) envelope: Bytes,
}

impl VerifiedRecord {
    /// Verifies the bytes of a signed envelope of any length; [`verify_with_limit`](Self::verify_with_limit)
    /// is for those that come from the network.
    ///
    /// Taken is what go-libp2p takes: fields that are not known, in any order, the last of a repeated one;
    /// and an address that is none (see [`is_address_of`](crate::is_address_of)) is left out and takes nothing else
    /// with it. The payload type must be that of a peer record, and the signer the peer that the record names, under
    /// the id that its key has today: an Ed25519 key has no `Qm…` id here.
    ///
    /// # Errors
    /// What [`RecordError`] lists, of which none passes with time.
    ///
    /// # Examples
    /// ```
    /// use libp2p_identity::Keypair;
    /// use peerstore::{RecordError, VerifiedRecord};
    ///
    /// let keypair = Keypair::ed25519_from_bytes([7; 32]).unwrap();
    /// let sealed = VerifiedRecord::seal(&keypair, 1, &["/ip4/192.0.2.1/tcp/4001".parse().unwrap()])?;
    ///
    /// let received = VerifiedRecord::verify(sealed.envelope().clone())?;
    /// assert_eq!(*received.peer(), keypair.public().to_peer_id());
    ///
    /// let mut altered = sealed.envelope().to_vec();
    /// *altered.last_mut().unwrap() ^= 1;
    /// assert_eq!(VerifiedRecord::verify(altered), Err(RecordError::Signature));
    /// # Ok::<_, RecordError>(())
    /// ```
    pub fn verify(envelope: impl Into<Bytes>) -> Result<Self, RecordError> {
        OpenedEnvelope::open(envelope.into())?.verify()
    }

    /// As [`verify`](Self::verify), of so many bytes at most; 0 is no limit, as in [`Limits`](crate::Limits).
    ///
    /// # Errors
    /// [`RecordError::TooLong`], before any of it is read; and as [`verify`](Self::verify).
    pub fn verify_with_limit(
        envelope: impl Into<Bytes>,
        limit: usize,
    ) -> Result<Self, RecordError> {
        let envelope = envelope.into();
        check_length(&envelope, limit)?;
        Self::verify(envelope)
    }

    /// Reads a stored envelope, which was verified when it came in, without verifying it again.
    pub(crate) fn reread(envelope: Bytes) -> Result<Self, RecordError> {
        OpenedEnvelope::open(envelope)?.trust()
    }

    /// Whose record it is, and who signed it.
    pub fn peer(&self) -> &PeerId {
        &self.peer
    }

    /// Which of a peer's records is the latest: that with the highest number. In what unit it counts differs
    /// between implementations; [`next_sequence`](crate::next_sequence) says more.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The addresses that can be read, in the order of the record, repeated if they are repeated there.
    pub fn addresses(&self) -> &[Multiaddr] {
        &self.addresses
    }

    /// The bytes that were verified, or made, with what this release does not know of: what to hand on to
    /// other peers.
    pub fn envelope(&self) -> &Bytes {
        &self.envelope
    }

    pub(super) fn read(payload: Bytes, envelope: Bytes) -> Result<Self, RecordError> {
        let addresses = Vec::with_capacity(USUAL_ADDRESSES);
        let mut record = Lenient(PeerRecord { addresses, ..PeerRecord::default() });
        record.merge(payload).map_err(|flaw| RecordError::Payload(flaw.to_string()))?;
        let Lenient(record) = record;
        let peer = PeerId::from_bytes(&record.peer_id).map_err(|_| RecordError::PeerId)?;
        let mut addresses = Vec::with_capacity(record.addresses.len());
        let read =
            record.addresses.iter().filter_map(|info| multiaddrs::read(&info.0.multiaddr).ok());
        addresses.extend(read);
        Ok(Self { peer, sequence: record.sequence, addresses, envelope })
    }
}

/// Whether an envelope has so many bytes at most; 0 is no limit.
pub(crate) fn check_length(envelope: &[u8], limit: usize) -> Result<(), RecordError> {
    let len = envelope.len();
    if limit > 0 && len > limit { Err(RecordError::TooLong { len, limit }) } else { Ok(()) }
}

/// For how many addresses of a record there is room at once: a list that grows is copied.
const USUAL_ADDRESSES: usize = 16;
