use std::sync::Arc;
use std::time::Duration;

use datastore::{Clock, Conditions, Result, SystemClock};

use crate::core::Core;
use crate::lease::{LONGEST, SHORTEST};
use crate::names::Names;
use crate::{Bucket, ObjectDatastore, Retry};

/// How a store in a bucket is opened.
///
/// # Examples
/// ```no_run
/// # async fn open() -> datastore::Result<()> {
/// use datastore_s3::{Bucket, ObjectOptions};
/// use object_store::aws::AmazonS3Builder;
///
/// let bucket = Bucket::s3(AmazonS3Builder::from_env().with_bucket_name("nodes"))?;
/// let store = ObjectOptions::new().prefix("node-7").open(bucket).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ObjectOptions {
    pub(crate) prefix: String,
    pub(crate) access: Access,
    pub(crate) create: bool,
    pub(crate) conditions: Option<Conditions>,
    pub(crate) concurrency: usize,
    pub(crate) page: usize,
    pub(crate) descending: u64,
    pub(crate) part_bytes: usize,
    pub(crate) lease: Duration,
    pub(crate) retry: Retry,
    pub(crate) clock: Arc<dyn Clock>,
}

/// What a handle does with the store, and beside whom.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reads alone, beside anybody. Nothing is written to the bucket, not even to open it.
    Read,
    /// Reads and writes as the one writer, where the server holds conditions: a lease in the bucket keeps
    /// others from opening it so.
    #[default]
    Write,
    /// Reads and writes beside others, who may rely on conditions on single keys and on nothing else:
    /// no batches, no expiry, no write-behind.
    Shared,
}

impl ObjectOptions {
    /// The whole bucket, for one writer, with what suits S3.
    pub fn new() -> Self {
        Self {
            prefix: String::new(),
            access: Access::default(),
            create: true,
            conditions: None,
            concurrency: 64,
            page: 1000,
            descending: 100_000,
            part_bytes: 16 << 20,
            lease: Duration::from_secs(30),
            retry: Retry::new(),
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// Only objects whose names begin with this path; the store has all of them for itself.
    #[must_use]
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// What the handle does, and beside whom.
    #[must_use]
    pub fn access(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// Whether to make the store if it is not there. [`Access::Read`] never does.
    #[must_use]
    pub fn create(self, create: bool) -> Self {
        Self { create, ..self }
    }

    /// Which conditions the server holds, on one key at most and with tags as it gives them; otherwise it
    /// is tried out, in ten requests each time that the store is opened for writing.
    #[must_use]
    pub fn conditions(self, conditions: Conditions) -> Self {
        Self { conditions: Some(conditions), ..self }
    }

    /// Most requests of one operation that are under way at a time; 64 saturates most servers.
    #[must_use]
    pub fn concurrency(self, concurrency: usize) -> Self {
        Self { concurrency: concurrency.max(1), ..self }
    }

    /// Most objects of one listing; servers give 1,000 at most.
    #[must_use]
    pub fn page(self, page: usize) -> Self {
        Self { page: page.clamp(1, 1000), ..self }
    }

    /// Most objects that a page in descending order may list: object storage lists ascending, so each
    /// such page lists its whole range. With more in it the query is `Unsupported`.
    #[must_use]
    pub fn descending(self, objects: u64) -> Self {
        Self { descending: objects, ..self }
    }

    /// Larger values are uploaded in parts of this many bytes; S3 takes parts of 5 MiB to 5 GiB.
    #[must_use]
    pub fn part_bytes(self, bytes: usize) -> Self {
        Self { part_bytes: bytes.max(5 << 20), ..self }
    }

    /// How long the lease of a writer that died keeps others away: from a second to an hour.
    #[must_use]
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease: lease.clamp(SHORTEST, LONGEST), ..self }
    }

    /// How requests are tried again.
    #[must_use]
    pub fn retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// The clock of retries and of the lease.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Looks at what can be told without the server: whether the prefix is one.
    ///
    /// # Errors
    /// [`InvalidInput`](datastore::ErrorKind::InvalidInput) for a prefix that is not one.
    pub fn check(&self) -> Result<()> {
        Names::below(&self.prefix).map(drop)
    }

    /// Removes a store without entries: the objects that it keeps for itself. Nobody else may have it
    /// open.
    ///
    /// # Errors
    /// [`InvalidInput`](datastore::ErrorKind::InvalidInput) for a store that has entries; and as
    /// [`open`](Self::open), [`NotFound`](datastore::ErrorKind::NotFound) where there is no store.
    ///
    /// # Examples
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// use std::sync::Arc;
    ///
    /// use datastore::{Datastore, DatastoreExt, key};
    /// use datastore_s3::{Bucket, ObjectOptions};
    /// use object_store::memory::InMemory;
    ///
    /// let bucket = Bucket::over(Arc::new(InMemory::new()), "memory");
    /// let options = ObjectOptions::new().prefix("scratch");
    /// let store = options.clone().open(bucket.clone()).await?;
    /// store.put(&key!("/a"), "1").await?;
    /// assert!(options.clone().remove(bucket.clone()).await.is_err());
    /// store.delete(&key!("/a")).await?;
    /// store.close().await?;
    /// options.remove(bucket).await?;
    /// # Ok::<(), datastore::Error>(()) }).unwrap();
    /// ```
    pub async fn remove(self, bucket: Bucket) -> Result<()> {
        let conditions = Some(Conditions::Unsupported);
        let beside = Self { access: Access::Shared, create: false, conditions, ..self };
        let store = beside.open(bucket).await?;
        store.remove().await
    }

    /// Opens the store.
    ///
    /// # Errors
    /// [`InvalidInput`](datastore::ErrorKind::InvalidInput) for a prefix that is not one, or a region that
    /// is wrong; [`NotFound`](datastore::ErrorKind::NotFound) if there is no such bucket, or no store
    /// and it is not to be made; [`PermissionDenied`](datastore::ErrorKind::PermissionDenied);
    /// [`Incompatible`](datastore::ErrorKind::Incompatible) for another layout;
    /// [`Unavailable`](datastore::ErrorKind::Unavailable) if the server cannot be reached, or if
    /// another writer has the store.
    pub async fn open(self, bucket: Bucket) -> Result<ObjectDatastore> {
        let core = crate::runtime::run(Core::open(self, bucket)).await?;
        Ok(ObjectDatastore::new(Arc::new(core)))
    }
}

impl Default for ObjectOptions {
    fn default() -> Self {
        Self::new()
    }
}
