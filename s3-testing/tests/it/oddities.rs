//! Servers that do otherwise.

use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, UpdateVersion};
use s3_testing::{Method, Oddities, S3Server};

use crate::clients::client;

fn update(etag: &str) -> PutMode {
    PutMode::Update(UpdateVersion { e_tag: Some(etag.to_owned()), version: None })
}

#[tokio::test]
async fn a_server_can_ignore_the_conditions_of_puts() {
    let oddities = Oddities { ignores_conditions: true, ..Oddities::default() };
    let server = S3Server::start_with(oddities);
    let client = client(&server);
    let path = Path::from("a");
    client.put_opts(&path, "1".into(), PutMode::Create.into()).await.unwrap();
    client.put_opts(&path, "2".into(), PutMode::Create.into()).await.unwrap();
    client.put_opts(&path, "3".into(), update("\"nonsense\"").into()).await.unwrap();
    assert_eq!(server.object("a").unwrap().bytes, "3");
}

#[test]
fn a_server_can_ignore_the_conditions_of_deletions() {
    let oddities = Oddities { ignores_delete_conditions: true, ..Oddities::default() };
    let server = S3Server::start_with(oddities);
    server.put_raw("a", "x");
    let headers = [("if-match", "nonsense")];
    let reply = server.client().send(Method::DELETE, "/test-bucket/a", &headers, "").unwrap();
    assert_eq!(reply.status(), 204);
    assert!(server.names().is_empty());
}

#[tokio::test]
async fn a_server_can_want_etags_without_quotes() {
    let oddities = Oddities { unquoted_etags_only: true, ..Oddities::default() };
    let server = S3Server::start_with(oddities);
    let client = client(&server);
    let path = Path::from("a");
    let put = client.put(&path, "1".into()).await.unwrap();
    let quoted = put.e_tag.unwrap();
    client.put_opts(&path, "2".into(), update(&quoted).into()).await.unwrap_err();
    let bare = quoted.trim_matches('"');
    client.put_opts(&path, "3".into(), update(bare).into()).await.unwrap();
    assert_eq!(server.object("a").unwrap().bytes, "3");
}

#[tokio::test]
async fn a_server_can_lack_bulk_deletion() {
    let oddities = Oddities { no_bulk_delete: true, ..Oddities::default() };
    let server = S3Server::start_with(oddities);
    let client = client(&server);
    for name in ["a", "b"] {
        server.put_raw(name, "");
    }
    let paths = stream::iter([Ok(Path::from("a")), Ok(Path::from("b"))]).boxed();
    let error = client.delete_stream(paths).try_collect::<Vec<_>>().await.unwrap_err();
    assert!(format!("{error:?}").contains("501"), "{error:?}");
    assert_eq!(server.names(), ["a", "b"]);
}
