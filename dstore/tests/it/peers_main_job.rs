//! The main job: what go and js nodes knew of their peers, into fjall; every run is a process of its own, which opens
//! the store anew. The dumps are old: what they gave a lifetime has expired, what is for ever is there.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::harness::{Place, Run, fixture_of_peers};

const STORE: &str = Place::STORE;

/// Go's time to live of what is for ever, in nanoseconds.
const PERMANENT: u64 = i64::MAX as u64;

/// Of a signed record whose addresses have all expired.
const NUMBER_ALONE: &str = "the signed record: none of its addresses is there; its number is kept";

fn load(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixture_of_peers(name)).unwrap()).unwrap()
}

pub(crate) fn import(place: &Place, name: &str, more: &[&str]) -> Run {
    let path = fixture_of_peers(name);
    let import = ["peers", "import", STORE, path.to_str().unwrap()];
    place.run(import.iter().chain(more))
}

pub(crate) fn show(place: &Place, peer: &str) -> Value {
    place.run(["peers", "show", STORE, peer, "--json"]).ok().objects().remove(0)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

/// The addresses of a peer in go's store that are for ever, and how many are not.
fn permanent(peer: &Value) -> (BTreeSet<String>, usize) {
    let (kept, others): (Vec<_>, Vec<_>) =
        list(&peer["stored_entries"]).partition(|entry| entry["ttl_ns"] == json!(PERMANENT));
    (kept.iter().map(|entry| text(&entry["addr"])).collect(), others.len())
}

#[test]
fn a_peerstore_of_go_is_imported_listed_and_shown() {
    let place = Place::new();
    let expected = load("go/pstoreds.expected.json");
    let run = import(&place, "go/pstoreds.json", &["--json"]);
    // Five values of metadata are of types that only a Go program knows.
    assert_eq!((run.code, run.err.as_str()), (Some(6), ""), "{run:?}");
    let lines = run.objects();
    let named = lines.iter().filter(|line| line["left_out"].is_string());
    let mut named: Vec<_> = named.map(|line| text(&line["why"])).collect();
    named.sort();
    named.dedup();
    let types = ["[]string", "main.Point", "map[string]int", "map[string]string", "time.Time"];
    let mut reasons = types.map(|name| format!("a value of the Go type {name} has no form here"));
    reasons.sort();
    let unasked = "the private key: not asked for with --private-keys".to_owned();
    assert_eq!(named, [&reasons[..], &[unasked, NUMBER_ALONE.to_owned()]].concat());
    let alone = lines.iter().filter(|line| line["why"] == json!(NUMBER_ALONE)).count();

    let imported: BTreeMap<_, _> = (lines.iter().filter(|line| line["peer"].is_string()))
        .map(|line| (text(&line["peer"]), line))
        .collect();
    let (mut kept, mut gone, mut protocols) = (0, 0, 0);
    for peer in list(&expected["peers"]) {
        let id = text(&peer["peer"]);
        let (addresses, expired) = permanent(peer);
        (kept, gone) = (kept + addresses.len(), gone + expired);
        let Some(line) = imported.get(&id) else {
            assert_eq!((addresses.len(), expired, list(&peer["protocols"]).count()), (0, 0, 0));
            continue;
        };
        assert_eq!(line["addresses"], json!(addresses.len()), "{line}");
        assert_eq!(line["expired"], json!(expired), "{line}");
        assert_eq!(line["protocols"], json!(list(&peer["protocols"]).count()), "{line}");
        if place.run(["peers", "show", STORE, &id]).code == Some(1) {
            assert_eq!(addresses.len() + list(&peer["protocols"]).count(), 0, "{id}");
            continue;
        }

        let shown = show(&place, &id);
        let theirs: BTreeSet<_> = list(&peer["protocols"]).map(text).collect();
        protocols += theirs.len();
        assert_eq!(list(&shown["protocols"]).map(text).collect::<BTreeSet<_>>(), theirs);
        let ours = list(&shown["addresses"]).map(|address| text(&address["addr"]));
        assert_eq!(ours.collect::<BTreeSet<_>>(), addresses, "{id}");
        for address in list(&shown["addresses"]) {
            let certified = address["certified"] == json!(true);
            let source = if certified { "signed" } else { "routing" };
            assert_eq!((&address["expiry_ms"], &address["source"]), (&json!(null), &json!(source)));
        }
        assert_eq!(shown["private_key"], json!(false));
        for entry in list(&peer["metadata"]).filter(|entry| entry["go_type"] == "string") {
            let wanted = json!({ "name": entry["key"], "type": "text", "value": entry["value"] });
            assert!(list(&shown["metadata"]).any(|ours| *ours == wanted), "{wanted}: {shown}");
        }
    }
    assert!(kept == 16 && gone == 105 && protocols > 0, "{kept} {gone} {protocols}");
    let sum = lines.last().unwrap();
    assert_eq!((&sum["addresses"], &sum["expired"]), (&json!(kept), &json!(gone)));
    assert_eq!((&sum["left_out"], &sum["private_keys_left_out"]), (&json!(5), &json!(3)));
    assert_eq!(sum["records_left_out"], json!(alone));
    let there = place.ok(["peers", "ls", STORE]).lines().count();
    let known = imported.values().filter(|line| line["known"] == json!(true)).count();
    assert_eq!((known, &sum["imported"]), (there, &json!(there)), "what is counted is there");
    assert_eq!(sum["nothing_to_keep"], json!(imported.len() - there));

    let listed = place.ok(["peers", "ls", STORE, "--with-addresses"]);
    let listed: BTreeSet<_> = listed.lines().map(str::to_owned).collect();
    let peers = list(&expected["peers"]).filter(|peer| !permanent(peer).0.is_empty());
    assert_eq!(listed, peers.map(|peer| text(&peer["peer"])).collect());
}

#[test]
fn a_peerstore_of_js_is_imported_listed_and_shown() {
    let place = Place::new();
    let expected = load("js/peerstore.expected.json");
    let run = import(&place, "js/peerstore.json", &[]);
    let alone = run.err.lines().filter(|line| line.ends_with(NUMBER_ALONE)).count();
    assert_eq!((run.code, alone, run.err.lines().count()), (Some(0), 3, 3), "{run:?}");
    let listed = place.ok(["peers", "ls", STORE]);
    let there = listed.lines().count();
    let sums = format!("\nimported {there} peers: addresses 0, ");
    assert!(run.text().contains(&sums), "{run:?}");
    let nothing = format!("\nnothing to keep: {} peers\n", 20 - there);
    assert!(run.text().ends_with(&nothing), "{run:?}");
    let mut tagged = 0;
    for (id, answer) in expected["at_dump"]["peers"].as_object().unwrap() {
        let Some(theirs) = answer["get"].get("ok") else { continue };
        let is_known = listed.lines().any(|line| line == id);
        let lasting = list(&theirs["tags"]).filter(|tag| tag["expiry"].is_null());
        let tags: Vec<_> = lasting
            .map(|tag| json!({ "name": tag["name"], "value": tag["value"], "expiry_ms": null }))
            .collect();
        if !is_known {
            let parts = [&theirs["tags"], &theirs["protocols"], &theirs["metadata"]];
            assert!(parts.iter().all(|part| list(part).next().is_none()), "{id}: {theirs}");
            continue;
        }
        let shown = show(&place, id);
        tagged += tags.len();
        assert_eq!(shown["tags"], json!(tags), "{id}");
        assert_eq!(shown["addresses"], json!([]), "js keeps nothing for ever: {id}");
        let theirs = list(&theirs["protocols"]).map(text).collect::<BTreeSet<_>>();
        assert_eq!(list(&shown["protocols"]).map(text).collect::<BTreeSet<_>>(), theirs);
    }
    assert!(tagged > 0);
    let kept = place.ok(["peers", "ls", STORE, "--tag", "keep-alive"]);
    assert_eq!(kept, "16Uiu2HAmBRSv3bAiv8T7kCVUT6631avLKsZHeXLLJV4PmGqLcqFQ\n");
}

#[test]
fn a_peerstore_of_py_is_imported_by_its_keys_of_bytes() {
    let place = Place::new();
    let backend = &load("py/peerstore.json")["backends"]["sqlite"];
    let hex = |value: &Value| data_encoding::HEXLOWER.decode(text(value).as_bytes()).unwrap();
    let lines: Vec<_> = list(&backend["rows"])
        .map(|row| {
            let key: String = hex(&row[0]).iter().map(|byte| format!("%{byte:02X}")).collect();
            let value = data_encoding::BASE64.encode(&hex(&row[1]));
            json!({ "key": key, "value": value }).to_string()
        })
        .collect();
    let rows = place.write("py.jsonl", lines.join("\n"));
    let import = ["peers", "import", STORE, rows.to_str().unwrap(), "--ttl", "7d", "--json"];
    let run = place.run(import);
    // Private keys were not asked for, and the node has stored no addresses of its own: nothing is wrong with that.
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
    let lines = run.objects();
    let alone = lines.iter().filter(|line| line["why"] == json!(NUMBER_ALONE)).count();
    assert_eq!((alone, &lines.last().unwrap()["records_left_out"]), (1, &json!(1)));
    let mut peers = 0;
    let answers = backend["answers_after_reopen"].as_object().unwrap();
    for (id, answer) in answers.iter().filter(|(id, _)| !id.starts_with('_')) {
        peers += 1;
        let texts = |answer: &Value| -> BTreeSet<_> {
            list(answer.get("ok").unwrap_or(answer)).map(text).collect()
        };
        assert!(lines.iter().any(|line| line["peer"] == json!(id)), "{id}");
        let shown = show(&place, id);
        let addresses = list(&shown["addresses"]).map(|address| text(&address["addr"]));
        assert_eq!(addresses.collect::<BTreeSet<_>>(), texts(&answer["addrs"]), "{id}");
        for address in list(&shown["addresses"]) {
            assert_eq!(address["ttl_ms"], json!(7 * 86_400_000), "py stores no times");
        }
        let latency = shown["reputation"]["latency_ns"].as_f64().unwrap_or_default();
        assert_eq!(latency / 1e9, answer["latency"]["ok"].as_f64().unwrap(), "{id}");
    }
    assert_eq!(peers, 10);
}

#[test]
fn what_is_exported_is_what_was_imported() {
    for (format, name) in [("go", "go/pstoreds.json"), ("js", "js/peerstore.json")] {
        let place = Place::new();
        import(&place, name, &["--private-keys"]);
        let export =
            ["peers", "export", STORE, "--format", format, "--private-keys", "-o", "again"];
        let run = place.run(export);
        assert_eq!(run.code, Some(0), "{run:?}");
        let other = "fjall:other";
        place.run(["peers", "import", other, "again", "--private-keys"]).ok();
        assert_eq!(place.ok(["peers", "ls", STORE]), place.ok(["peers", "ls", other]));
        for peer in place.ok(["peers", "ls", STORE]).lines() {
            let show =
                |url| place.run(["peers", "show", url, peer, "--json"]).ok().objects().remove(0);
            assert_eq!(show(STORE), show(other), "{format}");
        }
        // The rows are ones that any datastore takes.
        place.ok(["import", "fjall:rows", "again"]);
    }
}
