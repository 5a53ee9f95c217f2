use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use datastore::{Batch, Datastore, DatastoreExt, ErrorKind, Outcome, Version, Want, key};
use futures::executor::block_on;

use crate::support::open;

#[test]
fn a_condition_that_does_not_hold_applies_nothing() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        store.put(&key!("/a"), "1").await.unwrap();
        let version = store.read(&key!("/a"), Want::Value).await.unwrap().unwrap().version();
        let version = version.unwrap();

        let batch = Batch::new().put(key!("/b"), "2").absent(key!("/c"));
        store.commit(batch.clone().unchanged(key!("/a"), version.clone())).await.unwrap();
        store.put(&key!("/a"), "3").await.unwrap();
        for refused in [
            Batch::new().delete(key!("/b")).unchanged(key!("/a"), version.clone()),
            Batch::new().delete(key!("/b")).absent(key!("/a")),
            Batch::new().unchanged(key!("/missing"), version.clone()),
            Batch::new().unchanged(key!("/a"), Version::of_tag("3")),
            Batch::new().put(key!("/d"), "4").absent(key!("/d")).absent(key!("/a")).synced(),
        ] {
            let error = store.commit(refused).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Conflict);
            assert_eq!(error.outcome(), Some(Outcome::NotApplied));
        }
        assert!(store.has(&key!("/b")).await.unwrap());
        assert!(!store.has(&key!("/d")).await.unwrap());
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_increment_of_a_counter_is_lost() {
    const TASKS: u64 = 16;
    const ROUNDS: u64 = 100;
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(open(directory.path()).await);
    let increment = |old: Option<Bytes>| {
        let old = old.map_or(0, |old| u64::from_be_bytes(old[..].try_into().unwrap()));
        Some(Bytes::copy_from_slice(&(old + 1).to_be_bytes()))
    };
    let tasks: Vec<_> = (0..TASKS)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for _ in 0..ROUNDS {
                    // It gives up after as many rounds as others won.
                    while let Err(error) = store.update(&key!("/counter"), increment).await {
                        assert_eq!(error.kind(), ErrorKind::Conflict);
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let counter = store.get(&key!("/counter")).await.unwrap().unwrap();
    assert_eq!(counter[..], (TASKS * ROUNDS).to_be_bytes());
}

/// A writer without conditions writes ever larger numbers, while others write back what they read under
/// the condition that it is unchanged: overlooking the writer would put back an older number.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_condition_sees_writers_without_one() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(open(directory.path()).await);
    let done = Arc::new(AtomicBool::new(false));
    let copiers: Vec<_> = (0..4)
        .map(|_| {
            let (store, done) = (Arc::clone(&store), Arc::clone(&done));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    // Writes what was there, which must never undo what came after it was read.
                    let found = store.read(&key!("/k"), Want::Value).await.unwrap();
                    let Some(found) = found else { continue };
                    let version = found.version().unwrap();
                    let same = found.into_value().unwrap();
                    let batch = Batch::new().put(key!("/k"), same).unchanged(key!("/k"), version);
                    let _ = store.commit(batch).await;
                }
            })
        })
        .collect();
    for number in 0_u32..3000 {
        let value = Bytes::copy_from_slice(&number.to_be_bytes());
        store.put(&key!("/k"), value.clone()).await.unwrap();
        for _ in 0..4 {
            assert_eq!(store.get(&key!("/k")).await.unwrap(), Some(value.clone()));
            tokio::task::yield_now().await;
        }
    }
    done.store(true, Ordering::Relaxed);
    for copier in copiers {
        copier.await.unwrap();
    }
}
