use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use datastore::{
    Batch, Capabilities, CheckReport, Datastore, Durability, Error, ErrorKind, Found, Key, Op,
    Outcome, Page, Query, Result, Survives, Want,
};
use fjall::Snapshot;
use futures::future::BoxFuture;

use crate::core::Core;
use crate::engine::View;
use crate::snapshot::FjallSnapshot;
use crate::{FjallOptions, bridge, check, compaction, errors, pages, turn};

/// A store in a directory of the local disk, on the fjall engine.
///
/// Atomic batches, conditions on any batch, pages from one snapshot. `Buffered` commits survive the
/// end of the process, `Synced` ones a loss of power; those that wait at the same time share one fsync.
/// One handle at a time has a directory open; share it by `Arc`.
///
/// [`close`](Datastore::close) it: a handle that is dropped closes the store where it is dropped, which
/// blocks for an fsync, and has nobody to tell of an error. The store stays open while a snapshot of
/// it lives that was not closed.
///
/// A write or an fsync that fails (a full disk) is the last: later ones answer
/// [`Closed`](ErrorKind::Closed) with its cause, reads go on, and opening the store again mends it.
///
/// A value that was read keeps alive the block of the file that it is a part of (some 4 KiB): copy
/// what is kept long. Values of up to 4 KiB are copied when they are written, larger ones are shared
/// with the caller until they are flushed.
#[derive(Debug)]
pub struct FjallDatastore {
    core: Arc<Core>,
}

impl FjallDatastore {
    /// The longest value, 1 GiB: what the engine's 32-bit lengths hold with room for framing and
    /// incompressible data.
    pub const MAX_VALUE_LEN: u64 = 1 << 30;

    /// Opens the store in the directory `path` as [`FjallOptions::new`] says.
    ///
    /// # Errors
    /// As [`FjallOptions::open`].
    pub async fn open(path: impl AsRef<Path> + Send) -> Result<Self> {
        FjallOptions::new().open(path).await
    }

    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// A snapshot that shows of each batch all or nothing.
    async fn whole_snapshot(&self) -> Result<Snapshot> {
        let soon = {
            let engine = self.core.engine()?;
            errors::guarded(|| Ok(self.core.try_snapshot(&engine)))?
        };
        if let Some(snapshot) = soon {
            return Ok(snapshot);
        }
        let core = Arc::clone(&self.core);
        let taken = move || Ok(core.wait_for_snapshot(&*core.engine()?));
        apart(bridge::on_thread("snapshot", taken)).await
    }
}

#[async_trait]
impl Datastore for FjallDatastore {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::embedded();
        capabilities.buffered = Survives::Process;
        capabilities.synced = Survives::Power;
        capabilities.disk_usage = true;
        capabilities.max_value_len = Self::MAX_VALUE_LEN;
        capabilities
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        let found = match self.core.try_read(key, &want)? {
            Some(found) => found,
            None => {
                let (snapshot, engine) = (self.whole_snapshot().await?, self.core.engine()?);
                errors::guarded(|| engine.read(View::At(&snapshot), key, &want))?
            }
        };
        turn::count(1).await;
        Ok(found)
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        let page = {
            let (snapshot, engine) = (self.whole_snapshot().await?, self.core.engine()?);
            errors::guarded(|| pages::page(&engine, &snapshot, query))
        };
        turn::count(turn::PAGE).await;
        page
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        let bytes = check_values(&batch)?;
        let synced = batch.durability == Durability::Synced;
        let arrival = synced.then(|| self.core.group.announce());
        self.core.traffic.pass().await;
        if bytes > INLINE_BYTES {
            let core = Arc::clone(&self.core);
            let applied = bridge::on_thread_or_not_at_all("commit", move || {
                // Others would block on the journal meanwhile.
                let _hold = core.traffic.hold();
                core.apply_long(batch)?;
                if !synced {
                    core.group.wrote(bytes);
                }
                Ok(())
            });
            apart(applied).await?;
        } else {
            let work = batch.ops.len() as u32;
            self.core.apply(batch)?;
            turn::count(work).await;
        }
        if synced {
            apart(self.core.group.commit_synced(arrival, &self.core.health)).await?;
        }
        Ok(())
    }

    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        let snapshot = self.whole_snapshot().await?;
        Ok(Arc::new(FjallSnapshot::new(Arc::clone(&self.core), snapshot, self.capabilities())))
    }

    async fn sync(&self) -> Result<()> {
        drop(self.core.engine()?);
        self.core.group.synced(None, &self.core.health).await
    }

    async fn disk_usage(&self) -> Result<u64> {
        let core = Arc::clone(&self.core);
        bridge::on_thread("usage", move || core.directory_size()).await
    }

    async fn compact(&self) -> Result<()> {
        let core = Arc::clone(&self.core);
        bridge::on_thread("compact", move || compaction::compact(&core)).await
    }

    async fn check(&self) -> Result<CheckReport> {
        let abandoned = Abandoned::default();
        let (core, flag) = (Arc::clone(&self.core), Arc::clone(&abandoned.0));
        bridge::on_thread("check", move || {
            let engine = core.engine()?;
            check::check(&engine, &engine.database.snapshot(), &flag)
        })
        .await
    }

    async fn close(&self) -> Result<()> {
        let core = Arc::clone(&self.core);
        bridge::on_thread("close", move || core.close()).await
    }
}

/// Refuses what the engine would not hold, before anything is written; answers how many bytes there
/// are to write.
fn check_values(batch: &Batch) -> Result<usize> {
    let mut bytes = 0;
    for op in &batch.ops {
        bytes += op.key().as_bytes().len();
        if let Op::Put { key, value } = op {
            if value.len() as u64 > FjallDatastore::MAX_VALUE_LEN {
                let (len, most) = (value.len(), FjallDatastore::MAX_VALUE_LEN);
                let message = format!("the value has {len} bytes, more than {most}");
                let error = Error::new(ErrorKind::InvalidInput, message).with_key(key.clone());
                return Err(error.with_outcome(Outcome::NotApplied));
            }
            bytes += value.len();
        }
    }
    Ok(bytes)
}

/// What is seldom awaited, in room of its own: in that of its caller it would be made and moved for every short
/// operation.
fn apart<'f, T>(seldom: impl Future<Output = T> + Send + 'f) -> BoxFuture<'f, T> {
    Box::pin(seldom)
}

/// Tells a check that its future was dropped.
#[derive(Default)]
pub(crate) struct Abandoned(pub(crate) Arc<AtomicBool>);

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Batches of more bytes than this are written on a thread of their own.
const INLINE_BYTES: usize = 2 << 20;
