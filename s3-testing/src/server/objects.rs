//! What a bucket holds, and the conditions on changing it.

use std::collections::{BTreeMap, HashMap};
use std::time::SystemTime;

use bytes::Bytes;
use data_encoding::HEXLOWER;
use datastore::{Clock, SystemClock};
use md5::{Digest, Md5};
use s3s::dto::{ETag, ETagCondition};
use s3s::{S3Error, S3Result, s3_error};

use super::uploads::Uploads;

/// An object as the server keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// The contents.
    pub bytes: Bytes,
    /// The ETag without its quotes: the MD5 of the contents, or that of the parts' MD5s and their number.
    pub etag: String,
    /// User metadata; the names are without `x-amz-meta-`.
    pub metadata: HashMap<String, String>,
    /// The content type the client gave.
    pub content_type: Option<String>,
    /// When it was written.
    pub modified: SystemTime,
}

/// What a client says about an object beside its contents.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes {
    pub(super) metadata: HashMap<String, String>,
    pub(super) content_type: Option<String>,
}

/// The condition of a request.
#[derive(Clone, Debug, Default)]
pub(super) struct Preconditions {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
}

/// One bucket.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) objects: BTreeMap<String, StoredObject>,
    pub(super) uploads: Uploads,
}

impl Bucket {
    /// The object of this name.
    pub(super) fn get(&self, name: &str) -> S3Result<&StoredObject> {
        self.objects.get(name).ok_or_else(|| s3_error!(NoSuchKey, "no object has this name"))
    }

    /// Writes an object if the condition holds.
    pub(super) fn put(
        &mut self,
        name: String,
        object: StoredObject,
        preconditions: &Preconditions,
    ) -> S3Result<()> {
        preconditions.check_write(self.objects.get(&name))?;
        self.objects.insert(name, object);
        Ok(())
    }

    /// Deletes an object if the condition holds. Without one, a missing object is no error.
    pub(super) fn delete(&mut self, name: &str, preconditions: &Preconditions) -> S3Result<()> {
        preconditions.check_write(self.objects.get(name))?;
        self.objects.remove(name);
        Ok(())
    }
}

impl StoredObject {
    /// An object written now, in one piece.
    pub(super) fn new(bytes: Bytes, attributes: Attributes) -> Self {
        let etag = HEXLOWER.encode(&Md5::digest(&bytes));
        Self::with_etag(bytes, etag, attributes)
    }

    /// An object written now.
    pub(super) fn with_etag(bytes: Bytes, etag: String, attributes: Attributes) -> Self {
        let Attributes { metadata, content_type } = attributes;
        Self { bytes, etag, metadata, content_type, modified: SystemClock::new().now() }
    }

    /// What its writer said about it.
    pub(super) fn attributes(&self) -> Attributes {
        Attributes { metadata: self.metadata.clone(), content_type: self.content_type.clone() }
    }
}

impl Preconditions {
    /// Whether a write may replace what is there now.
    fn check_write(&self, present: Option<&StoredObject>) -> S3Result<()> {
        if let Some(condition) = &self.if_match {
            let object =
                present.ok_or_else(|| s3_error!(NoSuchKey, "there is nothing to match"))?;
            require(matches(condition, object))?;
        }
        if let (Some(condition), Some(object)) = (&self.if_none_match, present) {
            require(!matches(condition, object))?;
        }
        Ok(())
    }

    /// Whether a read gets to see the object.
    pub(super) fn check_read(&self, object: &StoredObject) -> S3Result<()> {
        if let Some(condition) = &self.if_match {
            require(matches(condition, object))?;
        }
        match &self.if_none_match {
            Some(condition) if matches(condition, object) => Err(s3_error!(NotModified)),
            _ => Ok(()),
        }
    }
}

fn matches(condition: &ETagCondition, object: &StoredObject) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(ETag::Strong(etag) | ETag::Weak(etag)) => *etag == object.etag,
    }
}

fn require(holds: bool) -> S3Result<()> {
    if holds { Ok(()) } else { Err(precondition_failed()) }
}

/// The answer to a condition that does not hold.
pub(super) fn precondition_failed() -> S3Error {
    s3_error!(PreconditionFailed, "the condition of the request does not hold")
}
