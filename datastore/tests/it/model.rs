//! What a query means, by brute force, and keys and queries to try.

use std::collections::BTreeSet;
use std::ops::{Bound, RangeBounds};

use bytes::Bytes;
use datastore::{Datastore, DatastoreExt, Direction, Key, MemoryDatastore, Query, Scope};
use futures::TryStreamExt;
use futures::executor::block_on;
use proptest::prelude::*;

/// The keys that `query` finds among `keys`, in its order.
pub(crate) fn expected(keys: &BTreeSet<Key>, query: &Query) -> Vec<Key> {
    let Query { scope, after, before, direction, limit, select: _ } = query;
    let mut found: Vec<Key> = keys
        .iter()
        .filter(|key| in_scope(key, scope))
        .filter(|key| after.as_ref().is_none_or(|after| *key > after))
        .filter(|key| before.as_ref().is_none_or(|before| *key < before))
        .cloned()
        .collect();
    if *direction == Direction::Descending {
        found.reverse();
    }
    found.truncate(limit.unwrap_or(usize::MAX));
    found
}

fn in_scope(key: &Key, scope: &Scope) -> bool {
    match scope {
        Scope::All => true,
        Scope::Descendants(above) => {
            key.as_bytes().starts_with(&[above.as_bytes(), b"/"].concat()) && key != above
        }
        Scope::StartsWith(prefix) => key.as_bytes().starts_with(prefix),
        Scope::Range(start, end) => {
            let range = (start.as_ref().map(AsRef::as_ref), end.as_ref().map(AsRef::as_ref));
            RangeBounds::<[u8]>::contains(&range, key.as_bytes())
        }
    }
}

/// A store that holds `keys`, each with itself as its value.
pub(crate) fn store_of<'k>(keys: impl IntoIterator<Item = &'k Key>) -> MemoryDatastore {
    let store = MemoryDatastore::new();
    for key in keys {
        block_on(store.put(key, key.to_bytes())).unwrap();
    }
    store
}

pub(crate) fn keys_of(store: &(impl Datastore + ?Sized), query: Query) -> Vec<Key> {
    block_on(store.query_keys(query).try_collect()).unwrap()
}

pub(crate) fn key(text: &str) -> Key {
    text.parse().unwrap()
}

pub(crate) fn keys(texts: &[&str]) -> BTreeSet<Key> {
    texts.iter().map(|text| key(text)).collect()
}

/// Segments of few and awkward letters, so that keys meet, nest and stand beside `/`.
fn few_segments() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(b"a.0\x00\xff".as_slice()), 1..3)
        .prop_filter("dots", |segment| !matches!(segment.as_slice(), b"." | b".."))
}

/// Keys of few letters and segments.
pub(crate) fn few_keys() -> impl Strategy<Value = Key> {
    prop::collection::vec(few_segments(), 1..4)
        .prop_map(|segments| Key::from_segments(segments).unwrap())
}

/// Keys of any bytes.
pub(crate) fn any_keys() -> impl Strategy<Value = Key> {
    let segment = prop::collection::vec(any::<u8>().prop_filter("slash", |b| *b != b'/'), 1..12)
        .prop_filter("dots", |segment| !matches!(segment.as_slice(), b"." | b".."));
    prop::collection::vec(segment, 1..5).prop_map(|segments| Key::from_segments(segments).unwrap())
}

/// Bytes that may or may not be a key, or the beginning of one.
fn few_bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(prop::sample::select(b"/a.0\x00\xff".as_slice()), 0..5)
        .prop_map(Bytes::from)
}

fn bounds() -> impl Strategy<Value = Bound<Bytes>> {
    prop_oneof![
        Just(Bound::Unbounded),
        few_bytes().prop_map(Bound::Included),
        few_bytes().prop_map(Bound::Excluded),
    ]
}

/// Queries of every kind, absurd ones included.
pub(crate) fn queries() -> impl Strategy<Value = Query> {
    let scope = prop_oneof![
        Just(Scope::All),
        few_keys().prop_map(Scope::Descendants),
        few_bytes().prop_map(Scope::StartsWith),
        (bounds(), bounds()).prop_map(|(start, end)| Scope::Range(start, end)),
    ];
    let cursor = || prop::option::weighted(0.3, few_keys());
    let limit = prop::option::weighted(0.3, 0..6_usize);
    (scope, cursor(), cursor(), any::<bool>(), limit).prop_map(
        |(scope, after, before, descending, limit)| {
            let query = Query { scope, after, before, limit, ..Query::all() };
            if descending { query.descending() } else { query }
        },
    )
}

proptest! {
    #[test]
    fn a_query_finds_what_its_definition_says(
        keys in prop::collection::btree_set(few_keys(), 0..40),
        query in queries(),
    ) {
        prop_assert_eq!(keys_of(&store_of(&keys), query.clone()), expected(&keys, &query));
    }

    #[test]
    fn resuming_at_every_key_loses_and_repeats_nothing(
        keys in prop::collection::btree_set(few_keys(), 0..20),
        query in queries(),
    ) {
        let query = Query { limit: None, ..query };
        let whole = expected(&keys, &query);
        for (position, cursor) in whole.iter().enumerate() {
            let rest = query.clone().resume(cursor.clone());
            prop_assert_eq!(expected(&keys, &rest), &whole[position + 1..]);
            prop_assert_eq!(keys_of(&store_of(&keys), rest), &whole[position + 1..]);
        }
    }

    #[test]
    fn a_key_range_holds_exactly_the_keys_of_its_query(
        keys in prop::collection::vec(few_keys(), 0..40),
        query in queries(),
    ) {
        let range = query.key_range();
        prop_assert!(query.limit != Some(0) || range.is_none());
        for key in keys {
            let alone = expected(&BTreeSet::from([key.clone()]), &query);
            let held = range.as_ref().is_some_and(|range| range.contains(key.as_bytes()));
            prop_assert_eq!(held, alone == [key]);
        }
    }
}
