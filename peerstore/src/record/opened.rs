use bytes::Bytes;
use libp2p_identity::{PeerId, PublicKey};
use prost::Message;

use super::VerifiedRecord;
use super::error::RecordError;
use super::signature;
use super::wire::{Claim, Envelope, PAYLOAD_TYPE, signed_bytes};
use crate::lenient::Lenient;

/// An envelope of a peer record, taken apart. Nothing of it is verified.
#[derive(Debug)]
pub(crate) struct OpenedEnvelope {
    parts: Envelope,
    bytes: Bytes,
}

impl OpenedEnvelope {
    pub(crate) fn open(bytes: Bytes) -> Result<Self, RecordError> {
        let Lenient(parts) = Lenient::<Envelope>::decode(bytes.clone())
            .map_err(|flaw| RecordError::Envelope(flaw.to_string()))?;
        if parts.payload_type != PAYLOAD_TYPE[..] {
            return Err(RecordError::PayloadType);
        }
        Ok(Self { parts, bytes })
    }

    /// The envelope as it came.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Whose record it claims to be: good for finding what to compare it with, and for nothing else.
    pub(crate) fn claimed_peer(&self) -> Option<PeerId> {
        let Lenient(claim) = Lenient::<Claim>::decode(self.parts.payload.clone()).ok()?;
        PeerId::from_bytes(&claim.peer_id).ok()
    }

    /// Its record, if the peer that it names has signed it.
    pub(crate) fn verify(self) -> Result<VerifiedRecord, RecordError> {
        let Self { parts: Envelope { public_key, payload, signature, .. }, bytes } = self;
        let signer = signature::signer(public_key)?;
        if !signature::verifies(&signer, &signed_bytes(&payload), &signature) {
            return Err(RecordError::Signature);
        }
        // A slice of what was read from a connection would keep the whole of that in memory.
        let record = VerifiedRecord::read(payload, Bytes::copy_from_slice(&bytes))?;
        same(record.peer, &signer)?;
        Ok(record)
    }

    /// Its record, if the envelope was verified before, byte for byte.
    pub(crate) fn trust(&self) -> Result<VerifiedRecord, RecordError> {
        VerifiedRecord::read(self.parts.payload.clone(), self.bytes.clone())
    }
}

fn same(peer: PeerId, signer: &PublicKey) -> Result<(), RecordError> {
    let signer = signer.to_peer_id();
    if peer != signer {
        return Err(RecordError::OtherSigner { peer: peer.into(), signer: signer.into() });
    }
    Ok(())
}
