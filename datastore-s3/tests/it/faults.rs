//! Requests that fail: what is survived, with how many requests, and what is said of the rest.

use std::time::Duration;

use bytes::Bytes;
use datastore::{
    Batch, Datastore, DatastoreExt, Error, ErrorKind, Found, Key, Outcome, Query, Version, Want,
    key,
};
use datastore_s3::{Bucket, Retry};
use s3_testing::{Answer, Fault, FaultProxy, Gate, Matcher, StatusCode};

use crate::harness::{
    RETRIES, Rig, bulk_deletes, deletes, gets, heads, keys, options, retry, single_deletes, value,
    whole_puts,
};

fn a() -> Key {
    key!("/a")
}

/// Faults after which the same request goes well; of a HEAD only those that need no body to be known.
fn passing() -> Vec<Fault> {
    let too_many = Answer::error(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests");
    let unavailable = Answer::error(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable");
    let mut faults = passing_without_bodies();
    faults.extend([too_many, unavailable].map(Fault::Answer));
    faults.push(Fault::Answer(Answer::request_timeout()));
    faults.push(Fault::Answer(Answer::request_time_too_skewed()));
    faults
}

fn passing_without_bodies() -> Vec<Fault> {
    vec![
        Fault::Answer(Answer::slow_down()),
        Fault::Answer(Answer::internal_error()),
        Fault::Reset,
        Fault::LoseReply,
    ]
}

async fn version(store: &impl Datastore, key: &Key) -> Version {
    let found = store.read(key, Want::Value).await.unwrap();
    found.as_ref().and_then(Found::version).unwrap()
}

async fn create(store: &impl Datastore, value: &'static str) -> Result<(), Error> {
    store.commit(Batch::new().put(a(), value).absent(a())).await
}

#[tokio::test]
async fn reads_are_tried_again() {
    for fault in passing() {
        let rig = Rig::new();
        let store = rig.filled(&[a()]).await;
        rig.proxy.on(gets().nth(1), fault.clone());
        assert_eq!(value(&store, &a()).await.unwrap(), "/a", "{fault:?}");
        assert_eq!(rig.asked(), [("GET", 2)], "{fault:?}");
        rig.proxy.on(gets().nth(1), fault.clone());
        assert_eq!(store.get_range(&a(), 1, 1).await.unwrap().unwrap(), "a", "{fault:?}");
        assert_eq!(rig.asked(), [("GET", 2)], "{fault:?}");
    }
    for fault in passing_without_bodies() {
        let rig = Rig::new();
        let store = rig.filled(&[a()]).await;
        rig.proxy.on(heads().nth(1), fault.clone());
        assert_eq!(store.size(&a()).await.unwrap(), Some(2), "{fault:?}");
        assert_eq!(rig.asked(), [("HEAD", 2)], "{fault:?}");
    }
}

#[tokio::test]
async fn writes_are_tried_again() {
    for fault in passing() {
        let rig = Rig::new();
        let store = rig.store().await;
        rig.proxy.on(whole_puts().nth(1), fault.clone());
        store.put(&a(), "1").await.unwrap();
        assert_eq!(rig.asked(), [("PUT", 2)], "{fault:?}");
        assert_eq!(rig.server.object("t/a").unwrap().bytes, "1");

        rig.proxy.on(single_deletes().nth(1), fault.clone());
        store.delete(&a()).await.unwrap();
        assert_eq!(rig.asked(), [("DELETE", 2)], "{fault:?}");

        let keys = keys(3);
        store.commit(crate::harness::puts(&keys)).await.unwrap();
        rig.proxy.clear();
        rig.proxy.on(bulk_deletes().nth(1), fault.clone());
        store.commit(deletes(&keys)).await.unwrap();
        assert_eq!(rig.asked(), [("BULK", 2)], "{fault:?}");
        assert_eq!(rig.names(), [""; 0]);
    }
}

#[tokio::test]
async fn conditional_writes_are_tried_again_and_know_their_own_objects() {
    for fault in passing() {
        // A lost reply leaves an object that the second attempt runs into: it is looked at.
        let looks: &[_] = if matches!(fault, Fault::LoseReply) {
            &[("HEAD", 1), ("PUT", 2)]
        } else {
            &[("PUT", 2)]
        };
        let rig = Rig::new();
        let store = rig.store().await;
        rig.proxy.on(whole_puts().nth(1), fault.clone());
        create(&store, "1").await.unwrap();
        assert_eq!(rig.asked(), looks, "{fault:?}");
        assert_eq!(rig.server.object("t/a").unwrap().bytes, "1");

        let old = version(&store, &a()).await;
        rig.proxy.clear();
        rig.proxy.on(whole_puts().nth(1), fault.clone());
        store.commit(Batch::new().put(a(), "2").unchanged(a(), old)).await.unwrap();
        assert_eq!(rig.asked(), looks, "{fault:?}");
        assert_eq!(rig.server.object("t/a").unwrap().bytes, "2");

        let old = version(&store, &a()).await;
        rig.proxy.clear();
        rig.proxy.on(single_deletes().nth(1), fault.clone());
        let deleted = store.commit(Batch::new().delete(a()).unchanged(a(), old)).await;
        if matches!(fault, Fault::LoseReply) {
            // It may have been another's delete.
            let error = deleted.unwrap_err();
            let known = (error.kind(), error.outcome());
            assert_eq!(known, (ErrorKind::Conflict, Some(Outcome::Unknown)));
        } else {
            deleted.unwrap();
        }
        assert_eq!(rig.asked(), [("DELETE", 2)], "{fault:?}");
        assert_eq!(rig.names(), [""; 0]);
    }
}

#[tokio::test]
async fn a_create_that_another_overwrote_before_it_was_known_may_have_been_applied() {
    let rig = Rig::new();
    let store = rig.store().await;
    let gate = Gate::new();
    rig.proxy.on(whole_puts().nth(1), Fault::LoseReply);
    rig.proxy.on(whole_puts(), Fault::Hold(gate.clone()));
    let overwrite = async {
        gate.arrived(1).await;
        assert_eq!(rig.server.object("t/a").unwrap().bytes, "ours");
        rig.server.put_raw("t/a", "theirs");
        gate.release();
    };
    let (created, ()) = futures::join!(create(&store, "ours"), overwrite);
    let error = created.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.outcome(), Some(Outcome::Unknown));
    assert_eq!(rig.asked(), [("HEAD", 1), ("PUT", 2)]);
    assert_eq!(rig.server.object("t/a").unwrap().bytes, "theirs");
}

#[tokio::test]
async fn a_create_that_lost_is_a_conflict_that_was_not_applied() {
    let rig = Rig::new();
    let store = rig.filled(&[a()]).await;
    rig.proxy.on(whole_puts().nth(1), Fault::Answer(Answer::slow_down()));
    let error = create(&store, "1").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Conflict, Some(Outcome::NotApplied)));
    assert_eq!(error.key(), Some(&a()));
    assert_eq!(rig.asked(), [("PUT", 2)]);
}

#[tokio::test]
async fn what_fails_for_ever_is_given_up() {
    let not_applied = Some(Outcome::NotApplied);
    let unknown = Some(Outcome::Unknown);
    let faults = [
        (Fault::Answer(Answer::slow_down()), not_applied),
        (Fault::Answer(Answer::request_timeout()), not_applied),
        (Fault::Answer(Answer::request_time_too_skewed()), not_applied),
        (Fault::Answer(Answer::internal_error()), unknown),
        (Fault::Reset, unknown),
    ];
    let attempts = RETRIES + 1;
    for (fault, outcome) in faults {
        let rig = Rig::new();
        let store = rig.filled(&[a()]).await;
        rig.proxy.on(Matcher::any(), fault.clone());
        let read = store.get(&a()).await.unwrap_err();
        assert_eq!((read.kind(), read.outcome()), (ErrorKind::Unavailable, None), "{fault:?}");
        assert_eq!(rig.asked(), [("GET", attempts)], "{fault:?}");
        let listed = store.query_page(&Query::all()).await.unwrap_err();
        assert_eq!(listed.kind(), ErrorKind::Unavailable, "{fault:?}");
        assert_eq!(rig.asked(), [("LIST", attempts)], "{fault:?}");
        let put = store.put(&a(), "1").await.unwrap_err();
        assert_eq!((put.kind(), put.outcome()), (ErrorKind::Unavailable, outcome), "{fault:?}");
        assert_eq!(rig.asked(), [("PUT", attempts)], "{fault:?}");
        let deleted = store.delete(&a()).await.unwrap_err();
        assert_eq!((deleted.kind(), deleted.outcome()), (ErrorKind::Unavailable, outcome));
        assert_eq!(rig.asked(), [("DELETE", attempts)], "{fault:?}");
        let deleted = store.commit(deletes(&keys(3))).await.unwrap_err();
        assert_eq!((deleted.kind(), deleted.outcome()), (ErrorKind::Unavailable, outcome));
        assert_eq!(rig.asked(), [("BULK", attempts)], "{fault:?}");
        let open = options().open(rig.bucket()).await.unwrap_err();
        assert_eq!(open.kind(), ErrorKind::Unavailable, "{fault:?}");
        assert_eq!(rig.server.object("t/a").unwrap().bytes, "/a");
    }
}

#[tokio::test]
async fn a_put_whose_replies_are_lost_for_ever_may_have_been_applied() {
    let rig = Rig::new();
    let store = rig.store().await;
    rig.proxy.on(whole_puts(), Fault::LoseReply);
    let error = store.put(&a(), "1").await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Some(Outcome::Unknown)));
    assert_eq!(rig.asked(), [("PUT", RETRIES + 1)]);
    assert_eq!(rig.server.object("t/a").unwrap().bytes, "1");
}

#[tokio::test]
async fn a_value_that_is_cut_short_is_fetched_again() {
    let rig = Rig::new();
    let store = rig.store().await;
    let long = Bytes::from(vec![7; 100_000]);
    store.put(&a(), long.clone()).await.unwrap();
    rig.proxy.clear();
    for bytes in [0, 1, 50_000, 99_999] {
        rig.proxy.on(gets().nth(1), Fault::Truncate(bytes));
        assert_eq!(value(&store, &a()).await.unwrap(), long, "{bytes}");
        assert_eq!(rig.asked(), [("GET", 2)], "{bytes}");
        rig.proxy.heal();
    }
    rig.proxy.on(gets(), Fault::Truncate(99_999));
    assert_eq!(store.get(&a()).await.unwrap_err().kind(), ErrorKind::Unavailable);
    let page = store.query_page(&Query::all()).await.unwrap_err();
    assert_eq!(page.kind(), ErrorKind::Unavailable);
}

/// A bucket whose requests time out soon.
fn hasty(rig: &Rig) -> Bucket {
    Bucket::s3_with(rig.builder(), Duration::from_millis(250)).unwrap()
}

#[tokio::test]
async fn answers_that_stall_are_asked_for_again() {
    let rig = Rig::new();
    rig.filled(&[a()]).await;
    let store = options().retry(retry().retries(1)).open(hasty(&rig)).await.unwrap();
    rig.proxy.clear();
    for matcher in [gets(), crate::harness::lists()] {
        rig.proxy.on(matcher.clone().nth(1), Fault::Stall(1, Gate::new()));
        let page = store.query_page(&Query::all()).await.unwrap();
        assert_eq!(page.entries.len(), 1);
        assert_eq!(rig.asked().iter().map(|(_, count)| count).sum::<usize>(), 3);
        rig.proxy.heal();
    }
    rig.proxy.on(bulk_deletes().nth(1), Fault::Stall(1, Gate::new()));
    store.commit(deletes(&keys(2))).await.unwrap();
    assert_eq!(rig.asked(), [("BULK", 2)]);
    rig.proxy.on(gets(), Fault::Stall(1, Gate::new()));
    assert_eq!(store.get(&a()).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(rig.asked(), [("GET", 2)]);
    rig.proxy.on(whole_puts(), Fault::HoldReply(Gate::new()));
    let put = store.put(&a(), "1").await.unwrap_err();
    assert_eq!((put.kind(), put.outcome()), (ErrorKind::Unavailable, Some(Outcome::Unknown)));
    rig.proxy.on(single_deletes(), Fault::Hold(Gate::new()));
    let delete = store.delete(&a()).await.unwrap_err();
    assert_eq!((delete.kind(), delete.outcome()), (ErrorKind::Unavailable, Some(Outcome::Unknown)));
}

#[tokio::test]
async fn a_server_that_is_gone_is_unavailable() {
    let rig = Rig::new();
    let store = rig.filled(&[a()]).await;
    let Rig { server, proxy } = rig;
    drop::<FaultProxy>(proxy);
    let read = store.get(&a()).await.unwrap_err();
    assert_eq!(read.kind(), ErrorKind::Unavailable);
    assert!(read.to_string().contains("cannot be reached"), "{read}");
    let put = store.put(&a(), "1").await.unwrap_err();
    assert_eq!((put.kind(), put.outcome()), (ErrorKind::Unavailable, Some(Outcome::NotApplied)));
    assert_eq!(server.object("t/a").unwrap().bytes, "/a");
}

#[tokio::test]
async fn patience_is_bounded_by_time_as_well() {
    let rig = Rig::new();
    let store = rig.open(options().retry(Retry::new().within(Duration::ZERO))).await;
    rig.proxy.on(Matcher::any(), Fault::Answer(Answer::slow_down()));
    assert_eq!(store.get(&a()).await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(rig.asked(), [("GET", 1)]);
}

#[tokio::test]
async fn a_store_goes_on_after_its_server_was_away() {
    let rig = Rig::new();
    let store = rig.filled(&[a()]).await;
    rig.proxy.on(Matcher::any(), Fault::Reset);
    store.get(&a()).await.unwrap_err();
    store.put(&a(), "1").await.unwrap_err();
    rig.proxy.heal();
    store.put(&a(), "2").await.unwrap();
    assert_eq!(value(&store, &a()).await.unwrap(), "2");
}
