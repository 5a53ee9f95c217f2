use std::sync::Arc;

use async_trait::async_trait;

use super::gate::Gate;
use crate::{
    Batch, Capabilities, CheckReport, Datastore, Error, Found, Key, Page, Query, Result, Want,
};

/// A store that refuses to be written.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use datastore::{DatastoreExt, ErrorKind, MemoryDatastore, ReadOnly, key};
///
/// let store = ReadOnly::new(MemoryDatastore::new());
/// let error = store.put(&key!("/a"), "1").await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Unsupported);
/// # });
/// ```
#[derive(Debug)]
pub struct ReadOnly<S> {
    inner: S,
    gate: Gate,
}

impl<S: Datastore> ReadOnly<S> {
    /// Wraps a store.
    pub fn new(inner: S) -> Self {
        Self { inner, gate: Gate::default() }
    }

    /// The store below.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

#[async_trait]
impl<S: Datastore> Datastore for ReadOnly<S> {
    fn capabilities(&self) -> Capabilities {
        Capabilities { writable: false, ..self.inner.capabilities() }
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        self.gate.check_open()?;
        self.inner.read(key, want).await
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        self.gate.check_open()?;
        self.inner.query_page(query).await
    }

    async fn commit(&self, _: Batch) -> Result<()> {
        self.gate.check_open()?;
        Err(Error::unsupported("the store is read-only"))
    }

    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        self.gate.check_open()?;
        self.inner.snapshot().await
    }

    async fn sync(&self) -> Result<()> {
        self.gate.check_open()?;
        self.inner.sync().await
    }

    async fn disk_usage(&self) -> Result<u64> {
        self.gate.check_open()?;
        self.inner.disk_usage().await
    }

    async fn compact(&self) -> Result<()> {
        self.gate.check_open()?;
        Err(Error::unsupported("the store is read-only"))
    }

    async fn check(&self) -> Result<CheckReport> {
        self.gate.check_open()?;
        self.inner.check().await
    }

    async fn close(&self) -> Result<()> {
        self.gate.close();
        Ok(())
    }
}
