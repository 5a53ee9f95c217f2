//! Between the types of the protocol and those of the objects in memory.

use bytes::{Bytes, BytesMut};
use data_encoding::HEXLOWER;
use futures::TryStreamExt;
use hyper::HeaderMap;
use hyper::header::HeaderName;
use s3s::dto::{ContentType, ETag, ETagCondition, Error, Metadata, Object, Range, StreamingBlob};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::objects::{Attributes, StoredObject};

/// The body of a request; refused if it ends early or is not what was signed.
pub(super) async fn whole(body: Option<StreamingBlob>) -> S3Result<Bytes> {
    let Some(body) = body else { return Ok(Bytes::new()) };
    let gather = |mut whole: BytesMut, chunk: Bytes| async move {
        whole.extend_from_slice(&chunk);
        Ok(whole)
    };
    let whole = body.try_fold(BytesMut::new(), gather).await;
    Ok(whole.map_err(|error| S3Error::with_source(S3ErrorCode::IncompleteBody, error))?.freeze())
}

/// The part of the contents that is asked for, and where it lies if that is not all.
pub(super) fn part(
    object: &StoredObject,
    range: Option<Range>,
) -> S3Result<(Bytes, Option<String>)> {
    let Some(range) = range else { return Ok((object.bytes.clone(), None)) };
    let size = object.bytes.len();
    let range = range.check(size as u64)?;
    let (start, end) = (range.start as usize, range.end as usize);
    let content_range = format!("bytes {start}-{}/{size}", end - 1);
    Ok((object.bytes.slice(start..end), Some(content_range)))
}

/// The condition in a header: from the header itself, since not every operation of the library hands it on.
pub(super) fn condition(headers: &HeaderMap, name: HeaderName) -> S3Result<Option<ETagCondition>> {
    let condition =
        headers.get(name).map(|value| ETagCondition::parse_http_header(value.as_bytes()));
    condition.transpose().map_err(|error| s3_error!(error, InvalidArgument, "this is no condition"))
}

/// What a client says about an object beside its contents.
pub(super) fn attributes(
    metadata: Option<Metadata>,
    content_type: Option<ContentType>,
) -> Attributes {
    Attributes { metadata: metadata.unwrap_or_default(), content_type }
}

/// An object as a listing shows it.
pub(super) fn listed(name: &str, object: &StoredObject) -> Object {
    Object {
        key: Some(name.to_owned()),
        e_tag: Some(strong(object)),
        last_modified: Some(object.modified.into()),
        size: Some(length(&object.bytes)),
        ..Default::default()
    }
}

/// An object that a bulk deletion left.
pub(super) fn failure(key: String, error: &S3Error) -> Error {
    Error {
        code: Some(error.code().as_str().to_owned()),
        message: error.message().map(str::to_owned),
        key: Some(key),
        ..Default::default()
    }
}

/// The ETag of an object, which goes out in quotes.
pub(super) fn strong(object: &StoredObject) -> ETag {
    ETag::Strong(object.etag.clone())
}

/// A size as the protocol has it.
pub(super) fn length(bytes: &Bytes) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

/// The continuation token of a page that ends with this entry.
pub(super) fn to_token(name: &str) -> String {
    HEXLOWER.encode(name.as_bytes())
}

/// The last entry of the page before.
pub(super) fn from_token(token: &str) -> S3Result<String> {
    let name = HEXLOWER.decode(token.as_bytes()).ok();
    name.and_then(|name| String::from_utf8(name).ok())
        .ok_or_else(|| s3_error!(InvalidArgument, "this is no continuation token"))
}
