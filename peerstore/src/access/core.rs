use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use datastore::{
    Batch, Capabilities, Clock, Conditions, Datastore, DatastoreExt, Error, ErrorKind, Expiry,
    ExpiryIndex, Key, Query, Result, Version, Want,
};
use futures::TryStreamExt;
use libp2p_identity::PeerId;

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

    /// Begins to change a peer whose rows need no place in the caches.
    pub(crate) async fn change_once(&self, peer: &PeerId) -> Result<Change<'_>> {
        Ok(self.change(peer).await?.once())
    }

    /// A peer's row of one book; an empty one if there is none.
    pub(crate) async fn read<R: Stored>(&self, peer: &PeerId) -> Result<Arc<R>> {
        self.check_open()?;
        R::cache(&self.caches).get(peer, self.load(peer)).await
    }

    /// As [`read`](Self::read), without a place in the cache if it has none: for rows that are looked at once.
    pub(crate) async fn read_once<R: Stored>(&self, peer: &PeerId) -> Result<Arc<R>> {
        self.check_open()?;
        match R::cache(&self.caches).peek(peer) {
            Some(row) => Ok(row),
            None => self.load(peer).await,
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
                self.set_aside(key, row, version, &flaw).await?;
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
            all.extend(self.metadata(&key).await?.map(|value| (name, value)));
        }
        Ok(all)
    }

    /// How many bytes of metadata lie below a key, beside one entry.
    pub(crate) async fn metadata_bytes(&self, below: Key, beside: &Key) -> Result<usize> {
        let (mut bytes, mut keys) = (0_usize, self.store.query_keys(Query::descendants(below)));
        while let Some(key) = keys.try_next().await? {
            if key != *beside
                && let Some(name) = unescape(key.last_segment())
                && let Some(value) = self.metadata(&key).await?
            {
                bytes = bytes.saturating_add(metadata::size(&name, &value));
            }
        }
        Ok(bytes)
    }

    /// Whether anything is known of a peer, beside which of its records are too old.
    pub(crate) async fn knows(&self, peer: &PeerId) -> Result<bool> {
        if self.read_once::<AddressRow>(peer).await?.is_known() {
            return Ok(true);
        }
        for book in Book::ALL.into_iter().filter(|book| *book != Book::Addresses) {
            if self.store.has(&book.key(peer)?).await? {
                return Ok(true);
            }
        }
        let metadata = Query::descendants(layout::metadata_of(peer)?).keys_only().limit(1);
        Ok(self.store.count(metadata).await? > 0)
    }

    async fn load<R: Row>(&self, peer: &PeerId) -> Result<Arc<R>> {
        let key = R::BOOK.key(peer)?;
        let Some(found) = self.store.read(&key, Want::Value).await? else {
            return Ok(Arc::default());
        };
        let version = found.version();
        let value = found.into_value().unwrap_or_default();
        match R::decode(&value, peer, &self.session) {
            Ok(row) => Ok(Arc::new(row)),
            Err(flaw) => {
                self.set_aside(&key, value, version, &flaw).await?;
                Ok(Arc::default())
            }
        }
    }

    /// Moves a row that cannot be read into quarantine, where it hides nothing; a row of a later release
    /// stays, and is an error.
    async fn set_aside(
        &self,
        key: &Key,
        value: Bytes,
        version: Option<Version>,
        flaw: &Flaw,
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
        if !self.capabilities.writable {
            return Ok(());
        }
        let aside = layout::quarantine(key)?;
        let mut batch = Batch::new().put(aside, value).delete(key.clone());
        if let Some(version) =
            version.filter(|_| self.capabilities.conditions == Conditions::AnyBatch)
        {
            batch = batch.unchanged(key.clone(), version);
        }
        match self.store.commit(batch).await {
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
