//! Values in and out, whatever bytes they are.

use data_encoding::BASE64;
use serde_json::json;

use crate::harness::Place;

const STORE: &str = Place::STORE;

fn every_byte() -> Vec<u8> {
    (0..=255).cycle().take(100_000).collect()
}

#[test]
fn a_value_comes_back_byte_for_byte_through_pipes() {
    let place = Place::new();
    for args in
        [&["put", STORE, "/a"][..], &["put", STORE, "/a", "-"], &["put", STORE, "/a", "-f", "-"]]
    {
        place.feed(args, &every_byte()).ok();
        assert_eq!(place.run(["get", STORE, "/a"]).ok().out, every_byte());
        place.ok(["del", STORE, "/a"]);
    }
}

#[test]
fn a_value_comes_back_byte_for_byte_through_files() {
    let place = Place::new();
    let file = place.write("in", every_byte());
    place.ok(["put", STORE, "/a", "--file", file.to_str().unwrap()]);
    let out = place.write("out", "what was there before");
    assert_eq!(place.ok(["get", STORE, "/a", "-o", out.to_str().unwrap()]), "");
    assert_eq!(std::fs::read(&out).unwrap(), every_byte());
    assert_eq!(place.names(), ["in", "out", "store"]);
}

#[cfg(unix)]
#[test]
fn a_file_that_was_got_is_as_private_as_the_one_before_it_or_as_others_are() {
    use std::os::unix::fs::PermissionsExt;

    let place = Place::new();
    place.put("/a", "1");
    let mine = place.write("mine", "").metadata().unwrap().permissions().mode();
    place.ok(["get", STORE, "/a", "-o", "got"]);
    assert_eq!(place.path("got").metadata().unwrap().permissions().mode(), mine);

    let secret = place.write("secret", "0");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    place.ok(["get", STORE, "/a", "-o", "secret"]);
    assert_eq!(std::fs::read(&secret).unwrap(), b"1");
    assert_eq!(secret.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn an_empty_value_is_a_value() {
    let place = Place::new();
    place.put("/a", "");
    assert!(place.run(["get", STORE, "/a"]).ok().out.is_empty());
    assert_eq!(place.ok(["size", STORE, "/a"]), "0\n");
}

#[test]
fn a_value_may_begin_with_a_hyphen() {
    let place = Place::new();
    place.put("/a", "-1");
    assert_eq!(place.ok(["get", STORE, "/a"]), "-1");
}

#[test]
fn a_range_of_a_value_is_cut_where_it_ends() {
    let place = Place::new();
    place.put("/a", "0123456789");
    for (range, part) in [
        ("2..5", "234"),
        ("8..", "89"),
        ("..3", "012"),
        ("..", "0123456789"),
        ("8..99", "89"),
        ("20..30", ""),
    ] {
        assert_eq!(place.ok(["get", STORE, "/a", "--range", range]), part, "{range}");
    }
    for range in ["5..2", "a..b", "5", "1..2..3", ""] {
        place.run(["get", STORE, "/a", "--range", range]).fails(2, &["A..B"]);
    }
}

#[test]
fn a_key_is_written_with_escapes_for_any_byte() {
    let place = Place::new();
    for key in ["/100%25", "/%FF%00", "/with space", "/caf\u{e9}", "/line%0Abreak"] {
        place.put(key, key);
        assert_eq!(place.ok(["get", STORE, key]), key);
    }
    let keys = ["/%FF%00", "/100%25", "/caf\u{e9}", "/line%0Abreak", "/with space"];
    let mut listed = place.keys(STORE);
    listed.sort();
    assert_eq!(listed, keys);
}

#[test]
fn several_keys_are_removed_at_once_there_or_not() {
    let place = Place::new();
    for key in ["/a", "/b", "/c"] {
        place.put(key, "1");
    }
    place.ok(["del", STORE, "/a", "/c", "/nothing"]);
    assert_eq!(place.keys(STORE), ["/b"]);
}

#[test]
fn what_is_selected_is_removed_only_when_confirmed() {
    let place = Place::new();
    for key in ["/a/1", "/a/2", "/ab"] {
        place.put(key, "1");
    }
    place.run(["del", STORE, "--below", "/a"]).fails(2, &["2 entries", "--yes"]);
    assert_eq!(place.keys(STORE).len(), 3);
    let deleted = place.run(["del", STORE, "--below", "/a", "--yes", "--json"]).ok().objects();
    assert_eq!(deleted, [json!({ "deleted": 2 })]);
    assert_eq!(place.keys(STORE), ["/ab"]);
    place.run(["del", STORE]).fails(2, &["KEYS"]);
    place.run(["del", STORE, "/x", "--below", "/a"]).fails(2, &["cannot be used with"]);
}

#[test]
fn the_answers_are_json_where_that_is_asked() {
    let place = Place::new();
    let put = place.run(["put", STORE, "/%FF", "--value", "\u{1}x", "--json"]).ok();
    assert_eq!(put.objects(), [json!({ "key": "/%FF", "size": 2 })]);
    let get = place.run(["--json", "get", STORE, "/%FF"]).ok().objects();
    assert_eq!(get, [json!({ "key": "/%FF", "size": 2, "value": BASE64.encode(b"\x01x") })]);
    let has = place.run(["has", STORE, "/%FF", "--json"]).ok().objects();
    assert_eq!(has, [json!({ "key": "/%FF", "has": true })]);
    let size = place.run(["size", STORE, "/%FF", "--json"]).ok().objects();
    assert_eq!(size, [json!({ "key": "/%FF", "size": 2 })]);
}
