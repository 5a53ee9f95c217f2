//! A store whose next call can be stopped before or after it happens, until the test lets it go on.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use datastore::{
    Batch, Capabilities, CheckReport, Datastore, Found, Key, Operation, Page, Query, Result, Want,
};
use futures::channel::oneshot;

#[derive(Debug)]
pub(crate) struct Stops<S> {
    pub(crate) inner: S,
    capabilities: Mutex<Option<Capabilities>>,
    stops: Mutex<Vec<Stop>>,
    last_commit: Mutex<Batch>,
    /// Whether every call lets others have their turn, before and after it happens.
    yields: bool,
}

#[derive(Debug)]
struct Stop {
    operation: Operation,
    when: When,
    go_on: oneshot::Receiver<()>,
}

/// Where a call stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    Before,
    After,
}

impl<S: Datastore> Stops<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            capabilities: Mutex::default(),
            stops: Mutex::default(),
            last_commit: Mutex::default(),
            yields: false,
        }
    }

    pub(crate) fn that_yields(inner: S) -> Self {
        Self { yields: true, ..Self::new(inner) }
    }

    pub(crate) fn declare(&self, capabilities: Capabilities) {
        *self.capabilities.lock().unwrap() = Some(capabilities);
    }

    /// Stops the next call of an operation until what this answers is dropped.
    pub(crate) fn stop(&self, operation: Operation, when: When) -> oneshot::Sender<()> {
        let (sender, go_on) = oneshot::channel();
        self.stops.lock().unwrap().push(Stop { operation, when, go_on });
        sender
    }

    pub(crate) fn last_commit(&self) -> Batch {
        self.last_commit.lock().unwrap().clone()
    }

    async fn at(&self, operation: Operation, when: When) {
        let stop = {
            let mut stops = self.stops.lock().unwrap();
            let found =
                stops.iter().position(|stop| stop.operation == operation && stop.when == when);
            found.map(|position| stops.remove(position))
        };
        if let Some(stop) = stop {
            let _ = stop.go_on.await;
        }
        if self.yields {
            tokio::task::yield_now().await;
        }
    }

    async fn around<T>(&self, operation: Operation, call: impl Future<Output = T>) -> T {
        self.at(operation, When::Before).await;
        let answer = call.await;
        self.at(operation, When::After).await;
        answer
    }
}

#[async_trait]
impl<S: Datastore> Datastore for Stops<S> {
    fn capabilities(&self) -> Capabilities {
        self.capabilities.lock().unwrap().clone().unwrap_or_else(|| self.inner.capabilities())
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        self.around(Operation::Read, self.inner.read(key, want)).await
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        self.around(Operation::QueryPage, self.inner.query_page(query)).await
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        *self.last_commit.lock().unwrap() = batch.clone();
        self.around(Operation::Commit, self.inner.commit(batch)).await
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
