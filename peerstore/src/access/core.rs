use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use datastore::{
    Batch, Capabilities, Clock, Conditions, Datastore, DatastoreExt, Error, ErrorKind, Expiry,
    ExpiryIndex, Key, Op, Query, Result, Version, Want,
};
use futures::TryStreamExt;
use libp2p_identity::PeerId;

use super::cache::Loaded;
use super::caches::{Caches, Stored};
use super::change::Change;
use super::locks::PeerLocks;
use crate::address::{AddressRow, At};
use crate::cbor::Flaw;
use crate::events::Events;
use crate::layout::{self, Book};
use crate::metadata::{self, MetadataValue, unescape};
use crate::options::PeerstoreOptions;
use crate::row::Row;
use crate::session::Session;

/// An open peerstore: what all its handles share.
#[derive(Debug)]
pub(crate) struct Core {
    store: Arc<dyn Datastore>,
    capabilities: Capabilities,
    options: PeerstoreOptions,
    clock: Arc<dyn Clock>,
    session: Session,
    index: ExpiryIndex,
    locks: PeerLocks,
    caches: Caches,
    events: Events,
    /// Held by the one collection that there may be.
    collecting: async_lock::Mutex<()>,
    closed: AtomicBool,
}

impl Core {
    pub(crate) async fn open(
        store: Arc<dyn Datastore>,
        clock: Arc<dyn Clock>,
        options: PeerstoreOptions,
    ) -> Result<Self> {
        let index = ExpiryIndex::open(&store, layout::EXPIRY).await?;
        let session = Session::begin(Expiry::at(clock.now()))?;
        Ok(Self {
            capabilities: store.capabilities(),
            caches: Caches::new(options.cache_bytes),
            events: Events::new(options.event_capacity),
            locks: PeerLocks::new(),
            collecting: async_lock::Mutex::new(()),
            closed: AtomicBool::new(false),
            store,
            options,
            clock,
            session,
            index,
        })
    }

    /// Begins to change a peer, once nobody else does.
    pub(crate) async fn change(&self, peer: &PeerId) -> Result<Change<'_>> {
        self.check_open()?;
        let lock = self.locks.lock(peer).await;
        Ok(Change::new(self, *peer, lock))
    }

    /// A peer's row, for who has the lock of the peer: from memory, or read by itself.
    pub(crate) async fn read_locked<R: Stored>(&self, peer: &PeerId) -> Result<Arc<R>> {
        self.check_open()?;
        match R::cache(&self.caches).peek(peer) {
            Some(row) => Ok(row),
            None => Ok(self.load(peer, true).await?.row),
        }
    }

    /// Begins to change a peer whose rows need no place in the caches.
    pub(crate) async fn change_once(&self, peer: &PeerId) -> Result<Change<'_>> {
        Ok(self.change(peer).await?.once())
    }

    /// A peer's row of one book; an empty one if there is none.
    pub(crate) async fn read<R: Stored>(&self, peer: &PeerId) -> Result<Arc<R>> {
        self.check_open()?;
        let cache = R::cache(&self.caches);
        match cache.peek(peer) {
            Some(row) => Ok(row),
            None => cache.get(peer, self.load(peer, false)).await,
        }
    }

    /// As [`read`](Self::read), without a place in the cache if it has none: for rows that are looked at once.
    pub(crate) async fn read_once<R: Stored>(&self, peer: &PeerId) -> Result<Arc<R>> {
        self.check_open()?;
        match R::cache(&self.caches).peek(peer) {
            Some(row) => Ok(row),
            None => Ok(self.load(peer, false).await?.row),
        }
    }

    /// An entry of the metadata.
    pub(crate) async fn metadata(&self, key: &Key) -> Result<Option<MetadataValue>> {
        self.check_open()?;
        let Some(found) = self.store.read(key, Want::Value).await? else { return Ok(None) };
        let (version, row) = (found.version(), found.into_value().unwrap_or_default());
        match MetadataValue::from_row(&row) {
            Ok(value) => Ok(Some(value)),
            Err(flaw) => {
                self.set_aside(key, row, version, &flaw, false).await?;
                Ok(None)
            }
        }
    }

    /// All metadata of a peer, ordered by the keys of its rows.
    pub(crate) async fn all_metadata(&self, peer: &PeerId) -> Result<Vec<(String, MetadataValue)>> {
        self.check_open()?;
        let mut keys = self.store.query_keys(Query::descendants(layout::metadata_of(peer)?));
        let mut all = Vec::new();
        while let Some(key) = keys.try_next().await? {
            // A key that is no name of ours is somebody else's row.
            let Some(name) = unescape(key.last_segment()) else { continue };
            match self.metadata(&key).await {
                Ok(value) => all.extend(value.map(|value| (name, value))),
                Err(error) if error.kind() == ErrorKind::Incompatible => {
                    tracing::warn!(%key, %error, "an entry is passed over");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// How many bytes of metadata there will be below a key after some writes, beside one entry.
    pub(crate) async fn metadata_bytes(
        &self,
        below: Key,
        beside: &Key,
        writes: &[Op],
    ) -> Result<usize> {
        let mut keys = self.store.query_keys(Query::descendants(below));
        let written = |key: &Key| writes.iter().any(|op| op.key() == key);
        let mut bytes = 0_usize;
        while let Some(key) = keys.try_next().await? {
            if key == *beside || written(&key) {
                continue;
            }
            let name = unescape(key.last_segment()).unwrap_or_default();
            bytes = bytes.saturating_add(match self.metadata(&key).await {
                Ok(value) => value.map_or(0, |value| metadata::size(&name, &value)),
                Err(error) if error.kind() == ErrorKind::Incompatible => {
                    self.stored_size(&key, &name).await?
                }
                Err(error) => return Err(error),
            });
        }
        for op in writes {
            if let Op::Put { key, value } = op
                && let Ok(value) = MetadataValue::from_row(value)
            {
                let name = unescape(key.last_segment()).unwrap_or_default();
                bytes = bytes.saturating_add(metadata::size(&name, &value));
            }
        }
        Ok(bytes)
    }

    async fn stored_size(&self, key: &Key, name: &str) -> Result<usize> {
        let size = self.store.size(key).await?.unwrap_or_default();
        Ok(name.len().saturating_add(usize::try_from(size).unwrap_or(usize::MAX)))
    }

    /// Whether anything is known of a peer, beside which of its records are too old.
    pub(crate) async fn knows(&self, peer: &PeerId) -> Result<bool> {
        match self.read_once::<AddressRow>(peer).await {
            Ok(row) if !row.is_known() => {}
            Err(error) if error.kind() != ErrorKind::Incompatible => return Err(error),
            _ => return Ok(true),
        }
        for book in Book::ALL.into_iter().filter(|book| *book != Book::Addresses) {
            if self.store.has(&book.key(peer)?).await? {
                return Ok(true);
            }
        }
        let metadata = Query::descendants(layout::metadata_of(peer)?).keys_only().limit(1);
        Ok(self.store.count(metadata).await? > 0)
    }

    async fn load<R: Row>(&self, peer: &PeerId, locked: bool) -> Result<Loaded<R>> {
        let key = R::BOOK.key(peer)?;
        let Some(found) = self.store.read(&key, Want::Value).await? else {
            return Ok(Loaded { row: Arc::default(), is_certain: true });
        };
        let version = found.version();
        let value = found.into_value().unwrap_or_default();
        match R::decode(&value, peer, &self.session) {
            Ok(row) => Ok(Loaded { row: Arc::new(row), is_certain: true }),
            Err(flaw) => {
                self.set_aside(&key, value, version, &flaw, locked).await?;
                Ok(Loaded { row: Arc::default(), is_certain: false })
            }
        }
    }

    /// Moves a row that cannot be read into quarantine, where it hides nothing; a row of a later release
    /// stays, and is an error. Where no condition keeps a new row from being taken for it, that is left to who has
    /// the lock of the peer.
    async fn set_aside(
        &self,
        key: &Key,
        value: Bytes,
        version: Option<Version>,
        flaw: &Flaw,
        locked: bool,
    ) -> Result<()> {
        let why = match flaw {
            Flaw::Newer(version) => {
                let message =
                    format!("a later release wrote {key}: its rows have version {version}");
                return Err(Error::new(ErrorKind::Incompatible, message).with_key(key.clone()));
            }
            Flaw::Damaged(why) => why,
        };
        tracing::warn!(%key, why, "a row cannot be read and goes into quarantine");
        let guarded = self.capabilities.conditions == Conditions::AnyBatch;
        if !self.capabilities.writable || !(guarded || locked) {
            return Ok(());
        }
        let put = Batch::new().put(layout::quarantine(key)?, value);
        if !guarded {
            // First there, then gone here.
            self.store.commit(put).await?;
            return self.store.delete(key).await;
        }
        let moved = put.delete(key.clone());
        let moved = match version {
            Some(version) => moved.unchanged(key.clone(), version),
            None => moved,
        };
        match self.store.commit(moved).await {
            // Somebody wrote a new row meanwhile, which is not the damaged one.
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            other => other,
        }
    }

    /// Whether private keys may be written.
    pub(crate) fn check_private_keys(&self) -> Result<()> {
        if self.atomic() || self.options.private_keys_on_remote_stores {
            return Ok(());
        }
        let message = "private keys are not written to a remote store: \
            allow it with `private_keys_on_remote_stores`";
        Err(Error::new(ErrorKind::PermissionDenied, message))
    }

    pub(crate) fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) { Err(Error::closed()) } else { Ok(()) }
    }

    /// From now on every call answers `Closed`; says whether it was open.
    pub(crate) fn shut(&self) -> bool {
        !self.closed.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// Under what rows change now.
    pub(crate) fn at(&self) -> At<'_> {
        At { now: self.now(), session: &self.session, limits: &self.options.limits }
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub(crate) fn store(&self) -> &Arc<dyn Datastore> {
        &self.store
    }

    pub(crate) fn options(&self) -> &PeerstoreOptions {
        &self.options
    }

    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    pub(crate) fn index(&self) -> &ExpiryIndex {
        &self.index
    }

    pub(crate) fn caches(&self) -> &Caches {
        &self.caches
    }

    pub(crate) fn collecting(&self) -> &async_lock::Mutex<()> {
        &self.collecting
    }

    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    pub(crate) fn atomic(&self) -> bool {
        self.capabilities.atomic_batches
    }
}
