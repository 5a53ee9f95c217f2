//! Objects: written, read, copied, deleted.

use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutOptions,
};
use s3_testing::{Method, S3Server};

use crate::clients::{client, requests};

#[tokio::test]
async fn what_was_put_is_read() {
    let server = S3Server::start();
    let client = client(&server);
    let put = client.put(&Path::from("a/b"), "hello".into()).await.unwrap();
    let got = client.get(&Path::from("a/b")).await.unwrap();

    assert_eq!(put.e_tag.as_deref(), Some("\"5d41402abc4b2a76b9719d911017c592\""));
    assert_eq!(got.meta.e_tag, put.e_tag);
    assert_eq!(got.meta.size, 5);
    assert_eq!(got.bytes().await.unwrap(), "hello");
    assert_eq!(server.object("a/b").unwrap().bytes, "hello");
}

#[tokio::test]
async fn metadata_comes_back() {
    let server = S3Server::start();
    let client = client(&server);
    let name = Attribute::Metadata("writer".into());
    let attributes: Attributes =
        [(name.clone(), "7 of 9"), (Attribute::ContentType, "text/x")].into_iter().collect();
    let options = PutOptions { attributes: attributes.clone(), ..PutOptions::default() };
    client.put_opts(&Path::from("a"), "x".into(), options).await.unwrap();

    let head = GetOptions { head: true, ..GetOptions::default() };
    for options in [GetOptions::default(), head] {
        let got = client.get_opts(&Path::from("a"), options).await.unwrap();
        assert_eq!(got.attributes, attributes);
    }
    client.copy(&Path::from("a"), &Path::from("b")).await.unwrap();
    let copy = server.object("b").unwrap();
    assert_eq!(copy.bytes, "x");
    assert_eq!(copy.metadata.get("writer").map(String::as_str), Some("7 of 9"));
    assert_eq!(copy.content_type.as_deref(), Some("text/x"));
}

#[tokio::test]
async fn ranges_are_parts_and_refused_beyond_the_end() {
    let server = S3Server::start();
    let client = client(&server);
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

#[tokio::test]
async fn a_missing_object_is_not_found_and_its_deletion_is_no_error() {
    let server = S3Server::start();
    let client = client(&server);
    let path = Path::from("missing");
    assert!(matches!(client.get(&path).await, Err(Error::NotFound { .. })));
    assert!(matches!(client.head(&path).await, Err(Error::NotFound { .. })));
    client.delete(&path).await.unwrap();
}

#[tokio::test]
async fn bulk_deletion_deletes_what_it_names() {
    let server = S3Server::start();
    for n in 0..1500 {
        server.put_raw(&format!("{n:04}"), "");
    }
    let names = (0..1499).map(|n| Ok(Path::from(format!("{n:04}"))));
    let deleted = client(&server).delete_stream(stream::iter(names).boxed());
    assert_eq!(deleted.try_collect::<Vec<_>>().await.unwrap().len(), 1499);
    assert_eq!(server.names(), ["1499"]);
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
    let name = "a//b/ %~!\u{e9}/";
    let put = requests(&server).send(Method::PUT, target, &[], "x").unwrap();
    let got = requests(&server).send(Method::GET, target, &[], "").unwrap();
    assert_eq!((put.status().as_u16(), got.body().as_ref()), (200, &b"x"[..]));
    assert_eq!(server.names(), [name]);
}
