//! Envelopes that py-libp2p's persistent peerstore answered with.

use libp2p_identity::Keypair;
use multiaddr::Multiaddr;
use peerstore::VerifiedRecord;

use super::fixtures::{hex, json, list, text};
use super::support::Differences;

#[test]
fn every_envelope_verifies_or_is_a_placeholder() {
    const PLACEHOLDER: &str =
        "py keeps no envelopes, and answers with a key of zeros after a restart";
    let mut differences = Differences::new(&[
        (
            "record of 16Uiu2HAmRiYDxGr81Gk9sMEh66x7s4Kd5zUyB7Q7qTiAW3H1mAsr, after closing and opening again",
            PLACEHOLDER,
        ),
        (
            "record of 16Uiu2HAmGWv94bNcsndww683JJGfBnFMe16gybKAX3ueGzDthd7V, after closing and opening again",
            PLACEHOLDER,
        ),
        (
            "record of 16Uiu2HAmUGecsNdtZdpZB35tXG8JNF1pZVCYdwg9gM79A5rCoDuh, after closing and opening again",
            PLACEHOLDER,
        ),
    ]);
    let json = json("py/envelopes.json");
    for case in list(&json["cases"]) {
        let name = text(&case["name"]);
        let Ok(record) = VerifiedRecord::verify(hex(&case["envelope"])) else {
            assert!(differences.explain(name), "{name}");
            continue;
        };
        // Of its own record, py says neither the peer nor the addresses apart from the envelope.
        let Some(peer) = case["peer_id"].as_str() else { continue };
        assert_eq!(record.peer().to_string(), peer);
        let mut addrs: Vec<_> = record.addresses().iter().map(Multiaddr::to_string).collect();
        addrs.sort();
        assert_eq!(addrs, list(&case["addrs"]), "{name}");

        let keypair = Keypair::from_protobuf_encoding(&hex(&case["private_key"])).unwrap();
        let ours = VerifiedRecord::seal(&keypair, record.sequence(), record.addresses()).unwrap();
        assert_eq!(ours, record, "{name}");
    }
    differences.finish();
}
