//! Queries that stop and go on, while others write.

use std::collections::BTreeMap;

use datastore::{Batch, Content, Datastore, DatastoreExt, Direction, Entry, Key, Query, key};
use futures::TryStreamExt;

use super::support::{ensure_page, fill, key as make_key, listed, numbered, walked_keys};
use crate::bench::Bench;
use crate::case::Need::{Reopen, SyncedSurvives, Writable};
use crate::case::{Case, case};
use crate::failure::{Outcome, ensure, ensure_eq};

pub(super) const CASES: &[Case] = &[
    case!(
        "cursors",
        a_query_resumes_at_every_position,
        [Writable],
        "in both directions, at keys and between them"
    ),
    case!(
        "cursors",
        two_cursors_enclose_what_lies_between,
        [Writable],
        "every pair, the empty and the crossed ones too"
    ),
    case!(
        "cursors",
        a_cursor_stays_within_its_scope,
        [Writable],
        "cursors before, in and behind prefixes"
    ),
    case!(
        "cursors",
        writes_between_pages_lose_no_key,
        [Writable],
        "inserts and deletes at every position, in both directions"
    ),
    case!("cursors", the_key_of_a_cursor_may_be_deleted, [Writable], "resuming from what is gone"),
    case!(
        "cursors",
        a_listing_beside_writers_is_complete,
        [Writable],
        "concurrent inserts and deletes between the keys"
    ),
    case!("cursors", a_listing_may_delete_what_it_lists, [Writable], "and overwrite it"),
    case!(
        "cursors",
        a_cursor_survives_reopening,
        [Writable, Reopen, SyncedSurvives(datastore::Survives::Process)],
        "a page before, the rest after"
    ),
];

async fn a_query_resumes_at_every_position(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let all = numbered("resumed", 12)?;
    fill(&store, &all).await?;
    let mut positions = all.clone();
    for key in &all {
        positions.push(make_key([key.as_bytes(), b"\0"].concat())?);
        positions.push(key.child("below")?);
    }
    positions.extend([key!("/a"), key!("/z"), key!("/resumed")]);
    for position in &positions {
        let (mut after, mut before) = (all.clone(), all.clone());
        after.retain(|key| key > position);
        before.retain(|key| key < position);
        for limit in [None, Some(1), Some(2), Some(5)] {
            let query = Query { limit, ..Query::all() };
            ensure_finds(&store, query.clone().after(position.clone()), &after).await?;
            ensure_finds(&store, query.before(position.clone()), &before).await?;
        }
    }
    Ok(())
}

/// The pages of the query hold these keys, and backwards in the other direction.
async fn ensure_finds(store: &dyn Datastore, query: Query, expected: &[Key]) -> Outcome {
    ensure_eq!(walked_keys(store, &query).await?, expected, "pages of {query:?}");
    let query = query.descending();
    let expected: Vec<Key> = expected.iter().rev().cloned().collect();
    ensure_eq!(walked_keys(store, &query).await?, expected, "pages of {query:?}");
    Ok(())
}

async fn two_cursors_enclose_what_lies_between(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let all = numbered("enclosed", 6)?;
    fill(&store, &all).await?;
    for after in &all {
        for before in &all {
            let between: Vec<Key> =
                all.iter().filter(|key| *key > after && *key < before).cloned().collect();
            let query = Query::all().after(after.clone()).before(before.clone());
            ensure_finds(&store, query.clone(), &between).await?;
            ensure_finds(&store, query.limit(2), &between).await?;
        }
    }
    Ok(())
}

async fn a_cursor_stays_within_its_scope(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let mut all = Vec::new();
    for prefix in ["left", "middle", "right"] {
        all.extend(numbered(prefix, 4)?);
    }
    fill(&store, &all).await?;
    let scopes = [
        Query::descendants(key!("/middle")),
        Query::starts_with("/mid"),
        Query::range(key!("/middle")..key!("/n")),
    ];
    for scope in scopes {
        for cursor in &all {
            let inside = |key: &&Key| key.as_bytes().starts_with(b"/middle/");
            let after = all.iter().filter(inside).filter(|key| *key > cursor);
            let query = scope.clone().after(cursor.clone());
            ensure_finds(&store, query.limit(3), &after.cloned().collect::<Vec<_>>()).await?;
            let before = all.iter().filter(inside).filter(|key| *key < cursor);
            let query = scope.clone().before(cursor.clone());
            ensure_finds(&store, query.limit(3), &before.cloned().collect::<Vec<_>>()).await?;
        }
    }
    Ok(())
}

async fn writes_between_pages_lose_no_key(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    // The even ones stay; odd ones come and go.
    let all = numbered("written", bench.scale.pick(14, 24))?;
    let (stay, come_and_go): (Vec<_>, Vec<_>) =
        all.iter().cloned().enumerate().partition(|(number, _)| number % 2 == 0);
    let stay: Vec<Key> = stay.into_iter().map(|(_, key)| key).collect();
    let come_and_go: Vec<Key> = come_and_go.into_iter().map(|(_, key)| key).collect();
    for direction in [Direction::Ascending, Direction::Descending] {
        for (round, moving) in come_and_go.iter().enumerate() {
            store
                .commit(
                    come_and_go.iter().fold(Batch::new(), |batch, key| batch.delete(key.clone())),
                )
                .await?;
            fill(&store, &stay).await?;
            let (mut seen, mut there) = (BTreeMap::new(), round % 2 == 0);
            let mut next = Some(Query { direction, limit: Some(2), ..Query::all() });
            while let Some(query) = next {
                let page = store.query_page(&query).await?;
                ensure_page(&query, &page)?;
                for entry in &page.entries {
                    *seen.entry(entry.key().clone()).or_insert(0) += 1;
                }
                next = page.next.map(|cursor| query.resume(cursor));
                // One key at the same place, and all of the others, before the next page.
                there = !there;
                if there {
                    fill(&store, &come_and_go).await?;
                    store.delete(moving).await?;
                } else {
                    let gone =
                        come_and_go.iter().fold(Batch::new(), |b, key| b.delete(key.clone()));
                    store.commit(gone.put(moving.clone(), moving.to_bytes())).await?;
                }
            }
            ensure_complete(&seen, &stay, &all)?;
        }
    }
    Ok(())
}

/// Every key that stayed was seen once, no key twice, and none that never was.
fn ensure_complete(seen: &BTreeMap<Key, u32>, stay: &[Key], ever: &[Key]) -> Outcome {
    for key in stay {
        ensure!(seen.contains_key(key), "{key} was there all the time and was not listed");
    }
    for (key, times) in seen {
        ensure_eq!(*times, 1, "how often {key} was listed");
        ensure!(ever.contains(key), "{key} was listed and never written");
    }
    Ok(())
}

async fn the_key_of_a_cursor_may_be_deleted(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let all = numbered("gone", 10)?;
    for direction in [Direction::Ascending, Direction::Descending] {
        fill(&store, &all).await?;
        let mut seen = Vec::new();
        let mut next = Some(Query { direction, limit: Some(1), ..Query::all() });
        while let Some(query) = next {
            let page = store.query_page(&query).await?;
            ensure_page(&query, &page)?;
            for key in page.entries.into_iter().map(Entry::into_key) {
                store.delete(&key).await?;
                seen.push(key);
            }
            next = page.next.map(|cursor| query.resume(cursor));
        }
        seen.sort();
        ensure_eq!(seen, all, "keys listed {direction:?}, each deleted once it was seen");
        ensure_eq!(store.count(Query::all()).await?, 0, "keys that are left");
    }
    Ok(())
}

async fn a_listing_beside_writers_is_complete(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let all = numbered("beside", bench.scale.pick(200, 2_000))?;
    let stay: Vec<Key> = all.iter().step_by(2).cloned().collect();
    fill(&store, &stay).await?;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let writer = tokio::spawn({
        let (store, all) = (store.clone(), all.clone());
        async move {
            for number in (0..).map(|round: usize| round * 2 + 1) {
                if *stopped.borrow() {
                    break;
                }
                let Some(key) =
                    all.get(number * 7 % all.len()).filter(|_| number * 7 % all.len() % 2 == 1)
                else {
                    continue;
                };
                store.put(key, key.to_bytes()).await?;
                store.delete(key).await?;
                tokio::task::yield_now().await;
            }
            Ok::<_, datastore::Error>(())
        }
    });
    for (direction, limit) in
        [(Direction::Ascending, 7), (Direction::Descending, 7), (Direction::Ascending, 5_000)]
    {
        let mut seen = BTreeMap::new();
        let mut next = Some(Query { direction, limit: Some(limit), ..Query::all() });
        while let Some(query) = next {
            let page = store.query_page(&query).await?;
            ensure_page(&query, &page)?;
            for (key, content) in page.entries.into_iter().map(Entry::into_parts) {
                ensure_eq!(content, Content::Value(key.to_bytes()), "value of {key}");
                *seen.entry(key).or_insert(0) += 1;
            }
            next = page.next.map(|cursor| query.resume(cursor));
        }
        ensure_complete(&seen, &stay, &all)?;
    }
    stop.send_replace(true);
    writer.await??;
    Ok(())
}

async fn a_listing_may_delete_what_it_lists(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let all = numbered("mutated", bench.scale.pick(120, 1_200))?;
    fill(&store, &all).await?;
    let mut keys = store.query_keys(Query::all());
    let mut seen = Vec::new();
    while let Some(key) = keys.try_next().await? {
        store.put(&key, "overwritten").await?;
        if seen.len() % 2 == 0 {
            store.delete(&key).await?;
        }
        seen.push(key);
    }
    drop(keys);
    ensure_eq!(seen, all, "keys of a listing under which they were deleted");
    let left: Vec<Key> = all.iter().skip(1).step_by(2).cloned().collect();
    ensure_eq!(listed(&store, Query::all()).await?, left, "keys that are left");
    Ok(())
}

async fn a_cursor_survives_reopening(bench: &Bench) -> Outcome {
    let place = bench.place().await?;
    let mut store = place.open().await?;
    let all = numbered("reopened", 9)?;
    fill(&store, &all).await?;
    for direction in [Direction::Ascending, Direction::Descending] {
        let mut seen = Vec::new();
        let mut next = Some(Query { direction, limit: Some(4), ..Query::all() });
        while let Some(query) = next {
            let page = store.query_page(&query).await?;
            ensure_page(&query, &page)?;
            seen.extend(page.entries.into_iter().map(Entry::into_key));
            next = page.next.map(|cursor| query.resume(cursor));
            store = place.reopen().await?;
        }
        seen.sort();
        ensure_eq!(seen, all, "keys of {direction:?} pages, the store reopened after each");
    }
    Ok(())
}
