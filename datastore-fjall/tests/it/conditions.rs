use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use datastore::{Batch, Datastore, DatastoreExt, ErrorKind, Key, Outcome, Version, Want, key};
use datastore_fjall::FjallDatastore;
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

#[test]
fn a_version_says_how_often_the_store_had_been_written() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        let (a, b) = (key!("/a"), key!("/b"));
        let seen = async |key| version(&store, key).await.seen().unwrap();
        store.commit(Batch::new().put(a.clone(), "1").put(b.clone(), "1")).await.unwrap();
        let first = seen(&a).await;
        assert_eq!(seen(&a).await, first);
        assert_ne!(seen(&b).await, first);
        for write in [
            Batch::new().put(b.clone(), "2"),
            Batch::new().delete(b.clone()),
            Batch::new().put(b.clone(), "3").put(key!("/c"), "3"),
            Batch::new().put(b.clone(), "4").unchanged(b.clone(), Version::of_value("3".into())),
        ] {
            let before = seen(&a).await;
            store.commit(write).await.unwrap();
            assert_ne!(seen(&a).await, before);
        }
        // The value is the same all the same.
        let unchanged = Version::of_value("1".into());
        assert_eq!(version(&store, &a).await, unchanged);
        store.commit(Batch::new().delete(b).unchanged(a, unchanged)).await.unwrap();
    });
}

#[test]
fn a_version_of_one_key_is_not_one_of_another_nor_of_another_store() {
    let directories = [(); 2].map(|()| tempfile::tempdir().unwrap());
    block_on(async {
        let (a, b) = (key!("/a"), key!("/b"));
        let one = open(directories[0].path()).await;
        one.commit(Batch::new().put(a.clone(), "1").put(b.clone(), "2")).await.unwrap();
        let read = version(&one, &a).await;
        let write = Batch::new().put(key!("/c"), "");
        let error = one.commit(write.clone().unchanged(b, read.clone())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
        one.close().await.unwrap();
        // Both are written as often as the first one was when the version was read.
        let again = open(directories[0].path()).await;
        let other = open(directories[1].path()).await;
        for store in [again, other] {
            store.put(&a, "3").await.unwrap();
            let refused = write.clone().unchanged(a.clone(), read.clone());
            assert_eq!(store.commit(refused).await.unwrap_err().kind(), ErrorKind::Conflict);
        }
    });
}

async fn version(store: &FjallDatastore, key: &Key) -> Version {
    store.read(key, Want::Value).await.unwrap().unwrap().version().unwrap()
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
