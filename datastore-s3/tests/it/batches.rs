//! Batches that land in part, and many of them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use datastore::{Datastore, DatastoreExt, Error, ErrorKind, Key, MANY_OPS, Outcome, Query};
use datastore_s3::Bucket;
use futures::stream;
use s3_testing::{Answer, Fault, Gate};

use crate::harness::{
    PREFIX, RETRIES, Rig, builder, bulk_deletes, deletes, keys, options, puts, whole_puts,
};

/// What an object store of ours has under way at a time.
const CONCURRENCY: usize = 64;

fn names(keys: &[Key]) -> BTreeSet<String> {
    keys.iter().map(|key| key.to_string().trim_start_matches('/').to_owned()).collect()
}

#[tokio::test]
async fn a_batch_that_is_refused_in_the_middle_names_what_landed() {
    for (answer, kind, attempts) in [
        (Answer::access_denied(), ErrorKind::PermissionDenied, 1),
        (Answer::slow_down(), ErrorKind::Unavailable, RETRIES + 1),
    ] {
        let rig = Rig::new();
        let store = rig.store().await;
        let keys = keys(1000);
        rig.proxy.on(whole_puts().times(300), Fault::Delay(Duration::ZERO));
        rig.proxy.on(whole_puts(), Fault::Answer(answer));
        let error = store.commit(puts(&keys)).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::PartialCommit, Some(Outcome::Unknown))
        );
        let cause =
            std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<Error>());
        assert_eq!(cause.unwrap().kind(), kind);
        let partial = error.partial().unwrap();
        let there: BTreeSet<_> = rig.names().into_iter().collect();
        assert_eq!(there.len(), 300);
        assert_eq!(names(&partial.landed), there);
        assert_eq!(partial.failed.len(), 700);
        assert!(names(&partial.failed).is_disjoint(&there));
        let asked = rig.proxy.requests().len();
        assert!(asked <= 300 + CONCURRENCY * attempts, "{asked} requests");
    }
}

#[tokio::test]
async fn a_batch_of_which_nothing_landed_is_not_partial() {
    let rig = Rig::new();
    let store = rig.store().await;
    rig.proxy.on(whole_puts(), Fault::Answer(Answer::access_denied()));
    let error = store.commit(puts(&keys(1000))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(error.outcome(), Some(Outcome::NotApplied));
    assert_eq!(error.partial(), None);
    let asked = rig.proxy.requests().len();
    assert!(asked <= CONCURRENCY, "{asked} requests");
    assert_eq!(rig.names(), [""; 0]);
}

#[tokio::test]
async fn deletes_that_are_refused_in_the_middle_name_what_is_gone() {
    let rig = Rig::new();
    let store = rig.store().await;
    let keys = keys(9000);
    for key in &keys {
        rig.server.put_raw(&format!("{PREFIX}{key}"), "");
    }
    rig.proxy.on(bulk_deletes().times(2), Fault::Delay(Duration::ZERO));
    rig.proxy.on(bulk_deletes(), Fault::Answer(Answer::access_denied()));
    let error = store.commit(deletes(&keys)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PartialCommit);
    let partial = error.partial().unwrap();
    let there: BTreeSet<_> = rig.names().into_iter().collect();
    assert_eq!((partial.landed.len(), partial.failed.len()), (2000, 7000));
    assert_eq!(names(&partial.failed), there);
    let asked = rig.proxy.requests().len();
    assert!(asked <= 6, "{asked} requests");
}

#[tokio::test]
async fn a_stream_of_puts_is_taken_no_faster_than_it_lands() {
    let rig = Rig::new();
    let store = rig.store().await;
    let gate = Gate::new();
    rig.proxy.on(whole_puts(), Fault::Hold(gate.clone()));
    let taken = AtomicUsize::new(0);
    let entries = keys(3000).into_iter().map(|key| {
        taken.fetch_add(1, Ordering::Relaxed);
        Ok((key, Bytes::from_static(b"1")))
    });
    let look = async {
        gate.arrived(CONCURRENCY).await;
        let seen = (rig.proxy.requests().len(), taken.load(Ordering::Relaxed));
        gate.release();
        seen
    };
    let (written, (requests, pulled)) = futures::join!(store.put_many(stream::iter(entries)), look);
    assert_eq!(written.unwrap(), 3000);
    assert_eq!(requests, CONCURRENCY);
    assert!(pulled <= MANY_OPS + 1, "{pulled} entries are held in memory");
    assert_eq!(rig.names().len(), 3000);
}

#[tokio::test]
async fn many_puts_all_land() {
    let rig = Rig::new();
    let server = &rig.server;
    let direct = builder(&server.endpoint(), server.bucket(), server.credentials());
    let store = options().open(Bucket::s3(direct).unwrap()).await.unwrap();
    let entries = keys(20_000).into_iter().map(|key| Ok((key.clone(), key.to_bytes())));
    assert_eq!(store.put_many(stream::iter(entries)).await.unwrap(), 20_000);
    assert_eq!(store.count(Query::all()).await.unwrap(), 20_000);
}
