use std::ops::{Bound, RangeBounds};

use bytes::Bytes;
use datastore::{ErrorKind, Key, KeyRange, Query, key};
use object_store::path::Path;
use proptest::collection::vec;
use proptest::prelude::*;

use super::Names;

fn names() -> Names {
    Names::below("node-1/data").unwrap()
}

/// Bytes with many of those at the borders of the classes.
fn byte() -> impl Strategy<Value = u8> {
    let borders = b"\x00!+,-./09:;=?@AZ[\\^_`az{|~\x7f\x80\xfe\xff";
    prop_oneof![3 => prop::sample::select(borders.as_slice()), 1 => any::<u8>()]
}

fn some_key() -> impl Strategy<Value = Key> {
    vec(vec(byte(), 1..5), 1..4).prop_filter_map("not a key", |segments| {
        let segments = segments.iter().map(|segment| {
            segment.iter().map(|byte| if *byte == b'/' { b'.' } else { *byte }).collect::<Vec<_>>()
        });
        Key::from_segments(segments).ok()
    })
}

fn bound() -> impl Strategy<Value = Bound<Bytes>> {
    let bytes = prop_oneof![
        some_key().prop_map(|key| key.to_bytes()),
        (some_key(), 0..6usize)
            .prop_map(|(key, len)| { key.to_bytes().slice(..len.min(key.as_bytes().len())) }),
        vec(byte(), 0..4).prop_map(Bytes::from),
    ];
    (bytes, 0..3).prop_map(|(bytes, kind)| match kind {
        0 => Bound::Included(bytes),
        1 => Bound::Excluded(bytes),
        _ => Bound::Unbounded,
    })
}

fn range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        (bound(), bound()).prop_filter_map("empty", |(start, end)| KeyRange::new(start, end)),
        neighbours(),
        some_key().prop_filter_map("empty", |key| KeyRange::below(&key)),
        some_key().prop_filter_map("empty", |key| {
            KeyRange::starting_with(key.to_bytes().slice(..key.as_bytes().len() / 2 + 1))
        }),
    ]
}

/// Ranges with a key, which often is one of its bounds.
fn near(ranges: impl Strategy<Value = KeyRange>) -> impl Strategy<Value = (Key, KeyRange)> {
    (some_key(), ranges, 0..3).prop_map(|(key, range, which)| {
        let bound = match which {
            0 => range.start(),
            1 => range.end(),
            _ => Bound::Unbounded,
        };
        let at = match bound {
            Bound::Included(bytes) | Bound::Excluded(bytes) => Key::new(bytes).ok(),
            Bound::Unbounded => None,
        };
        (at.unwrap_or(key), range)
    })
}

/// A key and the next one in order at its level, as bounds.
fn neighbours() -> impl Strategy<Value = KeyRange> {
    (some_key(), any::<bool>()).prop_filter_map("empty", |(key, included)| {
        let start = key.to_bytes();
        let mut end = start.to_vec();
        *end.last_mut()? = end.last()?.checked_add(1)?;
        let start = if included { Bound::Included(start) } else { Bound::Excluded(start) };
        KeyRange::new(start, Bound::Excluded(end.into()))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn a_name_leads_back_to_its_key(key in some_key()) {
        let name = names().name(&key).unwrap();
        prop_assert_eq!(names().key(&name), Some(key));
    }

    #[test]
    fn names_order_as_their_keys(a in some_key(), b in some_key()) {
        let (name_a, name_b) = (names().name(&a).unwrap(), names().name(&b).unwrap());
        prop_assert_eq!(name_a.cmp(&name_b), a.cmp(&b));
    }

    #[test]
    fn a_beginning_of_a_key_is_a_beginning_of_its_name(key in some_key(), cut in 0..20usize) {
        let cut = cut.min(key.as_bytes().len());
        let range = KeyRange::starting_with(key.to_bytes().slice(..cut)).unwrap();
        let span = names().span(&range).unwrap();
        prop_assert!(names().name(&key).unwrap().starts_with(&span.prefix));
    }

    #[test]
    fn a_name_is_a_path_as_it_is(key in some_key()) {
        let name = names().name(&key).unwrap();
        let path = Path::parse(&name).unwrap();
        prop_assert_eq!(path.as_ref(), name);
    }

    #[test]
    fn what_reads_as_a_key_is_what_would_be_written(name in "[ -~]{0,12}") {
        let name = format!("node-1/data/{name}");
        if let Some(key) = names().key(&name) {
            prop_assert_eq!(names().name(&key).unwrap(), name);
        }
    }

    #[test]
    fn a_span_begins_where_its_range_does((key, range) in near(range())) {
        let name = names().name(&key).unwrap();
        let listed = names().span(&range).is_some_and(|span| {
            name.starts_with(&span.prefix) && span.after.is_none_or(|after| name > after)
        });
        let encoded = key.as_bytes();
        if range.contains(encoded) {
            prop_assert!(listed, "{key} is in {range:?} and not in its span");
        }
        let starts_later = match range.start() {
            Bound::Included(start) => encoded < start,
            Bound::Excluded(start) => encoded <= start,
            Bound::Unbounded => false,
        };
        prop_assert!(!(listed && starts_later), "{key} is before {range:?} and in its span");
    }

    #[test]
    fn names_of_the_stores_own_belong_to_no_key(key in some_key(), what in "[a-z]{1,8}") {
        let own = names().own(&what);
        prop_assert!(names().is_own(&own));
        prop_assert_eq!(names().key(&own), None);
        prop_assert!(names().name(&key).unwrap() < own);
    }
}

#[test]
fn ordinary_keys_are_readable() {
    let written = |key: Key| names().name(&key).unwrap();
    assert_eq!(written(key!("/peers/addrs/QmZ_1-2")), "node-1/data/peers/addrs/QmZ_1-2");
    assert_eq!(written(key!("/a b/ä=%")), "node-1/data/a!20b/~C3~A4=3D!25");
    let whole = Names::below("").unwrap();
    assert_eq!(whole.name(&key!("/a/b")).unwrap(), "a/b");
    assert_eq!(whole.key("a/b"), Some(key!("/a/b")));
}

#[test]
fn all_that_lies_below_a_key_has_a_prefix_of_its_own() {
    let query = Query::descendants(key!("/peers"));
    let span = names().span(&query.key_range().unwrap()).unwrap();
    assert_eq!(span.prefix, "node-1/data/peers/");
    assert_eq!(span.after, None);
}

#[test]
fn foreign_names_belong_to_no_key() {
    let foreign = [
        "a//b", "a/", "", "/a", "a/./b", "..", "a b", "x%41", "~c3", "!2", "!", "=3A", "!2D",
        "~7A", "^5A", "ä", "a{b", "a\\b",
    ];
    for name in foreign {
        assert_eq!(names().key(&format!("node-1/data/{name}")), None, "{name}");
    }
    for name in ["node-1/data", "node-1/datax/a", "other/a", "a"] {
        assert_eq!(names().key(name), None, "{name}");
    }
}

#[test]
fn a_name_too_long_is_refused_by_what_it_encodes_to() {
    let room = Names::MAX_LEN - "node-1/data/".len();
    let longest = Key::from_segments(["a".repeat(room)]).unwrap();
    assert_eq!(names().name(&longest).unwrap().len(), Names::MAX_LEN);
    assert_eq!(longest.as_bytes().len(), names().max_key_len());

    let longer = Key::from_segments(["a".repeat(room + 1)]).unwrap();
    assert_eq!(names().name(&longer).unwrap_err().kind(), ErrorKind::InvalidKey);

    let escaped = Key::from_segments([vec![0xFF; room / 3]]).unwrap();
    assert!(names().name(&escaped).is_ok());
    let escaped = Key::from_segments([vec![0xFF; room / 3 + 1]]).unwrap();
    assert_eq!(names().name(&escaped).unwrap_err().kind(), ErrorKind::InvalidKey);
}

#[test]
fn a_bound_longer_than_names_are_still_bounds() {
    let long = Bytes::from([b"/m".as_slice(), &[0xFF; 2000]].concat());
    for start in [Bound::Included(long.clone()), Bound::Excluded(long)] {
        let range = KeyRange::new(start, Bound::Unbounded).unwrap();
        let after = names().span(&range).unwrap().after.unwrap();
        assert_eq!(after.len(), Names::MAX_LEN);
        assert!(names().name(&key!("/m")).unwrap() < after);
        assert!(names().name(&key!("/n")).unwrap() > after);
    }
}

#[test]
fn a_prefix_is_a_plain_path() {
    for prefix in ["", "a", "a/b.c/~x"] {
        assert!(Names::below(prefix).is_ok(), "{prefix}");
    }
    for prefix in ["/a", "a/", "a//b", ".", "a/../b", "a b", "ä", "a\n"] {
        assert_eq!(Names::below(prefix).unwrap_err().kind(), ErrorKind::InvalidInput, "{prefix}");
    }
}
