use std::sync::Arc;

use datastore::{Batch, Datastore, DatastoreExt, Query, key};
use datastore_fjall::FjallDatastore;
use futures::executor::block_on;

use crate::support::{keys, numbered, open};

async fn use_it(store: &FjallDatastore) {
    for number in 0..100 {
        store.put(&numbered(number), "v").await.unwrap();
    }
    let large = Batch::new().put(key!("/large"), vec![1; 8 << 20]).synced();
    store.commit(large).await.unwrap();
    assert_eq!(keys(store, Query::descendants(key!("/n"))).await.unwrap().len(), 100);
    assert!(store.disk_usage().await.unwrap() > 0);
    store.sync().await.unwrap();
    store.compact().await.unwrap();
    assert!(store.check().await.unwrap().is_clean());
    assert!(store.snapshot().await.unwrap().has(&key!("/large")).await.unwrap());
}

#[test]
fn everything_works_without_a_runtime() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        use_it(&store).await;
        store.close().await.unwrap();
    });
}

#[tokio::test(flavor = "current_thread")]
async fn everything_works_on_one_thread() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    use_it(&store).await;
    store.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_works_on_many_threads() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(open(directory.path()).await);
    let task = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { use_it(&store).await })
    };
    task.await.unwrap();
    store.close().await.unwrap();
}

#[test]
fn a_store_outlives_the_runtime_that_opened_it() {
    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = runtime.block_on(open(directory.path()));
    drop(runtime);
    block_on(async {
        use_it(&store).await;
        store.close().await.unwrap();
    });
}

#[tokio::test(flavor = "current_thread")]
async fn a_task_that_only_writes_and_reads_lets_others_run() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let others_turns = std::rc::Rc::new(std::cell::Cell::new(0));
    let local = tokio::task::LocalSet::new();
    let turns = std::rc::Rc::clone(&others_turns);
    local.spawn_local(async move {
        loop {
            turns.set(turns.get() + 1);
            tokio::task::yield_now().await;
        }
    });
    local
        .run_until(async {
            let before = others_turns.get();
            for number in 0..20_000 {
                store.put(&numbered(number), "v").await.unwrap();
                store.get(&numbered(number)).await.unwrap();
            }
            let after_operations = others_turns.get();
            assert!(after_operations > before + 3, "{after_operations}");
            for _ in 0..10 {
                keys(&store, Query::all()).await.unwrap();
            }
            assert!(others_turns.get() > after_operations + 3);
        })
        .await;
}
