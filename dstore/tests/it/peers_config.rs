//! `dstore peers --config` and `--preset`: as the node opens its peers.

use serde_json::json;

use crate::harness::Place;

const STORE: &str = Place::STORE;
const PEER: &str = "12D3KooWSYdnkW3Xnqp1SyKfoc5hqbgsYXEDdzYG7DFRckZWKSXB";

fn addrs(count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("/ip4/192.0.2.{n}/tcp/4001")).collect()
}

/// How many addresses the peer has after so many were added with these arguments.
fn added(place: &Place, store: &str, count: usize, with: &[&str]) -> u64 {
    let addrs = addrs(count);
    let add = ["peers", "add", store, PEER, "--json"].into_iter().chain(with.iter().copied());
    let run = place.run(add.chain(addrs.iter().map(String::as_str))).ok();
    run.objects()[0]["addresses"].as_u64().unwrap()
}

#[test]
fn a_file_says_the_limits_and_the_store() {
    for (name, text) in [
        ("peers.toml", "[store]\nurl = 'fjall:store'\n[peers.limits]\naddresses = 3\n"),
        ("json", r#" {"store": {"url": "fjall:store"}, "peers": {"limits": {"addresses": 3}}}"#),
    ] {
        let place = Place::new();
        place.write(name, text);
        assert_eq!(added(&place, "config:", 5, &["--config", name]), 3);
        assert_eq!(added(&place, STORE, 5, &[]), 5, "without one there are no limits");
        let ls = ["peers", "--config", name, "ls", "config:"];
        assert_eq!(place.ok(ls), format!("{PEER}\n"));
        let show = place.run(["peers", "show", "config:", PEER, "--config", name, "--json"]).ok();
        assert_eq!(show.objects()[0]["addresses"].as_array().unwrap().len(), 5, "reading is none");
        assert_eq!(added(&place, STORE, 1, &["--config", name]), 3);
    }
}

#[test]
fn a_preset_says_the_limits() {
    let place = Place::new();
    assert_eq!(added(&place, STORE, 70, &["--preset", "small"]), 16);
    assert_eq!(added(&place, STORE, 70, &["--preset", "server"]), 64);
    assert_eq!(added(&place, STORE, 70, &[]), 70);
    let both = ["peers", "ls", STORE, "--preset", "small", "--config", "peers.toml"];
    place.run(both).fails(2, &["--config"]);
    place.run(["peers", "ls", STORE, "--preset", "tiny"]).fails(2, &["small", "default", "server"]);
    place.run(["peers", "ls", "config:"]).fails(2, &["config:", "--config FILE"]);
}

#[test]
fn what_the_node_would_not_write_is_written_when_it_is_said() {
    let place = Place::new();
    place.write("peers.toml", "store = { url = 'fjall:store' }\npeers.persistence = 'proven'\n");
    assert_eq!(added(&place, "config:", 2, &["--config", "peers.toml"]), 2);
    assert_eq!(place.ok(["peers", "ls", "config:", "--config", "peers.toml"]), format!("{PEER}\n"));
}

#[test]
fn a_file_that_is_wrong_is_refused_with_its_name_the_key_and_what_is_allowed() {
    let place = Place::new();
    let store = "[store]\nurl = 'fjall:store'\n";
    for (text, says) in [
        ("", &["`store`"][..]),
        ("[store\n", &["line 1: "]),
        ("[store]\nurl = 'ftp:x'\n", &["line 2: ", "`fjall:PATH`"]),
        ("[peers.limits]\nadresses = 1\n", &["`peers.limits.adresses`", "`addresses`"]),
        ("[peers.limits]\naddresses = -1\n", &["`peers.limits.addresses`", "-1"]),
        ("[peers.gc]\nstrategy = 'never'\n", &["`peers.gc.strategy`", "`interval`", "`manual`"]),
        ("[peers.gc]\ninterval = 'soon'\n", &["`peers.gc.interval`", "30s"]),
        ("[peers]\ncache_bytes = '64MB'\n", &["`peers.cache_bytes`", "64MiB"]),
    ] {
        let text = if text.contains("store") || text.is_empty() {
            text.to_owned()
        } else {
            format!("{store}{text}")
        };
        place.write("peers.toml", &text);
        let run = place.run(["peers", "ls", STORE, "--config", "peers.toml"]);
        run.fails(6, says).fails(6, &["peers.toml", "hint: it has `store`"]);
    }
    place.write("peers.json", r#"{"store": {"url": "fjall:store"}, "preset": "tiny"}"#);
    let run = place.run(["peers", "ls", STORE, "--config", "peers.json"]);
    run.fails(6, &["peers.json", "`tiny`", "`small`", "`default`", "`server`"]);
    place.run(["peers", "ls", STORE, "--config", "none"]).fails(6, &["cannot open none"]);
    assert_eq!(place.names(), ["peers.json", "peers.toml"], "no store was made");
}

#[test]
fn a_secret_in_a_file_is_not_printed() {
    let place = Place::new();
    place.write("peers.toml", "[store]\nurl = 's3://user:hidden@bucket/x'\n");
    let run = place.run(["peers", "ls", "config:", "--config", "peers.toml"]);
    assert_ne!(run.code, Some(0));
    assert!(!format!("{run:?}").contains("hidden"), "{run:?}");
}

#[test]
fn stats_count_by_book_and_gc_tells_all_that_it_did() {
    let place = Place::new();
    added(&place, STORE, 2, &["--ttl", "1s"]);
    let row = r#"{"key":"protocol:%00%24%08%01%12%20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","value":"CgIveA=="}"#;
    place.write("rows", row);
    place.ok(["peers", "import", STORE, "rows"]);
    let stats = place.run(["peers", "stats", STORE, "--json"]).ok().objects().remove(0);
    let books = json!({
        "addresses": 1, "watermarks": 0, "protocols": 1, "keys": 0, "private_keys": 0, "tags": 0,
        "reputation": 0, "metadata": 0,
    });
    assert_eq!(stats["books"], books);
    let text = place.ok(["peers", "stats", STORE]);
    assert!(text.contains("\npeers in each book\n           1  addresses\n"), "{text}");
    // The time of the addresses ends by the clock of the machine alone.
    let gc = loop {
        let gc = place.run(["peers", "gc", STORE, "--json"]).ok().objects().remove(0);
        if gc["due"] != json!(0) {
            break gc;
        }
    };
    let expected = json!({
        "due": 1, "trimmed": 0, "removed": 1, "postponed": 0, "skipped": 0,
        "watermarks_over_the_limit": 0,
    });
    assert_eq!(gc, expected);
    let stats = place.run(["peers", "stats", STORE, "--json"]).ok().objects().remove(0);
    assert_eq!(stats["books"]["addresses"], json!(0));
}

/// The rows of so many peers, as py has them: the protocols of each, or so many addresses of the first.
fn rows(peers: usize, addresses: u8) -> String {
    let key = |book: &str, n: usize| format!("{book}:%00%24%08%01%12%20{n:032}");
    let protocols = (0..peers).map(|n| json!({ "key": key("protocol", n), "value": "CgIveA==" }));
    let items = (1..=addresses).flat_map(|n| [10, 8, 4, 192, 0, 2, n, 6, 15, 161]);
    let items = data_encoding::BASE64.encode(&items.collect::<Vec<u8>>());
    let addresses = json!({ "key": key("addr", 0), "value": items });
    protocols.chain([addresses]).map(|row| format!("{row}\n")).collect()
}

#[test]
fn what_an_import_has_no_room_for_is_counted() {
    let place = Place::new();
    let limits = "[peers.limits]\npeers = 3\naddresses = 2\n";
    place.write("peers.toml", format!("[store]\nurl = 'fjall:store'\n{limits}"));
    place.write("rows", rows(5, 6));
    let import = ["peers", "import", "config:", "rows", "--config", "peers.toml"];
    let run = place.run(import.iter().chain(&["--json"]));
    assert_eq!(run.code, Some(6), "{run:?}");
    let lines = run.objects();
    let why = json!("4 addresses: one peer has at most 2");
    assert_eq!(lines.iter().filter(|line| line["why"] == why).count(), 1, "{lines:?}");
    let sum = lines.last().unwrap();
    for (name, count) in [("imported", 5), ("evicted", 2), ("over_limit", 4), ("left_out", 1)] {
        assert_eq!(sum[name], json!(count), "{name}: {sum}");
    }
    assert_eq!(place.ok(["peers", "ls", STORE]).lines().count(), 3);

    let run = place.run(["peers", "import", "fjall:other", "rows"]).ok();
    assert!(run.text().ends_with("imported 5 peers: addresses 6, expired 0, left out 0\n"));
    place.write("more", rows(5, 0));
    let run = place.run(["peers", "import", "fjall:third", "more", "--config", "peers.toml"]);
    assert!(
        run.text().ends_with(
            "imported 5 peers: addresses 0, expired 0, left out 0\n\
             removed, since there was no room: 2 peers\n"
        ),
        "{run:?}"
    );
}
