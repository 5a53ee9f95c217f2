//! Envelopes that js-libp2p sealed or was shown, and what it says of each.

use libp2p_identity::Keypair;
use multiaddr::Multiaddr;
use peerstore::{RecordError, VerifiedRecord};
use serde_json::Value;

use super::fixtures::{hex, json, list, number, text};
use super::support::Differences;

fn cases() -> Vec<Value> {
    let cases = list(&json("js/envelopes.json")["cases"]).to_vec();
    assert_eq!(cases.len(), 137);
    cases
}

fn verify(case: &Value) -> Result<VerifiedRecord, RecordError> {
    VerifiedRecord::verify(hex(&case["envelope"]))
}

fn bytes(addrs: &[Multiaddr]) -> Vec<Vec<u8>> {
    addrs.iter().map(Multiaddr::to_vec).collect()
}

#[test]
fn every_envelope_gets_the_verdict_of_js_or_differs_for_a_reason() {
    let mut verdicts = Differences::new(&[
        ("another payload type, signed (0302)", "js does not compare the payload type; Go does"),
        (
            "another payload type, signed (\"/libp2p/routing-state-record\")",
            "js does not compare the payload type; Go does",
        ),
        ("empty payload type, signed", "js does not compare the payload type; Go does"),
        (
            "unknown multiaddr protocol between two good ones",
            "js refuses the record for one address; Go leaves it out",
        ),
        (
            "only an unknown multiaddr protocol",
            "js refuses the record for one address; Go leaves it out",
        ),
        ("truncated multiaddr", "js refuses the record for one address; Go leaves it out"),
    ]);
    let mut addresses = Differences::new(&[
        ("empty multiaddr between two good ones", "js keeps an empty address; Go leaves it out"),
        ("only an empty multiaddr", "js keeps an empty address; Go leaves it out"),
        (
            "AddressInfo message without a multiaddr field",
            "js keeps an empty address; Go leaves it out",
        ),
    ]);
    for case in cases() {
        let (name, verified) = (text(&case["name"]), verify(&case));
        if verified.is_ok() != (case["verdict"] == "valid") {
            assert!(verdicts.explain(name), "{name}: {verified:?}");
            continue;
        }
        let Ok(record) = verified else { continue };
        let js = &case["record"];
        assert_eq!(record.peer().to_string(), text(&js["peer_id"]), "{name}");
        assert_eq!(record.sequence(), number(&js["seq"]), "{name}");
        assert_eq!(record.envelope()[..], hex(&case["envelope"]), "{name}");
        let mut theirs: Vec<_> = list(&js["addresses_hex"]).iter().map(hex).collect();
        if theirs.contains(&Vec::new()) {
            assert!(addresses.explain(name), "{name}");
            theirs.retain(|addr| !addr.is_empty());
        }
        assert_eq!(bytes(record.addresses()), theirs, "{name}");
    }
    verdicts.finish();
    addresses.finish();
}

#[test]
fn the_good_addresses_of_a_record_that_js_refuses_are_read() {
    let good = |name: &str| {
        let cases = cases();
        let case = cases.iter().find(|case| case["name"] == name).unwrap();
        verify(case).unwrap().addresses().len()
    };
    assert_eq!(good("unknown multiaddr protocol between two good ones"), 2);
    assert_eq!(good("only an unknown multiaddr protocol"), 0);
}

/// js-libp2p verifies what it signs so and then refuses its own record, so that the verdicts agree.
#[test]
fn keys_in_the_ecdsa_encoding_that_js_alone_uses_are_refused_as_keys() {
    let cases = cases();
    let signed = |case: &&Value| case["key_type"] == "ECDSA" && case["open"]["ok"] == true;
    let signed: Vec<_> = cases.iter().filter(signed).collect();
    assert_eq!(signed.len(), 2);
    for case in signed {
        assert!(matches!(verify(case), Err(RecordError::PublicKey(_))), "{}", case["name"]);
    }
}

#[test]
fn what_is_sealed_has_the_bytes_that_js_seals() {
    let mut compared = 0;
    for case in cases().iter().filter(|case| case["group"] == "valid") {
        let Ok(theirs) = verify(case) else {
            assert_eq!(case["key_type"], "ECDSA");
            continue;
        };
        let keypair = Keypair::from_protobuf_encoding(&hex(&case["private_key"])).unwrap();
        let addrs = list(&case["addresses_hex"]).iter().map(hex);
        let addrs: Vec<_> = addrs.map(|addr| Multiaddr::try_from(addr).unwrap()).collect();
        let ours = VerifiedRecord::seal(&keypair, number(&case["seq"]), &addrs).unwrap();
        assert_eq!(ours, theirs, "{}", case["name"]);
        compared += 1;
    }
    assert_eq!(compared, 16);
}
