//! `Key` beside that of interface-datastore.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use data_encoding::BASE32_NOPAD;
use datastore::{ErrorKind, Key, key};
use serde::Deserialize;

use crate::oracle::{Difference, Ledger, hex, or_root, text, texts, unhex};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answers {
    #[serde(rename = "what")]
    _what: String,
    #[serde(rename = "set")]
    _set: String,
    #[serde(rename = "versions")]
    _versions: serde_json::Value,
    #[serde(rename = "note")]
    _note: String,
    single: Vec<Single>,
    unclean: Vec<Unclean>,
    from_bytes: Vec<FromBytes>,
    pairs: Vec<Pair>,
    sorted_by_less: Vec<String>,
}

#[derive(Deserialize)]
struct Single {
    input: String,
    input_hex: String,
    #[serde(flatten)]
    key: Answer,
}

#[derive(Deserialize)]
struct Unclean {
    input: String,
    clean: bool,
    error: Option<String>,
    #[serde(flatten)]
    key: Option<Answer>,
}

#[derive(Deserialize)]
struct FromBytes {
    input_hex: String,
    #[serde(flatten)]
    key: Answer,
}

/// What a key says of itself.
#[derive(Deserialize)]
struct Answer {
    to_string: String,
    hex: String,
    base32: String,
    namespaces: Vec<String>,
    list: Vec<String>,
    base_namespace: String,
    r#type: String,
    name: String,
    instance_x: Derived,
    path: Derived,
    parent: Derived,
    is_top_level: bool,
    reverse: Derived,
    child_x: Derived,
    child_root: Derived,
    concat_p_q: Derived,
    #[serde(flatten)]
    unread: BTreeMap<String, serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Derived {
    key: String,
    hex: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    a: String,
    b: String,
    ancestor_a_of_b: bool,
    descendant_a_of_b: bool,
    less: bool,
    child: Derived,
    concat: Derived,
}

const NO_ROOT: &str = "the root is a place to query, not a key";
const CLEANS_LESS: &str = "js strips slashes at the ends and resolves nothing: what it calls a clean \
    key is one that `Key::new` refuses";
const NOT_TEXT: &str = "js makes text of the bytes, so that what is not UTF-8 becomes U+FFFD";

const SINGLE: &[Difference] = &[
    Difference { fields: &["key"], inputs: &["/", "", "//", "///"], why: NO_ROOT },
    Difference {
        fields: &["key"],
        inputs: &["/a//b", "//a", "/a/./b", "/a/../b", "/.", "/..", "/a/b/../../.."],
        why: CLEANS_LESS,
    },
];

#[test]
fn clean_and_every_operation_agree_with_interface_datastore() {
    let answers = answers();
    assert_eq!(answers.single.len(), 52);
    let mut ledger = Ledger::new(SINGLE);
    for Single { input, input_hex, key } in &answers.single {
        assert_eq!(hex(input.as_bytes()), *input_hex);
        compare(&mut ledger, input, Key::clean(input), key);
    }
    ledger.finish();
}

const UNCLEAN: &[Difference] = &[
    Difference { fields: &["key"], inputs: &["/"], why: NO_ROOT },
    Difference { fields: &["key"], inputs: &["/a/", "//", "/a//b"], why: CLEANS_LESS },
];

#[test]
fn without_cleaning_only_what_is_a_key_is_taken() {
    let answers = answers();
    assert_eq!(answers.unclean.len(), 8);
    let mut ledger = Ledger::new(UNCLEAN);
    for Unclean { input, clean, error, key } in &answers.unclean {
        assert!(!clean);
        match (key, error) {
            (Some(key), None) => compare(&mut ledger, input, Key::new(input), key),
            (None, Some(error)) => {
                assert_eq!(error, "Error: Invalid key");
                assert_eq!(Key::new(input).unwrap_err().kind(), ErrorKind::InvalidKey);
            }
            _ => panic!("{input}: an answer or an error"),
        }
    }
    ledger.finish();
}

const FROM_BYTES: &[Difference] = &[
    Difference { fields: &["key"], inputs: &["2f", "", "2f2f"], why: NO_ROOT },
    Difference { fields: &["key"], inputs: &["2f2f2f612f2f"], why: CLEANS_LESS },
    Difference {
        fields: &["instance_x", "reverse", "child_x", "concat_p_q"],
        inputs: &["2fff", "2ffffe", "2fc3", "2f80", "2f61ff2f62", "ff"],
        why: NOT_TEXT,
    },
    Difference { fields: &["path", "parent"], inputs: &["2f61ff2f62"], why: NOT_TEXT },
];

#[test]
fn keys_of_any_bytes_agree_with_interface_datastore_where_it_keeps_them() {
    let answers = answers();
    assert_eq!(answers.from_bytes.len(), 17);
    let mut ledger = Ledger::new(FROM_BYTES);
    for FromBytes { input_hex, key } in &answers.from_bytes {
        compare(&mut ledger, input_hex, Key::clean(unhex(input_hex)), key);
    }
    ledger.finish();
}

fn compare(ledger: &mut Ledger, input: &str, ours: datastore::Result<Key>, theirs: &Answer) {
    let encoded = ours.as_ref().ok().map(|key| hex(key.as_bytes()));
    assert!(theirs.unread.is_empty(), "fields that nothing is compared with: {:?}", theirs.unread);
    if !ledger.compare("key", input, encoded, Some(theirs.hex.clone())) {
        // What js holds is not a key at all, so that there is nothing else to compare.
        assert_eq!(Key::new(unhex(&theirs.hex)).unwrap_err().kind(), ErrorKind::InvalidKey);
        return;
    }
    let key = ours.unwrap();
    assert_eq!(text(key.as_bytes()), theirs.to_string);
    let mut derived = |field: &str, ours: &[u8], theirs: &Derived| {
        assert_eq!(text(ours), theirs.key, "{field} of {input}");
        ledger.compare(field, input, hex(ours), theirs.hex.clone());
    };
    derived("instance_x", key.instance("x").unwrap().as_bytes(), &theirs.instance_x);
    derived("path", or_root(key.path().as_ref()), &theirs.path);
    derived("parent", or_root(key.parent().as_ref()), &theirs.parent);
    derived("reverse", key.reverse().as_bytes(), &theirs.reverse);
    derived("child_x", key.child("x").unwrap().as_bytes(), &theirs.child_x);
    derived("child_root", key.as_bytes(), &theirs.child_root);
    let concat = key.join(&key!("/p")).unwrap().join(&key!("/q")).unwrap();
    derived("concat_p_q", concat.as_bytes(), &theirs.concat_p_q);
    ledger.compare("list", input, &texts(key.segments()), &theirs.list);
    ledger.compare("namespaces", input, &texts(key.segments()), &theirs.namespaces);
    ledger.compare("base_namespace", input, &text(key.last_segment()), &theirs.base_namespace);
    ledger.compare("type", input, &text(key.kind()), &theirs.r#type);
    ledger.compare("name", input, &text(key.name()), &theirs.name);
    ledger.compare("is_top_level", input, key.is_top_level(), theirs.is_top_level);
    // The alphabet is that of `child_encoded`, but for the case.
    let base32 = BASE32_NOPAD.encode(key.as_bytes()).to_lowercase();
    ledger.compare("base32", input, &base32, &theirs.base32);
}

/// Kinds of pairs that js answers otherwise.
struct Kind {
    field: &'static str,
    holds: fn(&Option<Key>, &Option<Key>) -> bool,
    why: &'static str,
}

const PAIRS: &[Kind] = &[
    Kind {
        field: "ancestor",
        holds: |a, b| starts_with_inside_a_segment(b, a),
        why: "js compares text, so that `/a` is above `/ab`; here the boundary counts",
    },
    Kind {
        field: "descendant",
        holds: starts_with_inside_a_segment,
        why: "js compares text, so that `/ab` is below `/a`; here the boundary counts",
    },
    Kind {
        field: "less",
        holds: |a, b| (by_segments(a, b) == Ordering::Less) != (a < b),
        why: "js orders segment by segment, here the order is bytewise",
    },
    Kind {
        field: "less",
        holds: |a, b| by_utf16(a, b) != by_segments(a, b),
        why: "js orders UTF-16 units, where U+1F980 comes before U+FFFF; here the order is bytewise",
    },
];

/// Inputs of the pairs that js does not clean to a key.
const KEPT_BY_JS: &[(&str, &str)] = &[("//a", CLEANS_LESS)];

#[test]
fn ancestry_order_and_joins_agree_with_interface_datastore() {
    let answers = answers();
    assert_eq!(answers.pairs.len(), 484);
    let mut used = vec![false; PAIRS.len()];
    for Pair { a: a_text, b: b_text, ancestor_a_of_b, descendant_a_of_b, less, child, concat } in
        &answers.pairs
    {
        if let Some((kept, why)) = KEPT_BY_JS.iter().find(|row| row.0 == a_text || row.0 == b_text)
        {
            assert!(Key::new(kept).is_err() && child.key.contains(kept), "{kept}: {why}");
            continue;
        }
        let (a, b) = (Key::clean(a_text).ok(), Key::clean(b_text).ok());
        for (field, ours, theirs) in [
            ("ancestor", is_above(&a, &b), *ancestor_a_of_b),
            ("descendant", is_above(&b, &a), *descendant_a_of_b),
            ("less", a < b, *less),
        ] {
            let mut kinds = PAIRS.iter().zip(&mut used).filter(|(kind, _)| kind.field == field);
            let kind = kinds.find(|(kind, _)| (kind.holds)(&a, &b));
            let why = kind.as_ref().map(|(kind, _)| kind.why);
            assert_eq!(ours != theirs, kind.is_some(), "{field} of {a_text} and {b_text}: {why:?}");
            if let Some((_, used)) = kind {
                *used = true;
            }
        }
        let joined = match (&a, &b) {
            (Some(a), Some(b)) => Some(a.join(b).unwrap()),
            _ => a.clone().or_else(|| b.clone()),
        };
        for theirs in [child, concat] {
            assert_eq!(hex(or_root(joined.as_ref())), theirs.hex, "{a_text} and {b_text}");
            assert_eq!(text(or_root(joined.as_ref())), theirs.key);
        }
    }
    for (kind, used) in PAIRS.iter().zip(used) {
        assert!(used, "no pair shows that {}", kind.why);
    }
}

#[test]
fn sorting_by_less_of_interface_datastore_is_sorting_by_segments() {
    let answers = answers();
    let theirs: Vec<Key> = answers.sorted_by_less.iter().filter_map(|k| Key::new(k).ok()).collect();
    assert_eq!((answers.sorted_by_less.len(), theirs.len()), (52, 41));
    let mut by_segment = theirs.clone();
    by_segment.sort_by(|a, b| a.segments().cmp(b.segments()));
    assert_eq!(by_segment, theirs);
    let mut by_bytes = theirs.clone();
    by_bytes.sort();
    let place = |keys: &[Key], key: &Key| keys.iter().position(|other| other == key);
    let moved = theirs.iter().filter(|key| place(&theirs, key) != place(&by_bytes, key));
    let moved: Vec<String> = moved.map(Key::to_string).collect();
    let below_a_and_what_bytes_put_between =
        ["/a/b", "/a/b/c", "/a/b:", "/a%00b", "/a%0Ab", "/a b", "/a!", "/a-", "/a."];
    assert_eq!(moved, below_a_and_what_bytes_put_between);
}

fn starts_with_inside_a_segment(longer: &Option<Key>, shorter: &Option<Key>) -> bool {
    let (Some(longer), Some(shorter)) = (longer, shorter) else { return false };
    let tail = longer.as_bytes().strip_prefix(shorter.as_bytes());
    tail.is_some_and(|tail| tail.first().is_some_and(|byte| *byte != b'/'))
}

fn by_segments(a: &Option<Key>, b: &Option<Key>) -> Ordering {
    let segments = |key: &Option<Key>| key.as_ref().map(|key| texts(key.segments()));
    segments(a).cmp(&segments(b))
}

fn by_utf16(a: &Option<Key>, b: &Option<Key>) -> Ordering {
    let units = |key: &Option<Key>| {
        let segments = texts(key.as_ref()?.segments());
        Some(segments.iter().map(|s| s.encode_utf16().collect()).collect::<Vec<Vec<u16>>>())
    };
    units(a).cmp(&units(b))
}

/// The root, `None`, is above every key.
fn is_above(above: &Option<Key>, below: &Option<Key>) -> bool {
    match (above, below) {
        (Some(above), Some(below)) => above.is_ancestor_of(below),
        (None, below) => below.is_some(),
        (Some(_), None) => false,
    }
}

fn answers() -> Answers {
    serde_json::from_str(include_str!("../fixtures/js/keys.json")).unwrap()
}
