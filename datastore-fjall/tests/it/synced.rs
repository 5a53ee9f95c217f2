use std::sync::Arc;

use datastore::{Batch, Datastore, DatastoreExt, ErrorKind, Query, key};
use futures::executor::block_on;

use crate::support::{keys, numbered, open};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn synced_commits_of_64_tasks_are_all_answered_and_there() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(open(directory.path()).await);
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for round in 0..20 {
                    let batch = Batch::new().put(numbered(task * 20 + round), "v").synced();
                    store.commit(batch).await.unwrap();
                    assert!(store.has(&numbered(task * 20 + round)).await.unwrap());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    store.close().await.unwrap();
    let store = open(directory.path()).await;
    assert_eq!(keys(&store, Query::all()).await.unwrap().len(), 64 * 20);
}

#[test]
fn sync_and_an_empty_synced_batch_answer_and_closed_stores_refuse_them() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        store.put(&key!("/a"), "1").await.unwrap();
        store.sync().await.unwrap();
        store.commit(Batch::new().synced()).await.unwrap();
        store.close().await.unwrap();
        assert_eq!(store.sync().await.unwrap_err().kind(), ErrorKind::Closed);
        let error = store.commit(Batch::new().synced()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed);
    });
}
