//! Envelopes that go-libp2p sealed or was shown, and what it says of each.

use libp2p_identity::Keypair;
use multiaddr::Multiaddr;
use peerstore::{RecordError, VerifiedRecord};
use serde_json::Value;

use super::fixtures::{hex, json, list, number, text};
use super::support::Differences;

fn cases() -> Vec<Value> {
    let cases = list(&json("go/envelopes.json")["cases"]).to_vec();
    assert_eq!(cases.len(), 277);
    cases
}

fn verify(case: &Value) -> Result<VerifiedRecord, RecordError> {
    VerifiedRecord::verify(hex(&case["envelope"]))
}

fn texts(addrs: &[Multiaddr]) -> Vec<String> {
    addrs.iter().map(Multiaddr::to_string).collect()
}

#[test]
fn every_envelope_gets_the_verdict_of_go() {
    for case in cases() {
        let (name, verified) = (text(&case["name"]), verify(&case));
        assert_eq!(verified.is_ok(), text(&case["verdict"]) == "valid", "{name}: {verified:?}");
        let Ok(record) = verified else { continue };
        let go = &case["go"]["record"];
        assert_eq!(record.peer().to_string(), text(&go["peer_id"]), "{name}");
        assert_eq!(record.sequence(), number(&go["seq"]), "{name}");
        assert_eq!(texts(record.addresses()), list(&go["addrs"]), "{name}");
        assert_eq!(record.envelope()[..], hex(&case["envelope"]), "{name}");
    }
}

#[test]
fn an_envelope_is_refused_for_the_reason_that_go_gives() {
    let mut differences = Differences::new(&[
        ("empty", "we look at the type before the key"),
        ("payload-type-altered", "we look at the type before the signature"),
        ("payload-type-removed", "we look at the type before the signature"),
    ]);
    let mut refused = 0;
    for case in cases() {
        let Err(error) = verify(&case) else { continue };
        refused += 1;
        let name = text(&case["name"]);
        let go = text(&case["go"]["consume_envelope_error"]);
        let reason = match &error {
            RecordError::Envelope(_) => "failed when unmarshalling the envelope: proto:",
            RecordError::PublicKey(_) => "failed when unmarshalling the envelope:",
            RecordError::Signature => "failed to validate envelope:",
            RecordError::PayloadType => "failed to unmarshal envelope payload: payload type",
            RecordError::Payload(_) => "failed to unmarshal envelope payload: proto:",
            RecordError::PeerId => "failed to unmarshal envelope payload:",
            // Go's envelopes do not look at it: the address book does.
            RecordError::OtherSigner { .. } if go.is_empty() => "",
            other => panic!("{name}: {other}"),
        };
        let of_protobuf = reason.ends_with("proto:");
        let same = go.starts_with(reason) && go.contains(" proto:") == of_protobuf;
        let kind = name.split('/').next_back().unwrap();
        assert!(same || differences.explain(kind), "{name}: {error}, and Go says {go}");
    }
    assert_eq!(refused, 170);
    differences.finish();
}

#[test]
fn an_envelope_that_is_written_in_an_unusual_way_gets_the_verdict_of_go() {
    let mut differences =
        Differences::new(&[("p384/good", "keys of ECDSA are of P-256 in rust-libp2p")]);
    let json = json("go/envelopes.unusual.json");
    assert_eq!(list(&json["cases"]).len(), 20);
    for case in list(&json["cases"]) {
        let (name, verified) = (text(&case["name"]), verify(case));
        if verified.is_ok() != (case["verdict"] == "valid") {
            assert!(differences.explain(name), "{name}: {verified:?}");
            continue;
        }
        let Ok(record) = verified else { continue };
        let go = &case["go"]["record"];
        assert_eq!(record.peer().to_string(), text(&go["peer_id"]), "{name}");
        assert_eq!(record.sequence(), number(&go["seq"]), "{name}");
        assert_eq!(texts(record.addresses()), list(&go["addrs"]), "{name}");
    }
    differences.finish();
}

/// What verifies, and is not what we make of the same record.
const NOT_OURS: &[(&str, &str)] = &[
    ("unknown-protocol-code", "its address is none to us"),
    ("only-unknown-protocol-code", "its address is none to us"),
    ("empty-multiaddr", "empty addresses are left out"),
    ("truncated-multiaddr", "its address is none to us"),
    ("payload-unknown-field", "we do not know the field"),
    ("payload-fields-reversed", "our fields are in the order of their numbers"),
    ("payload-seq-twice", "we write one"),
    ("signature-high-s", "we sign with the low s"),
];

#[test]
fn what_is_sealed_has_the_bytes_that_go_seals() {
    let mut not_ours = Differences::new(NOT_OURS);
    let mut compared = 0;
    for case in cases().iter().filter(|case| case["go"]["reencoded_equal"] == true) {
        let Ok(theirs) = verify(case) else { continue };
        let name = text(&case["name"]);
        let keypair = Keypair::from_protobuf_encoding(&hex(&case["private_key"])).unwrap();
        let ours = VerifiedRecord::seal(&keypair, theirs.sequence(), theirs.addresses()).unwrap();
        // A signature of ECDSA is another each time.
        if case["key_type"] == "ecdsa" {
            assert_eq!(VerifiedRecord::verify(ours.envelope().clone()).as_ref(), Ok(&ours));
            continue;
        }
        let kind = name.split('/').next_back().unwrap();
        let same = ours == theirs;
        assert!(same || not_ours.explain(kind), "{name}");
        compared += usize::from(same);
    }
    assert_eq!(compared, 3 * 12);
    not_ours.finish();
}
