//! `dstore blocks add` and `cat`: files in and out.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::{Place, fixture_of_blocks};

const STORE: &str = Place::STORE;

/// The bytes that the files of `go/unixfs.json` begin with.
pub(crate) fn content(seed: &str, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size + 32);
    for counter in 0u64.. {
        if bytes.len() >= size {
            break;
        }
        bytes.extend_from_slice(
            &Sha256::new().chain_update(seed).chain_update(counter.to_be_bytes()).finalize(),
        );
    }
    bytes.truncate(size);
    bytes
}

/// A file that go made blocks of, with the CIDs that it gave it: version 0, and 1 with raw leaves.
struct OfGo {
    bytes: Vec<u8>,
    v0: String,
    v1: String,
    blocks_v1: usize,
}

fn of_go() -> Vec<OfGo> {
    let text = std::fs::read_to_string(fixture_of_blocks("go/unixfs.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    let file = |file: &Value| {
        let size = file["size"].as_u64().unwrap() as usize;
        let text = |name: &str| file[name].as_str().unwrap().to_owned();
        OfGo {
            bytes: match file["seed"].as_str() {
                Some(seed) => content(seed, size),
                None => vec![0; size],
            },
            v0: text("cid_v0_dagpb_leaves"),
            v1: text("cid_v1_raw_leaves"),
            blocks_v1: file["distinct_blocks_v1"].as_u64().unwrap() as usize,
        }
    };
    let files: Vec<OfGo> = all["files"].as_array().unwrap().iter().map(file).collect();
    assert_eq!(files.len(), 15);
    files
}

#[test]
fn files_get_the_cids_that_go_gives_them_and_come_back_byte_for_byte() {
    for (number, OfGo { bytes, v0, v1, blocks_v1 }) in of_go().into_iter().enumerate() {
        let place = Place::new();
        place.write("file", &bytes);
        assert_eq!(
            place.ok(["blocks", "add", STORE, "file", "--cid-version", "1"]),
            format!("{v1}\n")
        );
        let blocks = place.ok(["blocks", "ls", STORE]).lines().count();
        assert_eq!(blocks, blocks_v1, "file {number}");
        assert_eq!(place.ok(["blocks", "add", STORE, "file"]), format!("{v0}\n"));
        for cid in [v0, v1] {
            place.ok(["blocks", "cat", STORE, &cid, "-o", "again"]);
            let again = std::fs::read(place.path("again")).unwrap();
            assert!(again == bytes, "file {number}, {cid}: it differs");
        }
    }
}

#[test]
fn a_file_goes_through_pipes_and_in_parts() {
    let place = Place::new();
    let bytes = content("pipes", 1_500_000);
    let cid = place.feed(["blocks", "add", STORE, "-"], &bytes).ok().text();
    let cid = cid.trim_end();
    assert!(place.run(["blocks", "cat", STORE, cid]).ok().out == bytes);
    for (range, part) in [
        ("0..1", &bytes[..1]),
        ("262143..262145", &bytes[262_143..262_145]),
        ("700000..", &bytes[700_000..]),
        ("1499999..9999999", &bytes[1_499_999..]),
        ("1500000..", &[][..]),
    ] {
        let run = place.run(["blocks", "cat", STORE, cid, "--range", range]).ok();
        assert!(run.out == part, "{range}");
    }
    place.run(["blocks", "cat", STORE, cid, "--json"]).fails(2, &["-o FILE"]);
    let cat = place.run(["blocks", "cat", STORE, cid, "--json", "-o", "out"]).ok().objects();
    assert_eq!(cat, [json!({ "cid": cid, "size": 1_500_000 })]);
}

#[test]
fn several_files_have_a_line_each_and_are_pinned_by_their_names() {
    let place = Place::new();
    place.write("one", "1");
    place.write("two", "22");
    let added = place.ok(["blocks", "add", STORE, "one", "two"]);
    let names: Vec<&str> = added.lines().map(|line| line.split_once("  ").unwrap().1).collect();
    assert_eq!(names, ["one", "two"]);
    let pins = place.run(["blocks", "pin", "ls", STORE, "--json"]).ok().objects();
    let names: BTreeSet<&str> = pins.iter().map(|pin| pin["name"].as_str().unwrap()).collect();
    assert_eq!(names, BTreeSet::from(["one", "two"]));
    assert!(pins.iter().all(|pin| pin["mode"] == "recursive"), "{pins:?}");
}

#[test]
fn what_is_not_to_be_pinned_is_not() {
    let place = Place::new();
    let add = ["blocks", "add", STORE, "-", "--no-pin", "--json"];
    let added = place.feed(add, b"hello world").ok().objects();
    assert_eq!(
        added,
        [json!({ "cid": "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD",
        "file": "-", "size": 11, "written": 1, "present": 0, "pinned": false })]
    );
    assert_eq!(place.ok(["blocks", "pin", "ls", STORE]), "");
}

#[test]
fn another_size_of_chunks_gives_another_cid_of_the_same_file() {
    let place = Place::new();
    let bytes = content("chunks", 10_000);
    let usual = place.feed(["blocks", "add", STORE, "-"], &bytes).ok().text();
    let small =
        place.feed(["blocks", "add", STORE, "-", "--chunk-size", "1KiB"], &bytes).ok().text();
    assert_ne!(usual, small);
    assert_eq!(place.ok(["blocks", "dag", "ls", STORE, small.trim_end()]).lines().count(), 10);
    assert!(place.run(["blocks", "cat", STORE, small.trim_end()]).ok().out == bytes);
    for size in ["0", "1.5MiB", "many"] {
        let add = ["blocks", "add", STORE, "-", "--chunk-size", size];
        place.run(add).fails(2, &["256KiB"]);
    }
}

#[test]
fn files_that_cannot_be_read_are_6_and_leave_no_store() {
    let place = Place::new();
    place.write("one", "1");
    place.run(["blocks", "add", STORE, "one", "nosuch"]).fails(6, &["nosuch"]);
    place.run(["blocks", "import", STORE, "nosuch"]).fails(6, &["nosuch"]);
    assert_eq!(place.names(), ["one"]);
    // A directory can be opened, and not be read.
    std::fs::create_dir(place.path("directory")).unwrap();
    place.run(["blocks", "add", STORE, "directory"]).fails(6, &["directory"]);
    place.run(["blocks", "import", STORE, "directory"]).fails(6, &["directory"]);
}

#[test]
fn a_name_that_is_too_long_is_refused_before_anything_is_read() {
    let place = Place::new();
    place.write("one", "1");
    let name = "x".repeat(256);
    place.run(["blocks", "add", STORE, "one", "--name", &name]).fails(2, &["255"]);
    place.run(["blocks", "import", STORE, "one", "--pin", "--name", &name]).fails(2, &["255"]);
    assert_eq!(place.names(), ["one"]);
    place.ok(["blocks", "add", STORE, "one", "--name", &name[1..]]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_whose_name_is_no_utf8_is_pinned_under_as_much_of_it_as_a_pin_may_have() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let place = Place::new();
    // A byte, and then 100 that stand for three each.
    let name = [&b"a"[..], &[0xff; 100]].concat();
    std::fs::write(place.path("").join(OsStr::from_bytes(&name)), "1").unwrap();
    let add = ["blocks", "add", STORE].map(OsStr::new);
    place.run(add.into_iter().chain([OsStr::from_bytes(&name)])).ok();
    let pins = place.run(["blocks", "pin", "ls", STORE, "--json"]).ok().objects();
    assert_eq!(pins[0]["name"], format!("a{}", "\u{fffd}".repeat(84)));
}

#[test]
fn what_is_no_file_is_refused() {
    let place = Place::new();
    // An empty directory of UnixFS, as `ipfs` has always printed it.
    let directory = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn";
    place.feed(["blocks", "put", STORE, "--cid", directory], b"\x0a\x02\x08\x01").ok();
    place.run(["blocks", "cat", STORE, directory]).fails(2, &["directory", "dag ls"]);
}
