use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datastore::{
    Batch, Capabilities, CheckReport, Datastore, Error, Found, Key, Page, Query, Result, Want,
};
use fjall::Snapshot;
use parking_lot::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};

use crate::core::Core;
use crate::engine::View;
use crate::store::Abandoned;
use crate::{bridge, check, errors, pages, turn};

/// A view of a store at one moment.
pub(crate) struct FjallSnapshot {
    core: Arc<Core>,
    /// `None` once closed.
    snapshot: RwLock<Option<Snapshot>>,
    capabilities: Capabilities,
}

impl FjallSnapshot {
    pub(crate) fn new(core: Arc<Core>, snapshot: Snapshot, of_store: Capabilities) -> Self {
        let mut capabilities = of_store;
        capabilities.writable = false;
        Self { core, snapshot: RwLock::new(Some(snapshot)), capabilities }
    }

    fn view(&self) -> Result<MappedRwLockReadGuard<'_, Snapshot>> {
        RwLockReadGuard::try_map(self.snapshot.read(), Option::as_ref).map_err(|_| Error::closed())
    }

    fn check_open(&self) -> Result<()> {
        drop(self.view()?);
        self.core.engine().map(drop)
    }
}

#[async_trait]
impl Datastore for FjallSnapshot {
    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        let found = {
            let (view, engine) = (self.view()?, self.core.engine()?);
            errors::guarded(|| engine.read(View::At(&view), key, &want))
        };
        turn::count(1).await;
        found
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        let page = {
            let (view, engine) = (self.view()?, self.core.engine()?);
            errors::guarded(|| pages::page(&engine, &view, query))
        };
        turn::count(turn::PAGE).await;
        page
    }

    async fn commit(&self, _: Batch) -> Result<()> {
        self.check_open()?;
        Err(Error::unsupported("a snapshot is read-only"))
    }

    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        self.check_open()?;
        let snapshot = self.view()?.clone();
        Ok(Arc::new(Self::new(Arc::clone(&self.core), snapshot, self.capabilities())))
    }

    async fn sync(&self) -> Result<()> {
        self.check_open()
    }

    async fn disk_usage(&self) -> Result<u64> {
        self.check_open()?;
        let core = Arc::clone(&self.core);
        bridge::on_thread("usage", move || core.directory_size()).await
    }

    async fn compact(&self) -> Result<()> {
        self.check_open()?;
        Err(Error::unsupported("a snapshot is read-only"))
    }

    async fn check(&self) -> Result<CheckReport> {
        let abandoned = Abandoned::default();
        let (core, flag) = (Arc::clone(&self.core), Arc::clone(&abandoned.0));
        let snapshot = self.view()?.clone();
        bridge::on_thread("check", move || check::check(&*core.engine()?, &snapshot, &flag)).await
    }

    async fn close(&self) -> Result<()> {
        *self.snapshot.write() = None;
        Ok(())
    }
}

impl fmt::Debug for FjallSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FjallSnapshot").field("core", &self.core).finish_non_exhaustive()
    }
}
