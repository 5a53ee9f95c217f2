//! The store in memory, where it is more than the contract asks.

use bytes::Bytes;
use datastore::{
    Batch, Datastore, DatastoreExt, ErrorKind, MemoryDatastore, Outcome, Query, Survives, Want, key,
};
use futures::FutureExt;
use futures::executor::block_on;

use crate::model::{keys, keys_of, store_of};

#[test]
fn a_snapshot_is_what_the_store_was_and_so_is_a_snapshot_of_it() {
    let store = store_of(&keys(&["/a", "/b"]));
    let view = block_on(store.snapshot()).unwrap();
    block_on(store.commit(Batch::new().delete(key!("/a")).put(key!("/c"), ""))).unwrap();
    let later = block_on(store.snapshot()).unwrap();
    let same = block_on(view.snapshot()).unwrap();
    for view in [&view, &same] {
        assert!(keys_of(view, Query::all()).iter().eq(&keys(&["/a", "/b"])));
        assert!(!view.capabilities().writable);
        let error = block_on(view.put(&key!("/d"), "")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
    assert!(keys_of(&later, Query::all()).iter().eq(&keys(&["/b", "/c"])));
    block_on(view.close()).unwrap();
    assert_eq!(block_on(view.get(&key!("/a"))).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(keys_of(&same, Query::all()).len(), 2);
}

#[test]
fn a_snapshot_ends_when_its_store_is_closed_and_not_when_it_is_dropped() {
    let store = store_of(&keys(&["/a"]));
    let view = block_on(store.snapshot()).unwrap();
    let of_view = block_on(view.snapshot()).unwrap();
    block_on(store.close()).unwrap();
    for ended in [&view, &of_view] {
        assert_eq!(block_on(ended.get(&key!("/a"))).unwrap_err().kind(), ErrorKind::Closed);
        let page = block_on(ended.query_page(&Query::all()));
        assert_eq!(page.unwrap_err().kind(), ErrorKind::Closed);
        let error = block_on(ended.put(&key!("/b"), "")).unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Closed, Some(Outcome::NotApplied)));
        assert_eq!(block_on(ended.snapshot()).unwrap_err().kind(), ErrorKind::Closed);
        block_on(ended.close()).unwrap();
    }
    let store = store_of(&keys(&["/a"]));
    let view = block_on(store.snapshot()).unwrap();
    drop(store);
    assert!(block_on(view.has(&key!("/a"))).unwrap());
}

#[test]
fn a_snapshot_shares_the_values() {
    let store = store_of(&keys(&["/a"]));
    let view = block_on(store.snapshot()).unwrap();
    block_on(store.put(&key!("/b"), "")).unwrap();
    let address = |value: Bytes| value.as_ptr();
    let ours = block_on(store.get_required(&key!("/a"))).unwrap();
    assert_eq!(address(ours), address(block_on(view.get_required(&key!("/a"))).unwrap()));
}

#[test]
fn values_are_copied_in() {
    let store = MemoryDatastore::new();
    let value = Bytes::from(vec![7; 100]).slice(10..20);
    block_on(store.put(&key!("/a"), value.clone())).unwrap();
    let stored = block_on(store.get_required(&key!("/a"))).unwrap();
    assert_eq!(stored, value);
    assert_ne!(stored.as_ptr(), value.as_ptr());
}

#[test]
fn no_call_waits() {
    let store = store_of(&keys(&["/a"]));
    assert!(store.read(&key!("/a"), Want::Size).now_or_never().is_some());
    assert!(store.query_page(&Query::all()).now_or_never().is_some());
    assert!(store.commit(Batch::new().put(key!("/b"), "").synced()).now_or_never().is_some());
}

#[test]
fn nothing_survives_and_nothing_is_on_disk() {
    let store = MemoryDatastore::new();
    let declared = store.capabilities();
    assert_eq!((declared.buffered, declared.synced), (Survives::Nothing, Survives::Nothing));
    assert!(!declared.disk_usage);
    assert_eq!(block_on(store.disk_usage()).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn a_closed_store_answers_nothing_else() {
    let store = store_of(&keys(&["/a"]));
    block_on(store.close()).unwrap();
    block_on(store.close()).unwrap();
    let key = key!("/a");
    let kinds = [
        block_on(store.read(&key, Want::Exists)).map(drop),
        block_on(store.query_page(&Query::all().limit(0))).map(drop),
        block_on(store.commit(Batch::new())),
        block_on(store.snapshot()).map(drop),
        block_on(store.sync()),
        block_on(store.disk_usage()).map(drop),
        block_on(store.compact()),
        block_on(store.check()).map(drop),
    ]
    .map(|result| result.unwrap_err().kind());
    assert_eq!(kinds, [ErrorKind::Closed; 8]);
}
