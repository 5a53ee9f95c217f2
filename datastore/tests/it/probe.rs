//! A store that tells what it was asked, and answers in pages of a chosen size.

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use async_trait::async_trait;
use datastore::{
    Batch, Capabilities, CheckReport, Datastore, Found, Key, MemoryDatastore, Page, Query, Result,
    Want,
};

#[derive(Debug, Default)]
pub(crate) struct Probe {
    pub(crate) inner: MemoryDatastore,
    /// Entries that a page looks at; those whose last segment begins with `hidden` it passes over.
    pub(crate) page_of: Option<usize>,
    /// The cursor of every page, wherever it ends.
    pub(crate) cursor: Option<Key>,
    /// Whether commits are dropped once they are noted.
    pub(crate) discards: bool,
    pub(crate) queries: Mutex<Vec<Query>>,
    pub(crate) batches: Mutex<Vec<Batch>>,
    pub(crate) most_reads: AtomicUsize,
    pub(crate) reads: AtomicUsize,
}

#[async_trait]
impl Datastore for Probe {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        let reads = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_reads.fetch_max(reads, Ordering::SeqCst);
        wait_a_turn().await;
        self.reads.fetch_sub(1, Ordering::SeqCst);
        self.inner.read(key, want).await
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        self.queries.lock().unwrap().push(query.clone());
        wait_a_turn().await;
        let limit = query.limit.into_iter().chain(self.page_of).min();
        let mut page = self.inner.query_page(&Query { limit, ..query.clone() }).await?;
        page.next = self.cursor.clone().or(page.next);
        page.entries.retain(|entry| !entry.key().last_segment().starts_with(b"hidden"));
        Ok(page)
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        self.batches.lock().unwrap().push(batch.clone());
        if self.discards { Ok(()) } else { self.inner.commit(batch).await }
    }

    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        self.inner.snapshot().await
    }

    async fn sync(&self) -> Result<()> {
        self.inner.sync().await
    }

    async fn disk_usage(&self) -> Result<u64> {
        self.inner.disk_usage().await
    }

    async fn compact(&self) -> Result<()> {
        self.inner.compact().await
    }

    async fn check(&self) -> Result<CheckReport> {
        self.inner.check().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

/// Is pending once, as a store that waits for a disk is.
async fn wait_a_turn() {
    let mut waited = false;
    let turn = std::future::poll_fn(|cx| {
        if std::mem::replace(&mut waited, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    });
    pin!(turn).await;
}
