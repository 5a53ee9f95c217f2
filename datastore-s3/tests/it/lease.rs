//! One writer at a time, and many who share.

use std::sync::Arc;
use std::time::Duration;

use datastore::{
    Clock, Datastore, DatastoreExt, Error, ErrorKind, Outcome, Result, TestClock, key,
};
use datastore_s3::{Access, ObjectDatastore, ObjectOptions};
use futures::FutureExt;
use s3_testing::{Answer, Fault};

use crate::harness::{Rig, options, value, whole_puts};

const LEASE: Duration = Duration::from_secs(30);
const OBJECT: &str = "t/~~datastore/writer";

fn writer(clock: &TestClock) -> ObjectOptions {
    options().access(Access::Write).lease(LEASE).clock(Arc::new(clock.clone()))
}

/// Waits until somebody sleeps on the clock.
async fn asleep(clock: &TestClock) {
    while clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
}

/// Opens a second writer and steps his clock until he knows; answers how long that took him. The
/// first one lives as long as `alive` is stepped with it.
async fn open_second(rig: &Rig, alive: Option<&TestClock>) -> (Result<ObjectDatastore>, Duration) {
    let clock = TestClock::new();
    let began = clock.elapsed();
    let mut open = std::pin::pin!(writer(&clock).open(rig.bucket()));
    let step = LEASE / 12;
    loop {
        tokio::select! {
            biased;
            opened = &mut open => return (opened, clock.elapsed() - began),
            () = asleep(&clock) => {}
        }
        clock.advance(step);
        if let Some(first) = alive {
            asleep(first).await;
            first.advance(step);
        }
    }
}

/// Commits until one is refused.
async fn refusal(store: &ObjectDatastore) -> Error {
    loop {
        match store.put(&key!("/a"), "again").await {
            Ok(()) => tokio::task::yield_now().await,
            Err(error) => return error,
        }
    }
}

#[tokio::test]
async fn a_second_writer_is_refused_and_told_by_whom() {
    let rig = Rig::new();
    let clock = TestClock::new();
    let first = rig.open(writer(&clock)).await;
    for _ in 0..2 {
        let (second, waited) = open_second(&rig, Some(&clock)).await;
        let error = second.map(drop).unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::Unavailable, Some(Outcome::NotApplied))
        );
        let process = format!("process {} on ", std::process::id());
        assert!(error.to_string().contains(&process), "{error}");
        assert!(waited < LEASE, "{waited:?}");
    }
    first.put(&key!("/a"), "1").await.unwrap();
}

#[tokio::test]
async fn a_writer_that_died_is_followed_once_its_lease_ran_out() {
    let rig = Rig::new();
    let clock = TestClock::new();
    let first = rig.open(writer(&clock)).await;
    first.put(&key!("/a"), "1").await.unwrap();
    // No renewal without its clock.
    std::mem::forget(first);
    let (second, waited) = open_second(&rig, None).await;
    let second = second.unwrap();
    assert!(waited >= LEASE, "{waited:?}");
    assert_eq!(value(&second, &key!("/a")).await.unwrap(), "1");
    second.put(&key!("/a"), "2").await.unwrap();
}

#[tokio::test]
async fn a_handle_that_is_dropped_renews_no_longer() {
    let rig = Rig::new();
    let clock = TestClock::new();
    let first = rig.open(writer(&clock)).await;
    asleep(&clock).await;
    drop(first);
    while clock.sleepers() > 0 {
        tokio::task::yield_now().await;
    }
    let (second, waited) = open_second(&rig, None).await;
    second.unwrap();
    assert!(waited >= LEASE, "{waited:?}");
}

#[tokio::test]
async fn a_lease_that_was_released_is_free_at_once() {
    let rig = Rig::new();
    for _ in 0..3 {
        let store = rig.open(writer(&TestClock::new())).await;
        store.close().await.unwrap();
        assert_eq!(rig.server.object(OBJECT), None);
        assert_eq!(store.put(&key!("/a"), "1").await.unwrap_err().kind(), ErrorKind::Closed);
    }
}

#[tokio::test]
async fn a_lease_that_is_lost_ends_the_writing_and_not_the_reading() {
    for overwritten in [false, true] {
        let rig = Rig::new();
        let clock = TestClock::new();
        let store = rig.open(writer(&clock)).await;
        store.put(&key!("/a"), "1").await.unwrap();
        if overwritten {
            rig.server.put_raw(OBJECT, "somebody else's");
        } else {
            rig.server.delete_raw(OBJECT);
        }
        asleep(&clock).await;
        clock.advance(LEASE / 3);
        let error = refusal(&store).await;
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Closed, Some(Outcome::NotApplied)));
        assert!(error.to_string().contains("lease"), "{error}");
        assert!(store.has(&key!("/a")).await.unwrap());
        store.close().await.unwrap();
        // What is another's stays.
        assert_eq!(rig.server.object(OBJECT).is_some(), overwritten);
    }
}

#[tokio::test]
async fn a_lease_that_cannot_be_renewed_ends_the_writing_until_it_can() {
    let rig = Rig::new();
    let clock = TestClock::new();
    let store = rig.open(writer(&clock)).await;
    rig.proxy.on(whole_puts().path_suffix("/writer"), Fault::Answer(Answer::access_denied()));
    asleep(&clock).await;
    clock.advance(LEASE);
    let error = store.put(&key!("/a"), "1").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Closed, Some(Outcome::NotApplied)));
    assert!(error.to_string().contains("could not be renewed for 30 s"), "{error}");
    assert_eq!(rig.names(), [""; 0]);

    asleep(&clock).await;
    rig.proxy.heal();
    clock.advance(LEASE / 3);
    while store.put(&key!("/a"), "1").await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn those_who_share_or_read_ask_for_no_lease() {
    let rig = Rig::new();
    let store = rig.open(writer(&TestClock::new())).await;
    let shared = rig.store().await;
    let reader = rig.open(options().access(Access::Read)).await;
    shared.put(&key!("/a"), "1").await.unwrap();
    store.put(&key!("/b"), "2").await.unwrap();
    assert_eq!(value(&reader, &key!("/a")).await.unwrap(), "1");
    assert_eq!(value(&reader, &key!("/b")).await.unwrap(), "2");
}

#[tokio::test]
async fn updates_of_writers_who_share_lose_nothing() {
    const WRITERS: usize = 6;
    const UPDATES: usize = 15;
    let rig = Rig::new();
    let mut stores = Vec::new();
    for _ in 0..WRITERS {
        stores.push(rig.store().await);
    }
    let count = |value: Option<bytes::Bytes>| {
        let value = value.unwrap_or_default();
        std::str::from_utf8(&value).unwrap().parse().unwrap_or(0_usize)
    };
    let counter = key!("/counter");
    let writers = stores.iter().map(|store| {
        async {
            for _ in 0..UPDATES {
                let more = |value| Some((count(value) + 1).to_string().into());
                store.update(&counter, more).await.unwrap();
            }
        }
        .boxed_local()
    });
    futures::future::join_all(writers).await;
    assert_eq!(count(value(&stores[0], &counter).await), WRITERS * UPDATES);
}
