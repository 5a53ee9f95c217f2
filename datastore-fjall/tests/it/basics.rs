use bytes::Bytes;
use datastore::{Batch, Datastore, DatastoreExt, Key, Query, key};
use datastore_fjall::FjallDatastore;
use futures::TryStreamExt;
use futures::executor::block_on;

#[test]
fn what_was_written_is_there_after_a_reopen() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = FjallDatastore::open(directory.path()).await.unwrap();
        store.put(&key!("/a"), "1").await.unwrap();
        store.put(&key!("/b"), "2").await.unwrap();
        let batch = Batch::new().put(key!("/c"), "3").delete(key!("/b")).synced();
        store.commit(batch).await.unwrap();
        assert_eq!(store.get(&key!("/a")).await.unwrap(), Some(Bytes::from("1")));
        store.close().await.unwrap();

        let store = FjallDatastore::open(directory.path()).await.unwrap();
        let keys: Vec<Key> = store.query_keys(Query::all()).try_collect().await.unwrap();
        assert_eq!(keys, [key!("/a"), key!("/c")]);
        store.close().await.unwrap();
    });
}
