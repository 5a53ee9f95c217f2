use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;

use super::layout::Layout;
use super::reads;
use crate::wrappers::gate::Gate;
use crate::{
    Batch, Capabilities, CheckReport, Datastore, Error, Found, Key, Page, Query, Result, Want,
};

/// A snapshot of a [`Ttl`](super::Ttl): time stands still in it, and nothing expires any more.
#[derive(Debug)]
pub(super) struct TtlSnapshot {
    pub(super) below: Arc<dyn Datastore>,
    pub(super) layout: Layout,
    pub(super) now: SystemTime,
    pub(super) gate: Gate,
}

#[async_trait]
impl Datastore for TtlSnapshot {
    fn capabilities(&self) -> Capabilities {
        let (max_key_len, max_value_len) = self.layout.limits();
        Capabilities { max_key_len, max_value_len, ..self.below.capabilities() }
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        self.gate.check_open()?;
        reads::read(&self.below, &self.layout, || self.now, key, want).await
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        self.gate.check_open()?;
        reads::page(&self.below, &self.layout, self.now, query).await
    }

    async fn commit(&self, _: Batch) -> Result<()> {
        self.gate.check_open()?;
        Err(Error::unsupported("a snapshot is read-only"))
    }

    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        self.gate.check_open()?;
        let below = self.below.snapshot().await?;
        let (layout, now) = (self.layout.clone(), self.now);
        Ok(Arc::new(Self { below, layout, now, gate: Gate::default() }))
    }

    async fn sync(&self) -> Result<()> {
        self.gate.check_open()?;
        self.below.sync().await
    }

    async fn disk_usage(&self) -> Result<u64> {
        self.gate.check_open()?;
        self.below.disk_usage().await
    }

    async fn compact(&self) -> Result<()> {
        self.gate.check_open()?;
        self.below.compact().await
    }

    async fn check(&self) -> Result<CheckReport> {
        self.gate.check_open()?;
        self.below.check().await
    }

    async fn close(&self) -> Result<()> {
        self.gate.close();
        Ok(())
    }
}
