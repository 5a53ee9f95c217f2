use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use datastore::{
    Batch, Capabilities, CheckReport, Content, Datastore, Direction, Error, ErrorKind, Found, Key,
    KeyRange, Op, Outcome, Page, PageBuilder, Query, Result, Scope, Select, Want,
};

use super::mistake::Mistake;

/// A store in memory that makes a [`Mistake`], or none.
#[derive(Debug)]
pub(crate) struct Toy {
    mistake: Option<Mistake>,
    // `None` once closed.
    entries: Mutex<Option<Entries>>,
    frozen: bool,
    first_snapshot: OnceLock<Entries>,
}

/// In order, found by looking at all of them.
type Entries = Vec<(Key, Bytes)>;

impl Toy {
    pub(crate) fn new(mistake: Option<Mistake>) -> Self {
        Self {
            mistake,
            entries: Mutex::new(Some(Vec::new())),
            frozen: false,
            first_snapshot: OnceLock::new(),
        }
    }

    fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Entries>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the entries, unless the store is closed.
    fn with<T>(&self, work: impl FnOnce(&mut Entries) -> Result<T>) -> Result<T> {
        work(self.lock().as_mut().ok_or_else(Error::closed)?)
    }

    fn sort(&self, entries: &mut Entries) {
        if self.makes(Mistake::OrderBySegments) {
            entries.sort_by(|(a, _), (b, _)| a.segments().cmp(b.segments()));
        } else {
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
    }

    fn apply(&self, op: Op) -> Result<()> {
        self.with(|entries| {
            let found = entries.iter().position(|(key, _)| key == op.key());
            match op {
                Op::Put { key, value } => {
                    let value = Bytes::copy_from_slice(&value);
                    match found.and_then(|place| entries.get_mut(place)) {
                        Some((_, current)) => *current = value,
                        None => {
                            entries.push((key, value));
                            self.sort(entries);
                        }
                    }
                }
                Op::Delete { key } => match found {
                    Some(place) => drop(entries.remove(place)),
                    None if self.makes(Mistake::DeleteOfMissingFails) => {
                        return Err(Error::new(ErrorKind::NotFound, format!("no {key}"))
                            .with_outcome(Outcome::NotApplied));
                    }
                    None => {}
                },
            }
            Ok(())
        })
    }

    /// What the query covers, mistakes included; `None` if nothing.
    fn range(&self, query: &Query) -> Option<KeyRange> {
        let mut query = query.clone();
        match query.scope {
            Scope::Descendants(key) if self.makes(Mistake::PrefixWithoutBoundary) => {
                query.scope = Scope::StartsWith(key.to_bytes());
            }
            Scope::Range(start, Bound::Excluded(end)) if self.makes(Mistake::RangeEndIncluded) => {
                query.scope = Scope::Range(start, Bound::Included(end));
            }
            scope => query.scope = scope,
        }
        let descending = query.direction == Direction::Descending;
        match query.before.take() {
            Some(before) if descending && self.makes(Mistake::DescendingCursorIncluded) => {
                let to = KeyRange::new(Bound::Unbounded, Bound::Included(before.to_bytes()))?;
                query.key_range()?.intersect(to)
            }
            before => {
                query.before = before;
                query.key_range()
            }
        }
    }

    fn hides(&self, value: &Bytes) -> bool {
        value.is_empty() && self.makes(Mistake::EmptyValueIsMissing)
    }
}

#[async_trait]
impl Datastore for Toy {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::embedded();
        capabilities.writable = !self.frozen;
        capabilities.disk_usage = self.makes(Mistake::DiskUsageZero);
        capabilities
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        if self.makes(Mistake::ClosedStoreAnswers) && self.lock().is_none() {
            return Ok(None);
        }
        self.with(|entries| {
            let found = entries.iter().find(|(other, _)| other == key);
            let found = found.filter(|(_, value)| !self.hides(value));
            Ok(found.map(|(_, value)| Found::answer(&want, value.clone())))
        })
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        let Query { scope: _, after: _, before: _, direction, limit, select } = query;
        self.with(|entries| {
            let Some(range) = self.range(query) else { return Ok(Page::default()) };
            let mut page = PageBuilder::new(query);
            for (key, value) in direction.order(entries.iter()) {
                if !std::ops::RangeBounds::<[u8]>::contains(&range, key.as_bytes()) {
                    continue;
                }
                let content = match select {
                    Select::Keys => Content::Nothing,
                    Select::Sizes => Content::Size(value.len() as u64),
                    Select::Values => Content::Value(value.clone()),
                };
                if page.push(key.as_bytes(), content).is_break() {
                    break;
                }
            }
            let mut page = page.finish()?;
            if limit.is_some() && self.makes(Mistake::LimitDropsTheCursor) {
                page.next = None;
            }
            Ok(page)
        })
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        let Batch { mut ops, conditions, durability: _ } = batch;
        let check = |entries: &Entries| {
            for condition in &conditions {
                let current = entries.iter().find(|(key, _)| key == condition.key());
                let holds = condition.holds(current.map(|(_, value)| value.as_ref()));
                if !holds && !self.makes(Mistake::ConditionIgnored) {
                    return Err(Error::conflict(condition.key()));
                }
            }
            Ok(())
        };
        if self.makes(Mistake::PutsBeforeDeletes) {
            ops.sort_by_key(|op| matches!(op, Op::Delete { .. }));
        }
        self.with(|_| Ok(()))?;
        if self.frozen {
            return Err(Error::unsupported("a snapshot is read-only"));
        }
        if self.makes(Mistake::BatchNotAtomic) || self.makes(Mistake::CheckThenAct) {
            self.with(|entries| check(entries))?;
            tokio::task::yield_now().await;
            for op in ops {
                self.apply(op)?;
                if self.makes(Mistake::BatchNotAtomic) {
                    tokio::task::yield_now().await;
                }
            }
            return Ok(());
        }
        // All at once: on a copy, which then takes the place of the entries.
        let mut entries = self.lock();
        let current = entries.as_mut().ok_or_else(Error::closed)?;
        check(current)?;
        let copy = Self { entries: Mutex::new(Some(current.clone())), ..Self::new(self.mistake) };
        ops.into_iter().try_for_each(|op| copy.apply(op))?;
        *entries = copy.lock().take();
        Ok(())
    }

    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        self.with(|entries| {
            let first = self.first_snapshot.get_or_init(|| entries.clone());
            let stale = self.makes(Mistake::StaleSnapshot);
            let entries = Mutex::new(Some(if stale { first.clone() } else { entries.clone() }));
            Ok(Arc::new(Self { entries, frozen: true, ..Self::new(self.mistake) }) as _)
        })
    }

    async fn sync(&self) -> Result<()> {
        self.with(|_| Ok(()))
    }

    async fn disk_usage(&self) -> Result<u64> {
        self.with(|_| {
            let zero = self.makes(Mistake::DiskUsageZero);
            if zero { Ok(0) } else { Err(Error::unsupported("a store in memory takes no disk")) }
        })
    }

    async fn compact(&self) -> Result<()> {
        self.with(|_| Ok(()))
    }

    async fn check(&self) -> Result<CheckReport> {
        self.with(|entries| {
            let bytes = entries.iter().map(|(key, value)| key.as_bytes().len() + value.len());
            let bytes = bytes.sum::<usize>() as u64;
            Ok(CheckReport { entries: entries.len() as u64, bytes, ..CheckReport::default() })
        })
    }

    async fn close(&self) -> Result<()> {
        *self.lock() = None;
        Ok(())
    }
}
