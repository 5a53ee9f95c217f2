use std::time::{Duration, SystemTime, UNIX_EPOCH};

use datastore::Expiry;
use libp2p_identity::{Keypair, PeerId};
use multiaddr::Multiaddr;

use crate::address::{Address, AddressRow, AddressSource, AddressTtl, At};
use crate::limits::Limits;
use crate::record::{Consumed, VerifiedRecord};
use crate::row::Row;
use crate::session::Session;

pub(super) const HOUR: Duration = Duration::from_secs(3_600);
pub(super) const MINUTE: Duration = Duration::from_secs(60);
pub(super) const SECOND: Duration = Duration::from_secs(1);

/// For how long a sequence outlives the addresses.
pub(super) const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 3_600);

/// The row of one peer, at a time that is stepped. After every step the row is written and read.
#[derive(Clone, Debug)]
pub(super) struct Book {
    pub(super) peer: PeerId,
    pub(super) row: AddressRow,
    pub(super) now: SystemTime,
    pub(super) session: Session,
    pub(super) limits: Limits,
}

impl Book {
    pub(super) fn new() -> Self {
        let now = UNIX_EPOCH + Duration::from_secs(1_767_225_600);
        Self {
            peer: peer(1),
            row: AddressRow::default(),
            now,
            session: Session { id: 7, began: Expiry::at(now) },
            limits: Limits::default(),
        }
    }

    pub(super) fn with_cap(cap: usize) -> Self {
        let mut book = Self::new();
        book.limits.addresses = cap;
        book
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// Closed, and opened again.
    pub(super) fn reopen(&mut self) {
        let row = self.row.encode();
        self.session = Session { id: self.session.id + 1, began: Expiry::at(self.now) };
        self.row = AddressRow::decode(&row, &self.peer, &self.session).unwrap();
    }

    pub(super) fn add(&mut self, addrs: &[Multiaddr], ttl: impl Into<AddressTtl>) {
        self.add_from(addrs, ttl, AddressSource::User);
    }

    pub(super) fn add_from(
        &mut self,
        addrs: &[Multiaddr],
        ttl: impl Into<AddressTtl>,
        source: AddressSource,
    ) {
        let (peer, ttl) = (self.peer, ttl.into());
        self.change(|row, at| row.add(&peer, addrs, ttl, source, at));
    }

    pub(super) fn set(&mut self, addrs: &[Multiaddr], ttl: impl Into<AddressTtl>) {
        self.set_from(addrs, ttl, AddressSource::User);
    }

    pub(super) fn set_from(
        &mut self,
        addrs: &[Multiaddr],
        ttl: impl Into<AddressTtl>,
        source: AddressSource,
    ) {
        let (peer, ttl) = (self.peer, ttl.into());
        self.change(|row, at| row.set(&peer, addrs, ttl, source, at));
    }

    pub(super) fn announce(&mut self, addrs: &[Multiaddr], source: AddressSource) {
        let peer = self.peer;
        self.change(|row, at| row.announce(&peer, addrs, AddressTtl::ADDRESS, source, at));
    }

    pub(super) fn patch(&mut self, addrs: &[Multiaddr], source: AddressSource) {
        let peer = self.peer;
        self.change(|row, at| row.patch(&peer, addrs, AddressTtl::ADDRESS, source, at));
    }

    pub(super) fn update(&mut self, old: impl Into<AddressTtl>, new: impl Into<AddressTtl>) {
        let (old, new) = (old.into(), new.into());
        self.change(|row, at| row.update(old, new, at));
    }

    pub(super) fn clear(&mut self) {
        self.change(|row, at| row.clear(at.now));
    }

    pub(super) fn succeeded(&mut self, addr: &Multiaddr) {
        let peer = self.peer;
        self.change(|row, at| row.succeeded(&peer, addr, at));
    }

    pub(super) fn failed(&mut self, addr: &Multiaddr) {
        let peer = self.peer;
        self.change(|row, _| row.failed(&peer, addr));
    }

    pub(super) fn connected(&mut self, addrs: &[Multiaddr]) {
        let peer = self.peer;
        self.change(|row, at| row.connected(&peer, addrs, AddressSource::Identify, at));
    }

    pub(super) fn disconnected(&mut self) {
        self.change(AddressRow::disconnected);
    }

    pub(super) fn consume(
        &mut self,
        sequence: u64,
        addrs: &[Multiaddr],
        ttl: impl Into<AddressTtl>,
    ) -> Consumed {
        let (record, ttl) = (sealed(sequence, addrs), ttl.into());
        self.change(|row, at| row.consume(&record, ttl, REMEMBERED, at)).unwrap()
    }

    fn change<T>(&mut self, change: impl FnOnce(&mut AddressRow, At<'_>) -> T) -> T {
        let at = At { now: self.now, session: &self.session, limits: &self.limits };
        let answer = change(&mut self.row, at);
        let read = AddressRow::decode(&self.row.encode(), &self.peer, &self.session);
        assert_eq!(read.as_ref(), Ok(&self.row), "a row is what was written");
        answer
    }

    /// The live addresses, sorted by their text.
    pub(super) fn addrs(&self) -> Vec<Multiaddr> {
        sorted(self.ranked())
    }

    /// The live addresses, most confidence first.
    pub(super) fn ranked(&self) -> Vec<Multiaddr> {
        self.row.live(self.now).map(|entry| entry.addr().clone()).collect()
    }

    pub(super) fn certified(&self) -> Vec<Multiaddr> {
        let certified = self.row.live(self.now).filter(|entry| entry.is_certified());
        sorted(certified.map(|entry| entry.addr().clone()).collect())
    }

    pub(super) fn entry(&self, addr: &Multiaddr) -> &Address {
        self.row.live(self.now).find(|entry| entry.addr() == addr).unwrap()
    }

    pub(super) fn has_record(&self) -> bool {
        let mut row = self.row.clone();
        row.expire(self.now);
        row.record.is_some()
    }
}

/// A record of the peer of every [`Book`]; the same for the same arguments.
pub(super) fn sealed(sequence: u64, addrs: &[Multiaddr]) -> VerifiedRecord {
    VerifiedRecord::seal(&keypair(1), sequence, addrs).unwrap()
}

pub(super) fn peer(seed: u8) -> PeerId {
    keypair(seed).public().to_peer_id()
}

fn keypair(seed: u8) -> Keypair {
    Keypair::ed25519_from_bytes([seed; 32]).unwrap()
}

/// Another address for each number.
pub(super) fn addr(number: usize) -> Multiaddr {
    format!("/ip4/192.0.2.{}/tcp/{}", number % 250, 1_000 + number).parse().unwrap()
}

pub(super) fn addrs(count: usize) -> Vec<Multiaddr> {
    (0..count).map(addr).collect()
}

pub(super) fn sorted(mut addrs: Vec<Multiaddr>) -> Vec<Multiaddr> {
    addrs.sort_by_key(ToString::to_string);
    addrs
}

pub(super) fn with_suffix(addr: &Multiaddr, suffix: &str) -> Multiaddr {
    format!("{addr}{suffix}").parse().unwrap()
}
