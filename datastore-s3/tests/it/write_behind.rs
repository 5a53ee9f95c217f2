//! Many small writes behind one another: few of them become requests, and none is lost.

use std::collections::BTreeSet;
use std::time::Duration;

use datastore::{
    Clock, Datastore, DatastoreExt, ErrorKind, Key, Query, SystemClock, WriteBehind,
    WriteBehindOptions,
};
use datastore_s3::ObjectDatastore;
use futures::executor::block_on;
use s3_testing::{Answer, Fault};

use crate::harness::{RETRIES, Rig, keys, puts, value, whole_puts};

const KEYS: usize = 1000;
const UPDATES: usize = 10_000;

/// What flushes only when it is asked to.
fn patient() -> WriteBehindOptions {
    WriteBehindOptions { flush_age: Duration::MAX, ..Default::default() }
}

async fn behind(rig: &Rig, options: WriteBehindOptions) -> WriteBehind<ObjectDatastore> {
    WriteBehind::with_options(rig.store().await, options)
}

/// Writes every key as often as every other, in turn.
async fn update(store: &impl Datastore, keys: &[Key]) {
    for (number, key) in keys.iter().cycle().take(UPDATES).enumerate() {
        store.put(key, number.to_string()).await.unwrap();
    }
}

/// Whether every key has its last value for somebody else who looks.
async fn assert_updated(rig: &Rig, keys: &[Key]) {
    let beside = rig.store_beside().await;
    for (number, key) in keys.iter().enumerate() {
        let last = (UPDATES - KEYS + number).to_string();
        assert_eq!(value(&beside, key).await.unwrap(), last);
    }
    assert_eq!(beside.count(Query::all()).await.unwrap(), keys.len() as u64);
}

/// The names that the server has, as keys.
fn landed(rig: &Rig) -> BTreeSet<Key> {
    rig.names().into_iter().map(|name| Key::new(format!("/{name}")).unwrap()).collect()
}

fn unwritten(store: &WriteBehind<ObjectDatastore>) -> BTreeSet<Key> {
    store.unwritten().ops.into_iter().map(|op| op.key().clone()).collect()
}

#[tokio::test]
async fn ten_thousand_updates_of_a_thousand_keys_are_a_thousand_requests() {
    let rig = Rig::new();
    let store = behind(&rig, patient()).await;
    let keys = keys(KEYS);
    update(&store, &keys).await;
    assert_eq!(rig.asked(), []);
    store.sync().await.unwrap();
    assert_eq!(rig.asked(), [("PUT", KEYS)]);
    store.close().await.unwrap();
    assert_eq!(rig.asked(), []);
    assert_updated(&rig, &keys).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_key_is_written_at_most_once_for_each_age_of_a_flush_and_once_in_the_end() {
    let rig = Rig::new();
    let options = WriteBehindOptions::default();
    let age = options.flush_age;
    let store = behind(&rig, options).await;
    let keys = keys(KEYS);
    let clock = SystemClock::new();
    update(&store, &keys).await;
    store.sync().await.unwrap();
    let ages = usize::try_from(clock.elapsed().as_nanos() / age.as_nanos()).unwrap();
    let asked = rig.asked();
    let [("PUT", requests)] = asked[..] else { panic!("{asked:?}") };
    assert!((KEYS..=KEYS * (ages + 1)).contains(&requests), "{requests} in {ages} ages");
    assert_updated(&rig, &keys).await;
}

#[tokio::test]
async fn while_a_server_refuses_all_stays_pending_and_afterwards_all_lands() {
    let rig = Rig::new();
    let store = behind(&rig, patient()).await;
    let keys = keys(20);
    store.commit(puts(&keys)).await.unwrap();
    rig.proxy.on(whole_puts(), Fault::Answer(Answer::slow_down()));
    for failures in 1..=3 {
        let error = store.sync().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(store.pending().failed_flushes, failures);
    }
    assert_eq!(store.last_flush_error().unwrap().kind(), ErrorKind::Unavailable);
    assert_eq!(store.pending().keys, keys.len());
    assert_eq!(landed(&rig), BTreeSet::new());
    assert_eq!(value(&store, &keys[0]).await.unwrap(), keys[0].to_bytes());
    // It goes on taking what is written.
    store.put(&keys[0], "newer").await.unwrap();
    rig.proxy.heal();
    rig.proxy.clear();
    store.sync().await.unwrap();
    assert_eq!(rig.asked(), [("PUT", keys.len())]);
    assert!(store.last_flush_error().is_none());
    assert_eq!(store.pending().keys, 0);
    let beside = rig.store_beside().await;
    assert_eq!(value(&beside, &keys[0]).await.unwrap(), "newer");
    assert_eq!(landed(&rig), keys.into_iter().collect());
}

#[test]
fn a_flush_that_a_server_refused_is_tried_again_by_itself() {
    let rig = Rig::new();
    let pause = Duration::from_millis(1);
    let options =
        WriteBehindOptions { flush_keys: 1, min_backoff: pause, max_backoff: pause, ..patient() };
    let store = block_on(behind(&rig, options));
    let keys = keys(5);
    let refused = keys.len() * (RETRIES + 1);
    rig.proxy.on(whole_puts().times(refused), Fault::Answer(Answer::slow_down()));
    block_on(store.commit(puts(&keys))).unwrap();
    let clock = SystemClock::new();
    while store.pending().keys > 0 {
        assert!(clock.elapsed() < Duration::from_secs(60), "nothing lands");
        std::thread::yield_now();
    }
    assert!(store.last_flush_error().is_none());
    let [("PUT", requests)] = rig.asked()[..] else { panic!("other requests than puts") };
    assert!(requests >= refused + keys.len(), "{requests} requests");
    assert_eq!(landed(&rig), keys.into_iter().collect());
}

#[tokio::test]
async fn of_a_flush_that_is_refused_midway_the_keys_that_failed_alone_stay_pending() {
    let rig = Rig::new();
    let store = behind(&rig, patient()).await;
    let keys = keys(KEYS);
    store.commit(puts(&keys)).await.unwrap();
    rig.proxy.on(whole_puts().times(300), Fault::Delay(Duration::ZERO));
    rig.proxy.on(whole_puts(), Fault::Answer(Answer::access_denied()));
    let error = store.sync().await.unwrap_err();
    let failed: BTreeSet<Key> = error.partial().unwrap().failed.iter().cloned().collect();
    let landed_first = landed(&rig);
    assert_eq!((landed_first.len(), store.pending().keys), (300, 700));
    let all: BTreeSet<Key> = keys.into_iter().collect();
    assert_eq!(unwritten(&store), all.difference(&landed_first).cloned().collect());
    assert_eq!(unwritten(&store), failed);
    assert_eq!(store.last_flush_error().unwrap().kind(), ErrorKind::PartialCommit);
    rig.proxy.heal();
    rig.proxy.clear();
    store.sync().await.unwrap();
    assert_eq!(rig.asked(), [("PUT", 700)]);
    assert_eq!(landed(&rig), all);
}

#[test]
fn neither_its_callers_nor_its_writer_need_a_runtime() {
    let rig = Rig::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // That in which a store was opened may end, too.
    let opened_within = runtime.block_on(behind(&rig, patient()));
    drop(runtime);
    let opened_without = block_on(behind(&rig, patient()));
    let keys = keys(20);
    for (store, keys) in [opened_within, opened_without].iter().zip(keys.chunks(10)) {
        block_on(store.commit(puts(keys))).unwrap();
        block_on(store.sync()).unwrap();
        block_on(store.close()).unwrap();
    }
    assert_eq!(rig.asked(), [("PUT", keys.len())]);
    assert_eq!(landed(&rig), keys.into_iter().collect());
}
