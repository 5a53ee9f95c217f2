use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use datastore::{
    Batch, Capabilities, Conditions, Content, Datastore, DatastoreExt, Entry, ErrorKind, Found,
    Key, Query, Survives, Version, Want,
};
use futures::TryStreamExt;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::bench::Place;
use crate::cases::ensure_page;
use crate::failure::{Failure, Outcome, ensure, ensure_eq};
use crate::model::{Model, ModelRow};
use crate::sequence::Step;

/// Runs random sequences against a model, and shrinks one that goes wrong.
///
/// # Errors
/// The shortest sequence found whose answers are not the model's.
pub(crate) fn replay(
    seed: u64,
    sequences: u32,
    most_steps: usize,
    check: impl Fn(&[Step]) -> Outcome,
) -> Outcome {
    // `PROPTEST_CASES` asks for more or fewer.
    let defaults = Config::default();
    let asked = std::env::var_os("PROPTEST_CASES").map(|_| defaults.cases);
    let config = Config {
        cases: asked.unwrap_or(sequences),
        failure_persistence: None,
        max_shrink_iters: 4_000,
        max_shrink_time: 30_000,
        ..defaults
    };
    let mut bytes = [0; 32];
    bytes.iter_mut().zip(seed.to_le_bytes()).for_each(|(byte, seed)| *byte = seed);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let run = |steps: Vec<Step>| {
        check(&steps).map_err(|failure| TestCaseError::fail(failure.to_string()))
    };
    match TestRunner::new_with_rng(config, rng).run(&crate::sequence::sequences(most_steps), run) {
        Ok(()) => Ok(()),
        Err(TestError::Fail(why, steps)) => {
            let steps: Vec<String> =
                steps.iter().enumerate().map(|(n, step)| format!("\n  {n}: {step:?}")).collect();
            Err(Failure::new(format!("seed {seed}: {why}, in these steps:{}", steps.concat())))
        }
        Err(TestError::Abort(why)) => Err(Failure::new(format!("no sequences were made: {why}"))),
    }
}

/// Takes the steps on a new store and on the model, side by side.
pub(crate) async fn take(place: &Place, shared: &Capabilities, steps: &[Step]) -> Outcome {
    let mut run = Replay {
        store: place.open().await?,
        place,
        conditions: shared.conditions,
        snapshots: shared.snapshots,
        reopens: place.reopens() && shared.synced >= Survives::Process,
        model: Model::default(),
        remembered: HashMap::new(),
        frozen: None,
    };
    for (number, step) in steps.iter().enumerate() {
        let taken = run.take(number, step).await;
        taken.map_err(|failure| failure.during(format!("step {number}")))?;
    }
    run.ensure_rows(&Query::all(), 3).await
}

struct Replay<'p> {
    store: Arc<dyn Datastore>,
    place: &'p Place,
    conditions: Conditions,
    snapshots: bool,
    reopens: bool,
    model: Model,
    /// What was read of a key: its value and version, `None` for no value.
    remembered: HashMap<Key, Option<(Bytes, Version)>>,
    frozen: Option<(Arc<dyn Datastore>, Model)>,
}

/// A value that no other step writes, so that values compare as versions do; but for empty ones.
fn value(step: usize, place: usize, len: usize) -> Vec<u8> {
    let stamp = format!("{step}.{place} ");
    stamp.into_bytes().into_iter().cycle().take(len.max(if len == 0 { 0 } else { 8 })).collect()
}

/// What it takes to put so many bytes, or to delete, under a condition.
fn needed(new: Option<usize>) -> Conditions {
    if new.is_some() { Conditions::SinglePut } else { Conditions::SingleKey }
}

impl Replay<'_> {
    async fn take(&mut self, number: usize, step: &Step) -> Outcome {
        match step {
            Step::Commit { writes, synced } => {
                let mut batch = if *synced { Batch::new().synced() } else { Batch::new() };
                for (place, (key, new)) in writes.iter().enumerate() {
                    let new = new.map(|len| value(number, place, len));
                    self.model.set(key.as_bytes(), new.clone());
                    batch = match new {
                        Some(value) => batch.put(key.clone(), value),
                        None => batch.delete(key.clone()),
                    };
                }
                self.store.commit(batch).await?;
            }
            Step::Remember(key) => self.remember(key).await?,
            Step::Swap { key, new } if self.conditions >= needed(*new) => {
                self.swap(key, new.map(|len| value(number, 0, len))).await?;
            }
            Step::Read { key, offset, len } => self.read(key, *offset, *len).await?,
            Step::Find { query, page } => self.ensure_rows(query, *page).await?,
            Step::Freeze if self.snapshots => {
                self.frozen = Some((self.store.snapshot().await?, self.model.clone()));
            }
            Step::FindFrozen { query, page } => {
                if let Some((snapshot, model)) = &self.frozen {
                    ensure_rows(snapshot, model, query, *page).await?;
                }
            }
            Step::Sync => self.store.sync().await?,
            Step::Reopen if self.reopens => {
                self.frozen = None;
                self.store = self.place.reopen().await?;
            }
            Step::Swap { .. } | Step::Freeze | Step::Reopen => {}
        }
        Ok(())
    }

    async fn remember(&mut self, key: &Key) -> Outcome {
        let found = self.store.read(key, Want::Value).await?;
        let version = found.as_ref().and_then(Found::version);
        let value = found.and_then(Found::into_value);
        let expected = self.model.get(key.as_bytes());
        ensure_eq!(value.as_deref(), expected.map(Vec::as_slice), "value of {key}");
        let remembered = match (value, version) {
            (None, _) => None,
            // Empty values are written more than once, so a store may or may not tell them apart.
            (Some(value), Some(version)) if !value.is_empty() => Some((value, version)),
            (Some(_), _) => {
                self.remembered.remove(key);
                return Ok(());
            }
        };
        self.remembered.insert(key.clone(), remembered);
        Ok(())
    }

    async fn swap(&mut self, key: &Key, new: Option<Vec<u8>>) -> Outcome {
        let current = self.model.get(key.as_bytes()).map(Vec::as_slice);
        let batch = match new.clone() {
            Some(value) => Batch::new().put(key.clone(), value),
            None => Batch::new().delete(key.clone()),
        };
        let (batch, holds) = match self.remembered.remove(key).flatten() {
            Some((value, version)) => {
                (batch.unchanged(key.clone(), version), current == Some(&value[..]))
            }
            None => (batch.absent(key.clone()), current.is_none()),
        };
        match self.store.commit(batch).await {
            Ok(()) => ensure!(holds, "a condition on {key} that does not hold was taken to hold"),
            Err(error) if error.kind() == ErrorKind::Conflict => {
                ensure!(!holds, "a condition on {key} that holds was a conflict");
            }
            Err(error) => return Err(error.into()),
        }
        if holds {
            self.model.set(key.as_bytes(), new);
        }
        Ok(())
    }

    async fn read(&self, key: &Key, offset: u64, len: u64) -> Outcome {
        let expected = self.model.get(key.as_bytes());
        let store = &self.store;
        ensure_eq!(store.get(key).await?.as_deref(), expected.map(Vec::as_slice), "value of {key}");
        ensure_eq!(store.has(key).await?, expected.is_some(), "presence of {key}");
        let size = expected.map(|value| value.len() as u64);
        ensure_eq!(store.size(key).await?, size, "size of {key}");
        let part: Option<Vec<u8>> = expected
            .map(|value| value.iter().skip(offset as usize).take(len as usize).copied().collect());
        let found = store.get_range(key, offset, len).await?;
        ensure_eq!(found.as_deref(), part.as_deref(), "{len} bytes from {offset} of {key}");
        Ok(())
    }

    async fn ensure_rows(&self, query: &Query, page: usize) -> Outcome {
        ensure_rows(&self.store, &self.model, query, page).await
    }
}

fn row(entry: Entry) -> ModelRow {
    let size = entry.size();
    let (key, content) = entry.into_parts();
    let value = match content {
        Content::Value(value) => Some(value.to_vec()),
        Content::Nothing | Content::Size(_) => None,
    };
    (key.as_bytes().to_vec(), size, value)
}

/// The query finds what the model finds: as a stream, as pages of this size, and counted.
async fn ensure_rows(store: &dyn Datastore, model: &Model, query: &Query, size: usize) -> Outcome {
    let expected = model.find(query);
    let streamed: Vec<ModelRow> = store.query(query.clone()).map_ok(row).try_collect().await?;
    ensure_eq!(streamed, expected, "stream of {query:?}");
    let mut paged: Vec<ModelRow> = Vec::new();
    let mut next = (query.limit != Some(0)).then(|| query.clone());
    while let Some(mut query) = next.take() {
        let left = query.limit.map(|limit| limit - paged.len().min(limit));
        let asked = Query { limit: Some(left.unwrap_or(size).min(size)), ..query.clone() };
        let page = store.query_page(&asked).await?;
        ensure_page(&asked, &page)?;
        paged.extend(page.entries.into_iter().map(row));
        let full = query.limit.is_some_and(|limit| paged.len() >= limit);
        if let Some(cursor) = page.next.filter(|_| !full) {
            query = query.resume(cursor);
            next = Some(query);
        }
    }
    ensure_eq!(paged, expected, "pages of {size} of {query:?}");
    ensure_eq!(store.count(query.clone()).await?, expected.len() as u64, "count of {query:?}");
    Ok(())
}
