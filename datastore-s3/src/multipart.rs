//! Large values, in parts.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::retry::{RetryContext, RetryFailure, RetryPolicy};
use object_store::{MultipartUpload, ObjectStore, PutMultipartOptions, PutPayload};

use crate::failure::Failure;
use crate::metadata::{self, WriteId};
use crate::remote::Remote;
use crate::retry::Retrier;
use crate::{runtime, wire};

/// How many parts are under way at a time.
const PARTS: usize = 4;

/// Puts `value` in parts of `part_bytes`. If that fails, or the future is dropped, the upload is aborted:
/// parts that nobody asks for are stored, and paid for, until somebody does.
///
/// A part that was given up is the answer, since it was tried again by itself; all else may be tried again
/// as a whole.
pub(crate) async fn put(
    remote: &Remote,
    path: &Path,
    value: &Bytes,
    part_bytes: usize,
    write: Option<&WriteId>,
) -> Result<Result<(), Failure>, Failure> {
    let mut options = PutMultipartOptions::default();
    if remote.bucket.metadata {
        options.attributes = metadata::attributes(value, write);
    }
    let options = options.with_retry_policy(Arc::new(PartRetry(remote.retrier.clone())));
    let upload = remote.bucket.objects.put_multipart_opts(path, options).await?;
    let mut upload = Unfinished(Some(upload));
    if let Err(failure) = upload.put_parts(value, part_bytes).await {
        upload.abort().await;
        return Ok(Err(failure));
    }
    match upload.complete().await {
        Ok(()) => Ok(Ok(())),
        Err(failure) => {
            upload.abort().await;
            Err(failure)
        }
    }
}

/// An upload that is aborted when it is dropped.
struct Unfinished(Option<Box<dyn MultipartUpload>>);

impl Unfinished {
    async fn put_parts(&mut self, value: &Bytes, part_bytes: usize) -> Result<(), Failure> {
        let Some(upload) = &mut self.0 else { return Ok(()) };
        let parts = (0..value.len()).step_by(part_bytes).map(|start| {
            let part = value.slice(start..value.len().min(start + part_bytes));
            upload.put_part(PutPayload::from_bytes(part))
        });
        let parts: Vec<_> = parts.collect();
        let () = stream::iter(parts).buffer_unordered(PARTS).try_collect().await?;
        Ok(())
    }

    async fn complete(&mut self) -> Result<(), Failure> {
        if let Some(upload) = &mut self.0 {
            upload.complete().await?;
        }
        self.0 = None;
        Ok(())
    }

    async fn abort(mut self) {
        if let Some(mut upload) = self.0.take() {
            abort(&mut *upload).await;
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(mut upload) = self.0.take() {
            let aborting = runtime::spawn(async move { abort(&mut *upload).await });
            // Without a thread the parts stay, as they do when the process is killed.
            drop(aborting);
        }
    }
}

async fn abort(upload: &mut dyn MultipartUpload) {
    if let Err(error) = upload.abort().await {
        let failure = Failure::from(error);
        // One that was completed after all is not there any more.
        if !failure.is_missing() {
            tracing::warn!(%failure, "parts of an upload that failed stay in the bucket");
        }
    }
}

/// Parts are tried again one by one, and not from the first.
#[derive(Debug)]
struct PartRetry(Retrier);

#[async_trait]
impl RetryPolicy for PartRetry {
    async fn retry(&self, context: RetryContext) -> bool {
        let transient =
            matches!(context.failure, RetryFailure::Transport(kind) if kind != wire::FOR_GOOD);
        let failed = u32::try_from(context.attempt).unwrap_or(u32::MAX);
        transient && self.0.pause(failed, context.elapsed).await
    }
}
