//! Which keys a query finds, and what it returns of them.

use std::ops::Bound;

use bytes::Bytes;
use datastore::{
    Content, Datastore, DatastoreExt, Direction, EntryStreamExt, Key, Query, Scope, key,
};
use futures::TryStreamExt;

use super::support::{fill, key as make_key, keys, listed, noise, numbered, walked, walked_keys};
use crate::bench::Bench;
use crate::case::{Case, Need::Writable, case};
use crate::failure::{Outcome, ensure_eq};

pub(super) const CASES: &[Case] = &[
    case!(
        "queries",
        descendants_lie_strictly_below,
        [Writable],
        "at a segment boundary, without the key itself"
    ),
    case!(
        "queries",
        starts_with_knows_no_boundary,
        [Writable],
        "siblings that share characters, and the key itself"
    ),
    case!(
        "queries",
        ranges_keep_to_their_bounds,
        [Writable],
        "every pair of bounds, open, included, excluded"
    ),
    case!("queries", a_limit_counts_over_pages, [Writable], "0, 1, exactly all, more than all"),
    case!("queries", an_offset_is_skipped, [Writable], "11 entries, past the end included"),
    case!("queries", a_query_returns_what_it_selects, [Writable], "keys, exact sizes, values"),
    case!(
        "queries",
        more_than_a_thousand_entries_are_listed,
        [Writable],
        "at any size of page, in both directions"
    ),
    case!("queries", pages_of_large_values_are_whole, [Writable], "more bytes than a page takes"),
    case!("queries", a_stream_is_the_pages_of_its_query, [Writable], "with limits across pages"),
];

/// Keys around one prefix, ordered.
const AROUND: [&str; 14] = [
    "/",
    "/a",
    "/pre",
    "/prefix",
    "/prefix!",
    "/prefix!/1",
    "/prefix-1",
    "/prefix/1",
    "/prefix/1/x",
    "/prefix/2",
    "/prefix0",
    "/prefixed",
    "/prefixed/1",
    "/z",
];

async fn around(store: &dyn Datastore) -> Outcome<Vec<Key>> {
    let keys = keys(AROUND.iter().skip(1))?;
    fill(store, &keys).await?;
    Ok(keys)
}

/// The query finds exactly those keys which `expected` accepts, in both directions, as stream and as
/// pages of every size.
async fn ensure_finds(
    store: &dyn Datastore,
    query: Query,
    all: &[Key],
    expected: impl Fn(&[u8]) -> bool,
) -> Outcome {
    for direction in [Direction::Ascending, Direction::Descending] {
        let mut query = Query { direction, ..query.clone() };
        let mut found: Vec<Key> =
            all.iter().filter(|key| expected(key.as_bytes())).cloned().collect();
        if direction == Direction::Descending {
            found.reverse();
        }
        ensure_eq!(listed(store, query.clone()).await?, found, "keys of {query:?}");
        ensure_eq!(store.count(query.clone()).await?, found.len() as u64, "count of {query:?}");
        for size in [1, 2, 3] {
            query.limit = Some(size);
            ensure_eq!(walked_keys(store, &query).await?, found, "keys of pages of {query:?}");
        }
    }
    Ok(())
}

async fn descendants_lie_strictly_below(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let all = around(&store).await?;
    for prefix in ["/prefix", "/prefix/1", "/prefixed", "/pre", "/a", "/nothing", "/prefix/1/x/y"] {
        let query = Query::descendants(make_key(prefix)?);
        let boundary = format!("{prefix}/");
        ensure_finds(&store, query, &all, |key| key.starts_with(boundary.as_bytes())).await?;
    }
    ensure_finds(&store, Query::all(), &all, |_| true).await
}

async fn starts_with_knows_no_boundary(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let all = around(&store).await?;
    let prefixes =
        ["", "/", "/p", "/pre", "/prefix", "/prefix/", "/prefix/1", "/prefixed", "/q", "x", "//"];
    for prefix in prefixes {
        let query = Query::starts_with(prefix);
        ensure_finds(&store, query, &all, |key| key.starts_with(prefix.as_bytes())).await?;
    }
    Ok(())
}

async fn ranges_keep_to_their_bounds(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let all = keys(["/a", "/a/b", "/ab", "/b"])?;
    fill(&store, &all).await?;
    let points = ["", "/", "/a", "/a/", "/a/b", "/aa", "/ab", "/b", "/c", "a"];
    let mut bounds = vec![Bound::Unbounded];
    for point in points.map(Bytes::from) {
        bounds.extend([Bound::Included(point.clone()), Bound::Excluded(point)]);
    }
    for start in &bounds {
        for end in &bounds {
            let query = Query { scope: Scope::Range(start.clone(), end.clone()), ..Query::all() };
            let inside = |key: &Key| {
                let after_start = match start {
                    Bound::Unbounded => true,
                    Bound::Included(start) => key.as_bytes() >= start.as_ref(),
                    Bound::Excluded(start) => key.as_bytes() > start.as_ref(),
                };
                let before_end = match end {
                    Bound::Unbounded => true,
                    Bound::Included(end) => key.as_bytes() <= end.as_ref(),
                    Bound::Excluded(end) => key.as_bytes() < end.as_ref(),
                };
                after_start && before_end
            };
            let mut expected: Vec<Key> = all.iter().filter(|key| inside(key)).cloned().collect();
            ensure_eq!(listed(&store, query.clone()).await?, expected, "{query:?}");
            expected.reverse();
            let descending = query.descending();
            ensure_eq!(listed(&store, descending.clone()).await?, expected, "{descending:?}");
        }
    }
    let typed = Query::range(key!("/a/b")..=key!("/b"));
    ensure_eq!(listed(&store, typed).await?, keys(["/a/b", "/ab", "/b"])?, "a range of keys");
    Ok(())
}

async fn a_limit_counts_over_pages(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let all = numbered("limited", 11)?;
    fill(&store, &all).await?;
    let mut reversed = all.clone();
    reversed.reverse();
    for limit in [0, 1, 2, 10, 11, 12, usize::MAX] {
        let expected = |keys: &[Key]| keys.iter().take(limit).cloned().collect::<Vec<_>>();
        let query = Query::all().limit(limit);
        ensure_eq!(listed(&store, query.clone()).await?, expected(&all), "{query:?}");
        let query = query.descending();
        ensure_eq!(listed(&store, query.clone()).await?, expected(&reversed), "{query:?}");
    }
    Ok(())
}

async fn an_offset_is_skipped(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let all = numbered("skipped", 11)?;
    fill(&store, &all).await?;
    for offset in [0, 1, 5, 10, 11, 12, 1000] {
        for limit in [0, 1, 5, 11, 1000] {
            let entries = store.query(Query::all().keys_only());
            let entries = entries.skip_entries(offset).limit_entries(limit);
            let found: Vec<Key> = entries.map_ok(|entry| entry.into_key()).try_collect().await?;
            let expected: Vec<Key> = all.iter().skip(offset).take(limit).cloned().collect();
            ensure_eq!(found, expected, "offset {offset}, limit {limit}");
        }
    }
    Ok(())
}

async fn a_query_returns_what_it_selects(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let sizes = [0, 1, 2, 127, 128, 255, 256, 4096, 65_536, 100_000];
    let all = numbered("selected", sizes.len())?;
    for (key, size) in all.iter().zip(sizes) {
        store.put(key, noise(size as u64, size)).await?;
    }
    for limit in [None, Some(1), Some(4)] {
        let query = Query { limit, ..Query::all() };
        let rows = walked(&store, &query.clone().keys_only()).await?;
        let expected: Vec<_> = all.iter().map(|key| (key.clone(), Content::Nothing)).collect();
        ensure_eq!(rows, expected, "keys alone");
        let rows = walked(&store, &query.clone().sizes_only()).await?;
        let content = sizes.iter().map(|size| Content::Size(*size as u64));
        let expected: Vec<_> = all.iter().cloned().zip(content).collect();
        ensure_eq!(rows, expected, "sizes");
        let rows = walked(&store, &query).await?;
        let content = sizes.iter().map(|size| Content::Value(noise(*size as u64, *size)));
        let expected: Vec<_> = all.iter().cloned().zip(content).collect();
        ensure_eq!(rows, expected, "values");
    }
    Ok(())
}

async fn more_than_a_thousand_entries_are_listed(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let mut all = numbered("many", bench.scale.pick(1_100, 9_000))?;
    fill(&store, &all).await?;
    for direction in [Direction::Ascending, Direction::Descending] {
        for limit in [None, Some(100), Some(999), Some(1_000), Some(1_001), Some(5_000)] {
            let query = Query { direction, limit, ..Query::all() };
            let rows = walked(&store, &query).await?;
            let expected = all.iter().map(|key| (key.clone(), Content::Value(key.to_bytes())));
            ensure_eq!(rows, expected.collect::<Vec<_>>(), "entries of pages of {limit:?}");
            ensure_eq!(walked_keys(&store, &query.keys_only()).await?, all, "keys of the same");
        }
        all.reverse();
    }
    Ok(())
}

async fn pages_of_large_values_are_whole(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let len = bench.capabilities.max_value_len.min(700 << 10);
    let all = numbered("large", 16)?;
    for (number, key) in all.iter().enumerate() {
        store.put(key, noise(number as u64, len as usize)).await?;
    }
    for (direction, first) in [(Direction::Ascending, 0), (Direction::Descending, 15)] {
        let rows = walked(&store, &Query { direction, ..Query::all() }).await?;
        ensure_eq!(rows.len(), all.len(), "entries");
        for (place, (key, content)) in rows.into_iter().enumerate() {
            let number = place.abs_diff(first);
            ensure_eq!(Some(&key), all.get(number), "key {place} {direction:?}");
            ensure_eq!(
                content,
                Content::Value(noise(number as u64, len as usize)),
                "value of {key}"
            );
        }
        let sizes = walked(&store, &Query { direction, ..Query::all() }.sizes_only()).await?;
        let exact = sizes.iter().all(|(_, content)| *content == Content::Size(len));
        ensure_eq!((sizes.len(), exact), (16, true), "sizes");
    }
    Ok(())
}

async fn a_stream_is_the_pages_of_its_query(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let all = numbered("streamed", bench.scale.pick(1_100, 9_000))?;
    fill(&store, &all).await?;
    for limit in [1, 999, 1_000, 1_001, 4_095, 4_096, 4_097, 8_192, 8_193] {
        let expected: Vec<Key> = all.iter().take(limit).cloned().collect();
        ensure_eq!(listed(&store, Query::all().limit(limit)).await?, expected, "limit {limit}");
        let expected: Vec<Key> = all.iter().rev().take(limit).cloned().collect();
        let query = Query::all().limit(limit).descending();
        ensure_eq!(listed(&store, query).await?, expected, "limit {limit}, descending");
    }
    Ok(())
}
