//! What must hold of any bytes. The fuzz targets call these, and so does a test of the library, with its
//! fixtures and mutations of them.

use libp2p_core::SignedEnvelope;
use libp2p_identity::Keypair;
use peerstore::VerifiedRecord;

/// Whatever verifies is kept as it came, and says the same when it is read once more.
pub fn record_envelope(bytes: &[u8]) {
    let Ok(record) = VerifiedRecord::verify(bytes.to_vec()) else { return };
    assert_eq!(record.envelope(), bytes);
    assert_eq!(VerifiedRecord::verify(record.envelope().clone()), Ok(record));
}

/// Bytes that are signed, since no mutation finds a signature: they are a record of the signer or none, and
/// what is read of one can be sealed.
pub fn record_payload(bytes: &[u8]) {
    let signer = Keypair::ed25519_from_bytes([7; 32]).unwrap();
    let (domain, payload_type) = ("libp2p-peer-record".to_owned(), vec![3, 1]);
    let envelope = SignedEnvelope::new(&signer, domain, payload_type, bytes.to_vec()).unwrap();
    let Ok(record) = VerifiedRecord::verify(envelope.into_protobuf_encoding()) else { return };
    assert_eq!(*record.peer(), signer.public().to_peer_id());
    let sealed = VerifiedRecord::seal(&signer, record.sequence(), record.addresses()).unwrap();
    assert_eq!(sealed.addresses(), record.addresses());
    assert_eq!(VerifiedRecord::verify(sealed.envelope().clone()), Ok(sealed));
}
