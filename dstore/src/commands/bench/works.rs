use std::sync::Arc;

use bytes::Bytes;
use datastore::{Batch, Datastore, DatastoreExt, Key, Query, key};
use tokio::task::JoinSet;

use super::measure::{Budget, Measured, Times};
use crate::exit::Exit;
use crate::failure::{Failure, Result};

/// The operations that are measured, in an order in which each finds what it needs.
pub(super) struct Works {
    store: Arc<dyn Datastore>,
    value: Bytes,
    /// How many keys [`put`](Self::put) left.
    put: u64,
}

impl Works {
    pub(super) fn new(store: Arc<dyn Datastore>, value_size: usize) -> Self {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let value = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        });
        Self { store, value: value.take(value_size).collect(), put: 0 }
    }

    pub(super) async fn put(&mut self, budget: &Budget) -> Result<Measured> {
        let mut meter = budget.begin();
        while let Some(round) = meter.next_round() {
            self.store.put(&name("put", scatter(round))?, self.value.clone()).await?;
            meter.end_round(1);
        }
        let measured = meter.finish().measured();
        self.put = measured.items;
        Ok(measured)
    }

    pub(super) async fn batch(&self, budget: &Budget) -> Result<Measured> {
        const ENTRIES: u64 = 1000;
        let mut meter = budget.begin();
        while let Some(round) = meter.next_round() {
            let mut batch = Batch::new();
            for entry in 0..ENTRIES {
                let key = name("batch", scatter(round * ENTRIES + entry))?;
                batch = batch.put(key, self.value.clone());
            }
            self.store.commit(batch).await?;
            meter.end_round(ENTRIES);
        }
        Ok(meter.finish().measured())
    }

    pub(super) async fn put_synced(&self, budget: &Budget, tasks: u16) -> Result<Measured> {
        // Dropped where the command is interrupted, it ends its tasks.
        let mut running = JoinSet::new();
        for task in 0..u64::from(tasks) {
            let (store, value) = (Arc::clone(&self.store), self.value.clone());
            let mut meter = budget.begin();
            running.spawn(async move {
                while let Some(round) = meter.next_round() {
                    let key = name("synced", scatter(task << 48 | round))?;
                    store.commit(Batch::new().put(key, value.clone()).synced()).await?;
                    meter.end_round(1);
                }
                Ok::<Times, Failure>(meter.finish())
            });
        }
        let mut all = Times::default();
        while let Some(times) = running.join_next().await {
            let ended = |error| Failure::new(Exit::Defect, format!("a defect of dstore: {error}"));
            all = all.beside(times.map_err(ended)??);
        }
        Ok(all.measured())
    }

    pub(super) async fn get(&self, budget: &Budget) -> Result<Measured> {
        let mut meter = budget.begin();
        while let Some(round) = meter.next_round() {
            self.store.get_required(&self.present(round)?).await?;
            meter.end_round(1);
        }
        Ok(meter.finish().measured())
    }

    pub(super) async fn get_missing(&self, budget: &Budget) -> Result<Measured> {
        let mut meter = budget.begin();
        while let Some(round) = meter.next_round() {
            self.store.get(&name("missing", scatter(round))?).await?;
            meter.end_round(1);
        }
        Ok(meter.finish().measured())
    }

    pub(super) async fn has(&self, budget: &Budget) -> Result<Measured> {
        let mut meter = budget.begin();
        while let Some(round) = meter.next_round() {
            self.store.has(&self.present(round)?).await?;
            meter.end_round(1);
        }
        Ok(meter.finish().measured())
    }

    /// Walks over everything, from the start again when it comes to the end.
    pub(super) async fn pages(&self, budget: &Budget) -> Result<Measured> {
        let mut query = Query::all().limit(256);
        let mut meter = budget.begin();
        while meter.next_round().is_some() {
            let page = self.store.query_page(&query).await?;
            query.after = page.next;
            meter.end_round(page.entries.len() as u64);
        }
        Ok(meter.finish().measured())
    }

    /// Ends early where it has deleted all that was put.
    pub(super) async fn delete(&self, budget: &Budget) -> Result<Measured> {
        let mut meter = budget.begin();
        while let Some(round) = meter.next_round().filter(|round| *round < self.put) {
            self.store.delete(&name("put", scatter(round))?).await?;
            meter.end_round(1);
        }
        Ok(meter.finish().measured())
    }

    /// One of the keys that are there, in no order that a cache could like.
    fn present(&self, round: u64) -> Result<Key> {
        name("put", scatter(scatter(round) % self.put.max(1)))
    }
}

fn name(work: &str, number: u64) -> Result<Key> {
    Ok(key!("/bench").child(work)?.child(format!("{number:016x}"))?)
}

/// A number for each number, far from those of its neighbours.
fn scatter(number: u64) -> u64 {
    number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
