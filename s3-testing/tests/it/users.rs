//! Users, signatures, buckets.

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use s3_testing::{Credentials, S3Server};

use crate::clients::{builder, client};

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
    let server = S3Server::start();
    let Credentials { access_key, secret_key } = server.credentials().clone();
    let cases = [
        (server.bucket(), Credentials::new(&access_key, "wrong"), "SignatureDoesNotMatch"),
        (server.bucket(), Credentials::new("nobody", &secret_key), "InvalidAccessKeyId"),
        ("no-such-bucket", server.credentials().clone(), "NoSuchBucket"),
    ];
    for (bucket, user, code) in cases {
        for complaint in complaints(&server.endpoint(), bucket, &user).await {
            assert!(complaint.contains(code), "{code}: {complaint}");
        }
    }
    assert!(server.names().is_empty());
}

#[tokio::test]
async fn who_may_not_list_is_not_told_what_is_missing() {
    let server = S3Server::start();
    let limited = server.limited_credentials();
    let client = builder(&server.endpoint(), server.bucket(), limited).build().unwrap();
    let path = Path::from("a");
    let missing = client.get(&path).await.unwrap_err();
    assert!(format!("{missing:?}").contains("AccessDenied"), "{missing:?}");
    let listing = client.list(None).try_collect::<Vec<_>>().await.unwrap_err();
    assert!(format!("{listing:?}").contains("AccessDenied"), "{listing:?}");
    client.put(&path, "x".into()).await.unwrap();
    assert_eq!(client.get(&path).await.unwrap().bytes().await.unwrap(), "x");
    client.delete(&path).await.unwrap();
}

#[tokio::test]
async fn another_bucket_is_another_place() {
    let server = S3Server::start();
    server.another_bucket("other");
    let other = builder(&server.endpoint(), "other", server.credentials()).build().unwrap();
    other.put(&Path::from("a"), "x".into()).await.unwrap();
    assert!(server.names().is_empty());
    assert!(client(&server).get(&Path::from("a")).await.is_err());
}
