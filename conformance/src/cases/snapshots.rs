//! Views that stay as they were.

use bytes::Bytes;
use datastore::{Batch, Datastore, DatastoreExt, ErrorKind, Key, Op, Query, Survives, key};

use super::basics::ensure_absent;
use super::closing::ensure_closed;
use super::support::{Row, ensure_page, fill, listed, numbered, walked};
use crate::bench::Bench;
use crate::case::Need::{AtomicBatches, Snapshots, Writable};
use crate::case::{Case, case};
use crate::failure::{Outcome, ensure, ensure_eq, ensure_kind};

pub(super) const CASES: &[Case] = &[
    case!(
        "snapshots",
        a_snapshot_stays_as_it_was,
        [Writable, Snapshots],
        "under overwrites, deletes and new keys"
    ),
    case!(
        "snapshots",
        a_snapshot_is_read_only,
        [Writable, Snapshots],
        "declared so, and refusing commits"
    ),
    case!(
        "snapshots",
        snapshots_of_different_times_differ,
        [Writable, Snapshots],
        "several at once, let go in any order"
    ),
    case!(
        "snapshots",
        a_snapshot_is_of_one_moment,
        [Writable, Snapshots, AtomicBatches],
        "taken beside concurrent batches"
    ),
    case!(
        "snapshots",
        a_long_listing_of_a_snapshot_is_exact,
        [Writable, Snapshots],
        "page by page, the store emptied meanwhile"
    ),
    case!(
        "snapshots",
        closing_a_snapshot_closes_the_view_alone,
        [Writable, Snapshots],
        "and the view then answers Closed"
    ),
    case!(
        "snapshots",
        a_snapshot_ends_with_its_store,
        [Writable, Snapshots],
        "Closed; or as it was, if what was closed is a wrapper"
    ),
];

async fn rows(store: &dyn Datastore, keys: &[Key]) -> Outcome<(Vec<Row>, Vec<Option<Bytes>>)> {
    let mut values = Vec::new();
    for key in keys {
        values.push(store.get(key).await?);
    }
    Ok((walked(store, &Query::all().limit(3)).await?, values))
}

async fn a_snapshot_stays_as_it_was(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = numbered("frozen", 8)?;
    let (there, not_there) = keys.split_at(5);
    fill(&store, there).await?;
    let before = rows(&store, &keys).await?;
    let snapshot = store.snapshot().await?;
    ensure_eq!(rows(&snapshot, &keys).await?, before, "the snapshot at once");
    let mut batch = Batch::new();
    for (number, key) in there.iter().enumerate() {
        batch = if number % 2 == 0 {
            batch.delete(key.clone())
        } else {
            batch.put(key.clone(), "changed")
        };
    }
    store.commit(batch).await?;
    fill(&store, not_there).await?;
    store.sync().await?;
    store.compact().await?;
    ensure_eq!(rows(&snapshot, &keys).await?, before, "the snapshot after changes");
    ensure!(rows(&store, &keys).await? != before, "the store did not change");
    for (number, key) in there.iter().enumerate().filter(|(number, _)| number % 2 == 0) {
        ensure!(snapshot.has(key).await?, "key {number} is gone from the snapshot");
        ensure_eq!(snapshot.size(key).await?, Some(key.as_bytes().len() as u64), "its size");
        ensure_absent(&store, key).await?;
    }
    for key in not_there {
        ensure_absent(&snapshot, key).await?;
    }
    ensure_eq!(snapshot.count(Query::all()).await?, 5, "entries of the snapshot");
    Ok(())
}

async fn a_snapshot_is_read_only(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/frozen");
    store.put(&key, "1").await?;
    let snapshot = store.snapshot().await?;
    ensure!(!snapshot.capabilities().writable, "a snapshot declares that it can be written");
    for batch in [Batch::new().put(key.clone(), "2"), Batch::new().delete(key.clone())] {
        ensure_kind!(
            snapshot.commit(batch).await,
            ErrorKind::Unsupported,
            "a commit to a snapshot"
        );
    }
    for (store, which) in [(&store, "store"), (&snapshot, "snapshot")] {
        ensure_eq!(store.get(&key).await?, Some("1".into()), "the value in the {which}");
    }
    Ok(())
}

async fn snapshots_of_different_times_differ(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = numbered("aged", 4)?;
    let mut snapshots = Vec::new();
    for round in 0..12usize {
        snapshots.push((store.snapshot().await?, rows(&store, &keys).await?));
        if let Some(key) = keys.get(round % 4) {
            match round % 3 {
                0 | 1 => store.put(key, round.to_string()).await?,
                _ => store.delete(key).await?,
            }
        }
        if round % 4 == 3 {
            drop(snapshots.remove(round % 3));
        }
        for (snapshot, expected) in snapshots.iter().rev() {
            ensure_eq!(&rows(snapshot, &keys).await?, expected, "a snapshot in round {round}");
        }
    }
    Ok(())
}

async fn a_snapshot_is_of_one_moment(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = numbered("moment", 8)?;
    let generation = |number: u64| -> Batch {
        let value = Bytes::from(number.to_string());
        keys.iter().map(|key| Op::Put { key: key.clone(), value: value.clone() }).collect()
    };
    store.commit(generation(0)).await?;
    let rounds = bench.scale.pick(50, 1_000);
    let batches: Vec<Batch> = (1..=rounds).map(generation).collect();
    let writer = tokio::spawn({
        let store = store.clone();
        async move {
            for batch in batches {
                store.commit(batch).await?;
            }
            Ok::<_, datastore::Error>(())
        }
    });
    while !writer.is_finished() {
        let snapshot = store.snapshot().await?;
        let (listed, values) = rows(&snapshot, &keys).await?;
        ensure_eq!(listed.len(), keys.len(), "entries of a snapshot");
        let same = values.iter().all(|value| Some(value) == values.first());
        ensure!(same, "a snapshot holds values of several batches: {values:?}");
    }
    writer.await??;
    Ok(())
}

async fn a_long_listing_of_a_snapshot_is_exact(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = numbered("long", bench.scale.pick(300, 6_000))?;
    fill(&store, &keys).await?;
    let snapshot = store.snapshot().await?;
    for query in [Query::all().limit(97), Query::all().limit(97).descending()] {
        let mut seen = Vec::new();
        let mut next = Some(query);
        while let Some(query) = next {
            let page = snapshot.query_page(&query).await?;
            ensure_page(&query, &page)?;
            // The store changes under every page.
            if let Some(entry) = page.entries.first() {
                store.delete(entry.key()).await?;
                store.put(&entry.key().child("new")?, "1").await?;
            }
            next = page.next.map(|cursor| query.resume(cursor));
            seen.extend(page.entries.into_iter().map(|entry| entry.into_key()));
        }
        seen.sort();
        ensure!(seen == keys, "a snapshot of {} keys listed {}", keys.len(), seen.len());
    }
    Ok(())
}

async fn closing_a_snapshot_closes_the_view_alone(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/frozen");
    store.put(&key, "1").await?;
    let (first, second) = (store.snapshot().await?, store.snapshot().await?);
    store.put(&key, "2").await?;
    first.close().await?;
    first.close().await?;
    ensure_kind!(first.get(&key).await, ErrorKind::Closed, "get from a closed snapshot");
    let page = first.query_page(&Query::all()).await;
    ensure_kind!(page, ErrorKind::Closed, "page of a closed snapshot");
    ensure_eq!(second.get(&key).await?, Some("1".into()), "the value in the other snapshot");
    ensure_eq!(store.get(&key).await?, Some("2".into()), "the value in the store");
    store.put(&key, "3").await?;
    Ok(())
}

async fn a_snapshot_ends_with_its_store(bench: &Bench) -> Outcome {
    let place = bench.place().await?;
    let store = place.open().await?;
    let keys = numbered("ended", 20)?;
    fill(&store, &keys).await?;
    let snapshot = store.snapshot().await?;
    let views = [snapshot.snapshot().await?, snapshot];
    store.put(&key!("/later"), "1").await?;
    store.close().await?;
    for view in &views {
        match view.has(&key!("/later")).await {
            Err(error) if error.kind() == ErrorKind::Closed => ensure_closed(view).await?,
            later => {
                ensure!(!later?, "a snapshot shows what was written after it");
                ensure_eq!(listed(view, Query::all()).await?, keys, "keys of a snapshot");
            }
        }
    }
    if place.reopens() && bench.capabilities.synced >= Survives::Process {
        let again = place.reopen().await?;
        ensure_eq!(again.count(Query::all()).await?, 21, "entries, opened while a snapshot lives");
    }
    for view in &views {
        view.close().await?;
    }
    Ok(())
}
