//! The operations of S3 over the objects in memory.

use std::sync::Arc;

use async_trait::async_trait;
use hyper::HeaderMap;
use hyper::header::{IF_MATCH, IF_NONE_MATCH};
use s3s::dto::*;
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};

use super::listing::{Listed, Selection};
use super::objects::{Preconditions, StoredObject, precondition_failed};
use super::protocol::{
    attributes, condition, failure, from_token, length, listed, part, strong, to_token, whole,
};
use super::users::Users;
use super::{Buckets, Oddities};

/// The most objects that are deleted by one request.
const MAX_BULK: usize = 1000;

/// Answers requests whose signatures were checked.
#[derive(Debug)]
pub(super) struct Service {
    buckets: Arc<Buckets>,
    users: Users,
    oddities: Oddities,
}

impl Service {
    pub(super) fn new(buckets: Arc<Buckets>, users: Users, oddities: Oddities) -> Self {
        Self { buckets, users, oddities }
    }

    /// The condition of a write, as this server understands it.
    fn write_preconditions(&self, headers: &HeaderMap) -> S3Result<Preconditions> {
        if self.oddities.ignores_conditions {
            return Ok(Preconditions::default());
        }
        let if_none_match = condition(headers, IF_NONE_MATCH)?;
        if matches!(if_none_match, Some(ETagCondition::ETag(_))) {
            return Err(s3_error!(NotImplemented, "If-None-Match of a write is *"));
        }
        Ok(Preconditions { if_match: self.if_match(headers)?, if_none_match })
    }

    /// The condition of a deletion, as this server understands it.
    fn delete_preconditions(&self, headers: &HeaderMap) -> S3Result<Preconditions> {
        if self.oddities.ignores_delete_conditions {
            return Ok(Preconditions::default());
        }
        Ok(Preconditions { if_match: self.if_match(headers)?, if_none_match: None })
    }

    fn if_match(&self, headers: &HeaderMap) -> S3Result<Option<ETagCondition>> {
        let quoted = headers.get(IF_MATCH).is_some_and(|value| value.as_bytes().starts_with(b"\""));
        if self.oddities.unquoted_etags_only && quoted {
            return Err(precondition_failed());
        }
        condition(headers, IF_MATCH)
    }

    /// The object, if the caller may see it and the condition holds.
    fn look<T>(
        &self,
        request: &S3Request<T>,
        bucket: &str,
        name: &str,
        preconditions: &Preconditions,
    ) -> S3Result<StoredObject> {
        let bucket = self.buckets.bucket(bucket)?;
        let object = bucket.get(name).map_err(|error| self.users.hide(request, error))?;
        preconditions.check_read(object)?;
        Ok(object.clone())
    }
}

#[async_trait]
impl S3 for Service {
    async fn create_bucket(
        &self,
        request: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let name = request.input.bucket;
        let mut buckets = self.buckets.0.lock();
        if buckets.contains_key(&name) {
            return Err(s3_error!(BucketAlreadyOwnedByYou));
        }
        buckets.insert(name, Default::default());
        Ok(S3Response::new(CreateBucketOutput::default()))
    }

    async fn head_bucket(
        &self,
        request: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        drop(self.buckets.bucket(&request.input.bucket)?);
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn put_object(
        &self,
        request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let S3Request { input, headers, .. } = request;
        let preconditions = self.write_preconditions(&headers)?;
        // Before the body, as Amazon's server does.
        drop(self.buckets.bucket(&input.bucket)?);
        let bytes = whole(input.body).await?;
        let object = StoredObject::new(bytes, attributes(input.metadata, input.content_type));
        let e_tag = Some(strong(&object));
        self.buckets.bucket(&input.bucket)?.put(input.key, object, &preconditions)?;
        Ok(S3Response::new(PutObjectOutput { e_tag, ..Default::default() }))
    }

    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = &request.input;
        let preconditions = Preconditions {
            if_match: input.if_match.clone(),
            if_none_match: input.if_none_match.clone(),
        };
        let object = self.look(&request, &input.bucket, &input.key, &preconditions)?;
        let (bytes, content_range) = part(&object, input.range)?;
        Ok(S3Response::new(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(length(&bytes)),
            content_range,
            content_type: object.content_type.clone(),
            e_tag: Some(strong(&object)),
            last_modified: Some(object.modified.into()),
            metadata: Some(object.metadata),
            body: Some(Body::from(bytes).into()),
            ..Default::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = &request.input;
        let preconditions = Preconditions {
            if_match: input.if_match.clone(),
            if_none_match: input.if_none_match.clone(),
        };
        let object = self.look(&request, &input.bucket, &input.key, &preconditions)?;
        let (bytes, content_range) = part(&object, input.range)?;
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(length(&bytes)),
            content_range,
            content_type: object.content_type.clone(),
            e_tag: Some(strong(&object)),
            last_modified: Some(object.modified.into()),
            metadata: Some(object.metadata),
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        request: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let S3Request { input, headers, .. } = request;
        let preconditions = self.delete_preconditions(&headers)?;
        self.buckets.bucket(&input.bucket)?.delete(&input.key, &preconditions)?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        if self.oddities.no_bulk_delete {
            return Err(s3_error!(NotImplemented, "objects are deleted one by one"));
        }
        let DeleteObjectsInput { bucket, delete: Delete { objects, quiet, .. }, .. } =
            request.input;
        if !(1..=MAX_BULK).contains(&objects.len()) {
            return Err(s3_error!(MalformedXML, "one request deletes 1 to {MAX_BULK} objects"));
        }
        let mut bucket = self.buckets.bucket(&bucket)?;
        let mut deleted = Vec::new();
        let mut errors = Vec::new();
        for ObjectIdentifier { key, e_tag, .. } in objects {
            let mut preconditions = Preconditions::default();
            if !self.oddities.ignores_delete_conditions {
                preconditions.if_match = e_tag.map(ETagCondition::ETag);
            }
            match bucket.delete(&key, &preconditions) {
                Ok(()) => deleted.push(DeletedObject { key: Some(key), ..Default::default() }),
                Err(error) => errors.push(failure(key, &error)),
            }
        }
        let deleted = (!quiet.unwrap_or(false)).then_some(deleted);
        let errors = Some(errors);
        Ok(S3Response::new(DeleteObjectsOutput { deleted, errors, ..Default::default() }))
    }

    async fn copy_object(
        &self,
        request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let S3Request { input, headers, .. } = request;
        let preconditions = self.write_preconditions(&headers)?;
        let CopySource::Bucket { bucket, key, version_id: None } = input.copy_source else {
            return Err(s3_error!(
                NotImplemented,
                "a copy is from a bucket, of the present version"
            ));
        };
        let from = Preconditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
        };
        let source = {
            let bucket = self.buckets.bucket(&bucket)?;
            let source = bucket.get(&key)?;
            from.check_read(source).map_err(|_| precondition_failed())?;
            source.clone()
        };
        let replace = input
            .metadata_directive
            .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
        let attributes = if replace {
            attributes(input.metadata, input.content_type)
        } else {
            source.attributes()
        };
        let object = StoredObject::new(source.bytes, attributes);
        let result = CopyObjectResult {
            e_tag: Some(strong(&object)),
            last_modified: Some(object.modified.into()),
            ..Default::default()
        };
        self.buckets.bucket(&input.bucket)?.put(input.key, object, &preconditions)?;
        let copy_object_result = Some(result);
        Ok(S3Response::new(CopyObjectOutput { copy_object_result, ..Default::default() }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        if input.encoding_type.is_some() {
            return Err(s3_error!(NotImplemented, "names are not encoded"));
        }
        let resumed = input.continuation_token.as_deref().map(from_token).transpose()?;
        let max = usize::try_from(input.max_keys.unwrap_or(1000))
            .map_err(|_| s3_error!(InvalidArgument, "max-keys is negative"))?;
        let bucket = self.buckets.bucket(&input.bucket)?;
        let page = Listed::page(
            &bucket.objects,
            Selection {
                prefix: input.prefix.as_deref().unwrap_or_default(),
                delimiter: input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()),
                after: resumed.as_deref().or(input.start_after.as_deref()),
                max,
            },
        );
        let contents = page.objects.iter().map(|(name, object)| listed(name, object)).collect();
        let common_prefixes = page
            .common_prefixes
            .iter()
            .map(|prefix| CommonPrefix { prefix: Some((*prefix).to_owned()) })
            .collect();
        Ok(S3Response::new(ListObjectsV2Output {
            key_count: Some(i32::try_from(page.len()).unwrap_or(i32::MAX)),
            is_truncated: Some(page.resume.is_some()),
            next_continuation_token: page.resume.map(to_token),
            contents: Some(contents),
            common_prefixes: Some(common_prefixes),
            name: Some(input.bucket.clone()),
            prefix: input.prefix,
            delimiter: input.delimiter,
            max_keys: input.max_keys,
            continuation_token: input.continuation_token,
            start_after: input.start_after,
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        request: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let CreateMultipartUploadInput { bucket, key, metadata, content_type, .. } = request.input;
        let attributes = attributes(metadata, content_type);
        let upload_id = self.buckets.bucket(&bucket)?.uploads.begin(key.clone(), attributes);
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(bucket),
            key: Some(key),
            upload_id: Some(upload_id),
            ..Default::default()
        }))
    }

    async fn upload_part(
        &self,
        request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let UploadPartInput { body, bucket, key, part_number, upload_id, .. } = request.input;
        let bytes = whole(body).await?;
        let mut bucket = self.buckets.bucket(&bucket)?;
        let etag = bucket.uploads.keep(&upload_id, &key, part_number, bytes)?;
        let e_tag = Some(ETag::Strong(etag));
        Ok(S3Response::new(UploadPartOutput { e_tag, ..Default::default() }))
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let S3Request { input, headers, .. } = request;
        let preconditions = self.write_preconditions(&headers)?;
        let parts = input.multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let parts = parts
            .into_iter()
            .map(|part| Some((part.part_number?, part.e_tag?.into_value())))
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| s3_error!(MalformedXML, "a part has a number and an ETag"))?;
        let mut bucket = self.buckets.bucket(&input.bucket)?;
        let object = bucket.uploads.assemble(&input.upload_id, &input.key, &parts)?;
        let e_tag = Some(strong(&object));
        bucket.put(input.key.clone(), object, &preconditions)?;
        bucket.uploads.finish(&input.upload_id)?;
        drop(bucket);
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag,
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        request: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let AbortMultipartUploadInput { bucket, upload_id, .. } = request.input;
        self.buckets.bucket(&bucket)?.uploads.finish(&upload_id)?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}
