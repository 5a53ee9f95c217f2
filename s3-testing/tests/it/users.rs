//! Users, signatures, buckets.

use std::time::Duration;

use futures::TryStreamExt;
use hyper::StatusCode;
use object_store::path::Path;
use object_store::signer::Signer;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use s3_testing::{Credentials, Method, RealServer, S3Server, SignedClient};

use crate::clients::{builder, client};
use crate::targets::targets;

/// What the server says to a client that reads, writes and lists.
async fn complaints(endpoint: &str, bucket: &str, user: &Credentials) -> [String; 3] {
    let client = builder(endpoint, bucket, user).build().unwrap();
    let path = Path::from("a");
    [
        format!("{:?}", client.get(&path).await.unwrap_err()),
        format!("{:?}", client.put(&path, "x".into()).await.unwrap_err()),
        format!("{:?}", client.list(None).try_collect::<Vec<_>>().await.unwrap_err()),
    ]
}

#[tokio::test]
async fn wrong_keys_and_missing_buckets_are_told_apart() {
    for target in targets() {
        let Credentials { access_key, secret_key } = target.credentials.clone();
        let cases = [
            (
                target.bucket.as_str(),
                Credentials::new(&access_key, "wrong"),
                "SignatureDoesNotMatch",
            ),
            (&target.bucket, Credentials::new("nobody", &secret_key), "InvalidAccessKeyId"),
            ("no-such-bucket", target.credentials.clone(), "NoSuchBucket"),
        ];
        for (bucket, user, code) in cases {
            for complaint in complaints(&target.endpoint, bucket, &user).await {
                assert!(complaint.contains(code), "{code}: {complaint}");
            }
        }
    }
}

#[tokio::test]
async fn who_may_not_list_is_not_told_what_is_missing() {
    for target in targets() {
        let client = builder(&target.endpoint, &target.bucket, target.limited()).build().unwrap();
        let path = Path::from("a");
        let missing = client.get(&path).await.unwrap_err();
        assert!(format!("{missing:?}").contains("AccessDenied"), "{missing:?}");
        let listing = client.list(None).try_collect::<Vec<_>>().await.unwrap_err();
        assert!(format!("{listing:?}").contains("AccessDenied"), "{listing:?}");
        client.put(&path, "x".into()).await.unwrap();
        assert_eq!(client.get(&path).await.unwrap().bytes().await.unwrap(), "x");
        // One by one: Ceph allows bulk deletions only to those who may do more with the bucket.
        let requests = SignedClient::new(&target.endpoint, "us-east-1", target.limited());
        let deletion = requests.send(Method::DELETE, &target.path("a"), &[], "").unwrap();
        assert_eq!(deletion.status(), 204);
    }
}

#[tokio::test]
async fn another_bucket_is_another_place() {
    let server = S3Server::start();
    server.another_bucket("other");
    let other = builder(&server.endpoint(), "other", server.credentials()).build().unwrap();
    other.put(&Path::from("a"), "x".into()).await.unwrap();
    assert!(server.names().is_empty());
    assert!(matches!(client(&server).get(&Path::from("a")).await, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn a_url_that_was_signed_in_advance_is_as_good_as_its_signature() {
    for target in targets() {
        let client = target.direct();
        let path = Path::from("a");
        client.put(&path, "x".into()).await.unwrap();
        let hour = Duration::from_secs(3600);
        let url = client.signed_url(Method::GET, &path, hour).await.unwrap();
        let wrong = Credentials::new(&target.credentials.access_key, "wrong");
        let wrong = builder(&target.endpoint, &target.bucket, &wrong).build().unwrap();
        let forged = wrong.signed_url(Method::GET, &path, hour).await.unwrap();
        for (url, status) in [(url, 200), (forged, 403)] {
            let reply = crate::by_hand::get(&target.endpoint, url.path(), url.query());
            assert!(reply.starts_with(&format!("HTTP/1.1 {status}")), "{reply}");
        }
    }
}

#[test]
fn a_bucket_is_made_once_over_http() {
    let server = S3Server::start();
    let make = || server.client().send(Method::PUT, "/other", &[], "").unwrap().status();
    assert_eq!([make(), make()], [StatusCode::OK, StatusCode::CONFLICT]);
}

#[tokio::test]
async fn a_real_server_can_keep_versions() {
    let Some(server) = RealServer::from_env() else { return };
    server.keep_versions();
    let client = builder(server.endpoint(), server.bucket(), server.credentials()).build().unwrap();
    let path = Path::from("a");
    let first = client.put(&path, "x".into()).await.unwrap();
    let second = client.put(&path, "y".into()).await.unwrap();
    assert!(first.version.is_some() && first.version != second.version);
}
