//! Multipart uploads.

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use s3_testing::S3Server;

use crate::clients::client;
use crate::targets::targets;

const MIN_PART: usize = 5 << 20;

#[tokio::test]
async fn parts_become_one_object_once_they_are_completed() {
    for target in targets() {
        let client = target.direct();
        let path = Path::from("large");
        let mut upload = client.put_multipart(&path).await.unwrap();
        upload.put_part(vec![b'a'; MIN_PART].into()).await.unwrap();
        upload.put_part("tail".into()).await.unwrap();
        assert_eq!(target.unfinished_uploads(), ["large"]);
        assert!(matches!(client.head(&path).await, Err(Error::NotFound { .. })));

        upload.complete().await.unwrap();
        assert!(target.unfinished_uploads().is_empty());
        let got = client.get(&path).await.unwrap();
        // md5(md5("aaa…") + md5("tail")), as `md5sum` gives it.
        assert_eq!(got.meta.e_tag.as_deref(), Some("\"30dcfd3901d1c613b7fb532281748544-2\""));
        let bytes = got.bytes().await.unwrap();
        assert_eq!(bytes.len(), MIN_PART + 4);
        assert!(bytes.ends_with(b"aatail"));
    }
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    for target in targets() {
        let client = target.direct();
        let mut upload = client.put_multipart(&Path::from("a")).await.unwrap();
        upload.put_part("part".into()).await.unwrap();
        upload.abort().await.unwrap();
        assert!(target.unfinished_uploads().is_empty());
        assert!(client.list(None).try_collect::<Vec<_>>().await.unwrap().is_empty());
    }
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
