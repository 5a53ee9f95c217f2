//! Who may do what, and stores that are not what they should be.

use bytes::Bytes;
use datastore::{Datastore, DatastoreExt, ErrorKind, Outcome, Query, key};
use datastore_s3::{Access, Bucket, ObjectOptions};
use object_store::{Attribute, Attributes, ObjectStore, PutOptions};
use s3_testing::{Answer, Credentials, Fault, Matcher, Method, StatusCode};

use crate::harness::{Rig, builder, deletes, gets, keys, options, retry, value};

/// What opening as this user comes to.
async fn open_error(rig: &Rig, user: &Credentials) -> datastore::Error {
    let builder = builder(&rig.proxy.endpoint(), rig.server.bucket(), user);
    options().open(Bucket::s3(builder).unwrap()).await.unwrap_err()
}

#[tokio::test]
async fn wrong_credentials_are_refused_at_once() {
    let rig = Rig::new();
    let right = rig.server.credentials();
    for wrong in [
        Credentials::new(&right.access_key, "another-secret"),
        Credentials::new("nobody", &right.secret_key),
    ] {
        let error = open_error(&rig, &wrong).await;
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("mend access key or secret"), "{error}");
        assert_eq!(rig.asked(), [("GET", 1)]);
    }
}

#[tokio::test]
async fn expired_credentials_are_told_from_wrong_ones() {
    for answer in
        [Answer::expired_token(), Answer::expired_token().with_status(StatusCode::FORBIDDEN)]
    {
        let rig = Rig::new();
        let store = rig.filled(&[key!("/a")]).await;
        rig.proxy.on(Matcher::any(), Fault::Answer(answer));
        let read = store.get(&key!("/a")).await.unwrap_err();
        assert_eq!(read.kind(), ErrorKind::PermissionDenied);
        assert!(read.to_string().contains("expired"), "{read}");
        let put = store.put(&key!("/a"), "1").await.unwrap_err();
        let refused = (ErrorKind::PermissionDenied, Some(Outcome::NotApplied));
        assert_eq!((put.kind(), put.outcome()), refused);
        let listed = store.query_page(&Query::all()).await.unwrap_err();
        assert_eq!(listed.kind(), ErrorKind::PermissionDenied);
        assert_eq!(rig.asked(), [("GET", 1), ("LIST", 1), ("PUT", 1)]);
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_an_error_and_no_empty_store() {
    let rig = Rig::new();
    let user = rig.server.credentials();
    let nowhere = Bucket::s3(builder(&rig.server.endpoint(), "nowhere", user)).unwrap();
    for access in [Access::Read, Access::Write, Access::Shared] {
        let error = options().access(access).open(nowhere.clone()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().contains("there is no bucket s3://nowhere"), "{error}");
    }

    let store = rig.filled(&[key!("/a")]).await;
    let gone = Answer::error(StatusCode::NOT_FOUND, "NoSuchBucket");
    rig.proxy.on(Matcher::any(), Fault::Answer(gone));
    let not_found = ErrorKind::NotFound;
    assert_eq!(store.get(&key!("/a")).await.unwrap_err().kind(), not_found);
    assert_eq!(store.get_range(&key!("/a"), 0, 1).await.unwrap_err().kind(), not_found);
    assert_eq!(store.query_page(&Query::all()).await.unwrap_err().kind(), not_found);
    assert_eq!(store.put(&key!("/a"), "1").await.unwrap_err().kind(), not_found);
    assert_eq!(store.delete(&key!("/a")).await.unwrap_err().kind(), not_found);
    assert_eq!(store.commit(deletes(&keys(2))).await.unwrap_err().kind(), not_found);
}

#[tokio::test]
async fn a_bucket_elsewhere_is_named_with_its_region() {
    for answer in [Answer::permanent_redirect("eu-west-3"), Answer::wrong_region("eu-west-3")] {
        let rig = Rig::new();
        rig.proxy.on(Matcher::any(), Fault::Answer(answer));
        let error = options().open(rig.bucket()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("region `eu-west-3`"), "{error}");
        assert_eq!(rig.asked(), [("GET", 1)]);
    }
}

#[tokio::test]
async fn who_may_not_list_is_told_so_and_not_that_a_key_is_missing() {
    let rig = Rig::new();
    let error = open_error(&rig, rig.server.limited_credentials()).await;
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("may not list"), "{error}");

    rig.filled(&[key!("/a")]).await;
    let server = &rig.server;
    let limited = builder(&rig.proxy.endpoint(), server.bucket(), server.limited_credentials());
    let store = options().open(Bucket::s3(limited).unwrap()).await.unwrap();
    let denied = ErrorKind::PermissionDenied;
    assert_eq!(value(&store, &key!("/a")).await.unwrap(), "/a");
    assert_eq!(store.get(&key!("/b")).await.unwrap_err().kind(), denied);
    assert_eq!(store.has(&key!("/b")).await.unwrap_err().kind(), denied);
    assert_eq!(store.size(&key!("/b")).await.unwrap_err().kind(), denied);
    assert_eq!(store.get_range(&key!("/b"), 0, 1).await.unwrap_err().kind(), denied);
    assert_eq!(store.query_page(&Query::all()).await.unwrap_err().kind(), denied);
    assert_eq!(store.check().await.unwrap_err().kind(), denied);
    assert_eq!(store.disk_usage().await.unwrap_err().kind(), denied);
    store.put(&key!("/b"), "1").await.unwrap();
    store.delete(&key!("/b")).await.unwrap();
}

#[tokio::test]
async fn a_reader_writes_nothing() {
    let rig = Rig::new();
    rig.filled(&keys(3)).await;
    for method in [Method::PUT, Method::POST, Method::DELETE] {
        rig.proxy.on(Matcher::method(method), Fault::Answer(Answer::access_denied()));
    }
    let reader = ObjectOptions::new().prefix("t").access(Access::Read).retry(retry());
    let store = reader.clone().open(rig.bucket()).await.unwrap();
    assert!(!store.capabilities().writable);
    assert_eq!(store.count(Query::all()).await.unwrap(), 3);
    assert_eq!(value(&store, &keys(1)[0]).await.unwrap(), "/k/000000");
    assert!(store.has(&keys(1)[0]).await.unwrap());
    assert!(store.check().await.unwrap().is_clean());
    store.disk_usage().await.unwrap();
    store.sync().await.unwrap();
    store.compact().await.unwrap();
    for batch in [deletes(&keys(1)), crate::harness::puts(&keys(1))] {
        let error = store.commit(batch).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::Unsupported, Some(Outcome::NotApplied))
        );
    }
    store.close().await.unwrap();
    let looks = rig.asked();
    assert!(looks.iter().all(|(kind, _)| ["GET", "HEAD", "LIST"].contains(kind)), "{looks:?}");

    let error = reader.prefix("elsewhere").open(rig.bucket()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(rig.asked(), [("GET", 1)]);
}

/// Writes an object as the store does, with the checksum of another value.
async fn damage(rig: &Rig, name: &'static str) {
    let sound = rig.server.object(name).unwrap();
    let mut attributes = Attributes::new();
    for (name, value) in sound.metadata {
        attributes.insert(Attribute::Metadata(name.into()), value.into());
    }
    assert_ne!(attributes.len(), 0, "there is no checksum to fail");
    let mut other = sound.bytes.to_vec();
    other[0] ^= 1;
    let s3 = rig.builder().with_allow_http(true).build().unwrap();
    let options = PutOptions { attributes, ..PutOptions::default() };
    s3.put_opts(&name.into(), other.into(), options).await.unwrap();
}

#[tokio::test]
async fn a_damaged_value_is_never_handed_out() {
    let rig = Rig::new();
    let store = rig.filled(&keys(3)).await;
    damage(&rig, "t/k/000001").await;
    let damaged = &keys(2)[1];
    let corrupt = ErrorKind::Corrupt;
    let error = store.get(damaged).await.unwrap_err();
    assert_eq!(error.kind(), corrupt);
    assert!(error.to_string().contains("/k/000001"), "{error}");
    assert_eq!(store.get_range(damaged, 0, 100).await.unwrap_err().kind(), corrupt);
    assert_eq!(store.query_page(&Query::all()).await.unwrap_err().kind(), corrupt);
    rig.proxy.clear();
    let report = store.check().await.unwrap();
    assert_eq!((report.entries, report.problems.len()), (2, 1));
    assert_eq!(report.problems[0].place, "/k/000001");
    assert_eq!(rig.asked(), [("GET", 3), ("LIST", 1)]);
    // It can be mended.
    store.put(damaged, "new").await.unwrap();
    assert!(store.check().await.unwrap().is_clean());
}

#[tokio::test]
async fn a_value_that_is_altered_on_its_way_is_noticed() {
    let rig = Rig::new();
    let store = rig.filled(&[key!("/a")]).await;
    for other in ["/b", "", "/a/"] {
        rig.proxy.on(gets().nth(1), Fault::Garble(Bytes::from(other)));
        let error = store.get(&key!("/a")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{other}");
        rig.proxy.heal();
    }
    assert_eq!(value(&store, &key!("/a")).await.unwrap(), "/a");
}

#[tokio::test]
async fn a_store_of_another_layout_is_left_alone() {
    let rig = Rig::new();
    rig.filled(&[key!("/a")]).await;
    let ours = rig.server.object("t/~~datastore/format").unwrap().bytes;
    let ours = std::str::from_utf8(&ours).unwrap();
    rig.server.put_raw("t/~~datastore/format", "datastore-s3 999");
    for access in [Access::Read, Access::Write, Access::Shared] {
        rig.proxy.clear();
        let error = options().access(access).open(rig.bucket()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Incompatible);
        let message = error.to_string();
        assert!(message.contains("datastore-s3 999") && message.contains(ours), "{message}");
        assert_eq!(rig.asked(), [("GET", 1)]);
    }
}
