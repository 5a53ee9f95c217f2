//! Futures and streams that are dropped midway.

use bytes::Bytes;
use datastore::{Batch, Datastore, DatastoreExt, Key, Op, Query, Want, key};
use futures::StreamExt;

use super::support::{fill, noise, numbered};
use crate::bench::Bench;
use crate::case::Need::{AtomicBatches, Writable};
use crate::case::{Case, case};
use crate::failure::{Outcome, ensure, ensure_eq};
use crate::recorder::poll_up_to;

pub(super) const CASES: &[Case] = &[
    case!(
        "cancellation",
        a_dropped_commit_happens_wholly_or_not_at_all,
        [Writable, AtomicBatches],
        "dropped after every number of polls"
    ),
    case!(
        "cancellation",
        a_dropped_commit_comes_before_what_follows,
        [Writable, AtomicBatches],
        "later writes win, and stay"
    ),
    case!(
        "cancellation",
        a_dropped_commit_leaves_whole_values,
        [Writable],
        "each key is as before or as written"
    ),
    case!(
        "cancellation",
        dropped_reads_and_streams_leave_nothing_behind,
        [Writable],
        "hundreds of them, then a close"
    ),
    case!(
        "cancellation",
        a_store_serves_on_after_dropped_calls,
        [Writable],
        "every method dropped midway"
    ),
];

/// How many polls a commit is given at most before it is dropped.
const POLLS: usize = 12;

fn batch(keys: &[Key], value: &Bytes) -> Batch {
    keys.iter().map(|key| Op::Put { key: key.clone(), value: value.clone() }).collect()
}

async fn values(store: &dyn Datastore, keys: &[Key]) -> Outcome<Vec<Option<Bytes>>> {
    let mut values = Vec::new();
    for key in keys {
        values.push(store.get(key).await?);
    }
    Ok(values)
}

async fn a_dropped_commit_happens_wholly_or_not_at_all(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = numbered("dropped", 20)?;
    let mut before = noise(0, 500);
    store.commit(batch(&keys, &before)).await?;
    for round in 0..bench.scale.pick(2, 10) {
        for polls in 0..POLLS {
            let after = noise(1 + round * 100 + polls as u64, 500);
            let commit = batch(&keys, &after);
            let commit = if round % 2 == 0 { commit } else { commit.synced() };
            let result = poll_up_to(store.commit(commit), polls).await.transpose()?;
            // What it is now, it stays: nothing of it comes later.
            let first = values(&store, &keys).await?;
            store.sync().await?;
            let then = values(&store, &keys).await?;
            ensure!(first == then, "a commit dropped after {polls} polls landed after a read");
            let is = |value: &Bytes| then.iter().all(|found| found.as_ref() == Some(value));
            let (old, new) = (is(&before), is(&after));
            ensure!(old || new, "a commit dropped after {polls} polls landed in part");
            ensure!(new || result.is_none(), "a commit that was acknowledged is not there");
            if new {
                before = after;
            }
        }
    }
    Ok(())
}

async fn a_dropped_commit_comes_before_what_follows(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = numbered("followed", 10)?;
    for round in 0..bench.scale.pick(2, 10) {
        for polls in 0..POLLS {
            let (dropped, later) = (noise(1, 300), Bytes::from(format!("{round} {polls}")));
            drop(poll_up_to(store.commit(batch(&keys, &dropped)), polls).await);
            store.commit(batch(&keys, &later)).await?;
            let expected = vec![Some(later); keys.len()];
            ensure_eq!(values(&store, &keys).await?, expected, "at once, after {polls} polls");
            store.sync().await?;
            ensure_eq!(values(&store, &keys).await?, expected, "later, after {polls} polls");
        }
    }
    Ok(())
}

async fn a_dropped_commit_leaves_whole_values(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = numbered("whole", 5)?;
    let (old, new) = (noise(1, 70_000), noise(2, 90_000));
    for polls in 0..POLLS {
        store.commit(batch(&keys, &old)).await?;
        drop(poll_up_to(store.commit(batch(&keys, &new)), polls).await);
        for (key, value) in keys.iter().zip(values(&store, &keys).await?) {
            let whole = value.as_ref().is_some_and(|value| *value == old || *value == new);
            ensure!(whole, "{key} is neither as before nor as written, after {polls} polls");
        }
    }
    Ok(())
}

async fn dropped_reads_and_streams_leave_nothing_behind(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = numbered("dropped", bench.scale.pick(60, 5_000))?;
    fill(&store, &keys).await?;
    for round in 0..bench.scale.pick(30, 500) {
        let mut stream = store.query(Query::all());
        for _ in 0..round % 4 {
            drop(poll_up_to(stream.next(), round % 3).await);
        }
        drop(stream);
        if let Some(key) = keys.get(round % keys.len()) {
            drop(poll_up_to(store.read(key, Want::Value), round % 3).await);
        }
    }
    // What still held on to the store would show here.
    store.compact().await?;
    ensure_eq!(store.count(Query::all()).await?, keys.len() as u64, "keys");
    store.close().await?;
    Ok(())
}

async fn a_store_serves_on_after_dropped_calls(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/kept");
    for polls in 0..POLLS {
        let value = Bytes::from(polls.to_string());
        store.put(&key, value.clone()).await?;
        drop(poll_up_to(store.query_page(&Query::all()), polls).await);
        drop(poll_up_to(store.snapshot(), polls).await);
        drop(poll_up_to(store.sync(), polls).await);
        drop(poll_up_to(store.disk_usage(), polls).await);
        drop(poll_up_to(store.compact(), polls).await);
        drop(poll_up_to(store.check(), polls).await);
        drop(poll_up_to(store.commit(Batch::new().delete(key!("/other")).synced()), polls).await);
        ensure_eq!(store.get(&key).await?, Some(value), "the value after {polls} polls of each");
    }
    // A close that was dropped is finished by the next.
    drop(poll_up_to(store.close(), 1).await);
    store.close().await?;
    crate::failure::ensure_kind!(store.get(&key).await, datastore::ErrorKind::Closed, "get");
    Ok(())
}
