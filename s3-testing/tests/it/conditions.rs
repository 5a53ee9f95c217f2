//! Conditions on writes.

use futures::future::join_all;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion};
use s3_testing::S3Server;

use crate::clients::client;

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
async fn an_update_is_of_the_version_that_was_read() {
    let server = S3Server::start();
    let client = client(&server);
    let path = Path::from("counter");
    let first = client.put(&path, "1".into()).await.unwrap();
    let update = async |etag: Option<String>, value: &'static str| {
        let version = UpdateVersion { e_tag: etag, version: None };
        client.put_opts(&path, value.into(), PutMode::Update(version).into()).await
    };
    let second = update(first.e_tag.clone(), "2").await.unwrap();
    let lost = update(first.e_tag.clone(), "3").await;
    assert!(matches!(lost, Err(Error::Precondition { .. })), "{lost:?}");

    // With and without quotes.
    let bare = second.e_tag.map(|etag| etag.trim_matches('"').to_owned());
    update(bare, "4").await.unwrap();
    assert_eq!(server.object("counter").unwrap().bytes, "4");

    client.delete(&path).await.unwrap();
    let gone = update(first.e_tag, "5").await;
    assert!(matches!(gone, Err(Error::NotFound { .. } | Error::Precondition { .. })), "{gone:?}");
    assert_eq!(server.object("counter"), None);
}
