use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use datastore::{Batch, Datastore, DatastoreExt, Query, key};
use datastore_fjall::{FjallDatastore, FjallOptions};

use crate::support::numbered;

const KEYS: usize = 200;

/// Batches of short values, which are applied where they are committed.
const SHORT: Load = Load { padding: 0, rounds: 1_000 };

/// Batches of over 2 MiB, which are applied on threads.
const LONG: Load = Load { padding: 16 << 10, rounds: 60 };

#[derive(Clone, Copy)]
struct Load {
    padding: usize,
    rounds: usize,
}

async fn while_batches_are_written<F: Future<Output = ()>>(
    load: Load,
    read: impl Fn(Arc<FjallDatastore>) -> F,
) {
    let directory = tempfile::tempdir().unwrap();
    // Small memtables: the engine takes numbers for itself whenever it flushes one.
    let options = FjallOptions::new().memtable_bytes(64 << 10);
    let store = Arc::new(options.open(directory.path()).await.unwrap());
    let done = Arc::new(AtomicBool::new(false));
    let batch = move |round: usize| {
        let value = Bytes::from(format!("{round} {}", ".".repeat(load.padding)));
        (0..KEYS).fold(Batch::new(), |batch, number| batch.put(numbered(number), value.clone()))
    };
    store.commit(batch(0)).await.unwrap();
    let rounds = Arc::new(AtomicUsize::new(0));
    let writer = {
        let (store, done, rounds) = (Arc::clone(&store), Arc::clone(&done), Arc::clone(&rounds));
        tokio::spawn(async move {
            while !done.load(Ordering::Relaxed) {
                let round = rounds.fetch_add(1, Ordering::Relaxed) + 1;
                store.commit(batch(round)).await.unwrap();
            }
        })
    };
    let mut reads = 0;
    while reads < 300 || rounds.load(Ordering::Relaxed) < load.rounds {
        read(Arc::clone(&store)).await;
        reads += 1;
        tokio::task::yield_now().await;
    }
    done.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_page_shows_part_of_a_batch() {
    while_batches_are_written(SHORT, async |store: Arc<FjallDatastore>| {
        let page = store.query_page(&Query::descendants(key!("/n"))).await.unwrap();
        let first = page.entries[0].value().unwrap();
        assert!(page.entries.iter().all(|entry| entry.value().unwrap() == first));
    })
    .await;
}

async fn get_round(store: &FjallDatastore, number: usize) -> usize {
    let value = store.get(&numbered(number)).await.unwrap().unwrap();
    let (round, _) = str::from_utf8(&value).unwrap().split_once(' ').unwrap();
    round.parse().unwrap()
}

async fn no_two_gets_see_less_the_second_time(load: Load) {
    while_batches_are_written(load, async |store: Arc<FjallDatastore>| {
        // Keys are applied in order: the first shows a batch before the last does.
        let first = get_round(&store, 0).await;
        let last = get_round(&store, KEYS - 1).await;
        assert!(last >= first, "{last} after {first}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_two_gets_see_less_of_a_batch_the_second_time() {
    no_two_gets_see_less_the_second_time(SHORT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_two_gets_see_less_of_a_large_batch_the_second_time() {
    no_two_gets_see_less_the_second_time(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_snapshot_holds_all_of_a_batch_or_nothing_of_it() {
    while_batches_are_written(SHORT, async |store: Arc<FjallDatastore>| {
        let snapshot = store.snapshot().await.unwrap();
        let last = snapshot.get(&numbered(KEYS - 1)).await.unwrap();
        let first = snapshot.get(&numbered(0)).await.unwrap();
        assert_eq!(first, last);
    })
    .await;
}
