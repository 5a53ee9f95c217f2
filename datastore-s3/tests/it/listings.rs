//! Listings that fail: an error or all of it, never a clean, shorter result.

use std::time::Duration;

use bytes::Bytes;
use datastore::{Datastore, DatastoreExt, ErrorKind, Key, Query};
use futures::TryStreamExt;
use s3_testing::{Answer, Fault, Method, SignedClient, StatusCode};

use crate::harness::{PREFIX, RETRIES, Rig, keys, lists, options};

/// A thousand keys and some, in two listings.
async fn rig() -> (Rig, datastore_s3::ObjectDatastore, Vec<Key>) {
    let rig = Rig::new();
    let keys = keys(1200);
    for key in &keys {
        rig.server.put_raw(&format!("{PREFIX}{key}"), "");
    }
    let store = rig.store().await;
    (rig, store, keys)
}

/// What the pages of the listing are on the wire.
fn pages(rig: &Rig) -> [Bytes; 2] {
    let (server, bucket) = (&rig.server, rig.server.bucket());
    let client = SignedClient::new(&server.endpoint(), server.region(), server.credentials());
    ["", "&start-after=t%2Fk%2F000999"].map(|after| {
        let target = format!("/{bucket}?list-type=2&prefix=t%2F{after}");
        client.send(Method::GET, &target, &[], "").unwrap().into_body()
    })
}

async fn walk(store: &impl Datastore) -> datastore::Result<Vec<Key>> {
    store.query_keys(Query::all()).try_collect().await
}

fn faults(page: &Bytes) -> Vec<Fault> {
    let text = String::from_utf8(page.to_vec()).unwrap();
    let silent = text
        .replace("<IsTruncated>true</IsTruncated>", "")
        .replace("<IsTruncated>false</IsTruncated>", "");
    assert_ne!(text, silent);
    let end = b"</ListBucketResult>".len();
    let after_an_entry = text.find("</Contents>").unwrap() + b"</Contents>".len();
    vec![
        Fault::Truncate(0),
        Fault::Truncate(page.len() / 2),
        Fault::Truncate(page.len() - 1),
        // These come with the length that they have.
        Fault::Garble(page.slice(..0)),
        Fault::Garble(page.slice(..page.len() / 2)),
        Fault::Garble(page.slice(..after_an_entry)),
        Fault::Garble(page.slice(..page.len() - end)),
        Fault::Garble(Bytes::from(silent)),
        Fault::Garble(Bytes::from_static(b"<html><body>It works!</body></html>")),
        Fault::Garble(Bytes::from_static(b"{}")),
        Fault::Garble(Bytes::from_static(b"\xff\xfe")),
        Fault::Answer(Answer::error_with_ok("InternalError")),
        Fault::Answer(Answer::error_with_ok("SlowDown")),
        Fault::Answer(Answer::internal_error()),
        Fault::Answer(Answer::request_timeout()),
        Fault::Reset,
        Fault::LoseReply,
    ]
}

#[tokio::test]
async fn a_listing_that_fails_once_is_complete() {
    let (rig, store, keys) = rig().await;
    for (place, page) in pages(&rig).into_iter().enumerate() {
        for fault in faults(&page) {
            rig.proxy.on(lists().nth(place + 1), fault.clone());
            let listed = walk(&store).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
            assert!(listed == keys, "{fault:?}");
            assert_eq!(rig.asked(), [("LIST", 3)], "{fault:?}");
            rig.proxy.heal();
        }
    }
}

#[tokio::test]
async fn a_listing_that_fails_for_ever_is_an_error() {
    let (rig, store, _) = rig().await;
    for (healthy, page) in pages(&rig).into_iter().enumerate() {
        for fault in faults(&page) {
            rig.proxy.on(lists().times(healthy), Fault::Delay(Duration::ZERO));
            rig.proxy.on(lists(), fault.clone());
            let failed = walk(&store).await.map(|keys| keys.len());
            assert_eq!(failed.unwrap_err().kind(), ErrorKind::Unavailable, "{fault:?}");
            assert_eq!(rig.asked(), [("LIST", healthy + RETRIES + 1)], "{fault:?}");
            rig.proxy.heal();
        }
    }
}

#[tokio::test]
async fn no_use_of_a_listing_takes_its_failure_for_its_end() {
    let (rig, store, _) = rig().await;
    let refused = Answer::error(StatusCode::FORBIDDEN, "AccessDenied");
    rig.proxy.on(lists().nth(1), Fault::Delay(Duration::ZERO));
    rig.proxy.on(lists(), Fault::Answer(refused));
    let denied = ErrorKind::PermissionDenied;
    assert_eq!(walk(&store).await.unwrap_err().kind(), denied);
    let store = rig.open(options().page(600)).await;
    assert_eq!(store.disk_usage().await.unwrap_err().kind(), denied);
    assert_eq!(store.check().await.unwrap_err().kind(), denied);
    assert_eq!(store.count(Query::all()).await.unwrap_err().kind(), denied);
    let descending = Query::all().descending().limit(1);
    assert_eq!(store.query_page(&descending).await.unwrap_err().kind(), denied);
}

#[tokio::test]
async fn a_listing_out_of_order_is_noticed() {
    let (rig, store, _) = rig().await;
    let page = String::from_utf8(pages(&rig)[0].to_vec()).unwrap();
    let swapped = page.replacen("k/000000", "k/999999", 1);
    rig.proxy.on(lists(), Fault::Garble(Bytes::from(swapped)));
    let error = walk(&store).await.unwrap_err();
    assert!(error.to_string().contains("out of order"), "{error}");
    let elsewhere = page.replace("t/k/", "u/k/");
    rig.proxy.heal();
    rig.proxy.on(lists(), Fault::Garble(Bytes::from(elsewhere)));
    walk(&store).await.unwrap_err();
}
