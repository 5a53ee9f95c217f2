//! Multipart uploads.

use bytes::Bytes;
use object_store::ObjectStoreExt;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use s3_testing::S3Server;

use crate::clients::client;

const MIN_PART: usize = 5 << 20;

#[tokio::test]
async fn parts_become_one_object_once_they_are_completed() {
    let server = S3Server::start();
    let client = client(&server);
    let path = Path::from("large");
    let mut upload = client.put_multipart(&path).await.unwrap();
    upload.put_part(vec![b'a'; MIN_PART].into()).await.unwrap();
    upload.put_part("tail".into()).await.unwrap();
    assert_eq!(server.unfinished_uploads(), ["large"]);
    assert_eq!(server.object("large"), None);

    upload.complete().await.unwrap();
    assert!(server.unfinished_uploads().is_empty());
    let object = server.object("large").unwrap();
    assert_eq!(object.bytes.len(), MIN_PART + 4);
    assert!(object.bytes.ends_with(b"aatail"));
    // md5(md5("aaa…") + md5("tail")), as `md5sum` gives it.
    assert_eq!(object.etag, "30dcfd3901d1c613b7fb532281748544-2");
    assert_eq!(client.get(&path).await.unwrap().bytes().await.unwrap(), object.bytes);
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    let server = S3Server::start();
    let mut upload = client(&server).put_multipart(&Path::from("a")).await.unwrap();
    upload.put_part("part".into()).await.unwrap();
    upload.abort().await.unwrap();
    assert!(server.unfinished_uploads().is_empty());
    assert!(server.names().is_empty());
}

#[tokio::test]
async fn small_parts_are_refused_at_the_end_and_the_upload_stays() {
    let server = S3Server::start();
    let client = client(&server);
    let path = Path::from("a");
    let id = client.create_multipart(&path).await.unwrap();
    let mut parts = Vec::new();
    for number in 0..2 {
        let part = Bytes::from_static(b"small").into();
        parts.push(client.put_part(&path, &id, number, part).await.unwrap());
    }
    let error = client.complete_multipart(&path, &id, parts).await.unwrap_err();
    assert!(format!("{error:?}").contains("EntityTooSmall"), "{error:?}");
    assert_eq!(server.unfinished_uploads(), ["a"]);
    client.abort_multipart(&path, &id).await.unwrap();
    client.abort_multipart(&path, &id).await.unwrap_err();
}
