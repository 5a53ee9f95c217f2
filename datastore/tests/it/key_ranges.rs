//! `KeyRange` beside what its bounds say, for every small range.

use std::collections::BTreeSet;
use std::ops::{Bound, RangeBounds};

use bytes::Bytes;
use datastore::{Key, KeyRange, Query, Scope};

type Bounds = (Bound<Bytes>, Bound<Bytes>);

/// All strings of these letters, up to this length, shortest first.
fn strings(letters: &[u8], longest: usize) -> Vec<Bytes> {
    let mut all = vec![Bytes::new()];
    let mut last = all.clone();
    for _ in 0..longest {
        last = last
            .iter()
            .flat_map(|start| letters.iter().map(move |byte| [start, &[*byte][..]].concat().into()))
            .collect();
        all.extend(last.iter().cloned());
    }
    all
}

fn every_range(letters: &[u8], longest: usize) -> Vec<Bounds> {
    let mut bounds = vec![Bound::Unbounded];
    for bytes in strings(letters, longest) {
        bounds.push(Bound::Included(bytes.clone()));
        bounds.push(Bound::Excluded(bytes));
    }
    bounds.iter().flat_map(|start| bounds.iter().map(|end| (start.clone(), end.clone()))).collect()
}

/// Whether the bounds hold the bytes, as they were given.
fn between((start, end): &Bounds, bytes: &[u8]) -> bool {
    let range = (start.as_ref().map(AsRef::as_ref), end.as_ref().map(AsRef::as_ref));
    RangeBounds::<[u8]>::contains(&range, bytes)
}

fn holds(range: Option<&KeyRange>, bytes: &[u8]) -> bool {
    range.is_some_and(|range| range.contains(bytes))
}

#[test]
fn a_range_holds_what_lies_between_its_bounds() {
    // No key is empty.
    let encoded: BTreeSet<Bytes> = strings(b"\x00/\xff", 3).into_iter().skip(1).collect();
    for bounds in every_range(b"\x00/\xff", 2) {
        let range = KeyRange::new(bounds.0.clone(), bounds.1.clone());
        for bytes in &encoded {
            assert_eq!(
                holds(range.as_ref(), bytes),
                between(&bounds, bytes),
                "{bounds:?} {bytes:?}"
            );
        }
        if let Some(range) = range {
            // Which panics if the bounds are crossed, as engines do.
            let listed = encoded.range::<[u8], _>(range).count();
            assert_eq!(listed, encoded.iter().filter(|bytes| between(&bounds, bytes)).count());
        }
    }
}

#[test]
fn an_intersection_holds_what_both_hold() {
    let ranges = every_range(b"/0", 1);
    let encoded = strings(b"/0", 2);
    for a in &ranges {
        for b in &ranges {
            let range = |(start, end): &Bounds| KeyRange::new(start.clone(), end.clone());
            let both = range(a).zip(range(b)).and_then(|(a, b)| a.intersect(b));
            for bytes in encoded.iter().skip(1) {
                let held = between(a, bytes) && between(b, bytes);
                assert_eq!(holds(both.as_ref(), bytes), held, "{a:?} and {b:?}: {bytes:?}");
            }
        }
    }
}

#[test]
fn a_prefix_range_holds_what_begins_with_it() {
    let encoded = strings(b"\xfe\xff/", 4);
    for prefix in strings(b"\xfe\xff/", 3) {
        let range = KeyRange::starting_with(prefix.clone());
        for bytes in encoded.iter().skip(1) {
            assert_eq!(holds(range.as_ref(), bytes), bytes.starts_with(&prefix), "{prefix:?}");
        }
    }
}

#[test]
fn a_range_below_a_key_holds_its_descendants() {
    let keys: Vec<Key> = strings(b"/.0\xff", 5).iter().filter_map(|s| Key::new(s).ok()).collect();
    for above in keys.iter().filter(|key| key.as_bytes().len() < 5) {
        let range = KeyRange::below(above);
        for key in &keys {
            let below = key.is_descendant_of(above);
            assert_eq!(holds(range.as_ref(), key.as_bytes()), below, "{above} and {key}");
        }
    }
}

/// `/aaa…` of this many bytes, and the same with `end` after it.
fn long(len: usize, end: &[u8]) -> Bytes {
    [b"/".as_slice(), &vec![b'a'; len - 1], end].concat().into()
}

#[test]
fn bounds_longer_than_any_key_are_cut_to_what_an_engine_takes() {
    let keys = [
        long(3, b""),
        long(Key::MAX_LEN - 1, b""),
        long(Key::MAX_LEN - 1, b"\x00"),
        long(Key::MAX_LEN, b""),
        long(Key::MAX_LEN - 1, b"b"),
        long(3, b"b"),
    ];
    assert!(keys.is_sorted());
    let mut bounds = vec![Bound::Unbounded];
    for end in [b"".as_slice(), b"\x00", b"a", b"\xff\xff\xff"] {
        for len in [Key::MAX_LEN - 1, Key::MAX_LEN, Key::MAX_LEN + 9] {
            bounds.push(Bound::Included(long(len, end)));
            bounds.push(Bound::Excluded(long(len, end)));
        }
    }
    for start in &bounds {
        for end in &bounds {
            let given = (start.clone(), end.clone());
            let range = KeyRange::new(start.clone(), end.clone());
            for key in &keys {
                assert_eq!(holds(range.as_ref(), key), between(&given, key), "{}", key.len());
            }
            for bound in range.iter().flat_map(|range| [range.start(), range.end()]) {
                if let Bound::Included(bytes) | Bound::Excluded(bytes) = bound {
                    assert!((1..=Key::MAX_LEN).contains(&bytes.len()));
                }
            }
        }
    }
}

#[test]
fn what_is_longer_than_any_key_has_nothing_below_it() {
    let longest = Key::from_bytes(long(Key::MAX_LEN, b"")).unwrap();
    assert_eq!(KeyRange::below(&longest), None);
    assert_eq!(KeyRange::starting_with(long(Key::MAX_LEN, b"a")), None);
    assert!(KeyRange::starting_with(longest.to_bytes()).unwrap().contains(longest.as_bytes()));
}

#[test]
fn a_scope_made_of_a_range_is_that_range() {
    let range = KeyRange::new(Bound::Excluded("/a".into()), Bound::Included("/b".into())).unwrap();
    assert_eq!(KeyRange::of_scope(&Scope::from(range.clone())), Some(range));
}

#[test]
fn ranges_of_keys_become_ranges_of_bytes() {
    let (a, b) = (datastore::key!("/a"), datastore::key!("/b"));
    let scope = |start, end| Scope::Range(start, end);
    let (a_bytes, b_bytes) = (a.to_bytes(), b.to_bytes());
    assert_eq!(
        Query::range(a.clone()..b.clone()).scope,
        scope(Bound::Included(a_bytes.clone()), Bound::Excluded(b_bytes.clone()))
    );
    assert_eq!(Query::range(..=b).scope, scope(Bound::Unbounded, Bound::Included(b_bytes)));
    assert_eq!(Query::range(a..).scope, scope(Bound::Included(a_bytes), Bound::Unbounded));
}
