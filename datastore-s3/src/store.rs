use std::sync::Arc;

use async_trait::async_trait;
use datastore::{
    Batch, Capabilities, CheckReport, Datastore, Error, Found, Key, Page, Query, Result, Survives,
    Want,
};

use crate::core::Core;
use crate::{Access, check, commits, pages, reads, removal, runtime};

/// A store in a bucket: an object for each key.
///
/// What a commit acknowledged survives a loss of power; [`sync`](Datastore::sync) has nothing to add. A
/// batch is a request for each put and one for up to a thousand deletes: it may land in part
/// ([`PartialCommit`](datastore::ErrorKind::PartialCommit)), and a commit whose future was dropped may land
/// later. Conditions stand on batches of one key, if the server was seen to hold them.
///
/// Costs, in requests: a read, a put, a conditional put 1; n deletes ⌈n/1000⌉; a page 1, and 1 for each
/// value; a page in descending order one for each thousand keys of its range; `disk_usage` one for each
/// thousand keys; `check` those and one for each key. What fails is tried again ([`Retry`](crate::Retry)).
///
/// [`close`](Datastore::close) it: the lease of a writer that was dropped keeps others away until it runs out.
///
/// Requests run on the tokio runtime of the caller, which needs I/O and time enabled (one without panics);
/// outside of one, on a thread of this crate.
#[derive(Debug)]
pub struct ObjectDatastore {
    core: Arc<Core>,
}

impl ObjectDatastore {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// Deletes what the store keeps for itself, if it keeps nothing else.
    pub(crate) async fn remove(&self) -> Result<()> {
        self.run(|core| async move { removal::remove(&core).await }).await
    }

    async fn run<T, F>(&self, work: impl FnOnce(Arc<Core>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        runtime::run(work(Arc::clone(&self.core))).await
    }
}

#[async_trait]
impl Datastore for ObjectDatastore {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::minimal();
        capabilities.writable = self.core.access != Access::Read;
        capabilities.conditions = self.core.held.conditions;
        capabilities.buffered = Survives::Power;
        capabilities.synced = Survives::Power;
        capabilities.disk_usage = true;
        capabilities.max_key_len = self.core.names.max_key_len();
        capabilities.max_value_len = commits::MAX_VALUE_LEN;
        capabilities
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        let key = key.clone();
        self.run(|core| async move {
            let _reading = core.reading().await?;
            reads::read(&core, &key, want).await
        })
        .await
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        let query = query.clone();
        self.run(|core| async move {
            let _reading = core.reading().await?;
            pages::page(&core, &query).await
        })
        .await
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        self.run(|core| async move { commits::commit(&core, batch).await }).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        let _reading = self.core.reading().await?;
        Err(Error::unsupported("object storage has no snapshots"))
    }

    async fn sync(&self) -> Result<()> {
        let _reading = self.core.reading().await?;
        Ok(())
    }

    async fn disk_usage(&self) -> Result<u64> {
        self.run(|core| async move {
            let _reading = core.reading().await?;
            check::disk_usage(&core).await
        })
        .await
    }

    async fn compact(&self) -> Result<()> {
        // Old versions of objects, and parts of uploads that were never finished, are the bucket's: its
        // lifecycle rules remove them.
        let _reading = self.core.reading().await?;
        Ok(())
    }

    async fn check(&self) -> Result<CheckReport> {
        self.run(|core| async move {
            let _reading = core.reading().await?;
            check::check(&core).await
        })
        .await
    }

    async fn close(&self) -> Result<()> {
        self.run(|core| async move {
            core.close().await;
            Ok(())
        })
        .await
    }
}
