use std::iter::once;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::lock::Mutex;
use futures::{StreamExt, TryStreamExt, stream};

use super::conditions::{are_refused, lower, not_applied};
use super::header::{self, encode};
use super::layout::Layout;
use super::reads;
use super::turns::Turns;
use crate::wrappers::gate::Gate;
use crate::{
    Batch, Clock, Condition, Conditions, Datastore, Durability, Error, ErrorKind, Expiry,
    ExpiryIndex, Key, MANY_READS, Op, Outcome, Result, UPDATE_TRIES, Want,
};

/// What the wrapper and its sweeper share.
#[derive(Debug)]
pub(super) struct Core<S> {
    pub(super) below: S,
    pub(super) layout: Layout,
    pub(super) index: ExpiryIndex,
    pub(super) turns: Turns,
    pub(super) gate: Gate,
    pub(super) clock: Arc<dyn Clock>,
    /// One sweep at a time.
    pub(super) sweeping: Mutex<()>,
}

impl<S: Datastore> Core<S> {
    pub(super) async fn open(below: S, reserved: Key, clock: Arc<dyn Clock>) -> Result<Self> {
        let layout = Layout::new(reserved)?;
        layout.check_format(&below).await?;
        let index = ExpiryIndex::open(&below, layout.index().clone()).await?;
        let limits = below.capabilities();
        let layout = layout.limited(
            index.max_key_len(limits.max_key_len),
            limits.max_value_len.saturating_sub(header::MOST as u64),
        );
        let (turns, gate, sweeping) = Default::default();
        Ok(Self { below, layout, index, turns, gate, clock, sweeping })
    }

    pub(super) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// Commits a batch whose values never expire.
    pub(super) async fn commit(&self, batch: Batch) -> Result<()> {
        self.check(&batch)?;
        if self.is_refused(&batch) {
            return self.below.commit(batch).await;
        }
        let _turn = self.turns.writer(keys(&batch)).await;
        let Batch { ops, conditions, durability } = batch;
        let ops = with_headers(ops, Expiry::NEVER);
        if conditions.is_empty() {
            return self.below.commit(Batch { ops, conditions, durability }).await;
        }
        // Apart: what few batches need is not made room for with every put.
        Box::pin(self.commit_with_entries(ops, Vec::new(), &conditions, durability)).await
    }

    /// Sets a value that is said to expire at `known`, and is to expire when `ttl` has passed.
    pub(super) async fn refresh(
        &self,
        key: &Key,
        value: Bytes,
        known: Expiry,
        ttl: Duration,
    ) -> Result<Expiry> {
        let expiry = Expiry::after(self.now(), ttl);
        if !ttl.is_zero() {
            self.layout.check_key(key).map_err(not_applied)?;
            self.layout.check_value(key, &value)?;
            let _turn = self.turns.writer(once(key)).await;
            // What is written most, and next to nothing beside what the store below writes anyway.
            if self.index.needs_nothing(known, expiry) {
                let batch = Batch::new().put(key.clone(), encode(expiry, &value));
                return self.below.commit(batch).await.map(|()| expiry);
            }
        }
        let batch = Batch::new().put(key.clone(), value);
        Box::pin(self.commit_until(batch, expiry, Some(known))).await.map(|()| expiry)
    }

    /// Commits a batch whose values expire. `known` is when those expire that there are, if that is known of all.
    pub(super) async fn commit_until(
        &self,
        mut batch: Batch,
        expiry: Expiry,
        known: Option<Expiry>,
    ) -> Result<()> {
        if expiry.is_past(self.now()) {
            batch.ops = batch.ops.into_iter().map(removed).collect();
        }
        let puts = || batch.ops.iter().filter(|op| matches!(op, Op::Put { .. })).map(Op::key);
        if expiry == Expiry::NEVER || puts().next().is_none() {
            return self.commit(batch).await;
        }
        self.check(&batch)?;
        if self.is_refused(&batch) {
            return self.below.commit(batch).await;
        }
        let _turn = self.turns.writer(keys(&batch)).await;
        let puts: Vec<Key> = puts().cloned().collect();
        let before = self.expiries(&puts, known).await.map_err(not_applied)?;
        let _writing = self.index.writing();
        let entries = puts.iter().zip(before);
        let entries = entries.filter_map(|(key, before)| self.index.schedule(key, before, expiry));
        let entries = entries.collect();
        let Batch { ops, conditions, durability } = batch;
        self.commit_with_entries(with_headers(ops, expiry), entries, &conditions, durability).await
    }

    async fn expiries(&self, keys: &[Key], known: Option<Expiry>) -> Result<Vec<Option<Expiry>>> {
        match (known, keys) {
            (Some(_), _) => Ok(vec![known; keys.len()]),
            (None, [key]) => Ok(vec![reads::expiry(&self.below, key).await?]),
            (None, _) => {
                // Keys of its own: a closure over borrowed ones makes a future that is not `Send` to callers.
                let reads = stream::iter(keys.to_vec());
                let reads = reads.map(|key| async move { reads::expiry(&self.below, &key).await });
                reads.buffered(MANY_READS).try_collect().await
            }
        }
    }

    /// Gives the value of a key another expiry.
    pub(super) async fn set_ttl(&self, key: &Key, ttl: Duration) -> Result<Expiry> {
        self.layout.check_key(key).map_err(not_applied)?;
        let _turn = self.turns.alone(key).await;
        let mut tries = 0;
        loop {
            let now = self.now();
            let found = self.below.read(key, Want::Value).await.map_err(not_applied)?;
            let found = found.ok_or_else(|| missing(key))?;
            let (before, header) = header::of_found(key, &found).map_err(not_applied)?;
            let (version, stored) = (found.version(), found.into_value().unwrap_or_default());
            if before.is_past(now) {
                return Err(missing(key));
            }
            let expiry = Expiry::after(now, ttl);
            if expiry == before {
                return Ok(expiry);
            }
            let op = if expiry.is_past(now) {
                Op::Delete { key: key.clone() }
            } else {
                Op::Put { key: key.clone(), value: encode(expiry, &stored.slice(header..)) }
            };
            let _writing = self.index.writing();
            let entries = match &op {
                Op::Put { .. } => {
                    self.index.schedule(key, Some(before), expiry).into_iter().collect()
                }
                Op::Delete { .. } => Vec::new(),
            };
            // Alone among the writers here, but there may be others below.
            let mut batch: Batch = [op].into_iter().collect();
            batch
                .conditions
                .extend(version.map(|version| Condition::Unchanged(key.clone(), version)));
            if self.is_refused(&batch) {
                batch.conditions.clear();
            }
            tries += 1;
            let Batch { ops, conditions, durability } = batch;
            match self.write(ops, entries, conditions, durability).await {
                Err(error) if error.kind() == ErrorKind::Conflict && tries < UPDATE_TRIES => {}
                result => return result.map(|()| expiry),
            }
        }
    }

    /// Commits what is ready for the store below, under conditions that are the caller's.
    async fn commit_with_entries(
        &self,
        ops: Vec<Op>,
        entries: Vec<Op>,
        conditions: &[Condition],
        durability: Durability,
    ) -> Result<()> {
        if conditions.is_empty() {
            return self.write(ops, entries, Vec::new(), durability).await;
        }
        let mut tries = 0;
        loop {
            let lowered = lower(&self.below, conditions, self.now()).await.map_err(not_applied)?;
            tries += 1;
            let tries_again = lowered.is_stricter && tries < UPDATE_TRIES;
            if !tries_again {
                return self.write(ops, entries, lowered.conditions, durability).await;
            }
            let (ops, entries) = (ops.clone(), entries.clone());
            match self.write(ops, entries, lowered.conditions, durability).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                result => return result,
            }
        }
    }

    /// Writes below: in one batch, or, where that may land in part, entries of the index before values.
    async fn write(
        &self,
        mut ops: Vec<Op>,
        entries: Vec<Op>,
        conditions: Vec<Condition>,
        durability: Durability,
    ) -> Result<()> {
        if !entries.is_empty() {
            let capabilities = self.below.capabilities();
            let any_condition = capabilities.conditions == Conditions::AnyBatch;
            if capabilities.atomic_batches && (any_condition || conditions.is_empty()) {
                ops.extend(entries);
            } else {
                let entries = Batch { ops: entries, conditions: Vec::new(), durability };
                self.below.commit(entries).await.map_err(unindexed)?;
            }
        }
        let result = self.below.commit(Batch { ops, conditions, durability }).await;
        result.map_err(|error| error.map_keys(|key| self.index.record_of(&key).unwrap_or(key)))
    }

    /// Checks what the store below would, but of keys and values that are longer there.
    fn check(&self, batch: &Batch) -> Result<()> {
        keys(batch).try_for_each(|key| self.layout.check_key(key)).map_err(not_applied)?;
        batch.ops.iter().try_for_each(|op| match op {
            Op::Put { key, value } => self.layout.check_value(key, value),
            Op::Delete { key: _ } => Ok(()),
        })
    }

    /// Whether the store below refuses a batch, whatever is in it.
    fn is_refused(&self, batch: &Batch) -> bool {
        if batch.conditions.is_empty() {
            return false;
        }
        let capabilities = self.below.capabilities();
        !capabilities.writable || are_refused(batch, capabilities.conditions)
    }
}

fn keys(batch: &Batch) -> impl Iterator<Item = &Key> {
    batch.ops.iter().map(Op::key).chain(batch.conditions.iter().map(Condition::key))
}

fn with_headers(ops: Vec<Op>, expiry: Expiry) -> Vec<Op> {
    let with_header = |op| match op {
        Op::Put { key, value } => Op::Put { key, value: encode(expiry, &value) },
        Op::Delete { key } => Op::Delete { key },
    };
    ops.into_iter().map(with_header).collect()
}

/// What expires at once is not there.
fn removed(op: Op) -> Op {
    match op {
        Op::Put { key, value: _ } | Op::Delete { key } => Op::Delete { key },
    }
}

fn missing(key: &Key) -> Error {
    Error::new(ErrorKind::NotFound, "there is no value that could expire")
        .with_key(key.clone())
        .with_outcome(Outcome::NotApplied)
}

/// The error of a write whose entries in the index may not all be there: no value was written.
fn unindexed(error: Error) -> Error {
    let kind = match error.kind() {
        ErrorKind::PartialCommit => ErrorKind::Unavailable,
        kind => kind,
    };
    Error::new(kind, "the expiry could not be recorded, and nothing was written")
        .with_outcome(Outcome::NotApplied)
        .with_source(error)
}
