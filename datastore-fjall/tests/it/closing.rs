use std::path::Path;
use std::sync::Arc;

use datastore::{Batch, Datastore, DatastoreExt, ErrorKind, Outcome, Query, Want, key};
use futures::executor::block_on;
use futures::{StreamExt, TryStreamExt};

use crate::support::{copy_directory, keys, numbered, open};

#[test]
fn a_closed_store_answers_closed_and_closes_again() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        store.put(&key!("/a"), "1").await.unwrap();
        store.close().await.unwrap();
        store.close().await.unwrap();
        let closed = ErrorKind::Closed;
        assert_eq!(store.read(&key!("/a"), Want::Exists).await.unwrap_err().kind(), closed);
        assert_eq!(store.query_page(&Query::all()).await.unwrap_err().kind(), closed);
        assert_eq!(store.snapshot().await.unwrap_err().kind(), closed);
        assert_eq!(store.disk_usage().await.unwrap_err().kind(), closed);
        assert_eq!(store.compact().await.unwrap_err().kind(), closed);
        assert_eq!(store.check().await.unwrap_err().kind(), closed);
        assert_eq!(store.sync().await.unwrap_err().kind(), closed);
        for batch in
            [Batch::new(), Batch::new().put(key!("/b"), "2"), Batch::new().absent(key!("/b"))]
        {
            let error = store.commit(batch).await.unwrap_err();
            assert_eq!((error.kind(), error.outcome()), (closed, Some(Outcome::NotApplied)));
        }
    });
}

#[test]
fn a_store_reopens_at_once_while_streams_and_snapshots_of_it_live() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        let batch = (0..10_000).fold(Batch::new(), |batch, n| batch.put(numbered(n), "v"));
        store.commit(batch).await.unwrap();
        let snapshot = store.snapshot().await.unwrap();
        let mut stream = store.query(Query::all());
        stream.next().await.unwrap().unwrap();
        store.close().await.unwrap();

        let reopened = open(directory.path()).await;
        assert_eq!(keys(&reopened, Query::all()).await.unwrap().len(), 10_000);
        let error = snapshot.get(&numbered(1)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
        let rest: Result<Vec<_>, _> = stream.try_collect().await;
        assert_eq!(rest.unwrap_err().kind(), ErrorKind::Closed);
    });
}

/// Bytes of the journals of the store in a directory that is closed.
fn journal_bytes(directory: &Path) -> u64 {
    let files = std::fs::read_dir(directory.join("engine")).unwrap().map(Result::unwrap);
    let journals = files.filter(|file| file.path().extension().is_some_and(|end| end == "jnl"));
    journals.map(|journal| journal.metadata().unwrap().len()).sum()
}

#[test]
fn a_close_that_wrote_much_leaves_nothing_to_replay() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        for round in 0..3 {
            let store = open(directory.path()).await;
            let batch = (0..10_000)
                .fold(Batch::new(), |batch, n| batch.put(numbered(n), format!("{n} in {round}")));
            store.commit(batch).await.unwrap();
            let gone = (0..10_000).step_by(10);
            let gone = gone.fold(Batch::new(), |batch, n| batch.delete(numbered(n)));
            store.commit(gone).await.unwrap();
            store.close().await.unwrap();
            assert_eq!(journal_bytes(directory.path()), 0);

            let store = open(directory.path()).await;
            for n in 0..10_000 {
                let expected = (n % 10 > 0).then(|| format!("{n} in {round}").into());
                assert_eq!(store.get(&numbered(n)).await.unwrap(), expected, "{n}");
            }
            assert!(store.check().await.unwrap().is_clean());
            store.close().await.unwrap();
        }
    });
}

#[test]
fn what_is_written_after_a_journal_was_emptied_survives_a_crash() {
    let (directory, crashed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    block_on(async {
        let store = open(directory.path()).await;
        let batch = (0..10_000).fold(Batch::new(), |batch, n| batch.put(numbered(n), "old"));
        store.commit(batch).await.unwrap();
        store.close().await.unwrap();

        let store = open(directory.path()).await;
        store.commit(Batch::new().put(numbered(1), "new").delete(numbered(2))).await.unwrap();
        copy_directory(directory.path(), crashed.path());
        let after = open(crashed.path()).await;
        assert_eq!(after.get(&numbered(1)).await.unwrap().as_deref(), Some(&b"new"[..]));
        assert_eq!(after.get(&numbered(2)).await.unwrap(), None);
        assert_eq!(keys(&after, Query::all()).await.unwrap().len(), 9_999);
    });
}

#[test]
fn a_close_that_wrote_little_writes_no_table() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        store.put(&key!("/a"), "1").await.unwrap();
        store.close().await.unwrap();
        assert!(journal_bytes(directory.path()) > 0);
        let tables = directory.path().join("engine/keyspaces/1/tables");
        assert_eq!(std::fs::read_dir(tables).unwrap().count(), 0);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn close_waits_for_what_runs_and_keeps_what_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(open(directory.path()).await);
    let (started, mut has_started) = tokio::sync::mpsc::channel(8);
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let (store, started) = (Arc::clone(&store), started.clone());
            tokio::spawn(async move {
                let mut acknowledged = 0;
                loop {
                    let number = writer * 100_000 + acknowledged;
                    let batch = Batch::new().put(numbered(number), "v");
                    let batch = if writer % 2 == 0 { batch } else { batch.synced() };
                    match store.commit(batch).await {
                        Ok(()) => acknowledged += 1,
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Closed);
                            break acknowledged;
                        }
                    }
                    if acknowledged == 10 {
                        started.send(()).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for _ in 0..8 {
        has_started.recv().await.unwrap();
    }
    let closes: Vec<_> = (0..4)
        .map(|_| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.close().await })
        })
        .collect();
    for close in closes {
        close.await.unwrap().unwrap();
    }
    // Each of the closes had waited for the end.
    let reopened = open(directory.path()).await;
    for (writer, task) in writers.into_iter().enumerate() {
        for number in 0..task.await.unwrap() {
            assert!(reopened.has(&numbered(writer * 100_000 + number)).await.unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn close_waits_for_a_large_batch() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let mut commit = store.commit(Batch::new().put(key!("/large"), vec![1; 64 << 20]));
    assert!(futures::poll!(commit.as_mut()).is_pending());
    let close = store.close();
    let (committed, closed) = futures::join!(commit, close);
    closed.unwrap();
    let reopened = open(directory.path()).await;
    assert_eq!(reopened.has(&key!("/large")).await.unwrap(), committed.is_ok());
}

#[test]
fn a_dropped_store_is_shut_down_in_order() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        store.put(&key!("/a"), "1").await.unwrap();
        let snapshot = store.snapshot().await.unwrap();
        drop(store);
        // The snapshot still holds it open.
        assert!(snapshot.has(&key!("/a")).await.unwrap());
        drop(snapshot);
        assert!(directory.path().join("SEAL").exists());
        let store = open(directory.path()).await;
        assert!(store.has(&key!("/a")).await.unwrap());
    });
}

#[test]
fn a_check_that_nobody_waits_for_ends() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        let batch = (0..100_000).fold(Batch::new(), |batch, n| batch.put(numbered(n), "v"));
        store.commit(batch).await.unwrap();
        let mut check = store.check();
        assert!(futures::poll!(check.as_mut()).is_pending());
        drop(check);
        store.close().await.unwrap();
    });
}
