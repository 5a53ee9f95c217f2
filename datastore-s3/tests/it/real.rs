//! The same against a real server, where the environment names one.

use datastore::{Batch, Conditions, Datastore, DatastoreExt, ErrorKind, Key, Query, key};
use datastore_s3::{Access, Bucket, ObjectDatastore, ObjectOptions};
use futures::TryStreamExt;
use s3_testing::{Credentials, FaultProxy, RealServer};

use crate::harness::{builder, deletes, fill, keys, retry, value};
use crate::oddities::winners;
use crate::paging::{adversarial, keys_of, pages};

fn bucket(server: &RealServer, endpoint: &str, user: &Credentials) -> Bucket {
    let builder = builder(endpoint, server.bucket(), user).with_region(server.region());
    Bucket::s3(builder).unwrap()
}

fn options() -> ObjectOptions {
    ObjectOptions::new().prefix("t").access(Access::Shared).retry(retry())
}

async fn open(server: &RealServer, options: ObjectOptions) -> ObjectDatastore {
    options.open(bucket(server, server.endpoint(), server.credentials())).await.unwrap()
}

/// A server to test against; without one the test is over.
macro_rules! real {
    () => {
        match RealServer::from_env() {
            Some(server) => server,
            None => return,
        }
    };
}

#[tokio::test]
async fn a_store_opens_and_what_it_declares_of_conditions_holds() {
    let server = real!();
    let store = open(&server, options().access(Access::Write)).await;
    let conditions = store.capabilities().conditions;
    println!("conditions: {conditions:?}");
    if conditions >= Conditions::SinglePut {
        let a = key!("/a");
        let create =
            |writer: usize| Batch::new().put(a.clone(), vec![writer as u8]).absent(a.clone());
        let [winner] = winners(&store, create).await[..] else { panic!("not one won") };
        assert_eq!(value(&store, &a).await.unwrap(), vec![winner as u8]);
        let more =
            |value: Option<bytes::Bytes>| Some([value.unwrap().as_ref(), b"+"].concat().into());
        for _ in 0..3 {
            store.update(&a, more).await.unwrap();
        }
        assert_eq!(value(&store, &a).await.unwrap().len(), 4);
    }
    store.close().await.unwrap();
    open(&server, options().access(Access::Write)).await.close().await.unwrap();
}

#[tokio::test]
async fn thousands_of_keys_are_listed_in_order_and_deleted_in_few_requests() {
    let server = real!();
    let proxy = FaultProxy::start(server.endpoint());
    let bucket = bucket(&server, &proxy.endpoint(), server.credentials());
    let conditions = Conditions::Unsupported;
    let store = options().conditions(conditions).open(bucket).await.unwrap();
    let keys = keys(2000);
    fill(&store, &keys).await;
    assert_eq!(keys_of(&pages(&store, Query::all()).await), keys);
    let few = Query::descendants(key!("/k")).keys_only().after(keys[1989].clone());
    let small = open(&server, options().conditions(conditions).page(2)).await;
    let listed = pages(&small, few).await;
    assert_eq!(listed.len(), 5);
    assert_eq!(keys_of(&listed), keys[1990..]);
    proxy.clear();
    store.commit(deletes(&keys)).await.unwrap();
    assert_eq!(proxy.requests().len(), 2);
    assert_eq!(store.count(Query::all()).await.unwrap(), 0);
}

#[tokio::test]
async fn keys_of_hard_bytes_are_listed_in_order() {
    let server = real!();
    let store = open(&server, options()).await;
    let mut keys = adversarial();
    for first in 0..=255_u8 {
        for shape in [vec![first], vec![b'm', first], vec![first, 0xFF], vec![b'm', 0xFF, first]] {
            keys.extend(Key::from_segments([&shape]).ok());
            keys.extend(Key::from_segments([b"m".as_slice(), &shape]).ok());
        }
    }
    keys.sort();
    keys.dedup();
    assert!(keys.len() > 1500, "{}", keys.len());
    fill(&store, &keys).await;
    let listed: Vec<_> = store.query_keys(Query::all()).try_collect().await.unwrap();
    assert!(listed == keys);
    let small = open(&server, options().page(97)).await;
    assert_eq!(keys_of(&pages(&small, Query::all().keys_only()).await), keys);
    assert!(store.check().await.unwrap().is_clean());
    store.commit(deletes(&keys)).await.unwrap();
    assert_eq!(store.count(Query::all()).await.unwrap(), 0);
}

#[tokio::test]
async fn large_values_come_back() {
    let server = real!();
    let store = open(&server, options().part_bytes(5 << 20)).await;
    for len in [0, 5 << 20, (5 << 20) + 1, 12 << 20] {
        let written: bytes::Bytes = (0..len).map(|place: usize| (place % 251) as u8).collect();
        store.put(&key!("/large"), written.clone()).await.unwrap();
        assert!(value(&store, &key!("/large")).await.unwrap() == written, "{len}");
        assert_eq!(store.size(&key!("/large")).await.unwrap(), Some(len as u64));
    }
}

#[tokio::test]
async fn who_may_not_list_is_told_so_and_not_that_a_key_is_missing() {
    let server = real!();
    open(&server, options()).await.put(&key!("/a"), "1").await.unwrap();
    let limited = bucket(&server, server.endpoint(), server.limited_credentials());
    let known = options().conditions(Conditions::Unsupported);
    let store = known.open(limited).await.unwrap();
    let denied = ErrorKind::PermissionDenied;
    assert_eq!(value(&store, &key!("/a")).await.unwrap(), "1");
    assert_eq!(store.get(&key!("/b")).await.unwrap_err().kind(), denied);
    assert_eq!(store.has(&key!("/b")).await.unwrap_err().kind(), denied);
    assert_eq!(store.query_page(&Query::all()).await.unwrap_err().kind(), denied);
}

#[tokio::test]
async fn a_bucket_that_keeps_versions_shows_the_last() {
    let server = real!();
    server.keep_versions();
    let store = open(&server, options()).await;
    for round in ["1", "2"] {
        fill(&store, &keys(20)).await;
        store.put(&keys(1)[0], round).await.unwrap();
        assert_eq!(value(&store, &keys(1)[0]).await.unwrap(), round);
        assert_eq!(keys_of(&pages(&store, Query::all()).await), keys(20));
        store.delete(&keys(2)[1]).await.unwrap();
        assert_eq!(store.get(&keys(2)[1]).await.unwrap(), None);
        store.commit(deletes(&keys(20))).await.unwrap();
        assert_eq!(store.count(Query::all()).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_missing_bucket_and_wrong_keys_are_errors_that_say_so() {
    let server = real!();
    let user = server.credentials();
    let nowhere = builder(server.endpoint(), "no-such-bucket-at-all", user);
    let error = options().open(Bucket::s3(nowhere).unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("there is no bucket"), "{error}");
    for wrong in [
        Credentials::new(&user.access_key, "another-secret"),
        Credentials::new("nobody", &user.secret_key),
    ] {
        let bucket = bucket(&server, server.endpoint(), &wrong);
        let error = options().open(bucket).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    }
}
