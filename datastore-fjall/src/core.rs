//! An open store: the engine, the threads beside it, and the order in which all of it ends.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use datastore::{Batch, Error, Found, Key, Result, Want};
use fjall::{PersistMode, Snapshot};
use parking_lot::{MappedRwLockReadGuard, RwLock, RwLockReadGuard};

use crate::batches::{Batches, Keys};
use crate::directory::Directory;
use crate::engine::{Engine, View};
use crate::errors;
use crate::group_sync::GroupSync;
use crate::health::Health;
use crate::maintenance::{Limits, Maintenance};
use crate::traffic::Traffic;
use crate::writes::Writes;
use crate::{FjallOptions, recovery, seal, settle, turn, usage};

/// What a store and its snapshots share. Dropping it closes the store.
pub(crate) struct Core {
    /// `None` once closed. Operations hold it shared while they run, `close` takes it.
    running: RwLock<Option<Running>>,
    /// Shared by those who write without conditions; those with conditions hold it alone from the
    /// check to the write.
    conditions: RwLock<()>,
    batches: Batches,
    writes: Writes,
    pub(crate) traffic: Arc<Traffic>,
    pub(crate) group: Arc<GroupSync>,
    pub(crate) health: Arc<Health>,
}

struct Running {
    engine: Engine,
    maintenance: Maintenance,
    sync: JoinHandle<()>,
    directory: Directory,
}

impl Core {
    /// Opens the store at `path`; blocks.
    pub(crate) fn open(path: &Path, options: &FjallOptions) -> Result<Arc<Self>> {
        let mut directory = Directory::open(path, options)?;
        if !directory.is_new() && !seal::open(directory.path())? {
            recovery::inspect(&directory.engine())?;
        }
        let engine = Engine::open(&directory.engine(), options)?;
        directory.finish()?;
        let (traffic, group) = (Arc::<Traffic>::default(), Arc::<GroupSync>::default());
        let health = Arc::new(Health::new(path));
        let limits = Limits {
            // A journal is let go of only once the memtable that it backs is flushed.
            memtable_bytes: options.memtable_bytes.min(options.journal_bytes / 2),
            journals: usize::try_from(options.journal_bytes / JOURNAL_BYTES).unwrap_or(usize::MAX),
        };
        let maintenance = Maintenance::start(engine.clone(), limits, &traffic, &group, &health)?;
        let sync = group.start(engine.clone(), Arc::clone(&traffic), Arc::clone(&health));
        let sync = match sync {
            Ok(sync) => sync,
            Err(error) => {
                maintenance.stop();
                return Err(error);
            }
        };
        let running = RwLock::new(Some(Running { engine, maintenance, sync, directory }));
        let (conditions, batches, writes) = (RwLock::default(), Batches::default(), Writes::new());
        Ok(Arc::new(Self { running, conditions, batches, writes, traffic, group, health }))
    }

    /// The engine, for the time of one operation; `Closed` as soon as a close waits for it.
    pub(crate) fn engine(&self) -> Result<MappedRwLockReadGuard<'_, Engine>> {
        // Nobody but `close` takes it alone.
        let running = self.running.try_read().ok_or_else(Error::closed)?;
        RwLockReadGuard::try_map(running, |running| running.as_ref().map(|running| &running.engine))
            .map_err(|_| Error::closed())
    }

    /// The bytes that the directory takes.
    pub(crate) fn directory_size(&self) -> Result<u64> {
        let running = self.running.try_read().ok_or_else(Error::closed)?;
        let running = running.as_ref().ok_or_else(Error::closed)?;
        usage::of(running.directory.path())
    }

    /// What a key holds, if no batch that may hold it is applied meanwhile: else part of one may be seen, and a later
    /// read could see less of it.
    pub(crate) fn try_read(&self, key: &Key, want: &Want) -> Result<Option<Option<Found>>> {
        let engine = self.engine()?;
        errors::guarded(|| {
            let Some(before) = self.batches.before_read() else { return Ok(None) };
            let writes = self.writes.so_far();
            let found = engine.read(View::Newest, key, want)?;
            let found = found.map(|found| match want {
                Want::Value => found.seen(self.writes.seen(key, writes)),
                Want::Exists | Want::Size | Want::Range { .. } => found,
            });
            Ok(self.batches.saw_whole(before, key).then_some(found))
        })
    }

    /// A snapshot that shows of each batch all or nothing, if the batches that are being applied end soon.
    ///
    /// While one is applied there may be no such snapshot: as the engine flushes and compacts it takes sequence
    /// numbers for itself, and then shows all that has a lower one, with a batch that is applied in part.
    pub(crate) fn try_snapshot(&self, engine: &Engine) -> Option<Snapshot> {
        if let Some(rest) = self.batches.at_rest() {
            let snapshot = engine.database.snapshot();
            if self.batches.rested_since(rest) {
                return Some(snapshot);
            }
        }
        let _nothing_is_applied = self.conditions.try_write_for(turn::TURN)?;
        Some(engine.database.snapshot())
    }

    /// As [`try_snapshot`](Self::try_snapshot), once no batch is being applied; blocks until then.
    pub(crate) fn wait_for_snapshot(&self, engine: &Engine) -> Snapshot {
        let _nothing_is_applied = self.conditions.write();
        engine.database.snapshot()
    }

    /// Checks the conditions of a batch and applies it; blocks as long as that takes.
    pub(crate) fn apply(&self, batch: Batch) -> Result<()> {
        // Beside a long one it waits in the engine, and takes long itself.
        if batch.ops.len() > 1 && self.batches.long_ones_run() {
            return self.apply_long(batch);
        }
        self.apply_in(batch, |batches| batches.begin())
    }

    /// As [`apply`](Self::apply), a batch that takes long: who reads other keys does not wait for it.
    pub(crate) fn apply_long(&self, batch: Batch) -> Result<()> {
        let keys = Keys::of(&batch.ops);
        self.apply_in(batch, |batches| batches.begin_long(keys))
    }

    fn apply_in<'c, R: Drop>(
        &'c self,
        batch: Batch,
        begin: impl FnOnce(&'c Batches) -> R,
    ) -> Result<()> {
        let Batch { ops, conditions, durability: _ } = batch;
        self.health.check()?;
        let engine = self.engine()?;
        let count = ops.len();
        self.traffic.rewrites.note(&ops);
        errors::guarded(|| {
            let written = if conditions.is_empty() {
                let _together = self.conditions.read();
                let _counts = self.writes.begin();
                let _visible_at_once = (count > 1).then(|| begin(&self.batches));
                engine.write(ops)
            } else {
                let _alone = self.conditions.write();
                engine.check_conditions(&conditions, &self.writes)?;
                let _counts = self.writes.begin();
                let _visible_at_once = (count > 1).then(|| begin(&self.batches));
                engine.write(ops)
            };
            written.map_err(|error| self.health.write_failed(error))
        })?;
        self.traffic.wrote(count);
        Ok(())
    }

    /// Closes the store; blocks until what runs has ended.
    pub(crate) fn close(&self) -> Result<()> {
        let mut running = self.running.write();
        match running.take() {
            None => Ok(()),
            Some(running) => self.shut_down(running),
        }
    }

    fn shut_down(&self, running: Running) -> Result<()> {
        let Running { engine, maintenance, sync, directory } = running;
        maintenance.stop();
        self.group.stop();
        let _ = sync.join();
        let synced = self.health.check().and_then(|()| {
            let synced = errors::guarded(|| Ok(engine.database.persist(PersistMode::SyncAll)))?;
            synced.map_err(|error| self.health.write_failed(error))
        });
        let written = self.traffic.written();
        let flushed = synced.is_ok()
            && errors::guarded(|| Ok(settle::flush(&engine, directory.path(), written)))
                .unwrap_or_default();
        // The last handles of the engine: it ends its threads, and lets go of its files.
        errors::guarded(|| {
            drop(engine);
            Ok(())
        })?;
        synced?;
        if flushed {
            settle::empty_journal(&directory.engine());
        }
        seal::close(directory.path())
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Err(error) = self.close() {
            tracing::error!(%error, "closing a store that was dropped failed");
        }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Core");
        match self.running.try_read().as_deref() {
            Some(Some(running)) => out.field("path", &running.directory.path()),
            _ => out.field("closed", &true),
        };
        out.finish_non_exhaustive()
    }
}

/// The size at which the engine begins another journal.
const JOURNAL_BYTES: u64 = 64 << 20;

#[cfg(test)]
mod tests {
    use datastore::key;

    use super::*;

    #[test]
    fn who_reads_other_keys_waits_for_no_batch_beside_a_long_one() {
        let directory = tempfile::tempdir().unwrap();
        let core = Core::open(&directory.path().join("store"), &FjallOptions::new()).unwrap();
        let long = core.batches.begin_long(Keys::of(&[]));
        let before = core.batches.before_read().unwrap();
        core.apply(Batch::new().put(key!("/a"), "1").put(key!("/b"), "1")).unwrap();
        assert!(core.batches.saw_whole(before, &key!("/c")));
        drop(long);
        core.apply(Batch::new().put(key!("/a"), "2").put(key!("/b"), "2")).unwrap();
        assert!(!core.batches.saw_whole(before, &key!("/c")));
        core.close().unwrap();
    }
}
