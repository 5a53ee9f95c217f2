use std::sync::Arc;

use datastore::{Key, Op, Result};
use libp2p_identity::PeerId;

use super::caches::{Caches, Stored};
use super::core::Core;
use crate::address::AddressRow;
use crate::census::{Held, Kind};
use crate::keys::{KeyRow, PrivateKeyRow};
use crate::layout::Book;
use crate::protocols::ProtocolRow;
use crate::reputation::ReputationRow;
use crate::row::Row;
use crate::tags::TagRow;

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
    /// Whether a row comes to be where none was.
    pub(super) fn begin(&self) -> bool {
        let Self { addresses, protocols, keys, private_keys, tags, reputation } = self;
        let began = [addresses.began(), protocols.began(), keys.began()];
        let also = [private_keys.began(), tags.began(), reputation.began()];
        began.into_iter().chain(also).any(|began| began)
    }

    /// Whether a row goes that said something of the peer.
    pub(super) fn end(&self) -> bool {
        let Self { addresses, protocols, keys, private_keys, tags, reputation } = self;
        let ended = [addresses.ended(), protocols.ended(), keys.ended()];
        let also = [private_keys.ended(), tags.ended(), reputation.ended()];
        ended.into_iter().chain(also).any(|ended| ended)
    }

    pub(super) fn are_to_be_known(&self, book: Book) -> Option<bool> {
        match book {
            Book::Addresses => self.addresses.is_to_be_known(),
            Book::Protocols => self.protocols.is_to_be_known(),
            Book::Keys => self.keys.is_to_be_known(),
            Book::PrivateKeys => self.private_keys.is_to_be_known(),
            Book::Tags => self.tags.is_to_be_known(),
            Book::Reputation => self.reputation.is_to_be_known(),
        }
    }

    /// Whether any row said something of the peer.
    pub(super) fn were_known(&self) -> bool {
        let Self { addresses, protocols, keys, private_keys, tags, reputation } = self;
        let some = [addresses.was_known(), protocols.was_known(), keys.was_known()];
        let also = [private_keys.was_known(), tags.was_known(), reputation.was_known()];
        some.into_iter().chain(also).any(|known| known)
    }

    /// What is counted of the peer, of the books that were looked at: seen, before, after.
    pub(super) fn count(&self) -> [Held; 3] {
        let Self { addresses, protocols, keys, private_keys, tags, reputation } = self;
        let mut held = [Held::default(); 3];
        addresses.count(&mut held);
        protocols.count(&mut held);
        keys.count(&mut held);
        private_keys.count(&mut held);
        tags.count(&mut held);
        reputation.count(&mut held);
        held
    }

    pub(super) fn plan(&self, core: &Core, extent: Extent, writes: &mut Writes) {
        let Self { addresses, protocols, keys, private_keys, tags, reputation } = self;
        addresses.plan(core, extent, writes);
        protocols.plan(core, extent, writes);
        keys.plan(core, extent, writes);
        private_keys.plan(core, extent, writes);
        tags.plan(core, extent, writes);
        reputation.plan(core, extent, writes);
    }

    /// They are stored now.
    pub(super) fn settle(&mut self, caches: &Caches, peer: &PeerId, cached: bool) {
        let Self { addresses, protocols, keys, private_keys, tags, reputation } = self;
        addresses.settle(caches, peer, cached);
        protocols.settle(caches, peer, cached);
        keys.settle(caches, peer, cached);
        private_keys.settle(caches, peer, cached);
        tags.settle(caches, peer, cached);
        reputation.settle(caches, peer, cached);
    }
}

/// How much of a peer a change writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Extent {
    /// What differs.
    #[default]
    Difference,
    /// What differs; the peer goes, and what the expiry index has of it.
    Removal,
    /// All rows: none of them has been written before.
    Whole,
}

/// A row that a change has looked at, or may look at.
#[derive(Debug)]
pub(crate) struct Slot<R>(Option<Looked<R>>);

/// A row as it was, and as it is to be.
#[derive(Debug)]
struct Looked<R> {
    key: Key,
    old: Arc<R>,
    new: R,
}

impl<R: Row> Looked<R> {
    fn differs(&self) -> bool {
        *self.old != self.new
    }
}

impl<R> Default for Slot<R> {
    fn default() -> Self {
        Self(None)
    }
}

impl<R: Row> Slot<R> {
    /// The row as it is to be, looked up if nobody has yet.
    pub(super) async fn look(&mut self, core: &Core, peer: &PeerId) -> Result<&mut R>
    where
        R: Stored,
    {
        let looked = match &mut self.0 {
            Some(looked) => looked,
            none => {
                let key = R::BOOK.key(peer)?;
                let old = core.read_locked::<R>(peer, &key).await?;
                none.insert(Looked { new: R::clone(&old), old, key })
            }
        };
        Ok(&mut looked.new)
    }

    /// What it was and what it is to be, if that differs.
    pub(crate) fn changed(&self) -> Option<(&Arc<R>, &R)> {
        self.0.as_ref().filter(|row| row.differs()).map(|row| (&row.old, &row.new))
    }

    /// Whether it says something of the peer, where it said nothing.
    pub(super) fn began(&self) -> bool {
        self.changed().is_some_and(|(old, new)| !old.is_known() && new.is_known())
    }

    /// Whether it said something of the peer.
    fn was_known(&self) -> bool {
        self.0.as_ref().is_some_and(|row| row.old.is_known())
    }

    /// Whether it is to say nothing of the peer any more, where it said something.
    fn ended(&self) -> bool {
        self.changed().is_some_and(|(old, new)| old.is_known() && !new.is_known())
    }

    /// Whether it is to say something of the peer; `None` if nobody has looked.
    fn is_to_be_known(&self) -> Option<bool> {
        self.0.as_ref().map(|row| row.new.is_known())
    }

    /// Adds what is counted of the peer in this book: seen, before, after.
    fn count(&self, held: &mut [Held; 3]) {
        let [seen, before, after] = held;
        let Some(Looked { key: _, old, new }) = &self.0 else { return };
        seen.insert(Kind::of(R::BOOK));
        if R::BOOK == Book::Addresses {
            seen.insert(Kind::Watermarks);
        }
        before.extend(old.kind());
        after.extend(new.kind());
    }

    fn plan(&self, core: &Core, extent: Extent, writes: &mut Writes) {
        let is_whole = extent == Extent::Whole;
        let is_written = |row: &&Looked<R>| is_whole && !row.new.is_empty() || row.differs();
        let Some(Looked { key, old, new }) = self.0.as_ref().filter(is_written) else { return };
        let before = (!old.is_empty() && !is_whole).then(|| old.expiry());
        if new.is_empty() {
            // A sweep removes the entry that it has found.
            let at = before.filter(|_| extent == Extent::Removal);
            writes.after.extend(at.and_then(|at| core.index().unschedule(key, at)));
            writes.rows.push(Op::Delete { key: key.clone() });
            return;
        }
        writes.expiries.extend(core.index().schedule(key, before, new.expiry()));
        writes.rows.push(Op::Put { key: key.clone(), value: new.encode().into() });
    }

    fn settle(&mut self, caches: &Caches, peer: &PeerId, cached: bool)
    where
        R: Stored,
    {
        match self.0.take().filter(Looked::differs) {
            Some(row) if cached => R::cache(caches).set(peer, row.new),
            Some(_) => R::cache(caches).forget(peer),
            None => {}
        }
    }
}

/// What a commit writes: entries of the expiry index, the rows that they are for, and the end of other entries.
#[derive(Debug)]
pub(super) struct Writes {
    pub(super) expiries: Vec<Op>,
    pub(super) rows: Vec<Op>,
    pub(super) after: Vec<Op>,
}
