use serde_json::json;

use crate::harness::Place;

const STORE: &str = Place::STORE;

fn filled() -> Place {
    let place = Place::new();
    for key in ["/a", "/a/b", "/a/b/c", "/a/d", "/ab", "/b%25"] {
        place.put(key, &key.to_uppercase());
    }
    place
}

#[test]
fn keys_are_selected_by_prefix_ancestor_and_range() {
    let place = filled();
    for (args, keys) in [
        (&[][..], &["/a", "/a/b", "/a/b/c", "/a/d", "/ab", "/b%25"][..]),
        (&["--prefix", "/a"], &["/a", "/a/b", "/a/b/c", "/a/d", "/ab"]),
        (&["--prefix", "/a/"], &["/a/b", "/a/b/c", "/a/d"]),
        (&["--prefix", "/b%25"], &["/b%25"]),
        (&["--prefix", "/x"], &[]),
        (&["--below", "/a"], &["/a/b", "/a/b/c", "/a/d"]),
        (&["--below", "/a/b"], &["/a/b/c"]),
        (&["--from", "/a/b", "--to", "/ab"], &["/a/b", "/a/b/c", "/a/d"]),
        (&["--from", "/a/d"], &["/a/d", "/ab", "/b%25"]),
        (&["--to", "/a/b"], &["/a"]),
        (&["--from", "/b", "--to", "/a"], &[]),
        (&["--limit", "2"], &["/a", "/a/b"]),
        (&["--limit", "0"], &[]),
        (&["--limit", "2", "--after", "/a/b"], &["/a/b/c", "/a/d"]),
        (&["--reverse", "-n", "2"], &["/b%25", "/ab"]),
        (&["--reverse", "-n", "2", "--before", "/ab"], &["/a/d", "/a/b/c"]),
    ] {
        let listed = place.ok(["ls", STORE].iter().chain(args));
        assert_eq!(listed.lines().collect::<Vec<_>>(), keys, "{args:?}");
    }
}

#[test]
fn what_is_no_prefix_or_key_is_refused() {
    let place = filled();
    for prefix in ["", "a", "/a//", "/%2", "/%"] {
        let as_typed = format!("not a key: {prefix:?}");
        place.run(["ls", STORE, "--prefix", prefix]).fails(2, &[&as_typed]);
    }
    place.run(["ls", STORE, "--below", "a"]).fails(2, &["begins with `/`"]);
    place.run(["ls", STORE, "--prefix", "/a", "--below", "/a"]).fails(2, &["cannot be used with"]);
}

#[test]
fn sizes_and_values_are_shown_beside_the_keys() {
    let place = filled();
    let only = ["ls", STORE, "--below", "/a/b"];
    let with =
        |args: &[&'static str]| place.run(only.iter().copied().chain(args.iter().copied())).ok();
    assert_eq!(with(&["--long"]).text(), "         6  /a/b/c\n");
    assert_eq!(with(&["--values"]).text(), "/a/b/c\t/A/B/C\n");
    assert_eq!(with(&["-l", "--values"]).text(), "         6  /a/b/c\t/A/B/C\n");
    assert_eq!(with(&["--json"]).objects(), [json!({ "key": "/a/b/c" })]);
    assert_eq!(with(&["--json", "-l"]).objects(), [json!({ "key": "/a/b/c", "size": 6 })]);
    let value = json!({ "key": "/a/b/c", "size": 6, "value": "L0EvQi9D" });
    assert_eq!(with(&["--json", "--values"]).objects(), [value]);
}

#[test]
fn stat_counts_and_says_what_the_store_promises() {
    let place = filled();
    let stat = &place.run(["stat", STORE, "--json"]).ok().objects()[0];
    assert_eq!(stat["entries"], 6);
    assert_eq!(stat["key_bytes"], 22);
    assert_eq!(stat["value_bytes"], 24);
    assert_eq!(stat["largest_value"], 6);
    assert!(stat["disk_usage"].as_u64().unwrap() > 0);
    assert_eq!(stat["capabilities"]["atomic_batches"], true);
    assert_eq!(
        place.run(["stat", STORE, "--json", "--below", "/a"]).ok().objects()[0]["entries"],
        3
    );
    let text = place.ok(["stat", STORE]);
    assert!(text.contains("entries        6") && text.contains("a loss of power"), "{text}");
    let memory = place.run(["stat", "memory:", "--json"]).ok().objects();
    assert_eq!(memory[0]["disk_usage"], json!(null));
}

#[test]
fn du_sums_by_the_first_segments() {
    let place = filled();
    let lines = place.run(["du", STORE, "--json"]).ok().objects();
    assert_eq!(lines[0], json!({ "key": "/a", "entries": 4, "bytes": 32 }));
    assert_eq!(lines[1], json!({ "key": "/ab", "entries": 1, "bytes": 6 }));
    assert_eq!(lines[2], json!({ "key": "/b%25", "entries": 1, "bytes": 8 }));
    assert_eq!((&lines[3]["entries"], &lines[3]["bytes"]), (&json!(6), &json!(46)));
    let deeper = place.run(["du", STORE, "--json", "--depth", "2", "--below", "/a"]).ok().objects();
    assert_eq!(deeper[0], json!({ "key": "/a/b", "entries": 2, "bytes": 20 }));
    assert!(place.ok(["du", STORE]).contains("total"));
}
