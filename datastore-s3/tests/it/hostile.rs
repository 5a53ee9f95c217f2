//! Servers that answer nonsense, and callers that stand still.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use datastore::{
    Batch, Conditions, Datastore, DatastoreExt, Error, ErrorKind, Outcome, Query, TestClock, key,
};
use datastore_s3::{Access, Bucket, ObjectOptions, Retry};
use futures::FutureExt;
use object_store::aws::AmazonS3Builder;
use object_store::memory::InMemory;
use s3_testing::{Answer, Fault, FaultProxy, Gate, Matcher, S3Server};

use crate::harness::{PREFIX, Rig, gets, lists, options, single_deletes, whole_puts};

const LEASE: Duration = Duration::from_secs(30);
const LEASE_OBJECT: &str = "t/~~datastore/writer";

fn writer(clock: &TestClock) -> ObjectOptions {
    options().access(Access::Write).lease(LEASE).clock(Arc::new(clock.clone()))
}

fn wait_for_a_sleeper(clock: &TestClock) {
    while clock.sleepers() == 0 {
        std::thread::yield_now();
    }
}

fn listing(objects: &str, more: &str) -> Fault {
    Fault::Garble(Bytes::from(format!("<ListBucketResult>{more}{objects}</ListBucketResult>")))
}

#[test]
fn the_lease_is_renewed_while_the_runtime_of_the_caller_stands_still() {
    let rig = Rig::new();
    let clock = TestClock::new();
    let bucket = Bucket::s3_with(rig.builder(), Duration::from_secs(1)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let store = runtime.block_on(writer(&clock).open(bucket)).unwrap();
    wait_for_a_sleeper(&clock);
    clock.advance(LEASE / 3);
    // Asleep again: until the next renewal, or until it tries again after a time-out.
    wait_for_a_sleeper(&clock);
    let lease = rig.server.object(LEASE_OBJECT).unwrap().bytes;
    assert!(lease.ends_with(b"\"renewals\":1}"), "{lease:?}");
    runtime.block_on(store.close()).unwrap();
}

#[tokio::test]
async fn a_renewal_of_which_nothing_was_known_does_not_lose_the_lease() {
    let rig = Rig::new();
    let clock = TestClock::new();
    let store = rig.open(writer(&clock).retry(Retry::never())).await;
    rig.proxy.on(whole_puts().path_suffix("/writer").nth(1), Fault::LoseReply);
    rig.proxy.on(Matcher::method(s3_testing::Method::HEAD).nth(1), Fault::Reset);
    for _ in 0..3 {
        wait_for_a_sleeper(&clock);
        clock.advance(LEASE / 3);
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
    }
    store.put(&key!("/a"), "1").await.unwrap();
    store.close().await.unwrap();
}

#[tokio::test]
async fn closing_that_was_dropped_half_way_can_be_done_again() {
    let rig = Rig::new();
    let store = rig.open(writer(&TestClock::new())).await;
    let gate = Gate::new();
    rig.proxy.on(gets(), Fault::Hold(gate.clone()));
    let a = key!("/a");
    let mut reading = Box::pin(store.get(&a));
    assert!((&mut reading).now_or_never().is_none());
    assert!(store.close().now_or_never().is_none());
    gate.release();
    reading.await.unwrap();
    rig.proxy.heal();
    store.close().await.unwrap();
    assert_eq!(rig.server.object(LEASE_OBJECT), None);
}

#[tokio::test]
async fn a_lease_of_ages_is_waited_for_an_hour_at_most() {
    let rig = Rig::new();
    drop(rig.store().await);
    let ages = format!(r#"{{"holder":"x","id":"y","lease_ms":{},"renewals":0}}"#, u64::MAX);
    rig.server.put_raw(LEASE_OBJECT, ages);
    let clock = TestClock::new();
    let mut open = Box::pin(writer(&clock).open(rig.bucket()));
    for _ in 0..6 {
        while clock.sleepers() == 0 {
            assert!((&mut open).now_or_never().is_none());
            tokio::task::yield_now().await;
        }
        clock.advance(Duration::from_secs(600));
    }
    open.await.unwrap();
}

#[tokio::test]
async fn a_listing_that_goes_on_for_ever_without_objects_is_an_error() {
    let rig = Rig::new();
    let store = rig.store().await;
    let more = "<IsTruncated>true</IsTruncated><NextContinuationToken>74</NextContinuationToken>";
    rig.proxy.on(lists(), listing("", more));
    let error = store.query_page(&Query::all()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
}

#[tokio::test]
async fn sizes_that_no_number_holds_are_counted_as_the_largest() {
    let rig = Rig::new();
    let store = rig.store().await;
    let object =
        |name| format!("<Contents><Key>{PREFIX}/{name}</Key><Size>{}</Size></Contents>", u64::MAX);
    let objects = ["a", "b", "~~datastore/c", "~~datastore/d"].map(object).concat();
    rig.proxy.on(lists(), listing(&objects, "<IsTruncated>false</IsTruncated>"));
    assert_eq!(store.disk_usage().await.unwrap(), u64::MAX);
}

#[tokio::test]
async fn a_listing_of_endless_bytes_is_an_error() {
    let rig = Rig::new();
    let store = rig.open(options().retry(Retry::never())).await;
    let spaces = " ".repeat(33 << 20);
    rig.proxy.on(lists(), listing(&spaces, "<IsTruncated>false</IsTruncated>"));
    assert!(store.query_page(&Query::all()).await.is_err());
}

#[tokio::test]
async fn a_delete_under_a_condition_that_may_have_been_anothers_is_no_success() {
    let rig = Rig::new();
    let store = rig.store().await;
    let a = key!("/a");
    store.put(&a, "1").await.unwrap();
    let old = store.read(&a, datastore::Want::Value).await.unwrap().unwrap();
    let old = old.version().unwrap().clone();
    rig.proxy.on(single_deletes().nth(1), Fault::Answer(Answer::internal_error()));
    let gate = Gate::new();
    rig.proxy.on(single_deletes(), Fault::Hold(gate.clone()));
    let another = async {
        while rig.proxy.requests().iter().filter(|seen| seen.method == "DELETE").count() < 2 {
            tokio::task::yield_now().await;
        }
        rig.server.delete_raw("t/a");
        gate.release();
    };
    let delete = store.commit(Batch::new().delete(a).unchanged(key!("/a"), old));
    let (deleted, ()) = tokio::join!(delete, another);
    let error = deleted.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Conflict, Some(Outcome::Unknown)));
}

#[tokio::test]
async fn errors_about_a_key_carry_it_and_name_it_once() {
    let rig = Rig::new();
    let store = rig.open(options().retry(Retry::never())).await;
    store.put(&key!("/a"), "1").await.unwrap();
    rig.proxy.on(gets().path_suffix("/a"), Fault::Answer(Answer::access_denied()));
    rig.proxy.on(whole_puts(), Fault::Answer(Answer::access_denied()));
    let names_it = |error: Error| {
        assert_eq!(error.key(), Some(&key!("/a")), "{error}");
        assert_eq!(error.to_string().matches("/a").count(), 1, "{error}");
    };
    names_it(store.get(&key!("/a")).await.unwrap_err());
    names_it(store.query_page(&Query::all()).await.unwrap_err());
    names_it(store.check().await.unwrap_err());
    names_it(store.put(&key!("/a"), "2").await.unwrap_err());
    names_it(store.commit(Batch::new().put(key!("/a"), "2").absent(key!("/a"))).await.unwrap_err());
}

#[tokio::test]
async fn conditions_are_declared_as_far_as_they_can_be_asked_for() {
    let rig = Rig::new();
    let store = rig.open(options().conditions(Conditions::AnyBatch)).await;
    assert_eq!(store.capabilities().conditions, Conditions::SingleKey);
    let memory = Bucket::over(Arc::new(InMemory::new()), "memory");
    let store = options().conditions(Conditions::AnyBatch).open(memory).await.unwrap();
    assert_eq!(store.capabilities().conditions, Conditions::SinglePut);
}

#[tokio::test]
async fn the_credentials_of_a_machine_are_asked_for_without_encryption() {
    let metadata = FaultProxy::start(&S3Server::start().endpoint());
    let builder = AmazonS3Builder::new()
        .with_bucket_name("b")
        .with_region("us-east-1")
        .with_endpoint("https://127.0.0.1:9")
        .with_metadata_endpoint(metadata.endpoint());
    let bucket = Bucket::s3(builder).unwrap();
    options().retry(Retry::never()).open(bucket).await.unwrap_err();
    assert!(!metadata.requests().is_empty());
}
