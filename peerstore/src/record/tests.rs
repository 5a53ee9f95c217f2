use bytes::Bytes;
use libp2p_identity::Keypair;

use super::{OpenedEnvelope, RecordError, VerifiedRecord};

fn sealed() -> VerifiedRecord {
    let keypair = Keypair::ed25519_from_bytes([1; 32]).unwrap();
    VerifiedRecord::seal(&keypair, 7, &["/ip4/192.0.2.1/tcp/4001".parse().unwrap()]).unwrap()
}

#[test]
fn what_was_verified_reads_again_as_it_was() {
    let record = sealed();
    assert_eq!(VerifiedRecord::reread(record.envelope().clone()), Ok(record));
}

#[test]
fn a_signature_is_not_looked_at_again() {
    let mut envelope = sealed().envelope().to_vec();
    *envelope.last_mut().unwrap() ^= 1;
    assert_eq!(VerifiedRecord::verify(envelope.clone()), Err(RecordError::Signature));
    let record = VerifiedRecord::reread(Bytes::from(envelope.clone())).unwrap();
    assert_eq!((record.addresses(), &record.envelope()[..]), (sealed().addresses(), &envelope[..]));
}

#[test]
fn a_stored_envelope_that_is_damaged_is_an_error() {
    let envelope = sealed().envelope().slice(1..);
    assert!(VerifiedRecord::reread(envelope).is_err());
    assert_eq!(VerifiedRecord::reread(Bytes::new()), Err(RecordError::PayloadType));
}

#[test]
fn whose_an_envelope_claims_to_be_is_read_without_believing_it() {
    let record = sealed();
    let mut envelope = record.envelope().to_vec();
    *envelope.last_mut().unwrap() ^= 1;
    let opened = OpenedEnvelope::open(Bytes::from(envelope)).unwrap();
    assert_eq!(opened.claimed_peer(), Some(*record.peer()));
    assert_eq!(opened.verify(), Err(RecordError::Signature));
}
