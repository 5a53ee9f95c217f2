//! What a store holds, read in every way: the ways agree. Nothing is asked of what it holds, so that
//! stores that cannot be written are judged by what they came with.

use std::ops::Bound;
use std::sync::Arc;

use datastore::{Content, Datastore, DatastoreExt, Entry, Key, Query, Scope, key};
use futures::{StreamExt, TryStreamExt};

use super::support::{entries, fill, listed, noise, numbered, walked, walked_keys};
use crate::bench::Bench;
use crate::case::{Case, case};
use crate::failure::{Failure, Outcome, ensure, ensure_eq};

pub(super) const CASES: &[Case] = &[
    case!(
        "content",
        what_is_listed_can_be_read,
        [],
        "get, has, size and ranges of each key agree with its entry"
    ),
    case!(
        "content",
        listings_of_the_same_agree,
        [],
        "pages of any size, both directions, keys, sizes, values, counts"
    ),
    case!(
        "content",
        each_key_lies_below_its_ancestors,
        [],
        "and is found by a cursor at any place"
    ),
];

/// A store with something in it, where it can be written, and the query of its first so many entries.
async fn something(bench: &Bench) -> Outcome<(Arc<dyn Datastore>, Query)> {
    let store = bench.store().await?;
    if bench.capabilities.writable {
        fill(&store, &numbered("content", 40)?).await?;
        fill(&store, &numbered("content/00007", 20)?).await?;
        store.put(&key!("/content/empty"), "").await?;
        store.put(&key!("/content/large"), noise(1, 40_000)).await?;
    }
    let first = store.query_keys(Query::all()).take(bench.scale.pick(200, 1_000));
    let first: Vec<Key> = first.try_collect().await?;
    let scope = match first.last() {
        Some(last) => Scope::Range(Bound::Unbounded, Bound::Included(last.to_bytes())),
        None => Scope::All,
    };
    Ok((store, Query { scope, ..Query::all() }))
}

async fn what_is_listed_can_be_read(bench: &Bench) -> Outcome {
    let (store, query) = something(bench).await?;
    for entry in entries(&store, query).await? {
        let (key, content) = entry.into_parts();
        let Content::Value(value) = content else {
            return Err(Failure::new(format!("a query for values gives none of {key}")));
        };
        let len = value.len() as u64;
        ensure!(store.get(&key).await? == Some(value.clone()), "another value of {key}");
        ensure!(store.has(&key).await?, "{key} is listed, and not there");
        ensure_eq!(store.size(&key).await?, Some(len), "size of {key}");
        let half = store.get_range(&key, len / 2, len).await?;
        ensure!(half == Some(value.slice(value.len() / 2..)), "another half of the value of {key}");
    }
    Ok(())
}

async fn listings_of_the_same_agree(bench: &Bench) -> Outcome {
    let (store, query) = something(bench).await?;
    let all = entries(&store, query.clone()).await?;
    let keys: Vec<Key> = all.iter().map(|entry| entry.key().clone()).collect();
    ensure!(keys.is_sorted_by(|a, b| a < b), "keys out of order, or twice: {keys:?}");
    for size in [1, 7, 64] {
        let rows: Vec<_> = all.iter().cloned().map(Entry::into_parts).collect();
        let paged = walked(&store, &query.clone().limit(size)).await?;
        ensure!(paged == rows, "pages of {size} hold other entries than the stream");
    }
    let mut reversed = entries(&store, query.clone().descending()).await?;
    reversed.reverse();
    ensure!(reversed == all, "a descending listing holds other entries");
    ensure_eq!(listed(&store, query.clone()).await?, keys, "keys");
    let sizes = entries(&store, query.clone().sizes_only()).await?;
    let sizes: Vec<_> = sizes.into_iter().map(|entry| (entry.size(), entry.into_key())).collect();
    let expected: Vec<_> = all.into_iter().map(|entry| (entry.size(), entry.into_key())).collect();
    ensure_eq!(sizes, expected, "sizes");
    ensure_eq!(store.count(query).await?, keys.len() as u64, "count");
    Ok(())
}

async fn each_key_lies_below_its_ancestors(bench: &Bench) -> Outcome {
    let (store, query) = something(bench).await?;
    let keys = listed(&store, query.clone()).await?;
    // Few of many: each costs a listing.
    for key in keys.iter().step_by(keys.len() / 20 + 1) {
        let mut ancestor = key.parent();
        while let Some(above) = ancestor {
            let below = walked_keys(&store, &Query::descendants(above.clone()).limit(50)).await?;
            ensure!(below.contains(key), "{key} is not among what lies below {above}");
            ancestor = above.parent();
        }
        let from = query.clone().after(key.clone());
        let expected: Vec<_> = keys.iter().filter(|other| *other > key).cloned().collect();
        ensure_eq!(listed(&store, from).await?, expected, "keys after {key}");
        let to = query.clone().before(key.clone());
        let expected: Vec<_> = keys.iter().filter(|other| *other < key).cloned().collect();
        ensure_eq!(listed(&store, to).await?, expected, "keys before {key}");
    }
    Ok(())
}
