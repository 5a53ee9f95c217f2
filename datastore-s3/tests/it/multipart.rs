//! Large values, which go up in parts.

use bytes::Bytes;
use datastore::{DatastoreExt, ErrorKind, Key, Outcome, key};
use datastore_s3::ObjectDatastore;
use s3_testing::{Answer, Fault, Gate, Matcher, Method};

use crate::harness::{RETRIES, Rig, options, parts, value};

const PART: usize = 5 << 20;

fn large() -> Key {
    key!("/large")
}

/// Bytes of which no two parts are alike.
fn bytes(len: usize) -> Bytes {
    (0..len).map(|place| (place / 1000 + place) as u8).collect()
}

async fn store(rig: &Rig) -> ObjectDatastore {
    rig.open(options().part_bytes(PART)).await
}

fn begins() -> Matcher {
    Matcher::method(Method::POST).parameter("uploads")
}

fn completes() -> Matcher {
    Matcher::method(Method::POST).parameter("uploadId")
}

fn aborts() -> Matcher {
    Matcher::method(Method::DELETE).parameter("uploadId")
}

#[tokio::test]
async fn values_of_every_size_come_back() {
    let rig = Rig::new();
    let store = store(&rig).await;
    let parts = |parts| vec![("BEGIN", 1), ("COMPLETE", 1), ("PART", parts)];
    for (len, requests) in [
        (0, vec![("PUT", 1)]),
        (PART - 1, vec![("PUT", 1)]),
        (PART, vec![("PUT", 1)]),
        (PART + 1, parts(2)),
        (2 * PART, parts(2)),
        (2 * PART + 5, parts(3)),
    ] {
        let written = bytes(len);
        store.put(&large(), written.clone()).await.unwrap();
        assert_eq!(rig.asked(), requests, "{len}");
        assert!(value(&store, &large()).await.unwrap() == written, "{len}");
        let end = store.get_range(&large(), (len / 2) as u64, len as u64).await.unwrap();
        assert!(end.unwrap() == written.slice(len / 2..), "{len}");
        assert!(rig.server.unfinished_uploads().is_empty());
        rig.proxy.clear();
    }
}

#[tokio::test]
async fn a_part_that_fails_once_is_the_only_one_to_go_up_again() {
    for fault in [Fault::Answer(Answer::slow_down()), Fault::Reset, Fault::LoseReply] {
        let rig = Rig::new();
        let store = store(&rig).await;
        rig.proxy.on(parts().nth(2), fault.clone());
        let written = bytes(2 * PART + 5);
        store.put(&large(), written.clone()).await.unwrap();
        assert_eq!(rig.asked(), [("BEGIN", 1), ("COMPLETE", 1), ("PART", 4)], "{fault:?}");
        assert!(value(&store, &large()).await.unwrap() == written);
    }
}

#[tokio::test]
async fn an_upload_whose_part_fails_for_ever_is_aborted() {
    for (answer, kind, attempts) in [
        (Answer::internal_error(), ErrorKind::Unavailable, RETRIES + 1),
        (Answer::access_denied(), ErrorKind::PermissionDenied, 1),
    ] {
        let rig = Rig::new();
        let store = store(&rig).await;
        rig.proxy.on(parts().nth(1), Fault::Delay(std::time::Duration::ZERO));
        rig.proxy.on(parts(), Fault::Answer(answer));
        let error = store.put(&large(), bytes(PART + 5)).await.unwrap_err();
        // What never had all its parts is no object.
        assert_eq!((error.kind(), error.outcome()), (kind, Some(Outcome::NotApplied)));
        assert_eq!(rig.asked(), [("ABORT", 1), ("BEGIN", 1), ("PART", 1 + attempts)]);
        assert!(rig.server.unfinished_uploads().is_empty());
        assert_eq!(rig.names(), [""; 0]);
    }
}

#[tokio::test]
async fn an_upload_that_nobody_waits_for_is_aborted() {
    let rig = Rig::new();
    let store = store(&rig).await;
    let (part, abort) = (Gate::new(), Gate::new());
    rig.proxy.on(parts().nth(2), Fault::Hold(part.clone()));
    rig.proxy.on(aborts(), Fault::HoldReply(abort.clone()));
    {
        let large = large();
        let put = std::pin::pin!(store.put(&large, bytes(PART + 5)));
        let arrived = std::pin::pin!(part.arrived(1));
        assert!(matches!(
            futures::future::select(put, arrived).await,
            futures::future::Either::Right(_)
        ));
        assert_eq!(rig.server.unfinished_uploads(), ["t/large"]);
    }
    abort.arrived(1).await;
    assert!(rig.server.unfinished_uploads().is_empty());
    assert_eq!(rig.names(), [""; 0]);
    abort.release();
    part.release();
}

#[tokio::test]
async fn a_completion_whose_reply_is_lost_is_known_by_its_object() {
    let rig = Rig::new();
    let store = store(&rig).await;
    rig.proxy.on(completes(), Fault::LoseReply);
    let written = bytes(PART + 5);
    store.put(&large(), written.clone()).await.unwrap();
    let asked = [("ABORT", 1), ("BEGIN", 1), ("COMPLETE", 1), ("HEAD", 1), ("PART", 2)];
    assert_eq!(rig.asked(), asked);
    assert!(value(&store, &large()).await.unwrap() == written);
}

#[tokio::test]
async fn beginnings_and_completions_are_tried_again() {
    for fault in [
        Fault::Answer(Answer::slow_down()),
        Fault::Answer(Answer::error_with_ok("InternalError")),
        Fault::Reset,
    ] {
        for matcher in [begins(), completes()] {
            let rig = Rig::new();
            let store = store(&rig).await;
            rig.proxy.on(matcher.nth(1), fault.clone());
            let written = bytes(PART + 5);
            store.put(&large(), written.clone()).await.unwrap();
            assert!(value(&store, &large()).await.unwrap() == written, "{fault:?}");
            assert!(rig.server.unfinished_uploads().is_empty(), "{fault:?}");
        }
    }
    let rig = Rig::new();
    let store = store(&rig).await;
    rig.proxy.on(completes(), Fault::Answer(Answer::internal_error()));
    let error = store.put(&large(), bytes(PART + 5)).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Some(Outcome::Unknown)));
    assert!(rig.server.unfinished_uploads().is_empty());
}

#[tokio::test]
async fn a_large_value_may_be_called_as_errors_are() {
    let rig = Rig::new();
    let store = store(&rig).await;
    store.put(&key!("/SlowDown"), bytes(PART + 5)).await.unwrap();
    assert_eq!(rig.asked(), [("BEGIN", 1), ("COMPLETE", 1), ("PART", 2)]);
    assert_eq!(rig.names(), ["SlowDown"]);
}
