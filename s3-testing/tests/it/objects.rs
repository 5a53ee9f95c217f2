//! Objects: written, read, copied, deleted.

use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutOptions,
};
use s3_testing::{Method, S3Server};

use crate::targets::targets;

#[tokio::test]
async fn what_was_put_is_read() {
    for target in targets() {
        let client = target.direct();
        let put = client.put(&Path::from("a/b"), "hello".into()).await.unwrap();
        let got = client.get(&Path::from("a/b")).await.unwrap();

        assert_eq!(put.e_tag.as_deref(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
        assert_eq!(got.meta.e_tag, put.e_tag);
        assert_eq!(got.meta.size, 5);
        assert_eq!(got.bytes().await.unwrap(), "hello");
    }
}

#[tokio::test]
async fn metadata_comes_back_and_is_copied() {
    for target in targets() {
        let client = target.direct();
        let name = Attribute::Metadata("writer".into());
        let attributes: Attributes =
            [(name, "7 of 9"), (Attribute::ContentType, "text/x")].into_iter().collect();
        let options = PutOptions { attributes: attributes.clone(), ..PutOptions::default() };
        client.put_opts(&Path::from("a"), "x".into(), options).await.unwrap();
        client.copy(&Path::from("a"), &Path::from("b")).await.unwrap();

        let head = GetOptions { head: true, ..GetOptions::default() };
        for options in [GetOptions::default(), head] {
            for name in ["a", "b"] {
                let got = client.get_opts(&Path::from(name), options.clone()).await.unwrap();
                assert_eq!(got.attributes, attributes);
                assert_eq!(got.meta.size, 1);
            }
        }
    }
}

#[tokio::test]
async fn ranges_are_parts_and_refused_beyond_the_end() {
    for target in targets() {
        let client = target.direct();
        let path = Path::from("a");
        client.put(&path, "0123456789".into()).await.unwrap();

        let get = async |range: GetRange| {
            let options = GetOptions { range: Some(range), ..GetOptions::default() };
            client.get_opts(&path, options).await
        };
        for (range, part) in [
            (GetRange::Bounded(2..5), "234"),
            (GetRange::Bounded(8..99), "89"),
            (GetRange::Offset(7), "789"),
            (GetRange::Suffix(4), "6789"),
        ] {
            let got = get(range).await.unwrap();
            assert_eq!(got.meta.size, 10);
            assert_eq!(got.bytes().await.unwrap(), part);
        }
        let error = get(GetRange::Offset(10)).await.unwrap_err().to_string();
        assert!(error.contains("416") || error.contains("InvalidRange"), "{error}");
    }
}

#[tokio::test]
async fn a_missing_object_is_not_found_and_its_deletion_is_no_error() {
    for target in targets() {
        let client = target.direct();
        let path = Path::from("missing");
        assert!(matches!(client.get(&path).await, Err(Error::NotFound { .. })));
        assert!(matches!(client.head(&path).await, Err(Error::NotFound { .. })));
        client.delete(&path).await.unwrap();
    }
}

#[tokio::test]
async fn bulk_deletion_deletes_what_it_names() {
    for target in targets() {
        let client = target.direct();
        let path = |n: u32| Path::from(format!("{n:04}"));
        let puts = stream::iter(0..1005).map(|n| {
            let client = &client;
            async move { client.put(&path(n), "".into()).await }
        });
        puts.buffer_unordered(16).try_collect::<Vec<_>>().await.unwrap();

        let doomed = stream::iter(0..1004).map(move |n| Ok(path(n))).boxed();
        let deleted = client.delete_stream(doomed).try_collect::<Vec<_>>().await.unwrap();
        let left = client.list(None).map_ok(|meta| meta.location).try_collect::<Vec<_>>().await;
        assert_eq!(deleted.len(), 1004);
        assert_eq!(left.unwrap(), [path(1004)]);
    }
}

#[test]
fn a_bulk_deletion_of_more_than_a_thousand_is_refused_whole() {
    let server = S3Server::start();
    server.put_raw("0", "");
    let delete = |n: usize| {
        let objects: String = (0..n).map(|n| format!("<Object><Key>{n}</Key></Object>")).collect();
        let body = format!("<Delete>{objects}</Delete>");
        server.client().send(Method::POST, "/test-bucket?delete", &[], body).unwrap().status()
    };
    assert_eq!(delete(1001), 400);
    assert_eq!(server.names(), ["0"]);
    assert_eq!(delete(1000), 200);
    assert!(server.names().is_empty());
}

#[test]
fn the_back_door_writes_names_that_no_client_writes() {
    let server = S3Server::start();
    for name in ["x%41", "dir/", "a//b"] {
        server.put_raw(name, name.to_owned());
    }
    assert_eq!(server.names(), ["a//b", "dir/", "x%41"]);
    assert_eq!(server.object("dir/").unwrap().bytes, "dir/");
    assert!(server.delete_raw("dir/"));
    assert!(!server.delete_raw("dir/"));
    assert_eq!(server.object("dir/"), None);
}

#[test]
fn names_are_what_was_sent_once_they_are_decoded() {
    let server = S3Server::start();
    let target = "/test-bucket/a//b/%20%25~%21%C3%A9/";
    let put = server.client().send(Method::PUT, target, &[], "x").unwrap();
    let got = server.client().send(Method::GET, target, &[], "").unwrap();
    assert_eq!((put.status().as_u16(), got.body().as_ref()), (200, &b"x"[..]));
    assert_eq!(server.names(), ["a//b/ %~!\u{e9}/"]);
}
