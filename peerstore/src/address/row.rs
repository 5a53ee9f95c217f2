use std::mem::size_of;
use std::time::SystemTime;

use datastore::Expiry;
use libp2p_identity::PeerId;

use super::certified::{CertifiedRecord, Watermark};
use super::codec;
use super::entry::{Address, Facts, Unreadable};
use super::order::by_confidence;
use super::ttl::AddressTtl;
use crate::cbor::Flaw;
use crate::layout::Book;
use crate::row::{Row, allocated};
use crate::session::Session;

/// What is kept of a peer's addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AddressRow {
    /// In the order of confidence, each address once.
    pub(crate) entries: Vec<Address>,
    /// In the order in which they were read.
    pub(super) unreadable: Vec<Unreadable>,
    pub(crate) record: Option<CertifiedRecord>,
    /// Only where there is no record.
    pub(crate) watermark: Option<Watermark>,
    /// Only where an address is connected, or was in another session and is stored as that: so the collection that
    /// comes by writes that it is not. Else each session would count it down anew.
    pub(super) mark: Option<Mark>,
}

/// In which session addresses are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) session: u64,
    /// When to look whether the session is still this one: nothing tells when a process was killed.
    pub(super) again: Expiry,
}

impl AddressRow {
    /// What is known of each address, whether it can be read or not.
    pub(super) fn facts(&self) -> impl Iterator<Item = &Facts> {
        let unreadable = self.unreadable.iter().map(|entry| &entry.facts);
        self.entries.iter().map(|entry| &entry.facts).chain(unreadable)
    }

    pub(super) fn facts_mut(&mut self) -> impl Iterator<Item = &mut Facts> {
        let unreadable = self.unreadable.iter_mut().map(|entry| &mut entry.facts);
        self.entries.iter_mut().map(|entry| &mut entry.facts).chain(unreadable)
    }

    /// What was connected in another session is not in this one; it counts down since this one began.
    fn demote(&mut self, session: &Session) {
        if self.mark.is_some_and(|mark| mark.session == session.id) {
            return;
        }
        let mut demoted = false;
        for facts in self.facts_mut().filter(|facts| facts.connected) {
            *facts = Self::demoted(*facts, session);
            demoted = true;
        }
        if demoted {
            self.entries.sort_by(by_confidence);
        }
    }

    /// What is left in a session of what was known of an address in another.
    pub(super) fn demoted(mut facts: Facts, session: &Session) -> Facts {
        if facts.connected {
            let began = session.began.time().unwrap_or(std::time::UNIX_EPOCH);
            let ttl = AddressTtl::RECENTLY_CONNECTED;
            facts.disconnect(ttl, ttl.expiry(began));
        }
        facts
    }
}

impl Row for AddressRow {
    const BOOK: Book = Book::Addresses;

    fn decode(value: &[u8], _peer: &PeerId, session: &Session) -> Result<Self, Flaw> {
        let mut row = codec::decode(value)?;
        row.demote(session);
        Ok(row)
    }

    fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    fn is_empty(&self) -> bool {
        let none = self.entries.is_empty() && self.unreadable.is_empty();
        none && self.record.is_none() && self.watermark.is_none()
    }

    fn is_known(&self) -> bool {
        !self.entries.is_empty() || !self.unreadable.is_empty() || self.record.is_some()
    }

    fn is_known_at(&self, now: SystemTime) -> bool {
        let now = Expiry::at(now);
        self.facts().any(|facts| facts.is_live(now))
    }

    fn expiry(&self) -> Expiry {
        let addresses = self.facts().map(|facts| facts.expiry).min();
        let watermark = self.watermark.as_ref().map(|watermark| watermark.until);
        let mark = self.mark.map(|mark| mark.again);
        addresses.into_iter().chain(watermark).chain(mark).min().unwrap_or(Expiry::NEVER)
    }

    fn weight(&self) -> usize {
        let lists = self.entries.capacity() * size_of::<Address>()
            + self.unreadable.capacity() * size_of::<Unreadable>();
        let entries = self.entries.iter().map(|entry| entry.addr.len());
        let unreadable = self.unreadable.iter().map(|entry| entry.addr.len());
        let envelope = self.record.iter().map(|record| record.envelope.len());
        let bytes = entries.chain(unreadable).chain(envelope);
        size_of::<Self>() + lists + bytes.map(shared).sum::<usize>()
    }
}

/// What shared bytes take: beside them there is the count of who shares them.
fn shared(bytes: usize) -> usize {
    allocated(bytes) + allocated(size_of::<[usize; 3]>())
}
