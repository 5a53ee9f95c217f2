use std::ops::Bound;

use bytes::Bytes;
use datastore::{Direction, Key, Query, Scope, Select};
use proptest::collection::vec;
use proptest::prelude::*;

/// One operation of a random sequence.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A batch: each key gets a value of some size, or loses it.
    Commit { writes: Vec<(Key, Option<usize>)>, synced: bool },
    /// Reads a key and keeps its version for a later [`Swap`](Self::Swap).
    Remember(Key),
    /// A write under the condition that the key is as it was remembered; absent, if it was not.
    Swap { key: Key, new: Option<usize> },
    /// Reads a key in every way.
    Read { key: Key, offset: u64, len: u64 },
    /// Walks a query in pages of this size, and as a stream; both up to its limit.
    Find { query: Query, page: usize },
    /// Takes a snapshot, in place of the one before.
    Freeze,
    /// As [`Find`](Self::Find), in the snapshot.
    FindFrozen { query: Query, page: usize },
    /// Makes everything durable.
    Sync,
    /// Closes the store and opens it again.
    Reopen,
}

/// Sequences of up to so many steps.
pub(crate) fn sequences(most: usize) -> impl Strategy<Value = Vec<Step>> {
    vec(step(), 1..=most)
}

fn step() -> impl Strategy<Value = Step> {
    let writes = vec((key(), new_value()), 1..6);
    prop_oneof![
        6 => (writes, any::<bool>()).prop_map(|(writes, synced)| Step::Commit { writes, synced }),
        2 => key().prop_map(Step::Remember),
        3 => (key(), new_value()).prop_map(|(key, new)| Step::Swap { key, new }),
        4 => (key(), 0u64..40, 0u64..40).prop_map(|(key, offset, len)| Step::Read { key, offset, len }),
        6 => (query(), 1usize..6).prop_map(|(query, page)| Step::Find { query, page }),
        1 => Just(Step::Freeze),
        2 => (query(), 1usize..6).prop_map(|(query, page)| Step::FindFrozen { query, page }),
        1 => Just(Step::Sync),
        1 => Just(Step::Reopen),
    ]
}

/// The size of a new value; `None` deletes.
fn new_value() -> impl Strategy<Value = Option<usize>> {
    prop_oneof![
        3 => Just(None),
        1 => Just(Some(0)),
        6 => (1usize..40).prop_map(Some),
        1 => Just(Some(5_000)),
    ]
}

/// Few keys, so that steps meet, with all that is awkward about their bytes.
fn key() -> impl Strategy<Value = Key> {
    let segment = prop_oneof![
        4 => Just(&b"a"[..]),
        3 => Just(&b"b"[..]),
        1 => Just(&b"ab"[..]),
        1 => Just(&b"a."[..]),
        1 => Just(&b"a0"[..]),
        1 => Just(&b"\0"[..]),
        1 => Just(&b"\xff"[..]),
        1 => Just(&b"\xff\xff"[..]),
    ];
    vec(segment, 1..4)
        .prop_filter_map("segments make keys", |segments| Key::from_segments(segments).ok())
}

fn query() -> impl Strategy<Value = Query> {
    let bytes = || {
        prop_oneof![
            5 => key().prop_map(|key| key.to_bytes()),
            1 => key().prop_map(|key| key.to_bytes().slice(..key.as_bytes().len() - 1)),
            1 => Just(Bytes::from_static(b"/")),
        ]
    };
    let bound = move || {
        prop_oneof![
            1 => Just(Bound::Unbounded),
            2 => bytes().prop_map(Bound::Included),
            2 => bytes().prop_map(Bound::Excluded),
        ]
    };
    let scope = prop_oneof![
        2 => Just(Scope::All),
        3 => key().prop_map(Scope::Descendants),
        3 => bytes().prop_map(Scope::StartsWith),
        3 => (bound(), bound()).prop_map(|(start, end)| Scope::Range(start, end)),
    ];
    let cursor = || prop_oneof![3 => Just(None), 1 => key().prop_map(Some)];
    let direction = prop_oneof![Just(Direction::Ascending), Just(Direction::Descending)];
    let limit = prop_oneof![3 => Just(None), 1 => (0usize..8).prop_map(Some)];
    let select = prop_oneof![Just(Select::Keys), Just(Select::Sizes), Just(Select::Values)];
    (scope, cursor(), cursor(), direction, limit, select).prop_map(
        |(scope, after, before, direction, limit, select)| Query {
            scope,
            after,
            before,
            direction,
            limit,
            select,
        },
    )
}
