//! Conditions on writes.

use futures::future::join_all;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};
use s3_testing::{Method, S3Server};

use crate::clients::client;
use crate::targets::targets;

#[tokio::test]
async fn one_of_many_creators_wins() {
    let server = S3Server::start();
    let client = client(&server);
    for round in 0..20 {
        let path = Path::from(format!("lock/{round}"));
        let create = |n: usize| {
            let value = n.to_string();
            client.put_opts(&path, value.into(), PutOptions::from(PutMode::Create))
        };
        let results = join_all((0..16).map(create)).await;
        let winners: Vec<_> = (0..16).filter(|n| results[*n].is_ok()).collect();
        assert_eq!(winners.len(), 1);
        for result in results {
            assert!(matches!(result, Ok(_) | Err(Error::AlreadyExists { .. })), "{result:?}");
        }
        let object = server.object(path.as_ref()).unwrap();
        assert_eq!(object.bytes, winners[0].to_string());
    }
}

#[tokio::test]
async fn what_is_there_is_not_created_again() {
    for target in targets() {
        let client = target.direct();
        let path = Path::from("lock");
        let create = async |value: &'static str| {
            client.put_opts(&path, value.into(), PutMode::Create.into()).await
        };
        create("1").await.unwrap();
        assert!(matches!(create("2").await, Err(Error::AlreadyExists { .. })));
        assert_eq!(client.get(&path).await.unwrap().bytes().await.unwrap(), "1");
        client.delete(&path).await.unwrap();
        create("3").await.unwrap();
    }
}

#[tokio::test]
async fn an_update_is_of_the_version_that_was_read() {
    for target in targets() {
        let client = target.direct();
        let path = Path::from("counter");
        let first = client.put(&path, "1".into()).await.unwrap().e_tag.unwrap();
        let update = async |etag: &str, value: &'static str| {
            let version = UpdateVersion { e_tag: Some(etag.to_owned()), version: None };
            let result =
                client.put_opts(&path, value.into(), PutMode::Update(version).into()).await;
            result.map(|put| put.e_tag.unwrap())
        };
        let bare = |etag: &str| etag.trim_matches('"').to_owned();
        let second = update(&bare(&first), "2").await.unwrap();
        let lost = update(&bare(&first), "3").await;
        assert!(matches!(lost, Err(Error::Precondition { .. })), "{lost:?}");
        assert_eq!(client.get(&path).await.unwrap().bytes().await.unwrap(), "2");

        // With the quotes that it was given with, Ceph knows no ETag.
        assert_eq!(update(&second, "4").await.is_ok(), !target.is_real());

        client.delete(&path).await.unwrap();
        let gone = update(&bare(&first), "5").await;
        assert!(
            matches!(gone, Err(Error::NotFound { .. } | Error::Precondition { .. })),
            "{gone:?}"
        );
        assert!(matches!(client.head(&path).await, Err(Error::NotFound { .. })));
    }
}

#[test]
fn a_deletion_is_of_the_version_that_was_read() {
    let server = S3Server::start();
    server.put_raw("a", "x");
    let etag = server.object("a").unwrap().etag;
    let quoted = format!("\"{etag}\"");
    let delete = |etag: &str| {
        let headers = [("if-match", etag)];
        server.client().send(Method::DELETE, "/test-bucket/a", &headers, "").unwrap().status()
    };
    assert_eq!(delete("\"nonsense\""), 412);
    assert_eq!(server.names(), ["a"]);
    for etag in [quoted.as_str(), &etag, "*"] {
        server.put_raw("a", "x");
        assert_eq!(delete(etag), 204, "{etag}");
        assert!(server.names().is_empty());
    }
    assert_eq!(delete(&quoted), 404);
}

#[test]
fn a_bulk_deletion_is_conditional_for_each_object() {
    let server = S3Server::start();
    server.put_raw("a", "x");
    server.put_raw("b", "x");
    let etag = server.object("a").unwrap().etag;
    let body = format!(
        "<Delete><Object><Key>a</Key><ETag>nonsense</ETag></Object>\
         <Object><Key>b</Key><ETag>{etag}</ETag></Object></Delete>"
    );
    let reply = server.client().send(Method::POST, "/test-bucket?delete", &[], body).unwrap();
    let body = String::from_utf8_lossy(reply.body()).into_owned();
    assert_eq!(reply.status(), 200);
    assert!(body.contains("<Deleted><Key>b</Key>"), "{body}");
    assert!(body.contains("PreconditionFailed"), "{body}");
    assert_eq!(server.names(), ["a"]);
}
