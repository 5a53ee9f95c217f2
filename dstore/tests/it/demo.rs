use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::harness::{Place, fixture_of_peers};

fn load(name: &str) -> Value {
    serde_json::from_slice(&fs::read(fixture_of_peers(name)).unwrap()).unwrap()
}

/// How many addresses peers have after one of go and one of js restarted, by what go and js say of their rows.
fn expected() -> [(&'static str, usize, usize); 2] {
    let list = |list: &Value| list.as_array().cloned().unwrap_or_default();
    let go = load("go/pstoreds.expected.json");
    let go = list(&go["peers"]);
    let before = go.iter().map(|peer| list(&peer["addrs"]).len()).sum();
    // The js node was stopped eight hours later: what is for ever is left.
    let entries = go.iter().flat_map(|peer| list(&peer["stored_entries"]));
    let after = entries.filter(|entry| entry["ttl_ns"] == i64::MAX as u64).count();

    let js = load("js/peerstore.expected.json");
    let own = js["self"].as_str().unwrap();
    // Of its own addresses js takes no notice of their age, and some it has twice.
    let others = |peers: &Value, addresses: fn(&Value) -> &Value| -> usize {
        let others = peers.as_object().unwrap().iter().filter(|(id, _)| *id != own);
        let texts = others.map(|(_, peer)| {
            let texts = list(addresses(peer)).into_iter().map(|address| {
                let text = address.as_str().or(address["multiaddr"].as_str());
                text.unwrap().to_owned()
            });
            texts.collect::<BTreeSet<_>>().len()
        });
        texts.sum()
    };
    let js_before = others(&js["at_dump"]["peers"], |peer| &peer["get"]["ok"]["addresses"]);
    let later = &js["later"][0];
    let minutes = later["now"].as_u64().unwrap() - js["at_dump"]["now"].as_u64().unwrap();
    assert_eq!(minutes, 20 * 60 * 1000);
    let js_after = others(&later["peers"], |peer| &peer["addresses"]);
    [("go-libp2p", before, after), ("js-libp2p", js_before, js_after)]
}

#[test]
fn the_demo_works_and_removes_its_temporary_directory() {
    let place = Place::new();
    let demo = place.command(["demo"]).env("TMPDIR", place.path("")).output().unwrap();
    let text = String::from_utf8(demo.stdout).unwrap();
    assert_eq!((demo.status.code(), demo.stderr.as_slice()), (Some(0), &b""[..]), "{text}");
    let mut parts = vec!["20,001 records read again and compared".to_owned()];
    for (node, before, after) in expected() {
        assert!(before > 10 && after > 10, "{node}: {before} {after}");
        let gone = before - after;
        parts.push(format!("{node}: 20 peers with {before} addresses"));
        parts.push(format!("are known; {after} addresses are there, {gone} have expired"));
    }
    for part in parts {
        assert!(text.contains(&part), "{part:?} is not in {text}");
    }
    assert!(place.names().is_empty());
}

#[test]
fn the_demo_leaves_a_store_where_that_is_asked() {
    let place = Place::new();
    let steps = place.run(["demo", "--dir", "my 100% data", "--json"]).ok().objects();
    assert_eq!(steps.len(), 8);
    assert_eq!(steps[7]["entries"], 20_001);
    let store = "fjall:my 100%25 data";
    let records = place.ok(["ls", store, "--below", "/providers"]);
    assert_eq!(records.lines().count(), 20_000);
    // Whoever looks now looks later than the restart was: what is for ever is there.
    let peers = place.ok(["peers", "ls", store, "--with-addresses"]);
    assert!(peers.contains("12D3KooWSYdnkW3Xnqp1SyKfoc5hqbgsYXEDdzYG7DFRckZWKSXB\n"), "{peers}");
    place.run(["demo", "--dir", "my 100% data"]).fails(2, &["wants none", "hint"]);
}

#[test]
fn the_second_process_of_the_demo_wants_the_store_of_the_first() {
    let place = Place::new();
    place
        .run(["demo", "--restarted", "fjall:none", "--at", "1767226200000"])
        .fails(5, &["cannot open"]);
    assert_eq!(place.run(["demo", "--restarted", "fjall:none"]).code, Some(2));
    assert!(place.names().is_empty());
}
