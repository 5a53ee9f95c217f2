use std::collections::HashSet;
use std::sync::Arc;

use async_lock::RwLock;
use async_trait::async_trait;
use datastore::{
    Batch, Capabilities, CheckReport, Condition, Conditions, Datastore, DatastoreExt, Durability,
    Found, Key, MemoryDatastore, Op, Outcome, Page, Query, Result, Want, copy, key,
};
use futures::TryStreamExt;
use libp2p_identity::PeerId;
use parking_lot::Mutex;

use super::owner::owner;
use crate::layout::{self, Book};
use crate::reputation::ReputationRow;
use crate::row::Row;
use crate::session::Session;

/// All rows in memory, and in the datastore below those of peers that have proven themselves or whose private key
/// there is, beside those of the peerstore itself.
///
/// Such a peer is *kept* from the commit that makes it one, which has to hold all of its rows, until no row of it is
/// left: what is in the datastore below is never older than what is in memory.
#[derive(Debug)]
pub(crate) struct ProvenStore {
    durable: Arc<dyn Datastore>,
    memory: MemoryDatastore,
    session: Session,
    kept: Mutex<HashSet<PeerId>>,
    /// Peers of which all is being written, in several batches where those are not atomic.
    announced: Mutex<HashSet<PeerId>>,
    /// Held alone by a commit that stands under conditions, from looking to writing.
    commits: RwLock<()>,
    /// Keys of commits that have failed, or were given up: what is stored of them may be new.
    doubtful: Mutex<Vec<Key>>,
}

impl ProvenStore {
    /// Reads all that is kept below `/peers` of a datastore.
    pub(crate) async fn open(durable: Arc<dyn Datastore>, session: Session) -> Result<Self> {
        let memory = MemoryDatastore::new();
        copy(&*durable, &memory, Query::descendants(key!("/peers")), |_| {}).await?;
        let mut kept = HashSet::new();
        let prefixes = Book::ALL.into_iter().map(Book::prefix).chain([layout::METADATA]);
        for prefix in prefixes {
            let mut keys = memory.query_keys(Query::descendants(prefix));
            while let Some(key) = keys.try_next().await? {
                kept.extend(owner(&key));
            }
        }
        Ok(Self {
            durable,
            memory,
            session,
            kept: Mutex::new(kept),
            announced: Mutex::default(),
            commits: RwLock::new(()),
            doubtful: Mutex::default(),
        })
    }

    /// Says that all rows of a peer are going to be written, by who alone changes it.
    pub(crate) fn announce(&self, peer: PeerId) -> Announced<'_> {
        self.announced.lock().insert(peer);
        Announced { store: self, peer }
    }

    async fn apply(&self, ops: Vec<Op>, durability: Durability) -> Result<()> {
        let new: HashSet<PeerId> = ops.iter().filter_map(|op| self.keeps(op)).collect();
        let kept = self.kept_part(&ops, &new).await?;
        let mut doubt = Doubt { store: self, keys: Vec::new() };
        if !kept.is_empty() || durability == Durability::Synced {
            doubt.keys = kept.iter().map(|op| op.key().clone()).collect();
            let batch = Batch { ops: kept, durability, ..Batch::new() };
            self.durable.commit(batch).await.inspect_err(|error| {
                if self.is_atomic() && error.outcome() == Some(Outcome::NotApplied) {
                    doubt.keys.clear();
                }
            })?;
        }
        let gone = ops.iter().filter(|op| matches!(op, Op::Delete { .. }));
        let gone: HashSet<PeerId> = gone.filter_map(|op| owner(op.key())).collect();
        // Nothing waits between the two commits: this one is over as soon as it has begun.
        self.memory.commit(Batch { ops, ..Batch::new() }).await?;
        doubt.keys.clear();
        self.kept.lock().extend(new);
        self.let_go(gone).await
    }

    /// Keeps those no more of which nothing is left.
    async fn let_go(&self, peers: HashSet<PeerId>) -> Result<()> {
        for peer in peers {
            if self.is_kept(&peer) && !self.has_rows(&peer).await? {
                self.kept.lock().remove(&peer);
            }
        }
        Ok(())
    }

    /// The peer that is kept for a write.
    fn keeps(&self, op: &Op) -> Option<PeerId> {
        let Op::Put { key, value } = op else { return None };
        let (book, peer) = layout::place(key)?;
        let is_kept = match book {
            Book::PrivateKeys => true,
            Book::Reputation => {
                ReputationRow::decode(value, &peer, &self.session).is_ok_and(|row| row.is_proven())
            }
            _ => false,
        };
        is_kept.then_some(peer)
    }

    /// What of a batch is for the datastore below.
    async fn kept_part(&self, ops: &[Op], new: &HashSet<PeerId>) -> Result<Vec<Op>> {
        let mut part = Vec::new();
        for op in ops {
            let is_kept = match (owner(op.key()), op) {
                (None, _) => true,
                (Some(peer), _) if new.contains(&peer) || self.is_kept(&peer) => true,
                (Some(_), Op::Put { .. }) => false,
                // The index names peers for a while that are gone.
                (Some(_), Op::Delete { key }) => self.durable.has(key).await?,
            };
            if is_kept {
                part.push(op.clone());
            }
        }
        Ok(part)
    }

    fn is_kept(&self, peer: &PeerId) -> bool {
        self.kept.lock().contains(peer) || self.announced.lock().contains(peer)
    }

    async fn has_rows(&self, peer: &PeerId) -> Result<bool> {
        for book in Book::ALL {
            if self.memory.has(&book.key(peer)?).await? {
                return Ok(true);
            }
        }
        let metadata = Query::descendants(layout::metadata_of(peer)?).keys_only().limit(1);
        Ok(self.memory.count(metadata).await? > 0)
    }

    fn is_atomic(&self) -> bool {
        self.durable.capabilities().atomic_batches
    }

    /// Reads again what may have been stored after all.
    async fn settle(&self) -> Result<()> {
        if self.doubtful.lock().is_empty() {
            return Ok(());
        }
        let _alone = self.commits.write().await;
        let mut doubt = Doubt { store: self, keys: std::mem::take(&mut *self.doubtful.lock()) };
        let (mut batch, mut stored) = (Batch::new(), HashSet::new());
        let owners: HashSet<PeerId> = doubt.keys.iter().filter_map(owner).collect();
        for key in &doubt.keys {
            batch = match self.durable.get(key).await? {
                Some(value) => {
                    stored.extend(owner(key));
                    batch.put(key.clone(), value)
                }
                None => batch.delete(key.clone()),
            };
        }
        self.memory.commit(batch).await?;
        doubt.keys.clear();
        self.kept.lock().extend(stored);
        self.let_go(owners).await
    }

    async fn check_conditions(&self, conditions: Vec<Condition>) -> Result<()> {
        self.memory.commit(Batch { conditions, ..Batch::new() }).await
    }
}

/// That all rows of a peer are being written, until it is dropped.
#[derive(Debug)]
pub(crate) struct Announced<'s> {
    store: &'s ProvenStore,
    peer: PeerId,
}

impl Drop for Announced<'_> {
    fn drop(&mut self) {
        self.store.announced.lock().remove(&self.peer);
    }
}

/// Keys that are in doubt if it is dropped with them.
struct Doubt<'s> {
    store: &'s ProvenStore,
    keys: Vec<Key>,
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if !self.keys.is_empty() {
            self.store.doubtful.lock().append(&mut self.keys);
        }
    }
}

#[async_trait]
impl Datastore for ProvenStore {
    fn capabilities(&self) -> Capabilities {
        // Reads and conditions are those of memory; what becomes of a batch, and what it survives, is not.
        let mut capabilities = self.durable.capabilities();
        capabilities.conditions = Conditions::AnyBatch;
        capabilities.consistent_pages = true;
        capabilities
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        self.settle().await?;
        self.memory.read(key, want).await
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        self.settle().await?;
        self.memory.query_page(query).await
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        self.settle().await?;
        let Batch { ops, conditions, durability } = batch;
        if conditions.is_empty() {
            let _together = self.commits.read().await;
            return self.apply(ops, durability).await;
        }
        let _alone = self.commits.write().await;
        self.check_conditions(conditions).await?;
        self.apply(ops, durability).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        self.settle().await?;
        self.memory.snapshot().await
    }

    async fn sync(&self) -> Result<()> {
        self.durable.sync().await
    }

    async fn disk_usage(&self) -> Result<u64> {
        self.durable.disk_usage().await
    }

    async fn compact(&self) -> Result<()> {
        self.durable.compact().await
    }

    async fn check(&self) -> Result<CheckReport> {
        self.durable.check().await
    }

    async fn close(&self) -> Result<()> {
        self.memory.close().await
    }
}
