//! A store that promises as little as a remote one: batches that land key by key, conditions by tag, on
//! one key, on puts alone or not at all, small keys and values, no snapshots, pages that are short or
//! empty.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use bytes::Bytes;
use datastore::{
    Batch, Capabilities, CheckReport, Condition, Conditions, Content, Datastore, Direction, Error,
    ErrorKind, Found, Key, Op, Outcome, Page, PageBuilder, Query, Result, Select, Version, Want,
    WriteBehind,
};
use datastore_conformance::{Scale, Suite};

pub(crate) fn suites() -> Vec<Suite> {
    let suite = |name, conditions| {
        Suite::new(move || async move { Ok(Modest::new(conditions)) }).name(name)
    };
    let behind = |name, conditions| {
        Suite::new(move || async move { Ok(WriteBehind::new(Modest::new(conditions))) }).name(name)
    };
    let busy = || async { Ok(crate::stacks::busy(Modest::new(Conditions::SingleKey))) };
    let suites = vec![
        suite("modest", Conditions::SingleKey),
        suite("modest_puts", Conditions::SinglePut),
        suite("modest_unconditional", Conditions::Unsupported),
        behind("write_behind_modest", Conditions::SingleKey),
        behind("write_behind_modest_puts", Conditions::SinglePut),
        Suite::new(busy).name("write_behind_modest_busy"),
    ];
    suites.into_iter().map(|suite| suite.scale(Scale::Small)).collect()
}

const MAX_KEY_LEN: usize = 900;
const MAX_VALUE_LEN: u64 = 1 << 20;

#[derive(Debug)]
pub(crate) struct Modest {
    conditions: Conditions,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Each value with the number of the write that set it.
    entries: BTreeMap<Key, (Bytes, u64)>,
    writes: u64,
    pages: u64,
    closed: bool,
}

impl Modest {
    pub(crate) fn new(conditions: Conditions) -> Self {
        Self { conditions, state: Mutex::default() }
    }

    fn open(&self) -> Result<MutexGuard<'_, State>> {
        let state = self.state.lock().unwrap();
        if state.closed { Err(Error::closed()) } else { Ok(state) }
    }

    fn check(&self, batch: &Batch) -> Result<()> {
        for op in &batch.ops {
            if op.key().as_bytes().len() > MAX_KEY_LEN {
                let error = Error::new(ErrorKind::InvalidKey, "a key is too long");
                return Err(error.with_outcome(Outcome::NotApplied));
            }
            if matches!(op, Op::Put { value, .. } if value.len() as u64 > MAX_VALUE_LEN) {
                let error = Error::new(ErrorKind::InvalidInput, "a value is too large");
                return Err(error.with_outcome(Outcome::NotApplied));
            }
        }
        if batch.conditions.is_empty() || needed(batch) <= self.conditions {
            return Ok(());
        }
        Err(Error::unsupported("this store does not hold these conditions"))
    }
}

/// What it takes to hold the conditions of a batch.
fn needed(batch: &Batch) -> Conditions {
    let mut keys = batch.ops.iter().map(Op::key).chain(batch.conditions.iter().map(Condition::key));
    let first = keys.next();
    if keys.any(|key| Some(key) != first) {
        return Conditions::AnyBatch;
    }
    match batch.ops[..] {
        [] | [Op::Put { .. }] => Conditions::SinglePut,
        _ => Conditions::SingleKey,
    }
}

impl State {
    fn holds(&self, condition: &Condition) -> bool {
        let current = self.entries.get(condition.key());
        match condition {
            Condition::Absent(_) => current.is_none(),
            Condition::Unchanged(_, version) => {
                current.map(|(_, write)| Version::of_tag(write.to_string())).as_ref()
                    == Some(version)
            }
        }
    }

    fn apply(&mut self, op: Op) {
        self.writes += 1;
        match op {
            Op::Put { key, value } => drop(self.entries.insert(key, (value, self.writes))),
            Op::Delete { key } => drop(self.entries.remove(&key)),
        }
    }
}

#[async_trait]
impl Datastore for Modest {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::minimal();
        capabilities.conditions = self.conditions;
        capabilities.max_key_len = MAX_KEY_LEN;
        capabilities.max_value_len = MAX_VALUE_LEN;
        capabilities
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        tokio::task::yield_now().await;
        let state = self.open()?;
        Ok(state.entries.get(key).map(|(value, write)| {
            Found::answer(&want, value.clone()).with_version(Version::of_tag(write.to_string()))
        }))
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        tokio::task::yield_now().await;
        let mut state = self.open()?;
        state.pages += 1;
        let Some(range) = query.key_range() else { return Ok(Page::default()) };
        let mut page = PageBuilder::new(query);
        let mut last: Option<&[u8]> = None;
        let most = if state.pages.is_multiple_of(3) { 5 } else { 700 };
        for (place, (key, (value, _))) in
            query.direction.order(state.entries.range::<[u8], _>(range)).enumerate()
        {
            // What a filter on the way left nothing of: an empty page that goes on.
            if place == 0 && state.pages.is_multiple_of(7) {
                let cursor = neighbour(key, query.direction);
                if let Some(cursor) = cursor.filter(|cursor| goes_on(query, cursor)) {
                    return Ok(Page { entries: Vec::new(), next: Some(cursor) });
                }
            }
            if let Some(last) = last.filter(|_| place == most) {
                page.cut(last);
                break;
            }
            let content = match query.select {
                Select::Keys => Content::Nothing,
                Select::Sizes => Content::Size(value.len() as u64),
                Select::Values => Content::Value(value.clone()),
            };
            if page.push(key.as_bytes(), content).is_break() {
                break;
            }
            last = Some(key.as_bytes());
        }
        page.finish()
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        tokio::task::yield_now().await;
        drop(self.open()?);
        self.check(&batch)?;
        if !batch.conditions.is_empty() {
            let mut state = self.open()?;
            if let Some(failed) = batch.conditions.iter().find(|condition| !state.holds(condition))
            {
                return Err(Error::conflict(failed.key()));
            }
            batch.ops.into_iter().for_each(|op| state.apply(op));
            return Ok(());
        }
        // The last operation on a key is the only one that such a store sends.
        let last: BTreeMap<Key, Op> =
            batch.ops.into_iter().map(|op| (op.key().clone(), op)).collect();
        for op in last.into_values() {
            self.state.lock().unwrap().apply(op);
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn snapshot(&self) -> Result<std::sync::Arc<dyn Datastore>> {
        drop(self.open()?);
        Err(Error::unsupported("no snapshots"))
    }

    async fn sync(&self) -> Result<()> {
        self.open().map(drop)
    }

    async fn disk_usage(&self) -> Result<u64> {
        drop(self.open()?);
        Err(Error::unsupported("no disk usage"))
    }

    async fn compact(&self) -> Result<()> {
        self.open().map(drop)
    }

    async fn check(&self) -> Result<CheckReport> {
        let state = self.open()?;
        let len = |(key, (value, _)): (&Key, &(Bytes, u64))| key.as_bytes().len() + value.len();
        let bytes = state.entries.iter().map(len).sum::<usize>() as u64;
        Ok(CheckReport { entries: state.entries.len() as u64, bytes, ..CheckReport::default() })
    }

    async fn close(&self) -> Result<()> {
        self.state.lock().unwrap().closed = true;
        Ok(())
    }
}

/// A key just before this one in the direction, with none of the test's own between.
fn neighbour(key: &Key, direction: Direction) -> Option<Key> {
    let encoded = key.as_bytes();
    match direction {
        Direction::Ascending => {
            let (last, begin) = encoded.split_last()?;
            let before = last.checked_sub(1).filter(|byte| *byte != b'/' && *byte != b'.')?;
            Key::new([begin, &[before], &[0xFF; 4]].concat()).ok()
        }
        Direction::Descending => Key::new([encoded, b"\0"].concat()).ok(),
    }
}

fn goes_on(query: &Query, cursor: &Key) -> bool {
    query.after.as_ref().is_none_or(|after| cursor > after)
        && query.before.as_ref().is_none_or(|before| cursor < before)
}
