//! Every answer that js-libp2p's peer store 12 gives over its rows.

use std::time::Duration;

use peerstore::interop::{ImportedPeer, ImportedValue};
use serde_json::Value;

use super::fixture::{
    at_millis, by_peer, hex, import, live, load, public_key, rows, sorted, text, texts, to_hex,
};

#[test]
fn every_field_is_the_one_that_js_answers() {
    let imported = import(&rows(&load("js/peerstore.json")["rows"]));
    assert_eq!(imported.skipped, []);
    assert_eq!(imported.peers.len(), load("js/peerstore.json")["rows"].as_array().unwrap().len());
    let peers = by_peer(&imported);
    let expected = load("js/peerstore.expected.json");
    let own = text(&expected["self"]);
    let now = at_millis(expected["at_dump"]["now"].as_u64().unwrap());
    let mut answered = Vec::new();
    for (id, answer) in expected["at_dump"]["peers"].as_object().unwrap() {
        let Some(answer) = answer["get"].get("ok") else {
            continue;
        };
        answered.push(id.clone());
        let peer = peers[id];
        assert_eq!(peer.peer.to_string(), text(&answer["peer_id"]));
        assert_eq!(public_key(peer), text(&answer["public_key"]), "{id}");
        assert_eq!(sorted(peer.protocols.clone()), sorted(texts(&answer["protocols"])), "{id}");
        assert_eq!(metadata(peer), pairs(&answer["metadata"]), "{id}");
        assert_eq!(tags(peer, Some(now)), tags_of(&answer["tags"]), "{id}");
        let envelope = peer.envelope.as_ref().map(|envelope| to_hex(&envelope.bytes));
        assert_eq!(envelope.as_deref(), answer["peer_record_envelope"].as_str(), "{id}");
        assert_eq!(peer.updated, Some(at_millis(answer["updated"].as_u64().unwrap())));
        let mut theirs: Vec<_> = answer["addresses"]
            .as_array()
            .unwrap()
            .iter()
            .map(|address| {
                let certified = address["isCertified"].as_bool().unwrap();
                (text(&address["multiaddr"]), text(&address["hex"]), certified)
            })
            .collect();
        theirs.sort();
        let mut ours: Vec<_> = peer
            .addresses
            .iter()
            // Addresses of the node itself stay however old they are.
            .filter(|address| id == &own || !address.expiry.unwrap().is_past(now))
            .map(|address| (address.addr.to_string(), to_hex(&address.addr), address.certified))
            .collect();
        ours.sort();
        assert_eq!(ours, theirs, "{id}");
    }
    let mut there = texts(&expected["at_dump"]["all"]);
    there.push(own);
    assert_eq!(sorted(answered), sorted(there));
}

#[test]
fn addresses_tags_and_peers_end_when_js_says() {
    let imported = import(&rows(&load("js/peerstore.json")["rows"]));
    let peers = by_peer(&imported);
    let expected = load("js/peerstore.expected.json");
    let own = text(&expected["self"]);
    let peer_age = Duration::from_millis(expected["max_peer_age_ms"].as_u64().unwrap());
    let moments = expected["later"].as_array().unwrap();
    assert_eq!(moments.len(), 5);
    for moment in moments {
        let now = at_millis(moment["now"].as_u64().unwrap());
        for (id, answer) in moment["peers"].as_object().unwrap() {
            let Some(peer) = peers.get(id) else {
                assert_eq!(answer["has"], false);
                continue;
            };
            let live = if id == &own { all(peer) } else { live(peer, now) };
            let stale = peer.updated.unwrap() + peer_age < now;
            let there = id == &own || !stale || !live.is_empty();
            assert_eq!(there, answer["has"].as_bool().unwrap(), "{id} at {}", moment["now"]);
            if there {
                assert_eq!(live, sorted(texts(&answer["addresses"])), "{id}");
                let tags: Vec<_> = tags(peer, Some(now)).into_iter().map(|tag| tag.0).collect();
                assert_eq!(tags, sorted(texts(&answer["tags"])), "{id}");
            }
        }
    }
}

#[test]
fn the_sequence_that_an_envelope_claims_is_told() {
    let imported = import(&rows(&load("js/peerstore.json")["rows"]));
    let mut envelopes = 0;
    for peer in &imported.peers {
        let Some(envelope) = &peer.envelope else { continue };
        envelopes += 1;
        let signed = libp2p_core::SignedEnvelope::from_protobuf_encoding(&envelope.bytes).unwrap();
        let record = libp2p_core::PeerRecord::from_signed_envelope_interop(signed).unwrap();
        assert_eq!(envelope.sequence, Some(record.seq()));
    }
    assert!(envelopes > 0);
}

pub(super) fn metadata(peer: &ImportedPeer) -> Vec<(String, String)> {
    let metadata = peer.metadata.iter().map(|(name, value)| match value {
        ImportedValue::Bytes(bytes) => (name.clone(), to_hex(bytes)),
        other => panic!("js has bytes alone, not {other:?}"),
    });
    let mut metadata: Vec<_> = metadata.collect();
    metadata.sort();
    metadata
}

fn all(peer: &ImportedPeer) -> Vec<String> {
    sorted(peer.addresses.iter().map(|address| address.addr.to_string()).collect())
}

type Tag = (String, u32, Option<u64>);

fn tags(peer: &ImportedPeer, now: Option<std::time::SystemTime>) -> Vec<Tag> {
    let live = peer.tags.iter();
    let live = live.filter(|tag| !now.is_some_and(|now| tag.expiry.is_past(now)));
    let mut tags: Vec<_> = live
        .map(|tag| {
            let millis = tag.expiry.as_millis();
            (tag.name.clone(), tag.value, (millis != u64::MAX).then_some(millis))
        })
        .collect();
    tags.sort();
    tags
}

fn tags_of(list: &Value) -> Vec<Tag> {
    let tags = list.as_array().unwrap().iter().map(|tag| {
        let expiry = tag["expiry"].as_str().map(|millis| millis.parse().unwrap());
        (text(&tag["name"]), u32::try_from(tag["value"].as_u64().unwrap()).unwrap(), expiry)
    });
    let mut tags: Vec<_> = tags.collect();
    tags.sort();
    tags
}

pub(super) fn pairs(list: &Value) -> Vec<(String, String)> {
    let pairs = list.as_array().unwrap().iter();
    let mut pairs: Vec<_> = pairs.map(|pair| (text(&pair[0]), to_hex(hex(&pair[1])))).collect();
    pairs.sort();
    pairs
}
