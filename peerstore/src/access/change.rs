use std::sync::Arc;

use datastore::{Batch, Datastore, DatastoreExt, Op, Query, Result};
use futures::TryStreamExt;
use libp2p_identity::PeerId;

use super::caches::{Caches, Stored};
use super::core::Core;
use super::locks::PeerLock;
use crate::address::AddressRow;
use crate::events::{self, PeerEvent};
use crate::keys::{KeyRow, PrivateKeyRow};
use crate::layout::{self, Book};
use crate::protocols::ProtocolRow;
use crate::reputation::ReputationRow;
use crate::row::Row;
use crate::tags::TagRow;

/// Changes to the rows of one peer, while nobody else changes them. Nothing happens until they are committed.
#[derive(Debug)]
pub(crate) struct Change<'c> {
    pub(super) core: &'c Core,
    pub(super) peer: PeerId,
    rows: Rows,
    /// Writes beside the rows: metadata.
    pub(super) extra: Vec<Op>,
    /// Rows in quarantine that go with the peer.
    aside: Vec<Op>,
    /// What is told of them.
    pub(super) told: Vec<PeerEvent>,
    /// Whether the peer is removed.
    removes: bool,
    /// Whether rows get a place in the caches.
    cached: bool,
    // Last: the peer is free once everything else of the change is gone.
    _lock: PeerLock<'c>,
}

/// The rows that a change has looked at.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) addresses: Slot<AddressRow>,
    pub(crate) protocols: Slot<ProtocolRow>,
    pub(crate) keys: Slot<KeyRow>,
    pub(crate) private_keys: Slot<PrivateKeyRow>,
    pub(crate) tags: Slot<TagRow>,
    pub(crate) reputation: Slot<ReputationRow>,
}

impl Rows {
    fn are_to_be_known(&self, book: Book) -> Option<bool> {
        match book {
            Book::Addresses => self.addresses.is_to_be_known(),
            Book::Protocols => self.protocols.is_to_be_known(),
            Book::Keys => self.keys.is_to_be_known(),
            Book::PrivateKeys => self.private_keys.is_to_be_known(),
            Book::Tags => self.tags.is_to_be_known(),
            Book::Reputation => self.reputation.is_to_be_known(),
        }
    }
}

/// A row as it was, and as it is to be.
#[derive(Debug)]
pub(crate) struct Slot<R>(Option<(Arc<R>, R)>);

impl<R> Default for Slot<R> {
    fn default() -> Self {
        Self(None)
    }
}

impl<R: Row> Slot<R> {
    /// What it was and what it is to be, if that differs.
    pub(crate) fn changed(&self) -> Option<(&Arc<R>, &R)> {
        self.0.as_ref().filter(|(old, new)| **old != *new).map(|(old, new)| (old, new))
    }

    /// Whether it says something of the peer, where it said nothing.
    fn began(&self) -> bool {
        self.changed().is_some_and(|(old, new)| !old.is_known() && new.is_known())
    }

    /// Whether it said something of the peer.
    fn was_known(&self) -> bool {
        self.0.as_ref().is_some_and(|(old, _)| old.is_known())
    }

    /// Whether it is to say nothing of the peer any more, where it said something.
    fn ended(&self) -> bool {
        self.changed().is_some_and(|(old, new)| old.is_known() && !new.is_known())
    }

    /// Whether it is to say something of the peer; `None` if nobody has looked.
    fn is_to_be_known(&self) -> Option<bool> {
        self.0.as_ref().map(|(_, new)| new.is_known())
    }

    fn plan(&self, core: &Core, peer: &PeerId, writes: &mut Writes) -> Result<()> {
        let Some((old, new)) = self.changed() else { return Ok(()) };
        let key = R::BOOK.key(peer)?;
        let before = (!old.is_empty()).then(|| old.expiry());
        if new.is_empty() {
            writes.rows.push(Op::Delete { key });
            return Ok(());
        }
        writes.expiries.extend(core.index().schedule(&key, before, new.expiry()));
        writes.rows.push(Op::Put { key, value: new.encode().into() });
        Ok(())
    }

    fn settle(&mut self, caches: &Caches, peer: &PeerId, cached: bool)
    where
        R: Stored,
    {
        match self.0.take().filter(|(old, new)| **old != *new) {
            Some((_, new)) if cached => R::cache(caches).set(peer, Arc::new(new)),
            Some(_) => R::cache(caches).forget(peer),
            None => {}
        }
    }
}

/// What a commit writes: entries of the expiry index, and the rows that they are for.
#[derive(Debug)]
struct Writes {
    expiries: Vec<Op>,
    rows: Vec<Op>,
}

impl<'c> Change<'c> {
    pub(super) fn new(core: &'c Core, peer: PeerId, lock: PeerLock<'c>) -> Self {
        Self {
            core,
            peer,
            rows: Rows::default(),
            extra: Vec::new(),
            aside: Vec::new(),
            told: Vec::new(),
            removes: false,
            cached: true,
            _lock: lock,
        }
    }

    pub(super) fn once(mut self) -> Self {
        self.cached = false;
        self
    }

    /// The peer that changes.
    pub(crate) fn peer(&self) -> &PeerId {
        &self.peer
    }

    /// A row of the peer, to be changed.
    pub(crate) async fn row<R: Stored>(&mut self) -> Result<&mut R> {
        let slot = R::slot(&mut self.rows);
        if slot.0.is_none() {
            let old = self.core.read_locked::<R>(&self.peer).await?;
            slot.0 = Some((Arc::clone(&old), R::clone(&old)));
        }
        match &mut slot.0 {
            Some((_, new)) => Ok(new),
            None => {
                Err(datastore::Error::new(datastore::ErrorKind::Internal, "a row was not loaded"))
            }
        }
    }

    /// Takes away what any book has of the peer. What is told of it is that the peer was removed.
    pub(crate) async fn take_away(&mut self, keep_watermark: bool) -> Result<()> {
        self.removes = true;
        let now = self.core.now();
        let addresses = self.row::<AddressRow>().await?;
        match keep_watermark {
            true => addresses.clear(now),
            false => *addresses = AddressRow::default(),
        }
        *self.row::<ProtocolRow>().await? = ProtocolRow::default();
        *self.row::<KeyRow>().await? = KeyRow::default();
        *self.row::<PrivateKeyRow>().await? = PrivateKeyRow::default();
        *self.row::<TagRow>().await? = TagRow::default();
        *self.row::<ReputationRow>().await? = ReputationRow::default();
        let metadata = layout::metadata_of(&self.peer)?;
        let store = self.core.store();
        let mut keys = store.query_keys(Query::descendants(metadata.clone()));
        while let Some(key) = keys.try_next().await? {
            self.extra.push(Op::Delete { key: key.detached() });
        }
        for book in Book::ALL.into_iter().map(Some).chain([None]) {
            let rows = book.map_or(Ok(metadata.clone()), |book| book.key(&self.peer))?;
            let mut aside = store.query_keys(Query::descendants(layout::quarantine(&rows)?));
            while let Some(key) = aside.try_next().await? {
                self.aside.push(Op::Delete { key: key.detached() });
            }
        }
        Ok(())
    }

    /// Commits what changed, if anything did; tells subscribers afterwards.
    pub(crate) async fn commit(self) -> Result<()> {
        let core = self.core;
        commit_all(core, &mut [self], Vec::new()).await
    }

    fn plan(&mut self, writes: &mut Writes) -> Result<()> {
        let (core, peer) = (self.core, &self.peer);
        let Rows { addresses, protocols, keys, private_keys, tags, reputation } = &self.rows;
        addresses.plan(core, peer, writes)?;
        protocols.plan(core, peer, writes)?;
        keys.plan(core, peer, writes)?;
        private_keys.plan(core, peer, writes)?;
        tags.plan(core, peer, writes)?;
        reputation.plan(core, peer, writes)?;
        writes.rows.append(&mut self.extra);
        writes.rows.append(&mut self.aside);
        Ok(())
    }

    /// Whether a row comes to be where none was.
    fn begins(&self) -> bool {
        let Rows { addresses, protocols, keys, private_keys, tags, reputation } = &self.rows;
        let began = [addresses.began(), protocols.began(), keys.began()];
        let also = [private_keys.began(), tags.began(), reputation.began()];
        began.into_iter().chain(also).any(|began| began)
    }

    /// Whether any row said something of the peer.
    fn was_known(&self) -> bool {
        let Rows { addresses, protocols, keys, private_keys, tags, reputation } = &self.rows;
        let some = [addresses.was_known(), protocols.was_known(), keys.was_known()];
        let also = [private_keys.was_known(), tags.was_known(), reputation.was_known()];
        some.into_iter().chain(also).any(|known| known)
    }

    /// What subscribers are to be told once it is committed.
    async fn events(&self) -> Result<Vec<PeerEvent>> {
        if !self.core.events().are_watched() {
            return Ok(Vec::new());
        }
        if self.removes {
            let known = self.was_known() || !self.extra.is_empty();
            return Ok(known
                .then_some(PeerEvent::Removed { peer: self.peer })
                .into_iter()
                .collect());
        }
        let begins = self.begins() || !self.extra.is_empty();
        let discovered = begins && !self.core.knows(&self.peer).await?;
        let mut events = self.differences(discovered);
        if self.ends() && !self.leaves_something().await? {
            events.push(PeerEvent::Removed { peer: self.peer });
        }
        Ok(events)
    }

    /// Whether something goes that was known of the peer.
    fn ends(&self) -> bool {
        let Rows { addresses, protocols, keys, private_keys, tags, reputation } = &self.rows;
        let ended = [addresses.ended(), protocols.ended(), keys.ended()];
        let also = [private_keys.ended(), tags.ended(), reputation.ended()];
        let metadata = self.extra.iter().any(|op| matches!(op, Op::Delete { .. }));
        metadata || ended.into_iter().chain(also).any(|ended| ended)
    }

    /// Whether something is known of the peer once this is committed.
    async fn leaves_something(&self) -> Result<bool> {
        for book in Book::ALL {
            let known = match self.rows.are_to_be_known(book) {
                Some(known) => known,
                None => self.core.knows_in(&self.peer, book).await?,
            };
            if known {
                return Ok(true);
            }
        }
        let metadata = Query::descendants(layout::metadata_of(&self.peer)?);
        let mut stored = self.core.store().query_keys(metadata);
        while let Some(key) = stored.try_next().await? {
            if !self.extra.iter().any(|op| *op.key() == key) {
                return Ok(true);
            }
        }
        Ok(self.extra.iter().any(|op| matches!(op, Op::Put { .. })))
    }

    fn differences(&self, discovered: bool) -> Vec<PeerEvent> {
        let mut events = events::between(&self.peer, discovered, &self.rows);
        events.extend(self.told.iter().cloned());
        events
    }

    fn settle(&mut self) {
        let (caches, peer, cached) = (self.core.caches(), &self.peer, self.cached);
        let Rows { addresses, protocols, keys, private_keys, tags, reputation } = &mut self.rows;
        addresses.settle(caches, peer, cached);
        protocols.settle(caches, peer, cached);
        keys.settle(caches, peer, cached);
        private_keys.settle(caches, peer, cached);
        tags.settle(caches, peer, cached);
        reputation.settle(caches, peer, cached);
    }
}

/// Commits changes of several peers as one batch, or in the order that a crash between its parts forgives
/// where batches are not atomic. `moves` are what a sweep does to the expiry index: its puts come before the rows,
/// its deletes after them.
pub(crate) async fn commit_all(
    core: &Core,
    changes: &mut [Change<'_>],
    moves: Vec<Op>,
) -> Result<()> {
    // What is scheduled is not passed by a sweep before it is committed.
    let _writing = core.index().writing();
    let (puts, deletes) = moves.into_iter().partition(|op| matches!(op, Op::Put { .. }));
    let was_watched = core.events().are_watched();
    let (mut writes, mut events) = (Writes { expiries: puts, rows: Vec::new() }, Vec::new());
    for change in changes.iter_mut() {
        events.extend(change.events().await?);
        change.plan(&mut writes)?;
    }
    // Until it is over, nobody knows what is stored: a commit whose future is dropped may still land.
    let mut doubt = Doubt { caches: core.caches(), changes, over: false };
    let Writes { expiries, rows } = writes;
    let parts: [Vec<Op>; 3] = [expiries, rows, deletes];
    if core.atomic() {
        write(core, parts.into_iter().flatten().collect()).await?;
    } else {
        for part in parts {
            write(core, part).await?;
        }
    }
    doubt.over = true;
    if !was_watched && core.events().are_watched() {
        // Who subscribed meanwhile may have read what was before.
        let missed = doubt.changes.iter().flat_map(|change| change.differences(false));
        events.extend(missed);
    }
    doubt.changes.iter_mut().for_each(Change::settle);
    // After the caches, so that who is told and looks sees it, and while the peers are still locked, so that
    // events of one peer come in the order of its changes.
    core.events().publish(events);
    Ok(())
}

async fn write(core: &Core, ops: Vec<Op>) -> Result<()> {
    if ops.is_empty() {
        return Ok(());
    }
    core.store().commit(Batch { ops, ..Batch::new() }).await
}

/// Forgets the rows of a commit that failed or was given up.
struct Doubt<'d, 'c> {
    caches: &'d Caches,
    changes: &'d mut [Change<'c>],
    over: bool,
}

impl Drop for Doubt<'_, '_> {
    fn drop(&mut self) {
        if !self.over {
            self.changes.iter().for_each(|change| self.caches.forget(&change.peer));
        }
    }
}
