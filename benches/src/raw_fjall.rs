use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use fjall::{AbstractTree, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions};

use crate::{Result, Tuning};

/// Raw fjall, tuned as the store that it is compared with.
///
/// The memtable is rotated by a thread of ours: left to itself, the engine can lock its own workers
/// up under a load such as this one.
pub struct RawFjall {
    db: Database,
    keyspace: Keyspace,
    rotation: Option<Rotation>,
}

struct Rotation {
    stop: SyncSender<()>,
    thread: JoinHandle<()>,
}

/// How often the size of the memtable is looked at.
const LOOK: Duration = Duration::from_millis(1);

/// How long to wait before looking again whether the engine is done.
const SETTLING: Duration = Duration::from_millis(2);

/// With so many memtables waiting to be flushed, another one would stall the writers.
const MAX_SEALED: usize = 3;

impl RawFjall {
    /// Opens a database in an empty directory.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn open(path: &Path, tuning: &Tuning) -> Result<Self> {
        let Tuning { cache_bytes, memtable_bytes, worker_threads, separate_values_from } = *tuning;
        let db = Database::builder(path)
            .cache_size(cache_bytes)
            .worker_threads(worker_threads)
            .max_journaling_size(u64::MAX)
            .open()?;
        let separation = separate_values_from
            .map(|bytes| KvSeparationOptions::default().separation_threshold(bytes));
        let options = || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(u64::MAX)
                .with_kv_separation(separation)
        };
        let keyspace = db.keyspace("default", options)?;
        let rotation = Some(Rotation::start(keyspace.clone(), memtable_bytes)?);
        Ok(Self { db, keyspace, rotation })
    }

    /// The database.
    pub fn db(&self) -> &Database {
        &self.db
    }

    /// Its only keyspace.
    pub fn keyspace(&self) -> &Keyspace {
        &self.keyspace
    }

    /// Waits until the engine has put everything in order.
    ///
    /// # Errors
    /// Those of the engine.
    #[expect(clippy::disallowed_methods, reason = "no backend of ours is asked to do it")]
    pub async fn settle(&self) -> Result<()> {
        let (db, keyspace) = (self.db.clone(), self.keyspace.clone());
        // On a thread of its own, as the store does it: a memtable that is let go of by the thread that filled it
        // leaves the allocator in better order.
        let settled = tokio::task::spawn_blocking(move || {
            keyspace.rotate_memtable()?;
            // The rotation may have been under way already, and a compaction with it.
            while keyspace.sealed_memtable_count() > 0 || db.active_compactions() > 0 {
                std::thread::sleep(SETTLING);
            }
            keyspace.major_compact()
        });
        Ok(settled.await??)
    }
}

impl Drop for RawFjall {
    fn drop(&mut self) {
        if let Some(Rotation { stop, thread }) = self.rotation.take() {
            drop(stop);
            // It does not panic; if it did, the run has shown it on stderr.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for RawFjall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawFjall").finish_non_exhaustive()
    }
}

impl Rotation {
    fn start(keyspace: Keyspace, memtable_bytes: u64) -> Result<Self> {
        let (stop, stopped) = sync_channel(0);
        let rotate = move || {
            while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                let is_full = keyspace.tree.active_memtable().size() >= memtable_bytes;
                if is_full
                    && keyspace.sealed_memtable_count() < MAX_SEALED
                    && let Err(error) = keyspace.rotate_memtable()
                {
                    eprintln!("raw fjall: rotating the memtable: {error}");
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("raw-rotation".into()).spawn(rotate)?;
        Ok(Self { stop, thread })
    }
}
