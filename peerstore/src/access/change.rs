use datastore::{DatastoreExt, Due, Op, Query, Result};
use futures::TryStreamExt;
use libp2p_identity::PeerId;

use super::caches::Stored;
use super::commit::commit_all;
use super::core::{Core, Counts};
use super::locks::PeerLock;
use super::opened::Opened;
use super::slot::{Extent, Rows, Writes};
use crate::address::AddressRow;
use crate::census::{Admission, Kind, Shift};
use crate::events::{self, PeerEvent};
use crate::keys::{KeyRow, PrivateKeyRow};
use crate::layout::{self, Book};
use crate::persistence::Announced;
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
    /// How many entries of metadata there were, and are to be; `None` if nobody looked.
    pub(super) entries: Option<(usize, usize)>,
    /// Rows in quarantine that go with the peer, and metadata that is written once more.
    aside: Vec<Op>,
    /// Entries of the expiry index that go with the peer.
    unindexed: Vec<Op>,
    /// What is told of them.
    pub(super) told: Vec<PeerEvent>,
    extent: Extent,
    /// Whether rows get a place in the caches.
    cached: bool,
    // Second to last: the peer is free once everything else of the change is gone.
    _lock: PeerLock<'c>,
    // Last: who waits for the peer to be free is told afterwards.
    _open: Opened<'c>,
}

impl<'c> Change<'c> {
    pub(super) fn new(core: &'c Core, peer: PeerId, lock: PeerLock<'c>) -> Self {
        Self {
            core,
            peer,
            rows: Rows::default(),
            extra: Vec::new(),
            entries: None,
            aside: Vec::new(),
            unindexed: Vec::new(),
            told: Vec::new(),
            extent: Extent::default(),
            cached: true,
            _lock: lock,
            _open: Opened::new(core.census()),
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
        R::slot(&mut self.rows).look(self.core, &self.peer).await
    }

    /// Takes away what any book has of the peer. What is told of it is that the peer was removed.
    pub(crate) async fn take_away(&mut self, keep_watermark: bool) -> Result<()> {
        self.extent = Extent::Removal;
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
        self.entries = Some((self.extra.len(), 0));
        for book in Book::ALL.into_iter().map(Some).chain([None]) {
            let rows = book.map_or(Ok(metadata.clone()), |book| book.key(&self.peer))?;
            let mut aside = store.query_keys(Query::descendants(layout::quarantine(&rows)?));
            while let Some(key) = aside.try_next().await? {
                self.aside.push(Op::Delete { key: key.detached() });
            }
        }
        Ok(())
    }

    /// Takes away what the expiry index has of the peer, also where its rows came to live longer. It walks the index.
    pub(crate) async fn take_index_entries_away(&mut self) -> Result<()> {
        let mut rows = Vec::with_capacity(Book::ALL.len());
        for book in Book::ALL {
            rows.push(book.key(&self.peer)?);
        }
        let entries = self.core.index().entries_of(self.core.store(), &rows).await?;
        self.unindexed.extend(entries.iter().map(Due::settled));
        Ok(())
    }

    /// Takes the watermark of the peer away, if nothing else is left of its addresses.
    pub(crate) async fn take_watermark_away(&mut self) -> Result<bool> {
        let addresses = self.row::<AddressRow>().await?;
        let is_watermark = addresses.kind() == Some(Kind::Watermarks);
        if is_watermark {
            *addresses = AddressRow::default();
            self.extent = Extent::Removal;
        }
        Ok(is_watermark)
    }

    /// Commits what changed, if anything did, once there is room for what begins; tells subscribers afterwards.
    pub(crate) async fn commit(self) -> Result<()> {
        let core = self.core;
        commit_all(core, &mut [self], Vec::new(), Admission::WithRoom).await
    }

    /// Looks at all that is known of the peer, so that what is counted of it is in no doubt.
    pub(crate) async fn look(&mut self) -> Result<()> {
        self.row::<AddressRow>().await?;
        self.row::<ProtocolRow>().await?;
        self.row::<KeyRow>().await?;
        self.row::<PrivateKeyRow>().await?;
        self.row::<TagRow>().await?;
        self.row::<ReputationRow>().await?;
        let metadata = Query::descendants(layout::metadata_of(&self.peer)?).keys_only().limit(1);
        let some = usize::from(self.core.store().count(metadata).await? > 0);
        self.entries = Some((some, some));
        Ok(())
    }

    /// Where not all peers are stored, the change with which a peer comes to be writes all that is known of it.
    pub(super) async fn complete(&mut self) -> Result<()> {
        let proves = self.rows.reputation.changed();
        let proves = proves.is_some_and(|(old, new)| !old.is_proven() && new.is_proven());
        let is_stored = proves || self.rows.private_keys.began();
        if !is_stored || self.core.proven().is_none() {
            return Ok(());
        }
        self.extent = Extent::Whole;
        self.row::<AddressRow>().await?;
        self.row::<ProtocolRow>().await?;
        self.row::<KeyRow>().await?;
        self.row::<PrivateKeyRow>().await?;
        self.row::<TagRow>().await?;
        self.row::<ReputationRow>().await?;
        let metadata = Query::descendants(layout::metadata_of(&self.peer)?);
        let mut entries = self.core.store().query(metadata);
        while let Some(entry) = entries.try_next().await? {
            if let Some(value) = entry.value().cloned()
                && !self.extra.iter().any(|op| op.key() == entry.key())
            {
                self.aside.push(Op::Put { key: entry.key().detached(), value });
            }
        }
        Ok(())
    }

    /// That all is written of the peer, to be held while it is.
    pub(super) fn announce(&self) -> Option<Announced<'c>> {
        let store = self.core.proven().filter(|_| self.extent == Extent::Whole)?;
        Some(store.announce(self.peer))
    }

    /// What begins and ends with it.
    pub(super) fn shift(&self) -> Shift {
        let [mut seen, mut before, mut after] = self.rows.count();
        if let Some((were, are)) = self.entries {
            seen.insert(Kind::Metadata);
            before.extend((were > 0).then_some(Kind::Metadata));
            after.extend((are > 0).then_some(Kind::Metadata));
        }
        Shift::new(self.peer, seen, before, after)
    }

    pub(super) fn plan(&mut self, writes: &mut Writes) {
        self.rows.plan(self.core, self.extent, writes);
        writes.rows.append(&mut self.extra);
        writes.rows.append(&mut self.aside);
        writes.after.append(&mut self.unindexed);
    }

    /// What subscribers are to be told once it is committed.
    pub(super) async fn events(&self) -> Result<Vec<PeerEvent>> {
        if !self.core.events().are_watched() {
            return Ok(Vec::new());
        }
        if self.extent == Extent::Removal {
            let known = self.rows.were_known() || !self.extra.is_empty();
            return Ok(known
                .then_some(PeerEvent::Removed { peer: self.peer })
                .into_iter()
                .collect());
        }
        let begins = self.rows.begin() || !self.extra.is_empty();
        let discovered = begins && !self.core.knows(&self.peer, Counts::Stored).await?;
        let mut events = self.differences(discovered);
        if self.ends() && !self.leaves_something().await? {
            events.push(PeerEvent::Removed { peer: self.peer });
        }
        Ok(events)
    }

    /// Whether something goes that was known of the peer.
    fn ends(&self) -> bool {
        self.extra.iter().any(|op| matches!(op, Op::Delete { .. })) || self.rows.end()
    }

    /// Whether something is known of the peer once this is committed.
    async fn leaves_something(&self) -> Result<bool> {
        for book in Book::ALL {
            let known = match self.rows.are_to_be_known(book) {
                Some(known) => known,
                None => self.core.knows_in(&self.peer, book, Counts::Stored).await?,
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

    pub(super) fn differences(&self, discovered: bool) -> Vec<PeerEvent> {
        let mut events = events::between(&self.peer, discovered, &self.rows);
        events.extend(self.told.iter().cloned());
        events
    }

    pub(super) fn settle(&mut self) {
        self.rows.settle(self.core.caches(), &self.peer, self.cached);
    }
}
