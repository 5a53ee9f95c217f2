//! Every answer that go-libp2p's pstoreds gives over its rows.

use std::collections::{BTreeMap, BTreeSet};

use libp2p_core::SignedEnvelope;
use peerstore::interop::{ImportedPeer, ImportedValue};
use serde_json::Value;

use super::fixture::{
    at_secs, by_peer, hex, import, live, load, public_key, rows, skipped, sorted, text, texts,
    to_hex,
};

const SETS: [&str; 2] = ["go/pstoreds", "go/pstoreds-gc"];

/// Go's times to live, in nanoseconds.
const PERMANENT: u64 = i64::MAX as u64;
const CONNECTED: u64 = PERMANENT - 1;

/// The kinds of peers of which we do not answer as Go: addresses that the node was connected to. That
/// session is over, so they end 15 minutes after they were written; in Go they live for 292 years.
const NOT_AS_GO: [&str; 3] =
    ["certified-replaced/rsa-2048", "every-ttl/ed25519", "over-cap/ed25519"];

#[test]
fn addresses_live_as_long_as_go_says() {
    for set in SETS {
        let imported = import(&rows(&load(&format!("{set}.json"))["entries"]));
        let peers = by_peer(&imported);
        let expected = load(&format!("{set}.expected.json"));
        let mut moments = vec![(expected["now_unix"].as_u64().unwrap(), answers_now(&expected))];
        for later in expected["later"].as_array().unwrap() {
            let addrs = later["addrs"].as_object().unwrap();
            let addrs = addrs.iter().map(|(peer, addrs)| (peer.clone(), texts(addrs))).collect();
            moments.push((later["now_unix"].as_u64().unwrap(), addrs));
        }
        assert_eq!(moments.len(), 4);
        let connected = connected(&expected);
        let mut used = BTreeSet::new();
        for (now, answers) in moments {
            for (peer, mut theirs) in answers {
                let ours = peers.get(&peer).map_or_else(Vec::new, |peer| live(peer, at_secs(now)));
                let (kind, connected) = &connected[&peer];
                theirs.retain(|addr| {
                    let excused = connected.contains(addr) && !ours.contains(addr);
                    if excused {
                        used.insert(kind.as_str());
                    }
                    !excused
                });
                assert_eq!(ours, sorted(theirs), "{set}: {peer} at {now}");
            }
        }
        assert_eq!(used, BTreeSet::from(NOT_AS_GO), "{set}");
    }
}

#[test]
fn every_entry_of_an_address_record_is_there_with_its_times() {
    for set in SETS {
        let imported = import(&rows(&load(&format!("{set}.json"))["entries"]));
        let peers = by_peer(&imported);
        let mut entries = 0;
        for expected in load(&format!("{set}.expected.json"))["peers"].as_array().unwrap() {
            let stored = expected["stored_entries"].as_array().unwrap();
            let Some(peer) = peers.get(&text(&expected["peer"])) else {
                assert!(stored.is_empty(), "{expected}");
                continue;
            };
            let ours: Vec<_> = peer.addresses.iter().map(|addr| addr.addr.to_string()).collect();
            let theirs: Vec<_> = stored.iter().map(|entry| text(&entry["addr"])).collect();
            assert_eq!(ours, theirs);
            for (address, entry) in peer.addresses.iter().zip(stored) {
                entries += 1;
                let expiry = entry["expiry_unix"].as_u64().unwrap();
                let ttl = entry["ttl_ns"].as_u64().unwrap();
                let millis = address.expiry.unwrap().as_millis();
                let ours = address.ttl.map(|ttl| ttl.as_nanos() as u64);
                match ttl {
                    PERMANENT => assert_eq!((millis, ours), (u64::MAX, None)),
                    CONNECTED => {
                        let written = expiry * 1000 - ttl / 1_000_000;
                        assert!(address.connected);
                        assert!(millis.abs_diff(written + 15 * 60_000) <= 1000, "{millis}");
                    }
                    ttl => {
                        assert_eq!((millis, ours), (expiry * 1000, Some(ttl)));
                        let seen = at_secs(expiry) - address.ttl.unwrap();
                        assert_eq!(address.last_seen, Some(seen));
                    }
                }
            }
        }
        assert!(entries > 100, "{entries}");
    }
}

#[test]
fn protocols_and_keys_are_those_that_go_answers() {
    for set in SETS {
        let imported = import(&rows(&load(&format!("{set}.json"))["entries"]));
        let peers = by_peer(&imported);
        for expected in load(&format!("{set}.expected.json"))["peers"].as_array().unwrap() {
            let id = text(&expected["peer"]);
            let peer = peers[&id];
            assert_eq!(sorted(peer.protocols.clone()), sorted(texts(&expected["protocols"])));
            assert_eq!(public_key(peer), text(&expected["public_key"]), "{id}");
            let private = peer.private_key.as_ref().map(|key| to_hex(key.encoded()));
            assert_eq!(private.unwrap_or_default(), text(&expected["private_key"]), "{id}");
            if let Some(key) = &peer.private_key {
                assert_eq!(key.keypair().public().to_peer_id().to_string(), id);
            }
        }
    }
}

#[test]
fn metadata_has_the_values_that_go_answers() {
    for set in SETS {
        let imported = import(&rows(&load(&format!("{set}.json"))["entries"]));
        let peers = by_peer(&imported);
        let mut foreign_types = Vec::new();
        for expected in load(&format!("{set}.expected.json"))["peers"].as_array().unwrap() {
            let peer = peers[&text(&expected["peer"])];
            let mut names = BTreeSet::new();
            for entry in expected["metadata"].as_array().unwrap() {
                let name = text(&entry["key"]);
                if name == "protocols" {
                    continue;
                }
                match value_of(entry) {
                    Some(value) => {
                        assert_eq!(metadata(peer, &name), Some(&value), "{name}");
                        names.insert(name);
                    }
                    None => foreign_types.push(text(&entry["go_type"])),
                }
            }
            let ours: BTreeSet<_> = peer.metadata.iter().map(|(name, _)| name.clone()).collect();
            assert_eq!(ours, names);
        }
        foreign_types.sort();
        let skipped = sorted(skipped(&imported));
        assert_eq!(skipped.len(), foreign_types.len());
        for name in &foreign_types {
            let reason = format!("a value of the Go type {name} has no form here");
            assert!(
                skipped.iter().any(|skipped| skipped.ends_with(&reason)),
                "{name}: {skipped:?}"
            );
        }
        assert_eq!(
            foreign_types,
            ["[]string", "main.Point", "map[string]int", "map[string]string", "time.Time"]
        );
    }
}

#[test]
fn envelopes_are_whole_and_certify_the_addresses_that_they_list() {
    for set in SETS {
        let imported = import(&rows(&load(&format!("{set}.json"))["entries"]));
        let peers = by_peer(&imported);
        let expected = load(&format!("{set}.expected.json"));
        let mut envelopes = 0;
        for expected in expected["peers"].as_array().unwrap() {
            let peer = peers[&text(&expected["peer"])];
            let Some(sequence) = expected.get("peer_record_seq") else {
                assert_eq!(peer.envelope, None);
                continue;
            };
            envelopes += 1;
            let envelope = peer.envelope.as_ref().unwrap();
            assert_eq!(envelope.sequence.unwrap().to_string(), text(sequence));
            let theirs = hex(&expected["peer_record_envelope"]);
            // Go does not answer a record whose addresses are all expired.
            if !theirs.is_empty() {
                assert_eq!(envelope.bytes, theirs);
            }
            let signed = SignedEnvelope::from_protobuf_encoding(&envelope.bytes).unwrap();
            let record = libp2p_core::PeerRecord::from_signed_envelope_interop(signed).unwrap();
            assert_eq!(record.peer_id(), peer.peer);
            for address in &peer.addresses {
                assert_eq!(address.certified, record.addresses().contains(&address.addr));
            }
            assert!(peer.addresses.iter().any(|address| address.certified));
        }
        assert_eq!(envelopes, 4);
    }
}

#[test]
fn peers_are_listed_as_go_lists_them() {
    for set in SETS {
        let imported = import(&rows(&load(&format!("{set}.json"))["entries"]));
        let expected = load(&format!("{set}.expected.json"));
        let listed = |listed: &dyn Fn(&ImportedPeer) -> bool| -> Vec<String> {
            let listed = imported.peers.iter().filter(|peer| listed(peer));
            sorted(listed.map(|peer| peer.peer.to_string()).collect())
        };
        let addrs = listed(&|peer| !peer.addresses.is_empty());
        assert_eq!(addrs, sorted(texts(&expected["lists"]["peers_with_addrs"])));
        let keys = listed(&|peer| peer.public_key.is_some() || peer.private_key.is_some());
        assert_eq!(keys, sorted(texts(&expected["lists"]["peers_with_keys"])));
        // Go lists no peers of whom it has nothing but metadata; they are there all the same.
        assert_eq!(imported.peers.len(), expected["peers"].as_array().unwrap().len());
    }
}

fn answers_now(expected: &Value) -> Vec<(String, Vec<String>)> {
    let peers = expected["peers"].as_array().unwrap().iter();
    peers.map(|peer| (text(&peer["peer"]), texts(&peer["addrs"]))).collect()
}

/// The kind of each peer, and its addresses that are marked as connected.
fn connected(expected: &Value) -> BTreeMap<String, (String, Vec<String>)> {
    let peers = expected["peers"].as_array().unwrap().iter();
    let connected = peers.map(|peer| {
        let entries = peer["stored_entries"].as_array().unwrap().iter();
        let entries = entries.filter(|entry| entry["ttl_ns"].as_u64() == Some(CONNECTED));
        let addrs = entries.map(|entry| text(&entry["addr"])).collect();
        (text(&peer["peer"]), (text(&peer["kind"]), addrs))
    });
    connected.collect()
}

fn metadata<'p>(peer: &'p ImportedPeer, name: &str) -> Option<&'p ImportedValue> {
    peer.metadata.iter().find(|(known, _)| known == name).map(|(_, value)| value)
}

/// The value in our form; `None` for types that have none.
fn value_of(entry: &Value) -> Option<ImportedValue> {
    let value = &entry["value"];
    Some(match text(&entry["go_type"]).as_str() {
        "string" => ImportedValue::Text(text(value)),
        "int" | "int64" => ImportedValue::Int(text(value).parse().unwrap()),
        "uint64" => ImportedValue::Uint(text(value).parse().unwrap()),
        "float64" => ImportedValue::Float(text(value).parse().unwrap()),
        "bool" => ImportedValue::Bool(value.as_bool().unwrap()),
        "[]uint8" => ImportedValue::Bytes(hex(value).into()),
        _ => return None,
    })
}
