//! `dstore blocks pin`, `rm`, `gc` and `verify`: what stays, and what goes.

use data_encoding::BASE32_NOPAD;
use datastore_blocks::Cid;
use s3_testing::{Answer, Fault, FaultProxy, Matcher, Method, S3Server};
use serde_json::json;

use crate::blocks_files::content;
use crate::buckets::{Cloud, STORE as BUCKET};
use crate::harness::Place;

const STORE: &str = Place::STORE;

/// Adds a file of several blocks without a pin; its CID, of version 1.
fn add(place: &Place, seed: &str) -> String {
    let add = ["blocks", "add", STORE, "-", "--cid-version", "1", "--no-pin"];
    place.feed(add, &content(seed, 1 << 20)).ok().text().trim_end().to_owned()
}

fn count(place: &Place) -> usize {
    place.ok(["blocks", "ls", STORE]).lines().count()
}

#[test]
fn pins_are_added_listed_and_taken_away() {
    let place = Place::new();
    let (one, two) = (add(&place, "one"), add(&place, "two"));
    place.ok(["blocks", "pin", "add", STORE, &one, "--name", "the first"]);
    let pinned = place.run(["blocks", "pin", "add", STORE, &two, "--direct", "--json"]).ok();
    assert_eq!(pinned.objects(), [json!({ "pinned": two, "mode": "direct" })]);
    let pins = place.run(["blocks", "pin", "ls", STORE, "--json"]).ok().objects();
    assert_eq!(
        pins,
        [
            json!({ "cid": two, "mode": "direct", "name": "" }),
            json!({ "cid": one, "mode": "recursive", "name": "the first" }),
        ]
    );
    let recursive = ["blocks", "pin", "ls", STORE, "--mode", "recursive"];
    assert_eq!(place.ok(recursive), format!("{one}  recursive  the first\n"));

    let leaf = place.ok(["blocks", "dag", "ls", STORE, &one]);
    let leaf = leaf.lines().next().unwrap();
    let pinned = |cid: &str| {
        let stat = place.run(["blocks", "stat", STORE, cid, "--json"]).ok().objects();
        (stat[0]["pinned"].clone(), stat[0]["through"].clone())
    };
    assert_eq!(pinned(&one), (json!("recursive"), json!(null)));
    assert_eq!(pinned(&two), (json!("direct"), json!(null)));
    assert_eq!(pinned(leaf), (json!("indirect"), json!(one)));
    assert!(place.ok(["blocks", "stat", STORE, leaf]).contains(&format!("through {one}")));

    place.ok(["blocks", "pin", "rm", STORE, &one]);
    assert_eq!(pinned(leaf), (json!(null), json!(null)));
    place.run(["blocks", "pin", "rm", STORE, &one, &two]).fails(1, &["not pinned", &one, "hint"]);
    assert_eq!(place.ok(["blocks", "pin", "ls", STORE]), "");
}

#[test]
fn what_is_pinned_is_not_removed_directly_or_below() {
    let place = Place::new();
    let (one, two) = (add(&place, "one"), add(&place, "two"));
    place.ok(["blocks", "pin", "add", STORE, &one]);
    let leaf = place.ok(["blocks", "dag", "ls", STORE, &one]);
    let leaf = leaf.lines().last().unwrap();
    let before = count(&place);
    for cids in [&[one.as_str()][..], &[leaf], &[&two, leaf]] {
        let rm = ["blocks", "rm", STORE].into_iter().chain(cids.iter().copied());
        place.run(rm).fails(3, &["nothing was removed", "--force"]);
    }
    assert_eq!(count(&place), before);
    place.ok(["blocks", "rm", STORE, &two]);
    let removed = place.run(["blocks", "rm", STORE, leaf, "--force", "--json"]).ok().objects();
    assert_eq!(removed, [json!({ "removed": 1 })]);
    assert_eq!(count(&place), before - 2);
    place.ok(["blocks", "rm", STORE, &two]);
}

#[test]
fn a_removal_is_not_forced_because_of_what_passes() {
    let server = S3Server::start();
    let proxy = FaultProxy::start(&server.endpoint());
    let (endpoint, credentials) = (proxy.endpoint(), server.credentials().clone());
    let region = server.region();
    let cloud = Cloud::of((server, proxy), &endpoint, region, credentials);
    cloud.place.write("innocent", "innocent");
    let innocent = cloud.ok(&["blocks", "put", BUCKET, "innocent"]);
    cloud.place.write("kept", content("kept", 300_000));
    cloud.ok(&["blocks", "add", BUCKET, "kept"]);
    let rm = ["blocks", "rm", BUCKET, innocent.trim_end()];

    // Neither the pins nor what they reach can be read.
    for prefix in ["/test-bucket", "/test-bucket/node/blocks/"] {
        let get = Matcher::method(Method::GET).path_prefix(prefix);
        let get = if prefix.ends_with('/') { get } else { get.parameter("list-type") };
        cloud.server.1.on(get, Fault::Answer(Answer::access_denied()));
        let run = cloud.run(&rm).fails(8, &["it is not known which blocks are pinned"]);
        assert!(!run.err.contains("--force"), "{run:?}");
        cloud.server.1.heal();
    }
    // Damage stays.
    let root = cloud.ok(&["blocks", "pin", "ls", BUCKET]);
    let root: Cid = root.split(' ').next().unwrap().parse().unwrap();
    let name = BASE32_NOPAD.encode(&root.hash().to_bytes());
    cloud.server.0.put_raw(&format!("node/blocks/{name}"), "damaged");
    cloud.run(&rm).fails(4, &["it is not known which blocks are pinned", "hint: --force"]);
    cloud.ok(&[&rm[..], &["--force"]].concat());
}

#[test]
fn garbage_goes_and_what_pins_reach_stays() {
    let place = Place::new();
    let (one, two) = (add(&place, "one"), add(&place, "two"));
    place.run(["blocks", "gc", STORE]).fails(2, &["nothing is pinned", "--yes"]);
    place.ok(["blocks", "pin", "add", STORE, &one]);
    assert_eq!(
        place.ok(["blocks", "gc", STORE, "--dry-run"]),
        "would remove 5 blocks, 1.0 MiB; kept 5 blocks, 1.0 MiB\n"
    );
    assert_eq!(count(&place), 10);
    let gc = place.run(["blocks", "gc", STORE, "--json"]).ok().objects();
    assert_eq!((&gc[0]["kept"], &gc[0]["swept"]), (&json!(5), &json!(5)));
    assert!(place.run(["blocks", "cat", STORE, &one]).ok().out == content("one", 1 << 20));
    assert_eq!(place.run(["blocks", "has", STORE, &two]).code, Some(1));
    place.ok(["blocks", "pin", "rm", STORE, &one]);
    place.ok(["blocks", "gc", STORE, "--yes"]);
    assert!(place.keys(STORE).is_empty(), "nor is a mark or a state left");
}

#[test]
fn nothing_goes_while_a_pinned_block_is_missing() {
    let place = Place::new();
    let (one, _) = (add(&place, "one"), add(&place, "two"));
    place.ok(["blocks", "pin", "add", STORE, &one]);
    place.ok(["blocks", "rm", STORE, &one, "--force"]);
    let before = count(&place);
    place.run(["blocks", "gc", STORE]).fails(4, &[&one, "--despite-missing"]);
    assert_eq!(count(&place), before);
    place.ok(["blocks", "gc", STORE, "--despite-missing"]);
    assert_eq!(count(&place), 0);
}

#[test]
fn a_pin_that_cannot_be_walked_leaves_a_block_of_unknown_state() {
    let place = Place::new();
    let put = |more: &[&str], data: &[u8]| {
        let put = ["blocks", "put", STORE].into_iter().chain(more.iter().copied());
        place.feed(put, data).ok().text().trim_end().to_owned()
    };
    let (innocent, kept) = (put(&[], b"innocent"), put(&[], b"kept"));
    let foreign = put(&["--codec", "git-raw"], b"a git object");
    place.ok(["blocks", "pin", "add", STORE, &foreign, "--no-check"]);
    place.ok(["blocks", "pin", "add", STORE, &kept]);

    let stat = place.run(["blocks", "stat", STORE, &innocent]);
    assert_eq!(stat.code, Some(0), "{stat:?}");
    assert!(stat.text().contains("  size    8 B\n  codec   raw\n"), "{stat:?}");
    assert!(stat.text().ends_with("  pinned  unknown\n"), "{stat:?}");
    assert!(stat.err.starts_with("warning: ") && stat.err.contains(&foreign), "{stat:?}");
    let stat = place.run(["blocks", "stat", STORE, &innocent, "--json"]);
    assert_eq!((stat.code, &stat.objects()[0]["pinned"]), (Some(0), &json!("unknown")));
    assert!(place.ok(["blocks", "stat", STORE, &kept]).ends_with("  pinned  recursive\n"));

    let gc = place.run(["blocks", "gc", STORE]).fails(4, &[&foreign, "unpin"]);
    assert!(!gc.err.contains("--despite-missing"), "{gc:?}");

    let rm = ["blocks", "rm", STORE, &innocent];
    place.run(rm).fails(2, &["nothing was removed", &foreign, "--force"]);
    place.ok(rm.into_iter().chain(["--force"]));
}

#[test]
fn nothing_goes_while_a_pinned_leaf_is_missing() {
    let place = Place::new();
    let (one, _) = (add(&place, "one"), add(&place, "two"));
    place.ok(["blocks", "pin", "add", STORE, &one]);
    let leaf = place.ok(["blocks", "dag", "ls", STORE, &one]);
    let leaf = leaf.lines().last().unwrap();
    place.ok(["blocks", "rm", STORE, leaf, "--force"]);
    let before = count(&place);
    place.run(["blocks", "gc", STORE]).fails(4, &[leaf, "--despite-missing"]);
    assert_eq!(count(&place), before);
    place.ok(["blocks", "gc", STORE, "--despite-missing"]);
    assert_eq!(count(&place), 4);
}

#[test]
fn a_collection_that_was_killed_is_finished_by_the_next() {
    let place = Place::new();
    let (one, two) = (add(&place, "one"), add(&place, "two"));
    let mut rows = String::new();
    for number in 0..3000 {
        let data = format!("block {number}");
        let cid = datastore_blocks::Block::new(datastore_blocks::RAW, data.clone());
        let name = BASE32_NOPAD.encode(&cid.cid().hash().to_bytes());
        let value = data_encoding::BASE64.encode(data.as_bytes());
        rows += &format!("{{\"key\":\"/blocks/{name}\",\"value\":\"{value}\"}}\n");
    }
    place.feed(["import", STORE], rows.as_bytes()).ok();
    place.ok(["blocks", "pin", "add", STORE, &one]);
    // Wherever it is then: the outcome is the same.
    let marks = "fjall:marks";
    for _ in 0..5 {
        let mut gc = place.command(["blocks", "gc", STORE, "--marks", marks]).spawn().unwrap();
        while !place.path("marks").exists() && gc.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        gc.kill().unwrap();
        gc.wait().unwrap();
    }
    place.ok(["blocks", "gc", STORE, "--marks", marks]);
    assert_eq!(count(&place), 5);
    assert_eq!(place.run(["blocks", "has", STORE, &two]).code, Some(1));
    assert!(place.run(["blocks", "cat", STORE, &one]).ok().out == content("one", 1 << 20));
    assert!(place.keys(marks).is_empty());
    assert_eq!(place.ok(["blocks", "gc", STORE, "--discard"]), "there is no such run\n");
}

#[test]
fn verifying_reports_damage_and_moves_it_only_when_told() {
    let place = Place::new();
    let one = add(&place, "one");
    assert_eq!(place.ok(["blocks", "verify", STORE]), "5 blocks verified (1.0 MiB), no damage\n");
    let name = "CIQLSTJHXGJU2PQIUUXFFV62PWV7VREE57RXUU4A52IIR55M4LX432I";
    let hello = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e";
    place.put(&format!("/blocks/{name}"), "hello worle");
    place.put("/blocks/no-block", "1");

    let verify = place.run(["blocks", "verify", STORE]);
    assert_eq!(verify.code, Some(4));
    let text = verify.text();
    assert!(text.starts_with(&format!("damaged: /blocks/{name}: ")), "{text}");
    assert!(text.contains("5 blocks verified (1.0 MiB), and the damage above\n"), "{text}");
    assert!(text.ends_with("no blocks, and left alone: 1\n"), "{text}");
    assert_eq!(count(&place), 6);

    let verify = place.run(["blocks", "verify", STORE, "--quarantine", "--json"]);
    assert_eq!(verify.code, Some(4));
    let moved = format!("/block-quarantine/{name}");
    assert_eq!(
        verify.objects()[0]["damaged"],
        json!([{ "key": format!("/blocks/{name}"),
        "size": 11, "fate": "moved", "moved": moved }])
    );
    assert_eq!(place.ok(["get", STORE, &moved]), "hello worle");
    assert_eq!(place.run(["blocks", "has", STORE, hello]).code, Some(1));
    place.ok(["blocks", "verify", STORE]);
    place.feed(["blocks", "put", STORE], b"hello world").ok();
    assert_eq!(place.ok(["blocks", "get", STORE, hello]), "hello world");
    place.ok(["blocks", "cat", STORE, &one, "-o", "one"]);
}

#[test]
fn reading_leaves_an_unfinished_collection_as_it_is() {
    let place = Place::new();
    let one = add(&place, "one");
    // One that only a newer version can go on with.
    place.put("/block-gc/state", "of a newer version");
    for command in
        [&["ls", STORE][..], &["cat", STORE, &one], &["export", STORE, &one], &["verify", STORE]]
    {
        let run = place.run(["blocks"].iter().chain(command));
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.err.starts_with("warning: "), "{run:?}");
        assert_eq!(place.ok(["get", STORE, "/block-gc/state"]), "of a newer version");
    }
}
