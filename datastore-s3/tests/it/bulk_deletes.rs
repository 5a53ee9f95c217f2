//! Bulk deletes: servers that cannot, that fail, and that say what is not so.

use bytes::Bytes;
use datastore::{Datastore, ErrorKind, Outcome, key};
use s3_testing::{Answer, Fault, Oddities};

use crate::harness::{
    PREFIX, RETRIES, Rig, bulk_deletes, chain, deletes, fill, keys, single_deletes,
};

/// Answers about `/k/000000` to `/k/000002` that are none.
fn lies() -> Vec<Fault> {
    let deleted = |name: &str| format!("<Deleted><Key>{PREFIX}/k/{name}</Key></Deleted>");
    let error = |name: &str| {
        format!("<Error><Key>{PREFIX}/k/{name}</Key><Code>AccessDenied</Code></Error>")
    };
    let all = ["000000", "000001", "000002"].map(deleted).concat();
    let result = |inside: &str| format!("<DeleteResult>{inside}</DeleteResult>");
    let garbled = [
        String::new(),
        "<DeleteResult/>".to_owned(),
        "<html><body>It works!</body></html>".to_owned(),
        format!("<DeleteResult>{all}"),
        result(&deleted("000000")),
        result(&error("000000")),
        result(&(all.clone() + &deleted("999999"))),
        result(&(all.clone() + &error("999999"))),
        result(&(all.clone() + &error("000001"))),
    ];
    let garbled = garbled.map(|body| Fault::Garble(Bytes::from(body)));
    let cut = [0, 60, 150].map(Fault::Truncate);
    let errors =
        ["InternalError", "SlowDown"].map(|code| Fault::Answer(Answer::error_with_ok(code)));
    garbled.into_iter().chain(cut).chain(errors).collect()
}

#[tokio::test]
async fn an_answer_that_is_none_is_asked_for_again() {
    let rig = Rig::new();
    let store = rig.store().await;
    for lie in lies() {
        fill(&store, &keys(3)).await;
        rig.proxy.clear();
        rig.proxy.on(bulk_deletes().nth(1), lie.clone());
        store.commit(deletes(&keys(3))).await.unwrap();
        assert_eq!(rig.asked(), [("BULK", 2)], "{lie:?}");
        assert_eq!(rig.names(), [""; 0], "{lie:?}");
        rig.proxy.heal();
    }
}

#[tokio::test]
async fn a_server_that_never_answers_rightly_is_not_believed() {
    let rig = Rig::new();
    let store = rig.store().await;
    for lie in lies() {
        rig.proxy.on(bulk_deletes(), lie.clone());
        let error = store.commit(deletes(&keys(3))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{lie:?}");
        // Even of `SlowDown`, under a status of success.
        assert_eq!(error.outcome(), Some(Outcome::Unknown), "{lie:?}");
        assert_eq!(rig.asked(), [("BULK", RETRIES + 1)], "{lie:?}");
        rig.proxy.heal();
    }
}

#[tokio::test]
async fn a_server_without_bulk_deletes_is_asked_once() {
    let rig = Rig::with(Oddities { no_bulk_delete: true, ..Oddities::default() });
    let store = rig.store().await;
    for requests in [vec![("BULK", 1), ("DELETE", 30)], vec![("DELETE", 30)]] {
        fill(&store, &keys(30)).await;
        rig.proxy.clear();
        store.commit(deletes(&keys(30))).await.unwrap();
        assert_eq!(rig.asked(), requests);
        assert_eq!(rig.names(), [""; 0]);
    }
}

#[tokio::test]
async fn what_a_bulk_delete_leaves_is_deleted_alone_or_named() {
    let rig = Rig::new();
    let store = rig.store().await;
    let left = "<DeleteResult><Deleted><Key>t/k/000000</Key></Deleted>\
        <Error><Key>t/k/000001</Key><Code>InternalError</Code><Message>no</Message></Error>\
        <Deleted><Key>t/k/000002</Key></Deleted></DeleteResult>";
    rig.proxy.on(bulk_deletes(), Fault::Garble(Bytes::from_static(left.as_bytes())));
    store.commit(deletes(&keys(3))).await.unwrap();
    assert_eq!(rig.asked(), [("BULK", 1), ("DELETE", 1)]);

    rig.proxy.on(single_deletes(), Fault::Answer(Answer::access_denied()));
    let error = store.commit(deletes(&keys(3))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PartialCommit);
    let partial = error.partial().unwrap();
    assert_eq!(partial.landed, [key!("/k/000000"), key!("/k/000002")]);
    assert_eq!(partial.failed, [key!("/k/000001")]);
    assert!(chain(&error).contains("AccessDenied"), "{}", chain(&error));
    assert_eq!(rig.asked(), [("BULK", 1), ("DELETE", 1)]);
}

#[tokio::test]
async fn keys_may_be_called_as_errors_are() {
    let rig = Rig::new();
    let named = [key!("/InternalError"), key!("/SlowDown"), key!("/Error/Code")];
    let store = rig.filled(&named).await;
    store.commit(deletes(&named)).await.unwrap();
    assert_eq!(rig.asked(), [("BULK", 1)]);
    assert_eq!(rig.names(), [""; 0]);
}
