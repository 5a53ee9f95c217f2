//! Rows that are read and written again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use datastore::Expiry;
use peerstore::PeerImportOptions;
use peerstore::interop::{
    Exported, ImportedAddress, ImportedPeer, ImportedTag, ImportedValue, LeftOut, to_go, to_js,
};

use super::fixture::{at_secs, import, load, rows, sorted, to_hex};
use crate::support::{World, peer};

const NOW: u64 = 1_767_226_200;

/// Rows of Go that we do not write as they were, and why.
const NOT_AS_GO_WROTE: [(&str, &str); 4] = [
    ("skipped", "its type has no form here"),
    ("int64", "an integer is written as Go's int"),
    ("unordered", "a map of two entries or more has no order in Go; ours is sorted"),
    ("empty set", "a peer without protocols has no row of them"),
];

#[test]
fn rows_of_go_come_out_byte_for_byte() {
    for set in ["go/pstoreds.json", "go/pstoreds-gc.json"] {
        let original = rows(&load(set)["entries"]);
        let imported = import(&original);
        let again = export(&imported.peers, |peer| to_go(peer, at_secs(NOW)).unwrap());
        let mut differ = BTreeSet::new();
        let mut equal = 0;
        for (key, value) in &original {
            if key.starts_with(b"/peers/gc/") {
                assert!(!again.contains_key(key), "Go keeps its index itself");
                continue;
            }
            let written = again.get(key);
            if written == Some(value) {
                equal += 1;
                continue;
            }
            let reason = match written {
                None if imported.skipped.iter().any(|row| row.key == *key) => "skipped",
                None => "empty set",
                Some(_) if key.ends_with(b"/protocols") => "unordered",
                Some(_) if value.windows(5).any(|part| part == b"int64") => "int64",
                Some(_) => panic!("{}", key.escape_ascii()),
            };
            differ.insert(reason);
        }
        let table: BTreeSet<_> = NOT_AS_GO_WROTE.iter().map(|(reason, _)| *reason).collect();
        assert_eq!(differ, table, "{set}: an exception that is not needed, or one that is missing");
        assert!(equal > 30, "{set}: {equal}");
        assert!(again.keys().all(|key| original.iter().any(|(known, _)| known == key)));
    }
}

#[test]
fn what_was_written_for_go_says_the_same() {
    for set in ["go/pstoreds.json", "go/pstoreds-gc.json"] {
        let imported = import(&rows(&load(set)["entries"]));
        let again = export(&imported.peers, |peer| to_go(peer, at_secs(NOW)).unwrap());
        let again = import(&again.into_iter().collect());
        assert_eq!(again.skipped, []);
        assert_eq!(ordered(again.peers), ordered(with_content(imported.peers)), "{set}");
    }
}

#[test]
fn rows_of_js_come_out_byte_for_byte() {
    let original = rows(&load("js/peerstore.json")["rows"]);
    let imported = import(&original);
    let again = export(&imported.peers, |peer| {
        let exported = to_js(peer, at_secs(NOW)).unwrap();
        assert_eq!(exported.left_out, []);
        exported
    });
    assert_eq!(again.len(), original.len());
    for (key, value) in original {
        assert_eq!(to_hex(&again[&key]), to_hex(value), "{}", key.escape_ascii());
    }
}

#[test]
fn rows_of_older_js_are_written_as_js_writes_them_now() {
    for path in ["js/peerstore.books-0.30.json", "js/peerstore.flat-0.36.json"] {
        let now = at_secs(NOW);
        let imported = import(&rows(&load(path)["rows"]));
        let again = export(&imported.peers, |peer| to_js(peer, now).unwrap());
        let again = import(&again.into_iter().collect());
        let expected = imported.peers.into_iter().map(|mut peer| {
            peer.updated = Some(now);
            for address in &mut peer.addresses {
                let hour = Duration::from_secs(3600);
                address.expiry = Some(Expiry::after(now, hour));
                address.ttl = Some(hour);
                address.last_seen = Some(now);
            }
            peer
        });
        assert_eq!(again.peers, expected.collect::<Vec<_>>(), "{path}");
    }
}

#[test]
fn what_go_knows_js_can_be_told() {
    let imported = import(&rows(&load("go/pstoreds.json")["entries"]));
    let now = at_secs(NOW);
    let again = export(&imported.peers, |peer| to_js(peer, now).unwrap());
    let again = import(&again.into_iter().collect());
    assert_eq!(again.peers.len(), imported.peers.len());
    let hour = Duration::from_secs(3600);
    for (told, known) in again.peers.iter().zip(&imported.peers) {
        let addrs = |peer: &ImportedPeer| -> Vec<_> {
            peer.addresses.iter().map(|address| address.addr.clone()).collect()
        };
        assert_eq!(addrs(told), addrs(known));
        for (told, known) in told.addresses.iter().zip(&known.addresses) {
            match known.expiry.unwrap() {
                Expiry::NEVER => {
                    assert!(told.expiry.unwrap() > Expiry::after(now, hour * 1_000_000));
                }
                expiry => assert_eq!(told.expiry, Some(expiry)),
            }
            assert_eq!(told.certified, known.certified);
        }
        assert_eq!(told.protocols, known.protocols);
        assert_eq!(
            told.envelope.as_ref().map(|e| &e.bytes),
            known.envelope.as_ref().map(|e| &e.bytes)
        );
        assert_eq!(told.public_key, known.public_key);
    }
}

#[test]
fn what_the_other_cannot_hold_is_told() {
    let go = load("go/pstoreds.json");
    let imported = import(&rows(&go["entries"]));
    let left_out: Vec<_> = imported
        .peers
        .iter()
        .flat_map(|peer| to_js(peer, at_secs(NOW)).unwrap().left_out)
        .map(|left_out| left_out.to_string())
        .collect();
    let names =
        ["bool", "deep/er/key", "float", "int", "int64", "maxint64", "minint64", "neg", "uint64"];
    let mut expected: Vec<_> = names.iter().map(|name| format!("metadata {name:?}")).collect();
    expected.extend(std::iter::repeat_n("the private key".to_owned(), 3));
    assert_eq!(sorted(left_out), sorted(expected));

    let mut peer = ImportedPeer::new(imported.peers[0].peer);
    for name in ["protocols", "", "..", "a//b", "fine", "a/b"] {
        peer.metadata.push((name.to_owned(), ImportedValue::Bool(true)));
    }
    peer.tags.push(ImportedTag { name: "a".to_owned(), value: 1, expiry: Expiry::NEVER });
    peer.latency = Some(Duration::from_millis(5));
    let exported = to_go(&peer, at_secs(NOW)).unwrap();
    assert_eq!(exported.rows.len(), 2);
    let names = ["protocols", "", "..", "a//b"];
    let mut expected: Vec<_> =
        names.iter().map(|name| LeftOut::Metadata((*name).to_owned())).collect();
    expected.extend([LeftOut::Tags, LeftOut::Latency]);
    assert_eq!(exported.left_out, expected);
}

#[tokio::test]
async fn a_value_of_a_type_that_nobody_else_has_is_left_out_and_taken_in_again() {
    let world = World::memory();
    let open = world.open().await;
    let (id, other) = (peer(1), World::memory().open().await);
    open.peers.metadata().put_typed(&id, "typed", &("relay", 3)).await.unwrap();
    open.peers.metadata().put_bytes(&id, "bytes", "1").await.unwrap();
    let known = open.peers.export(&id, false).await.unwrap().unwrap();
    for exported in [to_go(&known, at_secs(NOW)).unwrap(), to_js(&known, at_secs(NOW)).unwrap()] {
        assert_eq!(exported.left_out, [LeftOut::Metadata("typed".to_owned())]);
        let again = import(&exported.rows.into_iter().map(pair).collect());
        let bytes = ImportedValue::Bytes("1".into());
        assert_eq!(again.peers[0].metadata, [("bytes".to_owned(), bytes)]);
    }
    other.peers.import(&known, &PeerImportOptions::default()).await.unwrap();
    let typed = other.peers.metadata().get_typed::<(String, u8)>(&id, "typed").await.unwrap();
    assert_eq!(typed, Some(("relay".to_owned(), 3)));
    other.close().await;
    open.close().await;
}

#[test]
fn an_address_without_times_gets_an_hour() {
    let now = at_secs(NOW);
    let mut peer = import(&rows(&load("go/pstoreds.json")["entries"])).peers.remove(0);
    peer.addresses = vec![ImportedAddress {
        addr: "/ip4/192.0.2.1/tcp/1".parse().unwrap(),
        ttl: None,
        expiry: None,
        connected: false,
        certified: false,
        last_seen: None,
    }];
    for exported in [to_go(&peer, now).unwrap(), to_js(&peer, now).unwrap()] {
        let again = import(&exported.rows.into_iter().map(pair).collect());
        let address = &again.peers[0].addresses[0];
        let hour = Duration::from_secs(3600);
        assert_eq!(address.expiry, Some(Expiry::after(now, hour)));
        assert_eq!((address.ttl, address.last_seen), (Some(hour), Some(now)));
    }
    // One that is for ever, and was never seen, is for ever.
    peer.addresses[0].expiry = Some(Expiry::NEVER);
    let again = import(&to_go(&peer, now).unwrap().rows.into_iter().map(pair).collect());
    assert_eq!(again.peers[0].addresses[0].expiry, Some(Expiry::NEVER));
}

fn export(
    peers: &[ImportedPeer],
    export: impl Fn(&ImportedPeer) -> Exported,
) -> BTreeMap<Vec<u8>, Vec<u8>> {
    peers.iter().flat_map(|peer| export(peer).rows).map(pair).collect()
}

fn pair((key, value): (datastore::Key, Vec<u8>)) -> (Vec<u8>, Vec<u8>) {
    (key.as_bytes().to_vec(), value)
}

/// Protocols and metadata in one order: what is exported for Go is sorted.
fn ordered(peers: Vec<ImportedPeer>) -> Vec<ImportedPeer> {
    let ordered = peers.into_iter().map(|mut peer| {
        peer.protocols.sort();
        peer.metadata.sort_by(|a, b| a.0.cmp(&b.0));
        peer
    });
    ordered.collect()
}

/// Those of whom there is anything to write.
fn with_content(peers: Vec<ImportedPeer>) -> Vec<ImportedPeer> {
    let empty = |peer: &ImportedPeer| *peer == ImportedPeer::new(peer.peer);
    peers.into_iter().filter(|peer| !empty(peer)).collect()
}
