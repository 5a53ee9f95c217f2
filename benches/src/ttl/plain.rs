use std::path::Path;
use std::sync::Arc;

use datastore::{Datastore, DatastoreExt, MANY_OPS};
use fjall::PersistMode;

use super::TtlScale;
use super::expiring::AT_ONCE;
use super::keys::{batches, numbered, value};
use crate::measure::now;
use crate::{BenchRuntime, RawFjall, Result, Tuning, open_fjall};

/// The same values in the store below, without the layer.
pub(super) struct Plain {
    store: Arc<dyn Datastore>,
}

impl Plain {
    pub(super) fn load(runtime: &BenchRuntime, dir: &Path, stored: usize) -> Result<Arc<Self>> {
        let dir = dir.to_owned();
        runtime.run(async move {
            let store = open_fjall(&dir, &Tuning::default()).await?;
            for batch in batches(0..stored, MANY_OPS) {
                store.commit(batch?).await?;
            }
            store.compact().await?;
            Ok(Arc::new(Self { store }))
        })
    }

    pub(super) async fn put(self: Arc<Self>, numbers: impl Iterator<Item = usize>) -> Result<f64> {
        let keys = numbers.map(numbered).collect::<Result<Vec<_>>>()?;
        let start = now();
        for key in &keys {
            self.store.put(key, value()).await?;
        }
        Ok(start.elapsed().as_nanos() as f64 / keys.len() as f64)
    }
}

/// The same values in the engine.
pub(super) struct Raw(RawFjall);

impl Raw {
    pub(super) fn load(runtime: &BenchRuntime, dir: &Path, stored: usize) -> Result<Arc<Self>> {
        let raw = RawFjall::open(dir, &Tuning::default())?;
        runtime.run(async move {
            for start in (0..stored).step_by(MANY_OPS) {
                let mut batch = raw.db().batch().durability(Some(PersistMode::Buffer));
                for number in start..stored.min(start + MANY_OPS) {
                    batch.insert(raw.keyspace(), numbered(number)?.as_bytes(), &value()[..]);
                }
                batch.commit()?;
            }
            raw.settle().await?;
            Ok(Arc::new(Self(raw)))
        })
    }

    /// Gets the values that expire in a round and removes them in batches, as one who has a list of
    /// them; the time of each.
    pub(super) fn get_and_remove(&self, scale: TtlScale, round: usize) -> Result<f64> {
        let mut keys = scale.due_in(round).map(numbered).collect::<Result<Vec<_>>>()?;
        // The order of the index: what was written last expires first.
        keys.chunks_mut(AT_ONCE).for_each(<[_]>::sort);
        let keys: Vec<_> = keys.chunks(AT_ONCE).rev().flatten().collect();
        let start = now();
        for keys in keys.chunks(MANY_OPS) {
            let mut batch = self.0.db().batch().durability(Some(PersistMode::Buffer));
            for key in keys {
                if self.0.keyspace().get(key.as_bytes())?.is_none() {
                    return Err("a value is missing".into());
                }
                batch.remove(self.0.keyspace(), key.as_bytes());
            }
            batch.commit()?;
        }
        Ok(start.elapsed().as_nanos() as f64 / keys.len() as f64)
    }
}
