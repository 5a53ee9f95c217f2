use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    Batch, Capabilities, CheckReport, Content, Datastore, Error, Found, Key, Op, Page, PageBuilder,
    Query, Result, Select, Want,
};

/// A store in memory, and the executable specification of the contract.
///
/// Atomic, with conditions on any batch and snapshots; nothing survives the handle. Values are copied
/// in, so that no buffer of the caller is kept alive. A snapshot costs nothing; the first commit
/// after it copies the map (of shared values) once.
#[derive(Debug)]
pub struct MemoryDatastore {
    // `None` once closed.
    entries: RwLock<Option<Arc<Entries>>>,
    /// Whether the store is closed; shared with its snapshots, which end with it.
    ended: Arc<AtomicBool>,
    frozen: bool,
}

type Entries = BTreeMap<Key, Bytes>;

impl Default for MemoryDatastore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryDatastore {
    /// An empty store.
    pub fn new() -> Self {
        Self { entries: RwLock::new(Some(Arc::default())), ended: Arc::default(), frozen: false }
    }

    // A panic cannot leave the map half changed: nothing between two changes can panic.
    fn lock(&self) -> RwLockReadGuard<'_, Option<Arc<Entries>>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_mut(&self) -> RwLockWriteGuard<'_, Option<Arc<Entries>>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_open(&self) -> Result<()> {
        self.open(&self.lock()).map(drop)
    }

    fn open<'e>(&self, entries: &'e Option<Arc<Entries>>) -> Result<&'e Arc<Entries>> {
        let ended = self.ended.load(Ordering::Acquire);
        entries.as_ref().filter(|_| !ended).ok_or_else(Error::closed)
    }
}

#[async_trait]
impl Datastore for MemoryDatastore {
    fn capabilities(&self) -> Capabilities {
        Capabilities { writable: !self.frozen, ..Capabilities::embedded() }
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        let entries = self.lock();
        let entries = self.open(&entries)?;
        Ok(entries.get(key).map(|value| Found::answer(&want, value.clone())))
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        let Query { scope: _, after: _, before: _, direction, limit: _, select } = query;
        let entries = self.lock();
        let entries = self.open(&entries)?;
        let Some(range) = query.key_range() else { return Ok(Page::default()) };
        let mut page = PageBuilder::new(query);
        for (key, value) in direction.order(entries.range::<[u8], _>(range)) {
            let content = match select {
                Select::Keys => Content::Nothing,
                Select::Sizes => Content::Size(value.len() as u64),
                Select::Values => Content::Value(value.clone()),
            };
            if page.push(key.as_bytes(), content).is_break() {
                break;
            }
        }
        page.finish()
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        let Batch { ops, conditions, durability: _ } = batch;
        if self.frozen {
            self.check_open()?;
            return Err(Error::unsupported("a snapshot is read-only"));
        }
        let mut entries = self.lock_mut();
        let entries = entries.as_mut().ok_or_else(Error::closed)?;
        for condition in conditions {
            if !condition.holds(entries.get(condition.key()).map(AsRef::as_ref)) {
                return Err(Error::conflict(condition.key()));
            }
        }
        let entries = Arc::make_mut(entries);
        for op in ops {
            match op {
                Op::Put { key, value } => {
                    entries.insert(key.detached(), Bytes::copy_from_slice(&value));
                }
                Op::Delete { key } => {
                    entries.remove(&key);
                }
            }
        }
        Ok(())
    }

    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        let entries = Arc::clone(self.open(&self.lock())?);
        let ended = Arc::clone(&self.ended);
        Ok(Arc::new(Self { entries: RwLock::new(Some(entries)), ended, frozen: true }))
    }

    async fn sync(&self) -> Result<()> {
        self.check_open()
    }

    async fn disk_usage(&self) -> Result<u64> {
        self.check_open()?;
        Err(Error::unsupported("a store in memory takes no disk"))
    }

    async fn compact(&self) -> Result<()> {
        self.check_open()
    }

    async fn check(&self) -> Result<CheckReport> {
        let entries = self.lock();
        let entries = self.open(&entries)?;
        let mut report = CheckReport::default();
        for (key, value) in entries.iter() {
            report.entries += 1;
            report.bytes += (key.as_bytes().len() + value.len()) as u64;
        }
        Ok(report)
    }

    async fn close(&self) -> Result<()> {
        *self.lock_mut() = None;
        if !self.frozen {
            self.ended.store(true, Ordering::Release);
        }
        Ok(())
    }
}
