use std::sync::Arc;

use datastore::{Batch, Datastore, DatastoreExt, Query, key};
use futures::executor::block_on;
use futures::poll;

use crate::support::{keys, numbered, open};

#[test]
fn a_dropped_commit_happens_whole_or_not_at_all_and_before_what_follows() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        let (mut happened, rounds) = (0, 60);
        for round in 0..rounds {
            let large = vec![b'v'; 3 << 20];
            let batch = Batch::new()
                .put(key!("/first"), round.to_string())
                .put(key!("/large"), large)
                .put(key!("/last"), round.to_string());
            let mut commit = store.commit(batch);
            let _ = poll!(commit.as_mut());
            if round % 3 == 0 {
                std::thread::yield_now(); // now and then it has begun
            }
            drop(commit);
            let first = store.get(&key!("/first")).await.unwrap();
            let last = store.get(&key!("/last")).await.unwrap();
            assert_eq!(first, last);
            let applied = first.as_deref() == Some(round.to_string().as_bytes());
            happened += usize::from(applied);
            // Nothing of it lands later.
            store
                .commit(Batch::new().put(key!("/first"), "x").put(key!("/last"), "x"))
                .await
                .unwrap();
            assert_eq!(store.get(&key!("/first")).await.unwrap().as_deref(), Some(&b"x"[..]));
        }
        println!("{happened} of {rounds} dropped commits happened");
    });
}

#[test]
fn a_commit_that_is_never_polled_never_happens() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        drop(store.commit(Batch::new().put(key!("/a"), "1")));
        drop(store.commit(Batch::new().put(key!("/b"), vec![1; 8 << 20])));
        assert_eq!(keys(&store, Query::all()).await.unwrap(), []);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn synced_commits_that_are_dropped_leave_the_others_answered() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(open(directory.path()).await);
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for round in 0..10 {
                    let mut commit = store.commit(Batch::new().put(numbered(task), "v").synced());
                    if (task + round) % 2 == 0 {
                        let _ = poll!(commit.as_mut());
                        drop(commit);
                    } else {
                        commit.await.unwrap();
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(keys(&*store, Query::all()).await.unwrap().len(), 64);
    store.close().await.unwrap();
}
