//! Requests to a bucket, tried again where that helps.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use datastore::{Clock, Outcome};
use futures::StreamExt;
use futures::stream;
use object_store::path::Path;
use object_store::{
    GetOptions, GetRange, GetResult, ObjectStore, PutMode, PutOptions, PutPayload, UpdateVersion,
};

use crate::bucket::Bucket;
use crate::commits::MAX_VALUE_LEN;
use crate::failure::Failure;
use crate::listing::{Listing, Wanted};
use crate::metadata::{self, WriteId};
use crate::retry::{GivenUp, Retrier};
use crate::{Retry, multipart};

/// A bucket, and how patient to be with it.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) bucket: Bucket,
    pub(crate) retrier: Retrier,
    /// Larger values go up in parts of this many bytes.
    part_bytes: usize,
    bulk_deletes: AtomicBool,
}

/// An object, or a range of it.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) value: Bytes,
    pub(crate) size: u64,
    pub(crate) tag: Option<String>,
    /// False if the value is not the one that was written.
    pub(crate) intact: bool,
}

/// What is known of an object without its value.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) size: u64,
    pub(crate) tag: Option<String>,
    attributes: object_store::Attributes,
}

/// When to write an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Absent,
    /// It has this tag, in the form that the server compares.
    Tagged(String),
}

/// Most objects that S3 deletes in one request.
pub(crate) const BULK: usize = 1000;

impl Remote {
    pub(crate) fn new(
        bucket: Bucket,
        retry: Retry,
        clock: Arc<dyn Clock>,
        part_bytes: usize,
    ) -> Self {
        let retrier = Retrier::new(retry, clock);
        Self { bucket, retrier, part_bytes, bulk_deletes: AtomicBool::new(true) }
    }

    pub(crate) async fn get(
        &self,
        name: &str,
        range: Option<Range<u64>>,
    ) -> Result<Option<Got>, GivenUp> {
        let path = path(name)?;
        self.present(
            self.retrier
                .run(|_| async {
                    let options = GetOptions {
                        range: range.clone().map(GetRange::Bounded),
                        ..GetOptions::default()
                    };
                    let GetResult { payload, meta, range: got, attributes, .. } =
                        self.bucket.objects.get_opts(&path, options).await?;
                    let len = got.end.saturating_sub(got.start);
                    // The client makes room for all that the server announces.
                    if len > MAX_VALUE_LEN {
                        return Err(Failure::Other(format!("{len} bytes are no value")));
                    }
                    let whole = got == (0..meta.size);
                    let result = GetResult {
                        payload,
                        range: got.clone(),
                        meta: meta.clone(),
                        attributes: object_store::Attributes::new(),
                        extensions: object_store::Extensions::new(),
                    };
                    let value = result.bytes().await?;
                    if value.len() as u64 != len {
                        return Err(Failure::Transport {
                            kind: object_store::client::HttpErrorKind::Interrupted,
                            what: format!("{} bytes of {len} came", value.len()),
                        });
                    }
                    let intact = !whole || metadata::is_intact(&value, &attributes);
                    Ok(Got { value, size: meta.size, tag: meta.e_tag, intact })
                })
                .await,
        )
    }

    pub(crate) async fn head(&self, name: &str) -> Result<Option<Head>, GivenUp> {
        let path = path(name)?;
        self.present(self.retrier.run(|_| self.head_once(&path)).await)
    }

    async fn head_once(&self, path: &Path) -> Result<Head, Failure> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let found = self.bucket.objects.get_opts(path, options).await?;
        let (size, tag) = (found.meta.size, found.meta.e_tag);
        Ok(Head { size, tag, attributes: found.attributes })
    }

    fn present<T>(&self, result: Result<T, GivenUp>) -> Result<Option<T>, GivenUp> {
        match result {
            Ok(found) => Ok(Some(found)),
            Err(given_up) if given_up.failure.is_missing() => Ok(None),
            Err(given_up) => Err(given_up),
        }
    }

    pub(crate) async fn put(&self, name: &str, value: Bytes) -> Result<(), GivenUp> {
        let path = path(name)?;
        if value.len() > self.part_bytes {
            let put = |in_doubt| self.put_parts(&path, &value, in_doubt);
            return self.retrier.run(put).await.flatten();
        }
        let put = self.retrier.run(|_| self.put_once(&path, &value, PutMode::Overwrite, None));
        put.await.map(drop)
    }

    async fn put_once(
        &self,
        path: &Path,
        value: &Bytes,
        mode: PutMode,
        write: Option<&WriteId>,
    ) -> Result<Option<String>, Failure> {
        let mut options = PutOptions { mode, ..PutOptions::default() };
        if self.bucket.metadata {
            options.attributes = metadata::attributes(value, write);
        }
        let payload = PutPayload::from_bytes(value.clone());
        let put = self.bucket.objects.put_opts(path, payload, options).await?;
        Ok(put.e_tag)
    }

    async fn put_parts(
        &self,
        path: &Path,
        value: &Bytes,
        in_doubt: bool,
    ) -> Result<Result<(), GivenUp>, Failure> {
        let write = WriteId::new().filter(|_| self.bucket.metadata);
        let put = multipart::put(self, path, value, self.part_bytes, write.as_ref()).await;
        match (put, &write) {
            // Without all of its parts there is no object.
            (Ok(Err(failure)), _) => {
                let outcome = if in_doubt { Outcome::Unknown } else { Outcome::NotApplied };
                Ok(Err(GivenUp { failure, outcome }))
            }
            // The reply to the last request may have been lost.
            (Err(failure), Some(write)) if failure.outcome() == Outcome::Unknown => {
                self.wrote(path, write).await.map(|_| Ok(())).ok_or(failure)
            }
            (Ok(Ok(())), _) => Ok(Ok(())),
            (Err(failure), _) => Err(failure),
        }
    }

    /// Writes an object if a condition holds, and answers its tag where the server told it.
    ///
    /// An attempt whose reply was lost may have written it, and the next one then finds that the condition
    /// no longer holds: it is asked whose the object is.
    pub(crate) async fn put_if(
        &self,
        name: &str,
        value: Bytes,
        when: &When,
    ) -> Result<Option<String>, GivenUp> {
        let path = path(name)?;
        let write = WriteId::new().filter(|_| self.bucket.metadata);
        let mode = match when {
            When::Absent => PutMode::Create,
            When::Tagged(tag) => {
                PutMode::Update(UpdateVersion { e_tag: Some(tag.clone()), version: None })
            }
        };
        let attempt = |_| self.put_once(&path, &value, mode.clone(), write.as_ref());
        match (self.retrier.run(attempt).await, &write) {
            (Err(given_up), Some(write)) if given_up.outcome == Outcome::Unknown => {
                self.wrote(&path, write).await.ok_or(given_up)
            }
            (done, _) => done,
        }
    }

    /// The tag of the object if it was written by this write; `None` if it was not, or nobody knows.
    async fn wrote(&self, path: &Path, write: &WriteId) -> Option<Option<String>> {
        let head = self.retrier.run(|_| self.head_once(path)).await.ok()?;
        write.wrote(&head.attributes).then_some(head.tag)
    }

    /// Deletes an object; one that is not there is no failure.
    pub(crate) async fn delete(&self, name: &str) -> Result<(), GivenUp> {
        let path = path(name)?;
        let delete = async |_: bool| {
            let one = stream::iter([Ok(path.clone())]).boxed();
            let mut deleted = self.bucket.one_by_one.delete_stream(one);
            match deleted.next().await {
                Some(Err(error)) => Err(Failure::from(error)),
                Some(Ok(_)) | None => Ok(()),
            }
        };
        self.present(self.retrier.run(delete).await).map(drop)
    }

    /// Deletes an object if it still has this tag. One that is gone when an attempt is repeated was
    /// deleted by that attempt or by another: nobody knows, and nobody is told that he won.
    pub(crate) async fn delete_if(&self, name: &str, tag: &str) -> Result<(), GivenUp> {
        let path = path(name)?;
        let delete = async |_: bool| match &self.bucket.conditional_delete {
            Some(delete) => delete.delete(&path, tag).await,
            None => Err(Failure::Unsupported("deletes under conditions".into())),
        };
        self.retrier.run(delete).await
    }

    /// Deletes up to [`BULK`] objects, in one request where the server knows how; answers in order what
    /// became of each.
    pub(crate) async fn delete_bulk(&self, names: &[String]) -> Vec<Result<(), GivenUp>> {
        if let [name] = names {
            return vec![self.delete(name).await];
        }
        if self.bulk_deletes.load(Ordering::Relaxed) {
            match self.retrier.run(|_| self.delete_bulk_once(names)).await {
                Ok(deleted) => return self.delete_rest(names, deleted).await,
                Err(given_up) if given_up.failure.is_unsupported() => {
                    self.bulk_deletes.store(false, Ordering::Relaxed);
                }
                Err(given_up) => {
                    let same = |_: &String| Err(given_up.clone());
                    return names.iter().map(same).collect();
                }
            }
        }
        let nothing_yet = vec![false; names.len()];
        self.delete_rest(names, nothing_yet).await
    }

    /// Which of the objects are deleted.
    async fn delete_bulk_once(&self, names: &[String]) -> Result<Vec<bool>, Failure> {
        let paths = names.iter().map(|name| path(name).map_err(|given_up| given_up.failure));
        let paths: Vec<_> = paths.collect::<Result<_, _>>()?;
        let all = stream::iter(paths.into_iter().map(Ok)).boxed();
        let answers: Vec<_> = self.bucket.objects.delete_stream(all).collect().await;
        if answers.len() == names.len() {
            let gone = |answer: object_store::Result<Path>| {
                answer.map_or_else(|error| Failure::from(error).is_missing(), |_| true)
            };
            return Ok(answers.into_iter().map(gone).collect());
        }
        let failure = answers.into_iter().find_map(Result::err);
        Err(failure.map_or_else(|| Failure::Other("too few answers".into()), Failure::from))
    }

    /// Deletes one by one what a bulk delete left, for an answer that says why.
    async fn delete_rest(&self, names: &[String], deleted: Vec<bool>) -> Vec<Result<(), GivenUp>> {
        let rest = names.iter().cloned().zip(deleted).map(|(name, deleted)| async move {
            if deleted { Ok(()) } else { self.delete(&name).await }
        });
        stream::iter(rest).buffered(ONE_BY_ONE).collect().await
    }

    pub(crate) async fn list(&self, wanted: Wanted<'_>) -> Result<Listing, GivenUp> {
        self.retrier.run(|_| self.bucket.lister.page(wanted.clone())).await
    }
}

/// How many objects are deleted at a time by servers without bulk deletes.
const ONE_BY_ONE: usize = 20;

/// Whether a conditional write failed by its condition.
pub(crate) fn is_condition(failure: &Failure, when: &When) -> bool {
    failure.is_condition() || matches!(when, When::Tagged(_)) && failure.is_missing()
}

/// Names of ours are paths as they are.
fn path(name: &str) -> Result<Path, GivenUp> {
    Path::parse(name).map_err(|error| GivenUp {
        failure: Failure::Other(error.to_string()),
        outcome: Outcome::NotApplied,
    })
}
