use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use datastore::{
    Capabilities, Clock, Datastore, DatastoreExt, Error, ErrorKind, Expiry, ExpiryIndex, Key,
    Query, Result, Want,
};
use futures::FutureExt;
use libp2p_identity::PeerId;

use super::cache::Loaded;
use super::caches::{Caches, Stored};
use super::change::Change;
use super::locks::PeerLocks;
use crate::address::{AddressRow, At};
use crate::census::Census;
use crate::events::Events;
use crate::evict::Hands;
use crate::gc::GcCounters;
use crate::layout::{self, Book};
use crate::options::{PeerstoreOptions, Persistence};
use crate::persistence::ProvenStore;
use crate::session::Session;
use crate::tags::TagRow;
use crate::write_behind::Gathered;

/// An open peerstore: what all its handles share.
#[derive(Debug)]
pub(crate) struct Core {
    /// What is read and written: `proven` over `gathered` over the store that was given, as far as there are such.
    store: Arc<dyn Datastore>,
    /// What gathers changes, over the store that was given, if they are gathered.
    gathered: Option<Arc<Gathered>>,
    /// What the store is, where not all peers are written.
    proven: Option<Arc<ProvenStore>>,
    /// Those of the store that was given.
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
    census: Census,
    /// Held by the one who makes room.
    hands: async_lock::Mutex<Hands>,
    gc: GcCounters,
    closed: AtomicBool,
}

/// Which of what is stored counts as known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counts {
    /// All, until it is collected: what subscribers have been told of.
    Stored,
    /// What has not expired: what readers are told.
    Live,
}

impl Core {
    pub(crate) async fn open(
        store: Arc<dyn Datastore>,
        clock: Arc<dyn Clock>,
        options: PeerstoreOptions,
    ) -> Result<Self> {
        let capabilities = store.capabilities();
        // In the store that was given: nothing may be written there before it is taken away.
        let census = Census::open(&*store, options.persistence).await?;
        let gathered = options.write_behind.over(&store, &clock);
        let store = match &gathered {
            Some(gathered) => Arc::clone(gathered) as Arc<dyn Datastore>,
            None => store,
        };
        let session = Session::begin(Expiry::at(clock.now()))?;
        let proven = match options.persistence {
            Persistence::All => None,
            Persistence::Proven => {
                Some(Arc::new(ProvenStore::open(Arc::clone(&store), session).await?))
            }
        };
        let store = proven.clone().map_or(store, |proven| proven as Arc<dyn Datastore>);
        let index = ExpiryIndex::open(&store, layout::EXPIRY).await?;
        Ok(Self {
            capabilities,
            caches: Caches::new(options.cache_bytes),
            events: Events::new(options.event_capacity),
            locks: PeerLocks::new(),
            collecting: async_lock::Mutex::new(()),
            census,
            hands: async_lock::Mutex::default(),
            gc: GcCounters::default(),
            closed: AtomicBool::new(false),
            proven,
            store,
            gathered,
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

    /// Begins to change a peer that nobody else changes or waits for, now.
    pub(crate) fn try_change(&self, peer: &PeerId) -> Option<Change<'_>> {
        let lock = self.locks.lock(peer).now_or_never()?;
        Some(Change::new(self, *peer, lock).once())
    }

    /// A peer's row, for who has the lock of the peer: from memory, or read by itself.
    pub(super) async fn read_locked<R: Stored>(&self, peer: &PeerId, key: &Key) -> Result<Arc<R>> {
        self.check_open()?;
        match R::cache(&self.caches).peek(peer) {
            Some(row) => Ok(row),
            None => Ok(self.load(peer, key, true).await?.row),
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
            None => {
                let key = R::BOOK.key(peer)?;
                cache.get(peer, self.load(peer, &key, false)).await
            }
        }
    }

    /// As [`read`](Self::read), without a place in the cache if it has none: for rows that are looked at once.
    pub(crate) async fn read_once<R: Stored>(&self, peer: &PeerId) -> Result<Arc<R>> {
        self.check_open()?;
        match R::cache(&self.caches).peek(peer) {
            Some(row) => Ok(row),
            None => Ok(self.load(peer, &R::BOOK.key(peer)?, false).await?.row),
        }
    }

    /// Whether anything is known of a peer, beside which of its records are too old: of what is stored, that which
    /// `counts`.
    pub(crate) async fn knows(&self, peer: &PeerId, counts: Counts) -> Result<bool> {
        for book in Book::ALL {
            if self.knows_in(peer, book, counts).await? {
                return Ok(true);
            }
        }
        let metadata = Query::descendants(layout::metadata_of(peer)?).keys_only().limit(1);
        Ok(self.store.count(metadata).await? > 0)
    }

    /// Whether a book has something of a peer.
    pub(crate) async fn knows_in(&self, peer: &PeerId, book: Book, counts: Counts) -> Result<bool> {
        match (book, counts) {
            (Book::Addresses, _) => self.says::<AddressRow>(peer, counts).await,
            (Book::Tags, Counts::Live) => self.says::<TagRow>(peer, counts).await,
            _ => self.store.has(&book.key(peer)?).await,
        }
    }

    async fn says<R: Stored>(&self, peer: &PeerId, counts: Counts) -> Result<bool> {
        match self.read_once::<R>(peer).await {
            Ok(row) => Ok(match counts {
                Counts::Stored => row.is_known(),
                Counts::Live => row.is_known_at(self.now()),
            }),
            Err(error) if error.kind() == ErrorKind::Incompatible => Ok(true),
            Err(error) => Err(error),
        }
    }

    async fn load<R: Stored>(&self, peer: &PeerId, key: &Key, locked: bool) -> Result<Loaded<R>> {
        let none = || R::cache(&self.caches).none();
        let Some(found) = self.store.read(key, Want::Value).await? else {
            return Ok(Loaded { row: none(), is_certain: true });
        };
        let version = found.version();
        let value = found.into_value().unwrap_or_default();
        match R::decode(&value, peer, &self.session) {
            Ok(row) => Ok(Loaded { row: Arc::new(row), is_certain: true }),
            Err(flaw) => {
                // Boxed: seldom, and much longer than what is awaited each time.
                self.set_aside(key, value, version, &flaw, locked).boxed().await?;
                Ok(Loaded { row: none(), is_certain: false })
            }
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

    /// From now on every call answers `Closed`.
    pub(crate) fn shut(&self) {
        self.closed.store(true, Ordering::Release);
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

    /// What changes are gathered in, if they are.
    pub(crate) fn gathered(&self) -> Option<&Gathered> {
        self.gathered.as_deref()
    }

    pub(crate) fn proven(&self) -> Option<&ProvenStore> {
        self.proven.as_deref()
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

    pub(crate) fn census(&self) -> &Census {
        &self.census
    }

    pub(crate) fn hands(&self) -> &async_lock::Mutex<Hands> {
        &self.hands
    }

    pub(crate) fn gc(&self) -> &GcCounters {
        &self.gc
    }

    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    pub(super) fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    pub(crate) fn atomic(&self) -> bool {
        self.capabilities.atomic_batches
    }
}
