use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use datastore::{Batch, Datastore, DatastoreExt, Query, key};
use datastore_fjall::FjallOptions;

use crate::support::numbered;

const KEYS: usize = 200;

async fn while_batches_are_written<F: Future<Output = ()>>(
    read: impl Fn(Arc<datastore_fjall::FjallDatastore>) -> F,
) {
    let directory = tempfile::tempdir().unwrap();
    // Small memtables: the engine takes numbers for itself whenever it flushes one.
    let options = FjallOptions::new().memtable_bytes(64 << 10);
    let store = Arc::new(options.open(directory.path()).await.unwrap());
    let done = Arc::new(AtomicBool::new(false));
    let batch = |round: usize| {
        (0..KEYS).fold(Batch::new(), |batch, number| batch.put(numbered(number), round.to_string()))
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
    while reads < 300 || rounds.load(Ordering::Relaxed) < 1_000 {
        read(Arc::clone(&store)).await;
        reads += 1;
        tokio::task::yield_now().await;
    }
    done.store(true, Ordering::Relaxed);
    writer.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_page_shows_part_of_a_batch() {
    while_batches_are_written(async |store: Arc<datastore_fjall::FjallDatastore>| {
        let page = store.query_page(&Query::descendants(key!("/n"))).await.unwrap();
        let first = page.entries[0].value().unwrap();
        assert!(page.entries.iter().all(|entry| entry.value().unwrap() == first));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_two_gets_see_less_of_a_batch_the_second_time() {
    while_batches_are_written(async |store: Arc<datastore_fjall::FjallDatastore>| {
        let round = async |number| -> usize {
            let value = store.get(&numbered(number)).await.unwrap().unwrap();
            str::from_utf8(&value).unwrap().parse().unwrap()
        };
        // Keys are applied in order: the first shows a batch before the last does.
        let first = round(0).await;
        let last = round(KEYS - 1).await;
        assert!(last >= first, "{last} after {first}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_snapshot_holds_all_of_a_batch_or_nothing_of_it() {
    while_batches_are_written(async |store: Arc<datastore_fjall::FjallDatastore>| {
        let snapshot = store.snapshot().await.unwrap();
        let last = snapshot.get(&numbered(KEYS - 1)).await.unwrap();
        let first = snapshot.get(&numbered(0)).await.unwrap();
        assert_eq!(first, last);
    })
    .await;
}
