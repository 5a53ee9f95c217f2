//! A store that refuses to be written.

use std::sync::Arc;

use datastore::{
    Batch, Capabilities, Datastore, DatastoreExt, ErrorKind, MemoryDatastore, Outcome, Query,
    ReadOnly, key,
};
use futures::executor::block_on;

use crate::model::{keys, keys_of, store_of};

#[test]
fn reads_go_through_and_writes_do_not() {
    let below = Arc::new(store_of(&keys(&["/a"])));
    let store = ReadOnly::new(Arc::clone(&below));
    for batch in [
        Batch::new().put(key!("/b"), "1"),
        Batch::new().delete(key!("/a")),
        Batch::new().absent(key!("/c")),
        Batch::new(),
    ] {
        let error = block_on(store.commit(batch)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(error.outcome(), Some(Outcome::NotApplied));
    }
    assert_eq!(block_on(store.compact()).unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(block_on(store.has(&key!("/a"))).unwrap());
    assert!(keys_of(&below, Query::all()).iter().eq(&keys(&["/a"])));
    assert!(keys_of(&store, Query::all()).iter().eq(&keys(&["/a"])));
    assert_eq!(block_on(store.check()).unwrap().entries, 1);
    block_on(store.sync()).unwrap();
}

#[test]
fn only_writing_is_taken_from_the_capabilities() {
    let below = MemoryDatastore::new().capabilities();
    let store = ReadOnly::new(MemoryDatastore::new()).capabilities();
    let mut expected: Capabilities = below;
    expected.writable = false;
    assert_eq!(store, expected);
}

#[test]
fn it_closes_itself_and_not_the_store_below() {
    let below = Arc::new(store_of(&keys(&["/a"])));
    let store = ReadOnly::new(Arc::clone(&below));
    let view = block_on(store.snapshot()).unwrap();
    block_on(store.close()).unwrap();
    block_on(store.close()).unwrap();
    assert_eq!(block_on(store.get(&key!("/a"))).unwrap_err().kind(), ErrorKind::Closed);
    let error = block_on(store.put(&key!("/a"), "")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
    assert!(block_on(below.has(&key!("/a"))).unwrap() && block_on(view.has(&key!("/a"))).unwrap());
}
