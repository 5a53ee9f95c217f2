//! Several writes in one commit.

use bytes::Bytes;
use datastore::{Batch, Datastore, DatastoreExt, Key, Op, Query, key};
use futures::TryStreamExt;

use super::basics::{ensure_absent, ensure_value};
use super::support::{fill, key as make_key, listed, noise, numbered, walked};
use crate::bench::Bench;
use crate::case::Need::{AtomicBatches, ConsistentPages, Writable};
use crate::case::{Case, case};
use crate::failure::{Outcome, ensure, ensure_eq};

pub(super) const CASES: &[Case] = &[
    case!("batches", a_batch_is_invisible_before_its_commit, [Writable], "20 values of 256 KiB"),
    case!("batches", a_batch_can_put_and_delete, [Writable], "3 puts and a delete"),
    case!("batches", a_batch_can_delete_many_keys, [Writable], "everything below a prefix"),
    case!("batches", the_last_operation_on_a_key_wins, [Writable], "put and delete in every order"),
    case!("batches", batches_add_up, [Writable], "3 × 400 entries counted by prefix"),
    case!("batches", a_huge_batch_lands, [Writable], "thousands of operations in one commit"),
    case!(
        "batches",
        readers_see_a_batch_whole_or_not_at_all,
        [Writable, AtomicBatches],
        "reads beside commits"
    ),
    case!(
        "batches",
        pages_show_a_batch_whole_or_not_at_all,
        [Writable, AtomicBatches, ConsistentPages],
        "listings beside commits"
    ),
];

async fn a_batch_is_invisible_before_its_commit(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let entries: Vec<(Key, Bytes)> = numbered("batch", 20)?
        .into_iter()
        .enumerate()
        .map(|(number, key)| (key, noise(number as u64, 256 << 10)))
        .collect();
    let mut batch = Batch::new();
    for (key, value) in &entries {
        batch = batch.put(key.clone(), value.clone());
        ensure_absent(&store, key).await?;
    }
    ensure_eq!(listed(&store, Query::all()).await?, [], "keys before the commit");
    store.commit(batch).await?;
    for (key, value) in &entries {
        ensure_value(&store, key, value).await?;
    }
    let listed: Vec<_> = store.query(Query::all()).try_collect().await?;
    ensure_eq!(listed.len(), entries.len(), "entries after the commit");
    for (entry, (key, value)) in listed.iter().zip(&entries) {
        ensure!(entry.key() == key && entry.value() == Some(value), "{key} is listed otherwise");
    }
    Ok(())
}

async fn a_batch_can_put_and_delete(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    store.put(&key!("/batch/old"), "old").await?;
    let batch = Batch::new()
        .put(key!("/batch/1"), "1")
        .put(key!("/batch/2"), "2")
        .delete(key!("/batch/old"))
        .put(key!("/batch/3"), "3");
    store.commit(batch).await?;
    let expected = [key!("/batch/1"), key!("/batch/2"), key!("/batch/3")];
    ensure_eq!(listed(&store, Query::all()).await?, expected, "keys after the commit");
    ensure_absent(&store, &key!("/batch/old")).await
}

async fn a_batch_can_delete_many_keys(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = numbered("deleted", 200)?;
    fill(&store, &keys).await?;
    store.put(&key!("/deletedness"), "stays").await?;
    store.commit(keys.iter().map(|key| Op::Delete { key: key.clone() }).collect()).await?;
    ensure_eq!(listed(&store, Query::all()).await?, [key!("/deletedness")], "keys that are left");
    Ok(())
}

async fn the_last_operation_on_a_key_wins(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/ordered");
    // Every sequence of up to three operations, from a key that is there and from one that is not.
    for length in 1..=3u32 {
        for choice in 0..3usize.pow(length) {
            for present in [false, true] {
                store.delete(&key).await?;
                if present {
                    store.put(&key, "before").await?;
                }
                let (mut batch, mut rest) = (Batch::new(), choice);
                let mut expected = None;
                for _ in 0..length {
                    expected = [None, Some("1"), Some("2")].get(rest % 3).copied().flatten();
                    batch = match expected {
                        Some(value) => batch.put(key.clone(), value),
                        None => batch.delete(key.clone()),
                    };
                    rest /= 3;
                }
                let shown = format!("{:?}", batch.ops);
                store.commit(batch).await?;
                let found = store.get(&key).await?;
                let expected = expected.map(Bytes::from);
                ensure_eq!(found, expected, "after {shown}, the key there before: {present}");
                let count = u64::from(expected.is_some());
                ensure_eq!(store.count(Query::all()).await?, count, "keys after {shown}");
            }
        }
    }
    Ok(())
}

async fn batches_add_up(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let prefixes = ["foo", "bar", "baz"];
    for prefix in prefixes {
        let put = |key: Key| Op::Put { value: key.to_bytes(), key };
        store.commit(numbered(prefix, 400)?.into_iter().map(put).collect()).await?;
    }
    for prefix in prefixes {
        let below = Query::descendants(make_key(format!("/{prefix}"))?);
        ensure_eq!(store.count(below).await?, 400, "keys below /{prefix}");
    }
    Ok(())
}

async fn a_huge_batch_lands(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = numbered("huge", bench.scale.pick(1_500, 20_000))?;
    let put = |key: &Key| Op::Put { value: key.to_bytes(), key: key.clone() };
    store.commit(keys.iter().map(put).collect()).await?;
    let rows = walked(&store, &Query::all()).await?;
    ensure_eq!(rows.len(), keys.len(), "entries of the batch");
    ensure!(rows.iter().zip(&keys).all(|((row, _), key)| row == key), "other keys than were put");
    store.commit(keys.iter().map(|key| Op::Delete { key: key.clone() }).collect()).await?;
    ensure_eq!(store.count(Query::all()).await?, 0, "keys after a batch of deletes");
    Ok(())
}

/// A batch that sets all of `keys` to the same generation.
fn generation(keys: &[Key], generation: u64) -> Batch {
    let value = generation.to_be_bytes();
    let put = |key: &Key| Op::Put { key: key.clone(), value: Bytes::copy_from_slice(&value) };
    keys.iter().map(put).collect()
}

async fn readers_see_a_batch_whole_or_not_at_all(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = numbered("atomic", 8)?;
    store.commit(generation(&keys, 0)).await?;
    let rounds = bench.scale.pick(50, 1_000);
    let writer = tokio::spawn({
        let (store, keys) = (store.clone(), keys.clone());
        async move {
            for round in 1..=rounds {
                store.commit(generation(&keys, round)).await?;
            }
            Ok::<_, datastore::Error>(())
        }
    });
    // A key read later than another is of the same batch or of a later one.
    while !writer.is_finished() {
        let mut newest = Bytes::new();
        for key in keys.iter().chain(keys.iter().rev()) {
            let value = store.get_required(key).await?;
            ensure!(value >= newest, "{key} is at {value:?}, a key read before it at {newest:?}");
            newest = value;
        }
    }
    writer.await??;
    Ok(())
}

async fn pages_show_a_batch_whole_or_not_at_all(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = numbered("atomic", 16)?;
    store.commit(generation(&keys, 0)).await?;
    let rounds = bench.scale.pick(50, 1_000);
    let writer = tokio::spawn({
        let (store, keys) = (store.clone(), keys.clone());
        async move {
            for round in 1..=rounds {
                // Now all of a generation, now none.
                let batch = if round % 3 == 0 {
                    keys.iter().map(|key| Op::Delete { key: key.clone() }).collect()
                } else {
                    generation(&keys, round)
                };
                store.commit(batch).await?;
            }
            Ok::<_, datastore::Error>(())
        }
    });
    while !writer.is_finished() {
        for query in [Query::all(), Query::all().descending()] {
            let page = store.query_page(&query).await?;
            let count = page.entries.len();
            let whole = count == 0 || count == keys.len() || page.next.is_some();
            ensure!(whole, "a page that is the last shows {count} keys of a batch of 16");
            let first = page.entries.first().and_then(|entry| entry.value());
            let same = page.entries.iter().all(|entry| entry.value() == first);
            ensure!(same, "a page shows values of two batches: {page:?}");
        }
    }
    writer.await??;
    Ok(())
}
