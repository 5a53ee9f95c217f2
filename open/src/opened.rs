use std::sync::Arc;

use async_trait::async_trait;
use datastore::{
    Batch, Capabilities, CheckReport, Datastore, Found, Key, Namespace, Page, Query, Result, Want,
};

/// `store`, seen from `prefix`, and closed with it.
pub(crate) fn in_namespace(store: Arc<dyn Datastore>, prefix: Key) -> Arc<dyn Datastore> {
    let top = Box::new(Namespace::new(Arc::clone(&store), prefix));
    Arc::new(Opened { top, base: store })
}

/// A stack of wrappers together with the store that was opened for it: since wrappers do not close what
/// is below them, this does.
#[derive(Debug)]
struct Opened {
    top: Box<dyn Datastore>,
    base: Arc<dyn Datastore>,
}

#[async_trait]
impl Datastore for Opened {
    fn capabilities(&self) -> Capabilities {
        self.top.capabilities()
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        self.top.read(key, want).await
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        self.top.query_page(query).await
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        self.top.commit(batch).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        self.top.snapshot().await
    }

    async fn sync(&self) -> Result<()> {
        self.top.sync().await
    }

    async fn disk_usage(&self) -> Result<u64> {
        self.top.disk_usage().await
    }

    async fn compact(&self) -> Result<()> {
        self.top.compact().await
    }

    async fn check(&self) -> Result<CheckReport> {
        self.top.check().await
    }

    async fn close(&self) -> Result<()> {
        // The base is let go of even where the top failed to flush into it.
        let flushed = self.top.close().await;
        let closed = self.base.close().await;
        flushed.and(closed)
    }
}
