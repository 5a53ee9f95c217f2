//! How many requests each operation takes.

use datastore::{Batch, Datastore, DatastoreExt, ErrorKind, Found, Key, Query, Version, Want, key};
use datastore_s3::{Access, ObjectOptions};
use futures::TryStreamExt;
use s3_testing::{Fault, Gate, Method};

use crate::harness::{PREFIX, Rig, deletes, keys, options, puts, retry, whole_puts};

/// The options of somebody who knows nothing of the server.
fn plain() -> ObjectOptions {
    ObjectOptions::new().prefix(PREFIX).retry(retry())
}

async fn version(store: &impl Datastore, key: &Key) -> Version {
    let found = store.read(key, Want::Value).await.unwrap();
    found.as_ref().and_then(Found::version).unwrap()
}

#[tokio::test]
async fn opening_tries_the_server_out_once_and_takes_the_lease() {
    let rig = Rig::new();
    let store = plain().open(rig.bucket()).await.unwrap();
    // The marker: looked for and made. Conditions: three puts, one that changes, and three deletes, with
    // looks at the tag between. The lease: looked for and made. What was tried out goes.
    assert_eq!(rig.asked(), [("DELETE", 4), ("GET", 2), ("HEAD", 2), ("PUT", 6)]);
    store.close().await.unwrap();
    assert_eq!(rig.asked(), [("DELETE", 1), ("GET", 1)]);

    let store = plain().open(rig.bucket()).await.unwrap();
    assert_eq!(rig.asked(), [("DELETE", 4), ("GET", 2), ("HEAD", 2), ("PUT", 5)]);
    store.close().await.unwrap();
}

#[tokio::test]
async fn opening_with_known_conditions_takes_the_marker_and_the_lease() {
    let rig = Rig::new();
    let known = || options().access(Access::Write);
    known().open(rig.bucket()).await.unwrap().close().await.unwrap();
    rig.proxy.clear();
    let store = known().open(rig.bucket()).await.unwrap();
    assert_eq!(rig.asked(), [("GET", 2), ("PUT", 1)]);
    store.close().await.unwrap();
}

#[tokio::test]
async fn opening_for_reading_is_one_get() {
    let rig = Rig::new();
    rig.store().await;
    let store = plain().access(Access::Read).open(rig.bucket()).await.unwrap();
    assert_eq!(rig.asked(), [("GET", 1)]);
    store.close().await.unwrap();
    assert_eq!(rig.asked(), []);
}

#[tokio::test]
async fn opening_beside_others_takes_no_lease() {
    let rig = Rig::new();
    rig.store().await;
    plain().access(Access::Shared).open(rig.bucket()).await.unwrap();
    assert_eq!(rig.asked(), [("DELETE", 4), ("GET", 1), ("HEAD", 2), ("PUT", 4)]);
    options().open(rig.bucket()).await.unwrap();
    assert_eq!(rig.asked(), [("GET", 1)]);
}

#[tokio::test]
async fn a_read_of_a_key_is_one_request() {
    let rig = Rig::new();
    let (here, missing) = (key!("/a"), key!("/b"));
    let store = rig.filled(std::slice::from_ref(&here)).await;
    assert_eq!(store.get(&here).await.unwrap().unwrap(), "/a");
    assert_eq!(rig.asked(), [("GET", 1)]);
    assert_eq!(store.get(&missing).await.unwrap(), None);
    assert_eq!(rig.asked(), [("GET", 1)]);
    assert!(store.has(&here).await.unwrap() && !store.has(&missing).await.unwrap());
    assert_eq!(rig.asked(), [("HEAD", 2)]);
    assert_eq!(store.size(&here).await.unwrap(), Some(2));
    assert_eq!(store.size(&missing).await.unwrap(), None);
    assert_eq!(rig.asked(), [("HEAD", 2)]);
}

#[tokio::test]
async fn a_range_is_one_request_and_past_the_end_two() {
    let rig = Rig::new();
    let key = key!("/a");
    let store = rig.store().await;
    store.put(&key, "0123456789").await.unwrap();
    rig.proxy.clear();
    assert_eq!(store.get_range(&key, 3, 4).await.unwrap().unwrap(), "3456");
    assert_eq!(rig.asked(), [("GET", 1)]);
    assert_eq!(store.get_range(&key, 8, 100).await.unwrap().unwrap(), "89");
    assert_eq!(rig.asked(), [("GET", 1)]);
    assert_eq!(store.get_range(&key!("/b"), 0, 1).await.unwrap(), None);
    assert_eq!(rig.asked(), [("GET", 1)]);
    assert_eq!(store.get_range(&key, 10, 1).await.unwrap().unwrap(), "");
    assert_eq!(rig.asked(), [("GET", 1), ("HEAD", 1)]);
    assert_eq!(store.get_range(&key, 3, 0).await.unwrap().unwrap(), "");
    assert_eq!(rig.asked(), [("HEAD", 1)]);
}

#[tokio::test]
async fn a_put_is_one_request() {
    let rig = Rig::new();
    let store = rig.store().await;
    for value in ["1", "2"] {
        store.put(&key!("/a"), value).await.unwrap();
        assert_eq!(rig.asked(), [("PUT", 1)]);
    }
}

#[tokio::test]
async fn a_conditional_put_is_one_request_whether_or_not_it_holds() {
    let rig = Rig::new();
    let key = key!("/a");
    let store = rig.store().await;
    let create = || Batch::new().put(key.clone(), "1").absent(key.clone());
    store.commit(create()).await.unwrap();
    assert_eq!(rig.asked(), [("PUT", 1)]);
    assert_eq!(store.commit(create()).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(rig.asked(), [("PUT", 1)]);

    let old = version(&store, &key).await;
    rig.proxy.clear();
    let update = |value| Batch::new().put(key.clone(), value).unchanged(key.clone(), old.clone());
    store.commit(update("2")).await.unwrap();
    assert_eq!(rig.asked(), [("PUT", 1)]);
    assert_eq!(store.commit(update("3")).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(rig.asked(), [("PUT", 1)]);
    assert_eq!(rig.server.object("t/a").unwrap().bytes, "2");
}

#[tokio::test]
async fn a_conditional_delete_is_one_request_whether_or_not_it_holds() {
    let rig = Rig::new();
    let key = key!("/a");
    let store = rig.filled(std::slice::from_ref(&key)).await;
    let version = version(&store, &key).await;
    rig.proxy.clear();
    let delete = || Batch::new().delete(key.clone()).unchanged(key.clone(), version.clone());
    store.commit(delete()).await.unwrap();
    assert_eq!(rig.asked(), [("DELETE", 1)]);
    assert_eq!(store.commit(delete()).await.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(rig.asked(), [("DELETE", 1)]);
}

#[tokio::test]
async fn a_condition_without_a_write_is_one_head() {
    let rig = Rig::new();
    let store = rig.store().await;
    store.commit(Batch::new().absent(key!("/a"))).await.unwrap();
    assert_eq!(rig.asked(), [("HEAD", 1)]);
}

#[tokio::test]
async fn an_update_is_a_get_and_a_put() {
    let rig = Rig::new();
    let store = rig.store().await;
    for value in ["1", "2"] {
        store.update(&key!("/a"), |_| Some(value.into())).await.unwrap();
        assert_eq!(rig.asked(), [("GET", 1), ("PUT", 1)]);
    }
}

#[tokio::test]
async fn deletes_are_a_request_for_each_thousand() {
    let rig = Rig::new();
    let store = rig.store().await;
    store.delete(&key!("/a")).await.unwrap();
    assert_eq!(rig.asked(), [("DELETE", 1)]);
    for (count, requests) in [(2, 1), (1000, 1), (1002, 2), (10_000, 10)] {
        let keys = keys(count);
        for key in &keys {
            rig.server.put_raw(&format!("{PREFIX}{key}"), "");
        }
        store.commit(deletes(&keys)).await.unwrap();
        assert_eq!(rig.asked(), [("BULK", requests)], "{count}");
        assert_eq!(rig.names(), [""; 0], "{count}");
    }
}

#[tokio::test]
async fn a_chunk_of_one_is_deleted_alone() {
    let rig = Rig::new();
    let store = rig.store().await;
    store.commit(deletes(&keys(1001))).await.unwrap();
    assert_eq!(rig.asked(), [("BULK", 1), ("DELETE", 1)]);
}

#[tokio::test]
async fn a_batch_is_a_request_for_each_put_and_each_thousand_deletes() {
    let rig = Rig::new();
    let store = rig.store().await;
    store.commit(puts(&keys(500))).await.unwrap();
    assert_eq!(rig.asked(), [("PUT", 500)]);
    let mut mixed = puts(&keys(10));
    mixed.ops.extend(deletes(&keys(500)[10..]).ops);
    store.commit(mixed).await.unwrap();
    assert_eq!(rig.asked(), [("BULK", 1), ("PUT", 10)]);
    assert_eq!(rig.names().len(), 10);
}

#[tokio::test]
async fn operations_on_one_key_come_down_to_the_last() {
    let rig = Rig::new();
    let store = rig.store().await;
    let batch = (0..10).fold(Batch::new(), |batch, number| batch.put(key!("/a"), vec![number]));
    store.commit(batch).await.unwrap();
    assert_eq!(rig.asked(), [("PUT", 1)]);
    assert_eq!(rig.server.object("t/a").unwrap().bytes, vec![9]);
}

#[tokio::test]
async fn nothing_to_do_is_no_request() {
    let rig = Rig::new();
    let store = rig.store().await;
    store.commit(Batch::new()).await.unwrap();
    store.commit(Batch::new().synced()).await.unwrap();
    store.sync().await.unwrap();
    store.compact().await.unwrap();
    let nothing = Query::range(key!("/b")..key!("/a"));
    assert_eq!(store.count(nothing).await.unwrap(), 0);
    assert_eq!(store.snapshot().await.unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(rig.asked(), []);
}

#[tokio::test]
async fn a_page_is_one_list_and_a_get_for_each_value() {
    let rig = Rig::new();
    let keys = keys(30);
    let store = rig.filled(&keys).await;
    for query in [Query::all().keys_only(), Query::all().sizes_only()] {
        let page = store.query_page(&query).await.unwrap();
        assert_eq!((page.entries.len(), page.next), (30, None));
        assert_eq!(rig.asked(), [("LIST", 1)]);
    }
    let page = store.query_page(&Query::all()).await.unwrap();
    assert_eq!((page.entries.len(), page.next), (30, None));
    assert_eq!(rig.asked(), [("GET", 30), ("LIST", 1)]);
    let page = store.query_page(&Query::all().limit(7)).await.unwrap();
    assert_eq!((page.entries.len(), page.next.as_ref()), (7, Some(&keys[6])));
    assert_eq!(rig.asked(), [("GET", 7), ("LIST", 1)]);
}

#[tokio::test]
async fn a_walk_is_a_list_for_each_thousand() {
    let rig = Rig::new();
    let store = rig.store().await;
    for key in keys(2500) {
        rig.server.put_raw(&format!("{PREFIX}{key}"), "12");
    }
    let all = || Query::all().keys_only();
    let listed: Vec<_> = store.query_keys(all()).try_collect().await.unwrap();
    assert_eq!(listed, keys(2500));
    assert_eq!(rig.asked(), [("LIST", 3)]);
    assert_eq!(store.count(all()).await.unwrap(), 2500);
    assert_eq!(rig.asked(), [("LIST", 3)]);
    // The marker is the store's, too.
    let marker = rig.server.object("t/~~datastore/format").unwrap().bytes.len() as u64;
    assert_eq!(store.disk_usage().await.unwrap(), 5000 + marker);
    assert_eq!(rig.asked(), [("LIST", 3)]);
    let report = store.check().await.unwrap();
    assert_eq!((report.entries, report.is_clean()), (2500, true));
    assert_eq!(rig.asked(), [("GET", 2500), ("LIST", 3)]);
}

#[tokio::test]
async fn a_descending_page_lists_its_range() {
    let rig = Rig::new();
    let store = rig.store().await;
    let keys = keys(2500);
    for key in &keys {
        rig.server.put_raw(&format!("{PREFIX}{key}"), "");
    }
    let last = Query::all().descending().keys_only().limit(5);
    let page = store.query_page(&last).await.unwrap();
    assert_eq!(page.entries[0].key(), &keys[2499]);
    assert_eq!(rig.asked(), [("LIST", 3)]);
    let page = store.query_page(&last.before(keys[10].clone())).await.unwrap();
    assert_eq!(page.entries[0].key(), &keys[9]);
    assert_eq!(rig.asked(), [("LIST", 1)]);
}

#[tokio::test]
async fn requests_under_way_stay_within_the_bound() {
    let rig = Rig::new();
    let store = rig.open(options().concurrency(3)).await;
    let gate = Gate::new();
    rig.proxy.on(whole_puts(), Fault::Hold(gate.clone()));
    let keys = keys(60);
    let at_the_gate = async {
        gate.arrived(3).await;
        // A request that need not wait comes and goes, and no fourth put with it.
        rig.store_beside().await.has(&keys[0]).await.unwrap();
        let held = rig.proxy.requests().iter().filter(|seen| seen.method == Method::PUT).count();
        gate.release();
        held
    };
    let (committed, held) = futures::join!(store.commit(puts(&keys)), at_the_gate);
    committed.unwrap();
    assert_eq!(held, 3);
    assert_eq!(rig.names().len(), 60);
}
