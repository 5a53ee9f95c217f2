//! Queries that nothing can match, or that no engine takes as they are: empty or right, never an error
//! and never a panic.

use std::ops::Bound;

use bytes::Bytes;
use datastore::{Datastore, DatastoreExt, Direction, Key, Query, Scope, key};

use super::support::{fill, keys, listed, walked_keys};
use crate::bench::Bench;
use crate::case::{Case, Need::Writable, case};
use crate::failure::{Outcome, ensure_eq};

pub(super) const CASES: &[Case] = &[
    case!(
        "absurd",
        what_cannot_match_is_empty,
        [Writable],
        "crossed bounds, equal excluded ends, crossed cursors, limit 0"
    ),
    case!(
        "absurd",
        bounds_longer_than_a_key_are_places,
        [Writable],
        "prefixes, bounds and their order"
    ),
    case!(
        "absurd",
        an_empty_store_answers_every_query,
        [Writable],
        "the same, with nothing stored"
    ),
];

/// Bounds, prefixes and cursors that hold nothing, whatever is stored.
fn impossible() -> Vec<Query> {
    let bound = |text: &'static str| Bytes::from_static(text.as_bytes());
    let range = |start, end| Query { scope: Scope::Range(start, end), ..Query::all() };
    vec![
        Query::range(key!("/b")..key!("/a")),
        Query::range(key!("/b")..=key!("/a")),
        Query::range(key!("/a")..key!("/a")),
        range(Bound::Excluded(bound("/a")), Bound::Excluded(bound("/a"))),
        range(Bound::Excluded(bound("/a")), Bound::Included(bound("/a"))),
        range(Bound::Unbounded, Bound::Excluded(bound(""))),
        range(Bound::Unbounded, Bound::Included(bound(""))),
        range(Bound::Unbounded, Bound::Excluded(bound("/"))),
        range(Bound::Excluded(bound("0")), Bound::Unbounded),
        range(Bound::Included(bound("\u{7f}")), Bound::Included(bound("\u{7f}\u{7f}"))),
        Query::starts_with("a"),
        Query::starts_with("//"),
        Query::starts_with("/a//"),
        Query::starts_with("\0"),
        Query::starts_with(vec![0xFF; 3]),
        Query::starts_with(vec![b'/'; 1 << 20]),
        Query::starts_with([b"/a".to_vec(), vec![0xFF; Key::MAX_LEN]].concat()),
        Query::all().limit(0),
        Query::descendants(key!("/a")).limit(0),
        Query::all().after(key!("/b")).before(key!("/a")),
        Query::all().after(key!("/a")).before(key!("/a")),
        Query::descendants(key!("/a")).before(key!("/a")),
        Query::descendants(key!("/a")).after(key!("/a0")),
        Query::range(key!("/a")..key!("/b")).after(key!("/c")),
        Query::range(key!("/a")..key!("/b")).before(key!("/a")),
    ]
}

async fn ensure_empty(store: &dyn Datastore, query: &Query) -> Outcome {
    for direction in [Direction::Ascending, Direction::Descending] {
        let query = Query { direction, ..query.clone() };
        ensure_eq!(listed(store, query.clone()).await?, [], "{query:?}");
        ensure_eq!(walked_keys(store, &query).await?, [], "pages of {query:?}");
        ensure_eq!(store.count(query.clone()).await?, 0, "count of {query:?}");
    }
    Ok(())
}

async fn what_cannot_match_is_empty(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    fill(&store, &keys(["/a", "/a/b", "/a0", "/b", "/b/c", "/c"])?).await?;
    for query in impossible() {
        ensure_empty(&store, &query).await?;
    }
    Ok(())
}

async fn bounds_longer_than_a_key_are_places(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let all = keys(["/a", "/aa", "/aaa", "/b"])?;
    fill(&store, &all).await?;
    for len in [Key::MAX_LEN - 1, Key::MAX_LEN, Key::MAX_LEN + 1, Key::MAX_LEN * 3] {
        // Just behind all that is `/aaa…`, so far as it is no longer.
        let place = Bytes::from([b"/".to_vec(), b"a".repeat(len - 1)].concat());
        for bound in [Bound::Included(place.clone()), Bound::Excluded(place)] {
            let from =
                Query { scope: Scope::Range(bound.clone(), Bound::Unbounded), ..Query::all() };
            ensure_eq!(listed(&store, from).await?, keys(["/b"])?, "from a bound of {len} bytes");
            let to = Query { scope: Scope::Range(Bound::Unbounded, bound), ..Query::all() };
            let expected = keys(["/aaa", "/aa", "/a"])?;
            let found = listed(&store, to.descending()).await?;
            ensure_eq!(found, expected, "down from a bound of {len} bytes");
        }
    }
    Ok(())
}

async fn an_empty_store_answers_every_query(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    for query in impossible() {
        ensure_empty(&store, &query).await?;
    }
    for query in [
        Query::all(),
        Query::descendants(key!("/a")),
        Query::starts_with("/"),
        Query::range(key!("/a")..),
    ] {
        ensure_empty(&store, &query).await?;
        ensure_empty(&store, &query.limit(1)).await?;
    }
    Ok(())
}
