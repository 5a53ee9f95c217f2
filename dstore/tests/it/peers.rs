//! `dstore peers`: what is added is listed and shown; what is wrong is refused and named.

use std::collections::BTreeSet;

use serde_json::json;

use crate::harness::Place;
use crate::peers_main_job::{import, show};

const STORE: &str = Place::STORE;
const PEER: &str = "12D3KooWSYdnkW3Xnqp1SyKfoc5hqbgsYXEDdzYG7DFRckZWKSXB";
const OTHER: &str = "12D3KooWMx9C4T2Fjiny1h9iEr9cPzUSnHDdeNvxwgUcb6aHXyCa";
const ADDR: &str = "/ip4/192.0.2.1/tcp/4001";

#[test]
fn addresses_are_added_shown_and_removed() {
    let place = Place::new();
    let with_id = format!("/ip4/192.0.2.2/tcp/4001/p2p/{PEER}");
    assert_eq!(place.ok(["peers", "add", STORE, PEER, ADDR, "--permanent"]), "");
    let added = place.run(["peers", "add", STORE, PEER, &with_id, "--ttl", "2d", "--json"]).ok();
    assert_eq!(added.objects(), [json!({ "peer": PEER, "addresses": 2 })]);
    let shown = show(&place, PEER);
    let addresses = shown["addresses"].as_array().unwrap();
    let address = |addr| addresses.iter().find(|address| address["addr"] == addr).unwrap();
    assert_eq!(address(ADDR)["expiry_ms"], json!(null));
    assert_eq!(address("/ip4/192.0.2.2/tcp/4001")["ttl_ms"], json!(172_800_000));
    assert_eq!(shown["public_key"]["type"], "Ed25519", "the id holds it");
    let text = place.ok(["peers", "show", STORE, PEER]);
    assert!(text.contains(&format!("  {ADDR}  for ever, user\n")), "{text}");
    // A minute of the two days is gone at most.
    assert!(text.contains("  /ip4/192.0.2.2/tcp/4001  47 h left, user\n"), "{text}");

    place.ok(["peers", "add", STORE, OTHER, ADDR]);
    let removed = place.run(["peers", "rm", STORE, PEER, "--json"]).ok().objects();
    assert_eq!(removed, [json!({ "peer": PEER, "removed": true })]);
    place.run(["peers", "show", STORE, PEER]).fails(1, &["nothing is known", "peers ls"]);
    let again = place.run(["peers", "rm", STORE, PEER, "--forget", "--json"]).ok().objects();
    assert_eq!(again, [json!({ "peer": PEER, "removed": false })]);
    assert_eq!(place.ok(["peers", "ls", STORE]), format!("{OTHER}\n"));
}

#[test]
fn an_address_of_another_peer_is_refused_and_none_is_added() {
    let place = Place::new();
    let wrong = format!("/ip4/192.0.2.1/tcp/4001/p2p/{OTHER}");
    place.run(["peers", "add", STORE, PEER, ADDR, &wrong]).fails(2, &["no address of", OTHER]);
    assert!(place.names().is_empty(), "no store was made");
    let relayed = format!("/ip4/192.0.2.1/tcp/4001/p2p/{OTHER}/p2p-circuit");
    place.ok(["peers", "add", STORE, PEER, &relayed]);
    assert_eq!(show(&place, PEER)["addresses"][0]["addr"], json!(relayed));
    place
        .run(["peers", "add", STORE, PEER, "/dns4//tcp/4001"])
        .fails(2, &["no address of", "empty"]);
    let own = format!("/p2p/{PEER}");
    place.run(["peers", "add", STORE, PEER, &own]).fails(2, &["no address of", "own id"]);
    for (peer, addr, ttl) in [("nobody", ADDR, "1h"), (PEER, "192.0.2.1", "1h"), (PEER, ADDR, "1")]
    {
        let add = ["peers", "add", STORE, peer, addr, "--ttl", ttl];
        place.run(add).fails(2, &[]);
    }
}

#[test]
fn reading_makes_no_store() {
    let place = Place::new();
    for command in ["ls", "stats", "export"] {
        place.run(["peers", command, STORE]).fails(5, &["cannot open"]);
    }
    place.run(["peers", "show", STORE, PEER]).fails(5, &["cannot open"]);
    place.run(["peers", "rm", STORE, PEER]).fails(5, &["cannot open"]);
    place.run(["peers", "gc", STORE]).fails(5, &["cannot open"]);
    place.feed(["peers", "import", STORE], b"{\"key\":1}").fails(6, &["nothing was imported"]);
    assert!(place.names().is_empty());
}

#[test]
fn pages_of_a_listing_are_the_listing() {
    let place = Place::new();
    import(&place, "go/pstoreds.json", &[]);
    let all = place.ok(["peers", "ls", STORE]);
    let all: Vec<_> = all.lines().collect();
    assert!(all.len() > 6, "{all:?}");
    let (mut paged, mut after) = (Vec::new(), None::<String>);
    loop {
        let mut ls = vec!["peers", "ls", STORE, "--limit", "3"];
        if let Some(after) = &after {
            ls.extend(["--after", after]);
        }
        let page = place.ok(&ls);
        paged.extend(page.lines().map(str::to_owned));
        match page.lines().last() {
            Some(last) => after = Some(last.to_owned()),
            None => break,
        }
    }
    assert_eq!(paged, all);
    let kad = place.run(["peers", "ls", STORE, "--protocol", "/ipfs/kad/1.0.0", "--json"]).ok();
    assert!(kad.objects().contains(&json!({ "peer": PEER })), "{kad:?}");
    assert!(kad.objects().len() < all.len());
}

#[test]
fn what_cannot_be_imported_is_named_and_hides_nothing() {
    let place = Place::new();
    let rows = concat!(
        r#"{"key":"/peers/hello","value":""}"#,
        "\n",
        r#"{"key":"/other","value":"AA=="}"#,
        "\n",
        r#"{"key":"protocol:%00%24%08%01%12%20aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","value":"CgIveA=="}"#,
    );
    let run = place.feed(["peers", "import", STORE], rows.as_bytes());
    assert_eq!(run.code, Some(6), "{run:?}");
    assert_eq!(
        run.err,
        "left out: /peers/hello: no peer id is where one should be\n\
         left out: /other: not a row of a peerstore of go, js or py\n"
    );
    assert!(
        run.text().ends_with("imported 1 peer: addresses 0, expired 0, left out 2\n"),
        "{run:?}"
    );
    let peer = place.ok(["peers", "ls", STORE, "--protocol", "/x"]);
    assert!(run.text().starts_with(&format!("{}  protocols 1\n", peer.trim_end())), "{run:?}");
}

#[test]
fn private_keys_go_in_and_out_only_when_asked_for() {
    let place = Place::new();
    let count = |url| {
        let stats = place.run(["peers", "stats", url, "--json"]).ok().objects().remove(0);
        stats["private_keys"].as_u64().unwrap()
    };
    let run = import(&place, "go/pstoreds.json", &[]);
    assert_eq!(run.err.matches("the private key: not asked for").count(), 3, "{run:?}");
    assert_eq!(count(STORE), 0);
    import(&place, "go/pstoreds.json", &["--private-keys"]);
    assert_eq!(count(STORE), 3);

    let without = place.run(["peers", "export", STORE, "-o", "without"]);
    assert_eq!(without.err.matches("the private key: not asked for").count(), 3, "{without:?}");
    assert_eq!(
        std::fs::read_to_string(place.path("without")).unwrap().matches("/priv\"").count(),
        0
    );
    place.run(["peers", "export", STORE, "-o", "with", "--private-keys"]);
    assert_eq!(std::fs::read_to_string(place.path("with")).unwrap().matches("/priv\"").count(), 3);
    let js = place.run(["peers", "export", STORE, "--format", "js", "--private-keys"]);
    assert_eq!((js.code, js.err.matches("the private key\n").count()), (Some(0), 3), "{js:?}");
}

#[cfg(unix)]
#[test]
fn a_file_with_private_keys_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    import(&place, "go/pstoreds.json", &["--private-keys"]);
    let there = place.write("there", "what everybody may read");
    std::fs::set_permissions(&there, std::fs::Permissions::from_mode(0o644)).unwrap();
    for name in ["new", "there"] {
        place.run(["peers", "export", STORE, "-o", name, "--private-keys"]);
        let mode = std::fs::metadata(place.path(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn a_name_is_not_printed_whole_however_long_a_peer_makes_it() {
    let place = Place::new();
    // An entry of metadata of js, {key: "mm…"}.
    let name = [&[0x0a, 0xf0, 0xa2, 0x04][..], &[b'm'; 70_000]].concat();
    let row = [&[0x32, 0xf4, 0xa2, 0x04][..], &name].concat();
    let key = "/peers/bafzaajaiaejcag72w3fdc4hnphxebnm2cac2zc47yhjmsjtzuq7gjs6ifd7wzoqy";
    let line = json!({ "key": key, "value": data_encoding::BASE64.encode(&row) });
    let run = place.feed(["peers", "import", STORE], line.to_string().as_bytes());
    assert_eq!(run.code, Some(6), "{}", run.err.len());
    assert!(run.err.len() < 1000, "{} bytes", run.err.len());
    assert!(run.err.starts_with("left out: ") && run.err.contains("at most"), "{}", run.err);
}

#[test]
fn stats_count_what_is_there_and_gc_says_what_went() {
    let place = Place::new();
    place.ok(["peers", "add", STORE, PEER, ADDR, "/ip4/192.0.2.2/tcp/4001", "--permanent"]);
    place.ok(["peers", "add", STORE, OTHER, ADDR]);
    let stats = place.run(["peers", "stats", STORE, "--json"]).ok().objects().remove(0);
    for (name, count) in [("peers", 2), ("addresses", 3), ("permanent", 2), ("certified", 0)] {
        assert_eq!(stats[name], json!(count), "{name}");
    }
    assert_eq!(stats["rows"]["addrs"]["rows"], json!(2));
    let text = place.ok(["peers", "stats", STORE]);
    assert!(text.starts_with("           2  peers\n           2  with addresses\n"), "{text}");
    assert_eq!(place.ok(["peers", "gc", STORE]), "rows removed: 0; made shorter: 0\n");
    let gc = place.run(["peers", "gc", STORE, "--json"]).ok().objects();
    assert_eq!(gc[0]["due"], json!(0));
}

#[test]
fn a_damaged_row_hides_no_other_and_reading_leaves_it() {
    let place = Place::new();
    place.ok(["peers", "add", STORE, PEER, ADDR]);
    place.ok(["peers", "add", STORE, OTHER, ADDR]);
    let key = place.keys(STORE).into_iter().find(|key| key.starts_with("/peers/addrs/")).unwrap();
    place.put(&key, "damage");
    let ls = place.run(["peers", "ls", STORE, "--with-addresses"]);
    assert_eq!((ls.code, ls.text().lines().count()), (Some(0), 1), "{ls:?}");
    let show = [PEER, OTHER].map(|peer| place.run(["peers", "show", STORE, peer]).err).concat();
    assert!(show.contains("passed over") && !show.contains("quarantine"), "{show}");
    assert_eq!(place.ok(["get", STORE, &key]), "damage");
}

#[test]
fn a_listing_may_have_another_order() {
    let place = Place::new();
    place.ok(["peers", "add", STORE, PEER, ADDR]);
    place.ok(["peers", "add", STORE, OTHER, ADDR]);
    let ls = |order| place.ok(["peers", "ls", STORE, "--order", order]);
    let both: BTreeSet<_> = [PEER, OTHER].into();
    assert_eq!(ls("score").lines().collect::<BTreeSet<_>>(), both, "nobody was ever asked");
    assert_eq!(ls("seen").lines().next(), Some(OTHER), "the last that was heard of");
    let one = place.ok(["peers", "ls", STORE, "--order", "seen", "-n", "1"]);
    assert_eq!(one, format!("{OTHER}\n"));
    assert_eq!(place.ok(["peers", "ls", STORE, "--proven"]), "");
    let after = ["peers", "ls", STORE, "--order", "seen", "--after", PEER];
    place.run(after).fails(2, &["--after"]);
}
