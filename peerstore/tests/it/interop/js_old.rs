//! The older layouts of js-libp2p: rows that its peer store 12 throws away.

use peerstore::interop::{ImportedPeer, ImportedValue};
use serde_json::Value;

use super::fixture::{by_peer, import, load, public_key, rows, text, texts, to_hex};

#[test]
fn books_have_what_js_answers_after_a_restart() {
    for path in ["js/peerstore.books-0.30.json", "js/peerstore.books-0.35.json"] {
        let fixture = load(path);
        let imported = import(&rows(&fixture["rows"]));
        assert_eq!(imported.skipped, []);
        let answers = fixture["answers_after_restart"].as_object().unwrap();
        assert_eq!((imported.peers.len(), answers.len()), (10, 10));
        for (id, answer) in answers {
            let peer = by_peer(&imported)[id];
            same(peer, answer, &answer["raw_envelope"]);
            assert_eq!(peer.tags, []);
        }
    }
}

#[test]
fn flat_rows_without_times_have_what_js_answers() {
    let fixture = load("js/peerstore.flat-0.36.json");
    let imported = import(&rows(&fixture["rows"]));
    assert_eq!(imported.skipped, []);
    let answers = fixture["answers"].as_object().unwrap();
    assert_eq!((imported.peers.len(), answers.len()), (8, 8));
    for (id, answer) in answers {
        same(by_peer(&imported)[id], answer, &answer["peer_record_envelope"]);
    }
}

/// Addresses of rows without times have no expiry: they have not expired, and are not for ever.
fn same(peer: &ImportedPeer, answer: &Value, envelope: &Value) {
    let ours: Vec<_> = peer
        .addresses
        .iter()
        .inspect(|address| {
            assert_eq!((address.expiry, address.ttl, address.last_seen), (None, None, None));
        })
        .map(|address| (address.addr.to_string(), to_hex(&address.addr), address.certified))
        .collect();
    let theirs: Vec<_> = answer["addresses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|address| {
            let certified = address["isCertified"].as_bool().unwrap();
            (text(&address["multiaddr"]), text(&address["hex"]), certified)
        })
        .collect();
    assert_eq!(ours, theirs);
    assert_eq!(peer.protocols, texts(&answer["protocols"]));
    let theirs = answer["metadata"].as_object().unwrap();
    assert_eq!(peer.metadata.len(), theirs.len());
    for (name, value) in &peer.metadata {
        let ImportedValue::Bytes(bytes) = value else { panic!("{value:?}") };
        assert_eq!(to_hex(bytes), text(&theirs[name]));
    }
    assert_eq!(public_key(peer), answer["pub_key"].as_str().unwrap_or_default());
    let ours = peer.envelope.as_ref().map(|envelope| to_hex(&envelope.bytes));
    assert_eq!(ours.as_deref(), envelope.as_str());
    if let Some(envelope) = &peer.envelope {
        let signed = libp2p_core::SignedEnvelope::from_protobuf_encoding(&envelope.bytes).unwrap();
        let record = libp2p_core::PeerRecord::from_signed_envelope_interop(signed).unwrap();
        assert_eq!(envelope.sequence, Some(record.seq()));
    }
    assert_eq!(peer.updated, None);
}
