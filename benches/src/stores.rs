use std::path::Path;
use std::sync::Arc;

use datastore::{Datastore, Fault, Namespace, key};
use datastore_fjall::FjallOptions;

use crate::Result;

/// What the engine is told, through our store and raw alike.
#[derive(Clone, Copy, Debug)]
pub struct Tuning {
    /// Size of the block cache.
    pub cache_bytes: u64,
    /// Size at which a memtable is flushed.
    pub memtable_bytes: u64,
    /// Threads that flush and compact.
    pub worker_threads: usize,
    /// Size from which values lie apart from their keys.
    pub separate_values_from: Option<u32>,
}

impl Default for Tuning {
    /// The defaults of our store.
    fn default() -> Self {
        Self {
            cache_bytes: 32 << 20,
            memtable_bytes: 32 << 20,
            worker_threads: 4,
            separate_values_from: None,
        }
    }
}

/// Opens our store over fjall in an empty directory.
///
/// # Errors
/// Those of the store.
pub async fn open_fjall(path: &Path, tuning: &Tuning) -> Result<Arc<dyn Datastore>> {
    // The number of worker threads is not an option of the store.
    let Tuning { cache_bytes, memtable_bytes, worker_threads: _, separate_values_from } = *tuning;
    let options = FjallOptions::new()
        .cache_bytes(cache_bytes)
        .memtable_bytes(memtable_bytes)
        .separate_values_from(separate_values_from);
    Ok(Arc::new(options.open(path).await?))
}

/// A store under four wrappers that pass everything on: its keys lie below `/a/b` in the store.
pub fn wrapped(store: Arc<dyn Datastore>) -> Arc<dyn Datastore> {
    let counted = Fault::new(Fault::new(store));
    Arc::new(Namespace::new(Namespace::new(counted, key!("/a")), key!("/b")))
}
