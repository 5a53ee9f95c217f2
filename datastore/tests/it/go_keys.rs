//! `Key` beside go-datastore's.

use std::cmp::Ordering;

use datastore::{ErrorKind, Key};
use serde::Deserialize;

use crate::oracle::{Difference, Ledger, ROOT, or_root, text, texts, unhex};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    #[serde(rename = "about")]
    _about: String,
    keys: Vec<Answer>,
    pairs: Vec<Pair>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    input: String,
    input_hex: String,
    new_key: String,
    new_key_hex: String,
    raw_key: RawKey,
    list: Vec<String>,
    namespaces: Vec<String>,
    base_namespace: String,
    root_namespace: String,
    r#type: String,
    name: String,
    path: String,
    parent: String,
    reverse: String,
    #[serde(rename = "instance_X")]
    instance: String,
    #[serde(rename = "child_string_X")]
    child_string: String,
    #[serde(rename = "child_string_/X/Y")]
    child_string_of_two: String,
    #[serde(rename = "child_/x:y")]
    child: String,
    is_top_level: bool,
    json: String,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum RawKey {
    Key(String),
    Refused { panic: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    a: String,
    b: String,
    a_hex: String,
    b_hex: String,
    less: bool,
    compare: i8,
    equal: bool,
    is_ancestor_of: bool,
    is_descendant_of: bool,
    bytes_compare: i8,
}

const KEYS: &[Difference] = &[
    Difference {
        fields: &["new_key"],
        inputs: &["", "/", "//", "///", "/a/..", "..", ".", "/..", "/a/b/../../.."],
        why: "the root is a place to query, not a key: `clean` refuses it, `parent` is `None`",
    },
    Difference { fields: &["raw_key"], inputs: &["", "/"], why: "the root is not a key" },
    Difference {
        fields: &["raw_key"],
        inputs: &[
            "//a",
            "/a/./b",
            "/./a",
            "/a/.",
            "/a/..",
            "/a/../b",
            "/../a",
            "/..",
            "/a/b/../../..",
            "/a/b/../c",
        ],
        why: "Go checks the first and the last byte only; here no two spellings are one place",
    },
    Difference {
        fields: &["json"],
        inputs: &["/a\0b", "\t/a", "a\n", "/%2F", "/\u{fffd}\u{fffd}"],
        why: "Go's JSON replaces what is not UTF-8; ours is escaped with `%hh`, and comes back whole",
    },
];

#[test]
fn clean_and_every_operation_agree_with_go_datastore() {
    let answers = answers();
    assert_eq!(answers.keys.len(), 78);
    let mut ledger = Ledger::new(KEYS);
    for answer in &answers.keys {
        let input = unhex(&answer.input_hex);
        assert_eq!(text(&input), answer.input);
        let theirs = unhex(&answer.new_key_hex);
        assert_eq!(text(&theirs), answer.new_key);
        compare_raw(&mut ledger, answer, &input);
        let cleaned = Key::clean(&input);
        let ours = cleaned.as_ref().ok().map(Key::as_bytes);
        if ledger.compare("new_key", &answer.input, ours, Some(&theirs)) {
            compare_operations(&mut ledger, answer, &cleaned.unwrap());
        } else {
            assert_eq!(theirs, ROOT);
            assert_eq!(cleaned.unwrap_err().kind(), ErrorKind::InvalidKey);
            compare_root(answer);
        }
    }
    ledger.finish();
}

/// `RawKey` checks and does not clean, as `Key::new` does; what it refuses, it panics on.
fn compare_raw(ledger: &mut Ledger, answer: &Answer, input: &[u8]) {
    let ours = Key::new(input).ok().map(|key| text(key.as_bytes()));
    let theirs = match &answer.raw_key {
        RawKey::Key(key) => Some(key.clone()),
        RawKey::Refused { panic } => {
            assert!(panic.starts_with("invalid datastore key"));
            None
        }
    };
    ledger.compare("raw_key", &answer.input, ours, theirs);
}

fn compare_operations(ledger: &mut Ledger, answer: &Answer, key: &Key) {
    let mut same = |field: &str, ours: &[u8], theirs: &str| {
        ledger.compare(field, &answer.input, text(ours), theirs.to_owned());
    };
    same("base_namespace", key.last_segment(), &answer.base_namespace);
    same("root_namespace", key.first_segment(), &answer.root_namespace);
    same("type", key.kind(), &answer.r#type);
    same("name", key.name(), &answer.name);
    same("path", or_root(key.path().as_ref()), &answer.path);
    same("parent", or_root(key.parent().as_ref()), &answer.parent);
    same("reverse", key.reverse().as_bytes(), &answer.reverse);
    same("instance", key.instance("X").unwrap().as_bytes(), &answer.instance);
    same("child_string", key.child("X").unwrap().as_bytes(), &answer.child_string);
    let joined = |tail| key.join(&Key::new(tail).unwrap()).unwrap();
    same("child_string", joined("/X/Y").as_bytes(), &answer.child_string_of_two);
    same("child", joined("/x:y").as_bytes(), &answer.child);
    let json: String = serde_json::from_str(&answer.json).unwrap();
    same("json", key.to_string().as_bytes(), &json);
    let ours = texts(key.segments());
    ledger.compare("list", &answer.input, &ours, &answer.list);
    ledger.compare("namespaces", &answer.input, &ours, &answer.namespaces);
    ledger.compare("is_top_level", &answer.input, key.is_top_level(), answer.is_top_level);
    // Go: `KeyWithNamespaces`.
    assert_eq!(Key::from_segments(key.segments()).unwrap(), *key);
}

/// Of the root, what can be said without a key for it: what its children are.
fn compare_root(answer: &Answer) {
    for (path, theirs) in [
        ("X", &answer.child_string),
        ("/X/Y", &answer.child_string_of_two),
        ("/x:y", &answer.child),
        (":X", &answer.instance),
    ] {
        assert_eq!(text(Key::clean(path).unwrap().as_bytes()), *theirs);
    }
    for at_root in [&answer.path, &answer.parent, &answer.reverse] {
        assert_eq!(at_root, "/");
    }
    for empty in [&answer.base_namespace, &answer.root_namespace, &answer.r#type, &answer.name] {
        assert_eq!(empty, "");
    }
    assert_eq!((&answer.list, &answer.namespaces), (&vec![String::new()], &vec![String::new()]));
    assert!(answer.is_top_level);
    assert_eq!(answer.json, "\"/\"");
}

const PAIRS: &[Difference] = &[Difference {
    fields: &["compare", "less"],
    inputs: &[
        "/a/b beside /a b",
        "/a/b beside /a\0b",
        "/a/b/c beside /a b",
        "/a/b/c beside /a\0b",
        "/foo/bar beside /foo!bar",
        "/foo/bar beside /foo-",
        "/foo/bar beside /foo.",
    ],
    why: "Go orders segment by segment, here the order is bytewise, as every engine has it",
}];

#[test]
fn order_equality_and_ancestry_agree_with_go_datastore() {
    let answers = answers();
    assert_eq!(answers.pairs.len(), 576);
    let mut ledger = Ledger::new(PAIRS);
    for pair in &answers.pairs {
        let (a, b) = (cleaned(&pair.a, &pair.a_hex), cleaned(&pair.b, &pair.b_hex));
        // One row of the table for both orders: the greater by Go comes first otherwise.
        let name = if pair.compare > 0 {
            format!("{} beside {}", pair.b, pair.a)
        } else {
            format!("{} beside {}", pair.a, pair.b)
        };
        assert_eq!(a.cmp(&b) as i8, pair.bytes_compare, "{name}");
        ledger.compare("compare", &name, a.cmp(&b) as i8, pair.compare);
        ledger.compare("less", &name, a < b, pair.less);
        assert_eq!(pair.compare, by_segments(&a, &b) as i8, "{name}: what Go's order is");
        ledger.compare("equal", &name, a == b, pair.equal);
        ledger.compare("is_ancestor_of", &name, is_above(&a, &b), pair.is_ancestor_of);
        ledger.compare("is_descendant_of", &name, is_above(&b, &a), pair.is_descendant_of);
        if let (Some(a), Some(b)) = (&a, &b) {
            assert_eq!(a.is_descendant_of(b), pair.is_descendant_of, "{name}");
        }
    }
    ledger.finish();
}

fn by_segments(a: &Option<Key>, b: &Option<Key>) -> Ordering {
    let segments = |key: &Option<Key>| {
        key.as_ref().map(|key| key.segments().map(<[u8]>::to_vec).collect::<Vec<_>>())
    };
    segments(a).cmp(&segments(b))
}

fn cleaned(input: &str, input_hex: &str) -> Option<Key> {
    let bytes = unhex(input_hex);
    assert_eq!(text(&bytes), input);
    Key::clean(bytes).ok()
}

/// The root, `None`, is above every key, and less than every key.
fn is_above(above: &Option<Key>, below: &Option<Key>) -> bool {
    match (above, below) {
        (Some(above), Some(below)) => above.is_ancestor_of(below),
        (None, below) => below.is_some(),
        (Some(_), None) => false,
    }
}

fn answers() -> Answers {
    serde_json::from_str(include_str!("../fixtures/go/keys.json")).unwrap()
}
