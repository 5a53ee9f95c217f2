//! Every answer that py-libp2p's persistent peerstore gives over its rows once it was opened again.

use std::collections::BTreeSet;

use peerstore::interop::{Flavour, ImportedValue};
use serde_json::Value;

use super::fixture::{Rows, by_peer, hex, import, load, text, texts, to_hex};

/// Where we do not answer as py, and why.
const NOT_AS_PY: [(&str, &str); 4] = [
    ("protocols", "a peer speaks a protocol once"),
    ("ttl", "py stores none, and takes 0 for ever; how long is for whoever takes the address in"),
    ("record", "py stores none, and answers an envelope with a key of zeros"),
    ("privkey", "the seed is written as libp2p's protobuf has it, with the public half"),
];

#[test]
fn every_book_is_as_py_answers_it() {
    let fixture = load("py/peerstore.json");
    let rows = pairs(&fixture["backends"]["sqlite"]["rows"]);
    assert_eq!(rows, pairs(&fixture["backends"]["memory"]["rows"]));
    assert!(rows.iter().all(|(key, _)| Flavour::of(key) == Some(Flavour::Py)));
    let imported = import(&rows);
    assert_eq!(imported.skipped, []);
    let peers = by_peer(&imported);
    let answers = fixture["backends"]["sqlite"]["answers_after_reopen"].as_object().unwrap();
    let mut used = BTreeSet::new();
    let mut seen = 0;
    for (id, answer) in answers.iter().filter(|(id, _)| !id.starts_with('_')) {
        seen += 1;
        let peer = peers[id];
        let addrs: Vec<_> = peer.addresses.iter().map(|address| address.addr.to_string()).collect();
        assert_eq!(addrs, list(&answer["addrs"]));
        assert!(peer.addresses.iter().all(|address| address.expiry.is_none()));
        if !addrs.is_empty() && answer["ttl"]["ok"] == 0 {
            used.insert("ttl");
        }

        let theirs = list(&answer["protocols"]);
        let mut once = theirs.clone();
        let mut known = BTreeSet::new();
        once.retain(|protocol| known.insert(protocol.clone()));
        assert_eq!(peer.protocols, once);
        if once != theirs {
            used.insert("protocols");
        }

        let public = peer.public_key.as_ref().map(|key| to_hex(key.encode_protobuf()));
        assert_eq!(public.as_deref(), answer["pubkey"]["ok"].as_str());
        let private = peer.private_key.as_ref().map(|key| key.encoded().to_vec());
        match answer["privkey"].get("ok").map(hex) {
            Some(theirs) if theirs[1] == 1 => {
                used.insert("privkey");
                let ours = private.unwrap();
                assert_eq!((ours.len(), &ours[4..36]), (68, &theirs[4..]));
            }
            theirs => assert_eq!(private, theirs),
        }

        for name in ["agent", "n", "flag"] {
            let ours = peer.metadata.iter().find(|(known, _)| known == name);
            let ours = ours.map(|(_, value)| match value {
                ImportedValue::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
                other => panic!("py has bytes alone, not {other:?}"),
            });
            assert_eq!(ours.as_deref(), answer[format!("metadata_{name}")]["ok"].as_str());
        }
        let latency = peer.latency.map_or(0.0, |latency| latency.as_secs_f64());
        assert_eq!(latency, answer["latency"]["ok"].as_f64().unwrap());

        assert_eq!(peer.envelope, None);
        if answer["record"]["ok"].is_string() {
            used.insert("record");
        }
    }
    assert_eq!(seen, 10);
    let table: BTreeSet<_> = NOT_AS_PY.iter().map(|(field, _)| *field).collect();
    assert_eq!(used, table, "an exception that is not needed");
    for peer in list(&answers["_peer_ids"]) {
        assert!(peers.contains_key(&peer));
    }
}

#[test]
fn the_node_s_own_envelope_is_that_of_its_signer() {
    let fixture = load("py/peerstore.json");
    let backend = &fixture["backends"]["sqlite"];
    let imported = import(&pairs(&backend["rows"]));
    let own: Vec<_> = imported.peers.iter().filter(|peer| peer.envelope.is_some()).collect();
    let [own] = own[..] else { panic!("{own:?}") };
    let envelope = own.envelope.as_ref().unwrap();
    assert_eq!(
        to_hex(&envelope.bytes),
        text(&backend["answers_after_reopen"]["_local_record"]["ok"])
    );
    let signed = libp2p_core::SignedEnvelope::from_protobuf_encoding(&envelope.bytes).unwrap();
    let record = libp2p_core::PeerRecord::from_signed_envelope_interop(signed).unwrap();
    assert_eq!((record.peer_id(), Some(record.seq())), (own.peer, envelope.sequence));
}

pub(super) fn pairs(rows: &Value) -> Rows {
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| (hex(&row[0]), hex(&row[1]))).collect()
}

/// A list, bare or under `ok`.
fn list(answer: &Value) -> Vec<String> {
    texts(answer.get("ok").unwrap_or(answer))
}
