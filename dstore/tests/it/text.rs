//! Export and import: JSON lines and dumps.

use serde_json::json;

use crate::harness::{Place, fixture};

const STORE: &str = Place::STORE;

#[test]
fn json_lines_hold_any_key_and_value() {
    let place = Place::new();
    for key in ["/%FF%00", "/100%25", "/line%0Abreak", "/quote\"s\\", "/with space"] {
        place.feed(["put", STORE, key], b"\x00\xFF\n").ok();
    }
    let export = place.run(["export", STORE]).ok();
    assert_eq!(export.objects()[1], json!({ "key": "/line%0Abreak", "value": "AP8K" }));
    place.feed(["import", "fjall:again"], &export.out).ok();
    assert_eq!(place.run(["export", "fjall:again"]).ok().out, export.out);
    place.write("lines", &export.out);
    assert_eq!(place.ok(["import", "fjall:third", "lines"]), "imported 5 entries, 54 B\n");
}

#[test]
fn a_dump_of_js_rows_is_exported_byte_for_byte() {
    let place = Place::new();
    let dump = fixture("js-peerstore.json");
    let path = dump.to_str().unwrap();
    place.ok(["import", STORE, path]);
    place.ok(["export", STORE, "--format", "dump", "--like", path, "-o", "out"]);
    assert_eq!(std::fs::read(place.path("out")).unwrap(), std::fs::read(dump).unwrap());
}

#[test]
fn a_dump_by_itself_is_one_that_can_be_imported() {
    let place = Place::new();
    assert_eq!(place.ok(["export", "memory:", "--format", "dump"]), "{\n \"entries\": []\n}\n");
    place.put("/a", "\u{1}");
    let dump = place.run(["export", STORE, "--format", "dump"]).ok();
    let text = "{\n \"entries\": [\n  {\n   \"key\": \"/a\",\n   \"value\": \"01\"\n  }\n ]\n}\n";
    assert_eq!(dump.text(), text);
    place.feed(["import", "fjall:again"], &dump.out).ok();
    assert_eq!(place.keys("fjall:again"), ["/a"]);
}

#[test]
fn the_key_of_a_dump_is_not_unescaped() {
    let place = Place::new();
    let dump = r#"{"rows": [{"key": "/100%", "value": "00"}]}"#;
    place.feed(["import", STORE], dump.as_bytes()).ok();
    assert_eq!(place.keys(STORE), ["/100%25"]);
    let dump = place.run(["export", STORE, "--format", "dump"]).ok().text();
    assert!(dump.contains(r#""/100%""#), "{dump}");
}

#[test]
fn a_key_that_a_dump_cannot_hold_fails_the_export_and_leaves_the_file_as_it_was() {
    let place = Place::new();
    place.put("/a", "1");
    place.put("/%FF", "1");
    place.write("out", "before");
    let export = ["export", STORE, "--format", "dump", "-o", "out"];
    place.run(export).fails(6, &["/%FF", "jsonl"]);
    assert_eq!(std::fs::read(place.path("out")).unwrap(), b"before");
    assert_eq!(place.names(), ["out", "store"]);
}

#[test]
fn a_bad_line_is_named_and_what_stood_before_it_stays() {
    let good = |key: &str| json!({ "key": key, "value": "MQ==" }).to_string();
    for (bad, why) in [
        (r#"{"key":"/c","value":"!"}"#, "base64"),
        (r#"{"key":"/c","val"#, "column"),
        (r#"{"key":"c","value":""}"#, "begins with `/`"),
        (r#"{"key":"/c/../d","value":""}"#, "`..`"),
        (r#"{"key":"/c","value":"","ttl":1}"#, "`ttl`"),
        (r#"{"value":""}"#, "missing field `key`"),
        ("[]", "an object with `key` and `value`"),
        (r#"["/c","MQ=="]"#, "an object with `key` and `value`"),
        ("\u{fffd}", "expected value"),
    ] {
        let place = Place::new();
        place.put("/a", "precious");
        let input = [&good("/b"), "", &good("/b2"), bad, &good("/z")].join("\n");
        let run = place.feed(["import", STORE], input.as_bytes());
        run.fails(6, &["line 4", why, "imported before it: 2 entries"]);
        assert_eq!(place.keys(STORE), ["/a", "/b", "/b2"], "{bad}");
        assert_eq!(place.ok(["get", STORE, "/a"]), "precious");
    }
}

#[test]
fn a_bad_dump_is_refused_and_the_rows_before_it_stay() {
    for (bad, why) in [
        (r#"{"key": "/b", "value": "0"}"#, "not hex"),
        (r#"{"key": "b", "value": ""}"#, "begins with `/`"),
        (r#"{"key": "/b""#, "EOF"),
        (r#"{"key": "/b", "value": "", "x": 1}"#, "`x`"),
        (r#"["/b", "31"]"#, "an object with `key` and `value`"),
    ] {
        let place = Place::new();
        let input = format!("{{\"entries\": [\n{{\"key\": \"/a\", \"value\": \"31\"}},\n{bad}");
        place
            .feed(["import", STORE], input.as_bytes())
            .fails(6, &["line 3", why, "imported before it: 1 entry"]);
        assert_eq!(place.keys(STORE), ["/a"], "{bad}");
    }
}

#[test]
fn what_is_neither_format_is_refused() {
    let place = Place::new();
    for (input, why) in [
        ("hello", "line 1"),
        (r#"{"blocks": [1]}"#, "`entries` or `rows`"),
        ("{}", "line 1"),
        ("[]", "line 1"),
        (r#"{"entries": {}}"#, "array of rows"),
        (r#"{"entries": []} x"#, "trailing"),
    ] {
        place.feed(["import", "memory:"], input.as_bytes()).fails(6, &[why]);
    }
    place.feed(["import", "memory:", "--format", "dump"], b"").fails(6, &["EOF"]);
    assert_eq!(place.feed(["import", "memory:"], b"").ok().text(), "imported 0 entries, 0 B\n");
    place.run(["export", "memory:", "--like", "x"]).fails(2, &["--format dump"]);
    place.write("x", "[]");
    place.run(["export", "memory:", "--format", "dump", "--like", "x"]).fails(6, &["x", "object"]);
}

#[test]
fn a_file_that_is_not_there_leaves_no_store_behind() {
    let place = Place::new();
    place.run(["import", STORE, "nothing"]).fails(6, &["cannot open nothing"]);
    place.run(["put", STORE, "/a", "--file", "nothing"]).fails(6, &["cannot open nothing"]);
    assert!(place.names().is_empty());
}

#[test]
fn each_batch_of_an_import_is_acknowledged() {
    let place = Place::new();
    let lines: Vec<_> =
        (0..5).map(|n| json!({ "key": format!("/{n}"), "value": "" }).to_string()).collect();
    let import = ["import", STORE, "--json", "--batch", "2"];
    let acknowledged = place.feed(import, lines.join("\n").as_bytes()).ok().objects();
    assert_eq!(
        acknowledged,
        [
            json!({ "committed": 2, "last": "/1" }),
            json!({ "committed": 4, "last": "/3" }),
            json!({ "committed": 5, "last": "/4" }),
            json!({ "imported": 5, "bytes": 10 }),
        ]
    );
}
