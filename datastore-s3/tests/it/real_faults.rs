//! Faults between the store and a real server, where the environment names one.

use std::time::Duration;

use datastore::{
    Batch, Conditions, Datastore, DatastoreExt, ErrorKind, Found, Key, Outcome, Query, Want, key,
};
use datastore_s3::{Access, Bucket, ObjectDatastore, ObjectOptions};
use futures::TryStreamExt;
use s3_testing::{Answer, Fault, FaultProxy, Gate, RealServer};

use crate::harness::{
    builder, bulk_deletes, deletes, fill, gets, keys, lists, retry, value, whole_puts,
};

/// A store beyond a proxy before a real server, whose requests may take so long; without a server, nothing.
async fn rig(timeout: Duration) -> Option<(FaultProxy, ObjectDatastore)> {
    let server = RealServer::from_env()?;
    let proxy = FaultProxy::start(server.endpoint());
    let builder = builder(&proxy.endpoint(), server.bucket(), server.credentials());
    let bucket = Bucket::s3_with(builder.with_region(server.region()), timeout).unwrap();
    let options = ObjectOptions::new().prefix("t").access(Access::Shared).page(10).retry(retry());
    let store = options.open(bucket).await.unwrap();
    proxy.clear();
    Some((proxy, store))
}

const LONG: Duration = Duration::from_secs(30);

fn a() -> Key {
    key!("/a")
}

async fn listed(store: &ObjectDatastore) -> datastore::Result<Vec<Key>> {
    store.query_keys(Query::all()).try_collect().await
}

#[tokio::test]
async fn faults_that_pass_are_survived() {
    let Some((proxy, store)) = rig(LONG).await else { return };
    let keys = keys(25);
    let faults = [
        Fault::Answer(Answer::slow_down()),
        Fault::Answer(Answer::internal_error()),
        Fault::Answer(Answer::request_timeout()),
        Fault::Reset,
        Fault::LoseReply,
        Fault::Truncate(10),
    ];
    for fault in faults {
        fill(&store, &keys).await;
        for matcher in [gets(), whole_puts(), lists(), bulk_deletes()] {
            proxy.on(matcher.nth(1), fault.clone());
        }
        store.put(&keys[0], "new").await.unwrap();
        assert_eq!(value(&store, &keys[0]).await.unwrap(), "new", "{fault:?}");
        assert_eq!(listed(&store).await.unwrap(), keys, "{fault:?}");
        store.commit(deletes(&keys)).await.unwrap();
        assert_eq!(listed(&store).await.unwrap(), [], "{fault:?}");
        proxy.heal();
    }
}

#[tokio::test]
async fn a_listing_that_fails_midway_is_an_error_and_never_shorter() {
    let Some((proxy, store)) = rig(LONG).await else { return };
    fill(&store, &keys(25)).await;
    for fault in [
        Fault::Reset,
        Fault::Truncate(200),
        Fault::Garble("<html></html>".into()),
        Fault::Answer(Answer::error_with_ok("InternalError")),
    ] {
        let mut listing = store.query_keys(Query::all());
        for key in &keys(10) {
            assert_eq!(listing.try_next().await.unwrap().as_ref(), Some(key), "{fault:?}");
        }
        // From the second page on, for ever.
        proxy.on(lists(), fault.clone());
        let error = listing.try_next().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{fault:?}");
        assert!(listing.try_next().await.unwrap().is_none(), "it ended with its error");
        proxy.heal();
    }
}

#[tokio::test]
async fn a_conditional_put_finds_its_own_object() {
    let Some((proxy, store)) = rig(LONG).await else { return };
    assert!(store.capabilities().conditions >= Conditions::SinglePut, "{store:?}");
    proxy.on(whole_puts().nth(1), Fault::LoseReply);
    store.commit(Batch::new().put(a(), "1").absent(a())).await.unwrap();
    proxy.heal();

    let found = store.read(&a(), Want::Value).await.unwrap();
    let version = found.as_ref().and_then(Found::version).unwrap();
    proxy.on(whole_puts().nth(1), Fault::LoseReply);
    store.commit(Batch::new().put(a(), "2").unchanged(a(), version.clone())).await.unwrap();
    proxy.heal();
    assert_eq!(value(&store, &a()).await.unwrap(), "2");

    let late = store.commit(Batch::new().put(a(), "3").unchanged(a(), version)).await.unwrap_err();
    assert_eq!((late.kind(), late.outcome()), (ErrorKind::Conflict, Some(Outcome::NotApplied)));
}

#[tokio::test]
async fn refusals_have_their_kinds() {
    let Some((proxy, store)) = rig(LONG).await else { return };
    store.put(&a(), "1").await.unwrap();
    for (answer, kind) in [
        (Answer::access_denied(), ErrorKind::PermissionDenied),
        (Answer::expired_token(), ErrorKind::PermissionDenied),
        (Answer::permanent_redirect("eu-north-1"), ErrorKind::InvalidInput),
        (Answer::wrong_region("eu-north-1"), ErrorKind::InvalidInput),
    ] {
        proxy.on(gets(), Fault::Answer(answer.clone()));
        proxy.on(whole_puts(), Fault::Answer(answer.clone()));
        assert_eq!(store.get(&a()).await.unwrap_err().kind(), kind, "{answer:?}");
        let put = store.put(&a(), "2").await.unwrap_err();
        assert_eq!((put.kind(), put.outcome()), (kind, Some(Outcome::NotApplied)), "{answer:?}");
        proxy.heal();
    }
    assert_eq!(value(&store, &a()).await.unwrap(), "1");
}

#[tokio::test]
async fn an_answer_that_stalls_is_asked_for_again() {
    let Some((proxy, store)) = rig(Duration::from_secs(2)).await else { return };
    store.put(&a(), "1").await.unwrap();
    proxy.on(gets().nth(1), Fault::Stall(0, Gate::new()));
    assert_eq!(value(&store, &a()).await.unwrap(), "1");
    proxy.heal();
    proxy.on(lists().nth(1), Fault::Stall(20, Gate::new()));
    assert_eq!(listed(&store).await.unwrap(), [a()]);
}
