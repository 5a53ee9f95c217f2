//! The engine as this crate uses it: one fjall database with one keyspace.

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use datastore::{Condition, Error, Found, Key, Op, Result, Want};
use fjall::config::CompressionPolicy;
use fjall::{
    CompressionType, Database, Keyspace, KeyspaceCreateOptions, KvSeparationOptions,
    OwnedWriteBatch, PersistMode, Readable, Slice, Snapshot,
};

use crate::writes::Writes;
use crate::{Compression, FjallOptions, errors, journal};

/// Handles of the engine; while one of them lives the directory is locked.
#[derive(Clone)]
pub(crate) struct Engine {
    pub(crate) database: Database,
    pub(crate) data: Keyspace,
    folder: Arc<Path>,
}

/// The values at which moment.
#[derive(Clone, Copy)]
pub(crate) enum View<'s> {
    Newest,
    At(&'s Snapshot),
}

impl Engine {
    pub(crate) fn open(path: &Path, options: &FjallOptions) -> Result<Self> {
        let journal = match options.compression {
            Compression::None => CompressionType::None,
            Compression::Lz4 => CompressionType::Lz4,
        };
        let database = Database::builder(path)
            .cache_size(options.cache_bytes)
            .worker_threads(WORKERS)
            // Maintenance sees to both sizes: what the engine does about them can deadlock its workers.
            .max_journaling_size(u64::MAX)
            .journal_compression(journal)
            .open()
            .map_err(errors::engine)?;
        let data = database.keyspace(KEYSPACE, || keyspace_options(options));
        let data = data.map_err(errors::engine)?;
        Ok(Self { database, data, folder: path.into() })
    }

    /// Writes what is in memory to tables; blocks.
    pub(crate) fn flush(&self) -> fjall::Result<()> {
        self.data.rotate_memtable()?;
        while self.data.sealed_memtable_count() > 0 {
            thread::sleep(FLUSH_PAUSE);
            // Answers with an error where the flush failed: it would be waited for without end.
            self.database.persist(PersistMode::Buffer)?;
        }
        Ok(())
    }

    pub(crate) fn read(&self, view: View<'_>, key: &Key, want: &Want) -> Result<Option<Found>> {
        let key = key.as_bytes();
        match want {
            Want::Exists => {
                let found = match view {
                    View::Newest => self.data.contains_key(key),
                    View::At(snapshot) => snapshot.contains_key(&self.data, key),
                };
                Ok(found.map_err(errors::engine)?.then(Found::exists))
            }
            Want::Size => {
                let size = self.size_of(view, key)?;
                Ok(size.map(|size| Found::sized(size.into())))
            }
            Want::Value | Want::Range { .. } => {
                let value = self.value(view, key)?;
                Ok(value.map(|value| Found::answer(want, value.into())))
            }
        }
    }

    pub(crate) fn size_of(&self, view: View<'_>, key: &[u8]) -> Result<Option<u32>> {
        let size = match view {
            View::Newest => self.data.size_of(key),
            View::At(snapshot) => snapshot.size_of(&self.data, key),
        };
        size.map_err(errors::engine)
    }

    /// Answers `Conflict` unless all the conditions hold now; nothing is written meanwhile.
    pub(crate) fn check_conditions(&self, conditions: &[Condition], writes: &Writes) -> Result<()> {
        for condition in conditions {
            let key = condition.key();
            let holds = match condition {
                Condition::Absent(_) => {
                    !self.data.contains_key(key.as_bytes()).map_err(errors::engine)?
                }
                Condition::Unchanged(_, version) if writes.none_since(key, version) => true,
                Condition::Unchanged(..) => {
                    condition.holds(self.value(View::Newest, key.as_bytes())?.as_deref())
                }
            };
            if !holds {
                return Err(Error::conflict(key));
            }
        }
        Ok(())
    }

    /// Applies operations, all or none of them, and hands them to the operating system.
    pub(crate) fn write(&self, mut ops: Vec<Op>) -> fjall::Result<()> {
        // A single operation is spared the making of a batch.
        if ops.len() <= 1 {
            return match ops.pop() {
                None => Ok(()),
                Some(Op::Put { key, value }) => self.data.insert(key.as_bytes(), owned(value)),
                Some(Op::Delete { key }) => self.data.remove(key.as_bytes()),
            };
        }
        // Without this durability the engine keeps a batch in a buffer of its own, and a killed process
        // loses it.
        let mut batch = OwnedWriteBatch::with_capacity(self.database.clone(), ops.len())
            .durability(Some(PersistMode::Buffer));
        for op in ops {
            match op {
                Op::Put { key, value } => batch.insert(&self.data, key.as_bytes(), owned(value)),
                Op::Delete { key } => batch.remove(&self.data, key.as_bytes()),
            }
        }
        batch.commit()
    }

    /// Makes what was applied durable.
    pub(crate) fn sync(&self) -> fjall::Result<()> {
        self.database.persist(PersistMode::SyncData)
    }

    /// Has the disk take what the journal holds by now. Unlike a [`sync`](Self::sync) it keeps no writer waiting and
    /// promises nothing, but leaves little to the next one.
    pub(crate) fn write_back(&self) -> fjall::Result<()> {
        Ok(journal::write_back(&self.folder)?)
    }

    fn value(&self, view: View<'_>, key: &[u8]) -> Result<Option<Slice>> {
        let value = match view {
            View::Newest => self.data.get(key),
            View::At(snapshot) => snapshot.get(&self.data, key),
        };
        value.map_err(errors::engine)
    }
}

fn keyspace_options(options: &FjallOptions) -> KeyspaceCreateOptions {
    let (blocks, values) = match options.compression {
        Compression::None => (Some(CompressionPolicy::disabled()), CompressionType::None),
        Compression::Lz4 => (None, CompressionType::Lz4),
    };
    let separation = options.separate_values_from.map(|bytes| {
        KvSeparationOptions::default().separation_threshold(bytes).compression(values)
    });
    let keyspace =
        KeyspaceCreateOptions::default().max_memtable_size(u64::MAX).with_kv_separation(separation);
    match blocks {
        Some(blocks) => keyspace.data_block_compression_policy(blocks),
        None => keyspace,
    }
}

/// The engine keeps a value until it is flushed, and with it the whole buffer that it is a part of; a small
/// value is worth a copy.
fn owned(value: Bytes) -> Slice {
    if value.len() < COPIED_BELOW { Slice::from(&value[..]) } else { Slice::from(value) }
}

const COPIED_BELOW: usize = 4096;

const KEYSPACE: &str = "data";

/// One of them does nothing but flush; with fewer the engine can get stuck on few cores.
const WORKERS: usize = 4;

const FLUSH_PAUSE: Duration = Duration::from_millis(2);
