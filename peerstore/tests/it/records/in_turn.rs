//! Signed records that go-libp2p and js-libp2p were given one after the other, given to a peerstore.

use std::time::Duration;

use peerstore::Consumed;
use serde_json::Value;

use super::fixtures::{hex, json, list, number, text};
use super::support::Differences;
use crate::support::{HOUR, Open, World, sorted};

const NOT_AS_GO: [(&str, &str); 2] = [
    ("another of its number", "Go takes it, and keeps the addresses of both; here the first stays"),
    ("older", "Go forgets the number with the addresses; here it is known for two days more"),
];

#[tokio::test]
async fn records_are_taken_as_go_takes_them() {
    let json = json("go/envelopes.json");
    assert_eq!(list(&json["sequences"]).len(), 12);
    for world in World::all() {
        let mut differences = Differences::new(&NOT_AS_GO);
        let open = world.open().await;
        for sequence in list(&json["sequences"]) {
            take_as_go(&open, sequence, &mut differences).await;
        }
        open.close().await;
        differences.finish();
    }
}

async fn take_as_go(open: &Open, sequence: &Value, differences: &mut Differences) {
    // Each sequence was given to a peerstore of its own.
    let peer = peer_of(&list(&sequence["steps"])[0]);
    open.peers.forget(&peer).await.unwrap();
    let (mut before, mut same) = (Vec::new(), true);
    for step in list(&sequence["steps"]) {
        let go = &step["pstoreds"];
        assert_eq!(*go, step["pstoremem"]);
        let ttl = Duration::from_nanos(step["ttl_ns"].as_u64().unwrap());
        let consumed = open.peers.addresses().consume(hex(&step["envelope"]), ttl).await.unwrap();
        assert_eq!(go["error"], "");
        let taken = matches!(consumed, Consumed::Accepted | Consumed::Same);
        let known = sorted(open.peers.addresses().get(&peer).await.unwrap());
        if go["accepted"] == taken {
            // A newer one replaces what was known on either side.
            same |= taken;
        } else {
            let reason = match consumed {
                Consumed::Differs => "another of its number",
                Consumed::Older => "older",
                other => panic!("{other:?}, and Go does not take it"),
            };
            assert!(differences.explain(reason), "{} {}", sequence["name"], step["seq"]);
            same = false;
        }
        if same {
            assert_eq!(known, list(&go["addrs_sorted"]), "{} {}", sequence["name"], step["seq"]);
            let record = open.peers.addresses().record(&peer).await.unwrap();
            assert_eq!(go["get_peer_record_non_nil"], record.is_some());
        } else {
            assert_eq!(known, before);
        }
        before = known;
    }
}

#[tokio::test]
async fn records_are_taken_as_js_takes_them() {
    let json = json("js/envelopes.json");
    assert_eq!(list(&json["sequence"]["steps"]).len(), 8);
    for world in World::all() {
        let open = world.open().await;
        for step in list(&json["sequence"]["steps"]) {
            let book = open.peers.addresses();
            let consumed = book.consume(hex(&step["envelope"]), HOUR).await.unwrap();
            assert_eq!(step["accepted"], consumed == Consumed::Accepted, "{}", step["what"]);
            let known = book.get(&peer_of(step)).await.unwrap();
            let mut known: Vec<_> = known
                .entries()
                .map(|known| (known.addr().to_string(), known.is_certified()))
                .collect();
            known.sort();
            let js = list(&step["addresses_after"]).iter();
            let mut js: Vec<_> =
                js.map(|js| (text(&js["multiaddr"]).to_owned(), js["certified"] == true)).collect();
            js.sort();
            assert_eq!(known, js, "{}", step["what"]);
        }
        open.close().await;
    }
}

fn peer_of(step: &Value) -> libp2p_identity::PeerId {
    let record = peerstore::VerifiedRecord::verify(hex(&step["envelope"])).unwrap();
    assert_eq!(record.sequence(), number(&step["seq"]));
    *record.peer()
}
