//! Envelopes put together by hand from the specification, and what is sealed here.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use datastore::ErrorKind;
use libp2p_core::{PeerRecord, SignedEnvelope};
use libp2p_identity::Keypair;
use multiaddr::Multiaddr;
use peerstore::{RecordError, VerifiedRecord, next_sequence};
use sha2::{Digest, Sha256};

use super::fixtures::{hex, json, list};
use super::support::{Envelope, addrs, field, keypair, number_field, payload};

const TCP: &str = "/ip4/192.0.2.1/tcp/4001";
const QUIC: &str = "/ip4/192.0.2.1/udp/4001/quic-v1";

fn tcp() -> Vec<u8> {
    addrs([TCP]).remove(0).to_vec()
}

#[test]
fn a_record_reads_as_what_was_signed() {
    let key = keypair(1);
    let signed = Envelope::of(&key, payload(&key, 7, &[&tcp()])).sign();
    let record = VerifiedRecord::verify(signed.clone()).unwrap();
    assert_eq!(*record.peer(), key.public().to_peer_id());
    assert_eq!(record.sequence(), 7);
    assert_eq!(record.addresses(), addrs([TCP]));
    assert_eq!(*record.envelope(), signed);
    assert_eq!(VerifiedRecord::seal(&key, 7, &addrs([TCP])), Ok(record));
}

#[test]
fn what_is_sealed_is_a_record_to_libp2p_core() {
    let keys = [keypair(1), Keypair::generate_secp256k1(), Keypair::generate_ecdsa()];
    for key in keys {
        let sealed = VerifiedRecord::seal(&key, 7, &addrs([TCP, QUIC])).unwrap();
        let envelope = SignedEnvelope::from_protobuf_encoding(sealed.envelope()).unwrap();
        let record = PeerRecord::from_signed_envelope_interop(envelope).unwrap();
        assert_eq!(record.peer_id(), *sealed.peer());
        assert_eq!(record.seq(), 7);
        assert_eq!(record.addresses(), addrs([TCP, QUIC]));
        assert_eq!(VerifiedRecord::verify(sealed.envelope().clone()), Ok(sealed));
    }
}

#[test]
fn a_record_that_libp2p_core_makes_verifies() {
    let record = PeerRecord::new_interop(&keypair(1), addrs([TCP])).unwrap();
    let envelope = record.to_signed_envelope().into_protobuf_encoding();
    let verified = VerifiedRecord::verify(envelope).unwrap();
    assert_eq!((verified.sequence(), verified.addresses()), (record.seq(), record.addresses()));
}

#[test]
fn a_signature_for_another_purpose_is_none() {
    let key = keypair(1);
    for domain in ["", "libp2p-routing-state", "libp2p-peer-recor", "libp2p-peer-record2"] {
        let envelope = Envelope { domain, ..Envelope::of(&key, payload(&key, 7, &[])) };
        assert_eq!(VerifiedRecord::verify(envelope.sign()), Err(RecordError::Signature));
    }
}

#[test]
fn a_payload_of_another_type_is_no_record_however_well_it_is_signed() {
    let key = keypair(1);
    for payload_type in [&[][..], &[3], &[3, 2], &[3, 1, 0], b"/libp2p/routing-state-record"] {
        let payload_type = payload_type.to_vec();
        let envelope = Envelope { payload_type, ..Envelope::of(&key, payload(&key, 7, &[])) };
        assert_eq!(VerifiedRecord::verify(envelope.sign()), Err(RecordError::PayloadType));
    }
}

#[test]
fn a_record_of_one_peer_signed_by_another_is_refused() {
    let (key, other) = (keypair(1), keypair(2));
    let signed = Envelope::of(&other, payload(&key, 7, &[])).sign();
    let [peer, signer] = [&key, &other].map(|key| Box::new(key.public().to_peer_id()));
    assert_eq!(VerifiedRecord::verify(signed), Err(RecordError::OtherSigner { peer, signer }));
}

#[test]
fn a_record_that_names_an_old_id_of_its_signer_is_refused() {
    let key = keypair(1);
    let hash = Sha256::digest(key.public().encode_protobuf());
    let old_id = [&[0x12, 32], &hash[..]].concat();
    let payload = [field(1, &old_id), number_field(2, 7)].concat();
    let verified = VerifiedRecord::verify(Envelope::of(&key, payload).sign());
    assert!(matches!(verified, Err(RecordError::OtherSigner { .. })), "{verified:?}");
}

#[test]
fn what_is_no_envelope_and_what_is_no_record_are_told_apart() {
    let key = keypair(1);
    let envelope =
        |payload: &[u8]| VerifiedRecord::verify(Envelope::of(&key, payload.to_vec()).sign());
    assert!(matches!(VerifiedRecord::verify(&[0xff][..]), Err(RecordError::Envelope(_))));
    assert_eq!(VerifiedRecord::verify(&[][..]), Err(RecordError::PayloadType));
    assert!(matches!(envelope(&[0xff]), Err(RecordError::Payload(_))));
    assert_eq!(envelope(&[]), Err(RecordError::PeerId));
    assert_eq!(envelope(&field(1, b"no multihash")), Err(RecordError::PeerId));
}

#[test]
fn a_key_is_required_whole() {
    let key = keypair(1);
    let signed = Envelope::of(&key, payload(&key, 7, &[])).sign();
    let encoded = key.public().encode_protobuf();
    let rest = signed.strip_prefix(&field(1, &encoded)[..]).unwrap();
    let (kind, data) = encoded.split_at(2);
    for part in [None, Some(kind), Some(data), Some(&[][..])] {
        let part = part.map(|part| field(1, part)).unwrap_or_default();
        let verified = VerifiedRecord::verify([&part, rest].concat());
        assert!(matches!(verified, Err(RecordError::PublicKey(_))), "{verified:?}");
    }
    // Protobuf merges the two halves into one message, wherever they are.
    let halves = [&field(1, data), rest, &field(1, kind)].concat();
    assert_eq!(VerifiedRecord::verify(halves).unwrap().sequence(), 7);
}

/// 0 is what protobuf reads of a number that is missing, and the number of RSA: the schema requires it.
#[test]
fn a_key_that_does_not_say_its_kind_is_not_one_of_rsa() {
    let cases = json("go/envelopes.json");
    let case = list(&cases["cases"]).iter().find(|case| case["key_type"] == "rsa-2048").unwrap();
    let key = Keypair::from_protobuf_encoding(&hex(&case["private_key"])).unwrap();
    let signed = Envelope::of(&key, payload(&key, 7, &[])).sign();
    assert!(VerifiedRecord::verify(signed.clone()).is_ok());
    let encoded = key.public().encode_protobuf();
    let rest = signed.strip_prefix(&field(1, &encoded)[..]).unwrap();
    let data = encoded.strip_prefix(&[8, 0]).unwrap();
    let verified = VerifiedRecord::verify([&field(1, data), rest].concat());
    assert!(matches!(verified, Err(RecordError::PublicKey(_))), "{verified:?}");
}

#[test]
fn an_address_that_cannot_be_read_or_is_empty_takes_nothing_with_it() {
    let key = keypair(1);
    let (tcp, quic) = (tcp(), addrs([QUIC]).remove(0).to_vec());
    let unknown = [0xff, 0xff, 0xff, 0x01];
    let payload = payload(&key, 7, &[&unknown, &tcp, &[], &tcp[..3], &quic, &tcp]);
    let record = VerifiedRecord::verify(Envelope::of(&key, payload).sign()).unwrap();
    assert_eq!(record.addresses(), addrs([TCP, QUIC, TCP]));
}

#[test]
fn an_empty_address_is_not_sealed() {
    let key = keypair(1);
    let with_empty = [addrs([TCP]), vec![Multiaddr::empty()]].concat();
    let sealed = VerifiedRecord::seal(&key, 7, &with_empty);
    assert_eq!(sealed, VerifiedRecord::seal(&key, 7, &addrs([TCP])));
}

#[test]
fn what_a_later_release_adds_is_kept_in_the_envelope() {
    let key = keypair(1);
    let payload = [payload(&key, 7, &[&tcp()]), field(9, b"later")].concat();
    let signed = [Envelope::of(&key, payload).sign(), number_field(14, 1)].concat();
    let record = VerifiedRecord::verify(signed.clone()).unwrap();
    assert_eq!(record.addresses(), addrs([TCP]));
    assert_eq!(*record.envelope(), signed);
}

#[test]
fn a_record_does_not_hold_on_to_the_buffer_that_it_came_in() {
    let key = keypair(1);
    let signed = Envelope::of(&key, payload(&key, 7, &[])).sign();
    let read = Bytes::from([&[0; 1000], &signed[..], &[0; 1000]].concat());
    let record = VerifiedRecord::verify(read.slice(1000..1000 + signed.len())).unwrap();
    assert!(read.is_unique());
    assert_eq!(*record.envelope(), signed);
}

#[test]
fn an_envelope_longer_than_the_limit_is_not_read() {
    let key = keypair(1);
    let signed = Envelope::of(&key, payload(&key, 7, &[])).sign();
    let len = signed.len();
    let too_long = RecordError::TooLong { len, limit: len - 1 };
    assert_eq!(VerifiedRecord::verify_with_limit(signed.clone(), len - 1), Err(too_long));
    for limit in [len, 0] {
        assert!(VerifiedRecord::verify_with_limit(signed.clone(), limit).is_ok());
    }
}

#[test]
fn as_an_error_of_the_datastore_it_is_the_input_that_is_wrong() {
    let error = VerifiedRecord::verify(&[0xff][..]).unwrap_err();
    let text = error.to_string();
    let error = datastore::Error::from(error);
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains(&text), "{error}");
}

#[test]
fn a_thousand_records_of_one_moment_are_each_newer_than_the_one_before() {
    let now = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    let mut last = None;
    for _ in 0..1_000 {
        let next = next_sequence(last, now).unwrap();
        assert!(Some(next) > last);
        last = Some(next);
    }
}

#[test]
fn an_identity_of_any_implementation_goes_on_with_higher_numbers() {
    let now = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    let ours = next_sequence(None, now + Duration::from_secs(1)).unwrap();
    let (seconds, millis, nanos) = (1_767_225_600, 1_767_225_600_000, 1_767_225_600_000_000_000);
    for theirs in [seconds, millis, nanos] {
        assert!(ours > theirs);
        assert_eq!(next_sequence(Some(theirs), now + Duration::from_secs(1)), Ok(ours));
    }
}

#[test]
fn a_clock_that_says_nothing_does_not_spoil_the_numbers() {
    let far = UNIX_EPOCH + Duration::from_secs(1 << 40);
    for clock in [UNIX_EPOCH - Duration::from_secs(1), far] {
        assert_eq!(next_sequence(None, clock), Ok(0));
        assert_eq!(next_sequence(Some(5), clock), Ok(6));
    }
}

#[test]
fn after_the_highest_number_there_is_none() {
    let error = next_sequence(Some(u64::MAX), SystemTime::UNIX_EPOCH);
    assert_eq!(error, Err(RecordError::SequenceExhausted));
    assert_eq!(next_sequence(Some(u64::MAX - 1), SystemTime::UNIX_EPOCH), Ok(u64::MAX));
}
