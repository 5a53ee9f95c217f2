//! What may be done to the addresses of a peer. Nothing here reads a clock, or writes.

use std::time::SystemTime;

use datastore::Expiry;
use libp2p_identity::PeerId;
use multiaddr::Multiaddr;

use super::cap;
use super::entry::{Address, Facts, Moment, Said};
use super::listed::Listed;
use super::normalise::normalise;
use super::order::by_confidence;
use super::row::{AddressRow, Mark};
use super::source::AddressSource;
use super::ttl::AddressTtl;
use crate::limits::Limits;
use crate::session::Session;

/// When, in which session, and under which limits something is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At<'a> {
    pub(crate) now: SystemTime,
    pub(crate) session: &'a Session,
    pub(crate) limits: &'a Limits,
}

impl AddressRow {
    /// Adds addresses. The TTL and the expiry of those that are known are raised, each by itself, and never
    /// lowered. A TTL of zero does nothing.
    ///
    /// This is js-libp2p's `merge` of addresses.
    pub(crate) fn add(
        &mut self,
        peer: &PeerId,
        addrs: &[Multiaddr],
        ttl: AddressTtl,
        source: AddressSource,
        at: At<'_>,
    ) {
        let said = Said::new(ttl, source, at.now);
        if said.ttl.is_zero() {
            return;
        }
        self.expire(at.now);
        self.hear(&Listed::new(peer, addrs), &said, at.limits, Facts::raise);
        self.settle(at);
    }

    /// Adds addresses, and replaces the TTL and the expiry of those that are known; those of a higher source are
    /// raised at most. A TTL of zero deletes, but nothing of a higher source.
    pub(crate) fn set(
        &mut self,
        peer: &PeerId,
        addrs: &[Multiaddr],
        ttl: AddressTtl,
        source: AddressSource,
        at: At<'_>,
    ) {
        self.expire(at.now);
        self.override_with(&Listed::new(peer, addrs), &Said::new(ttl, source, at.now), at.limits);
        self.settle(at);
    }

    /// Adds addresses that are all that `source` says now: what it has said before, and does not say any
    /// more, goes as the table at [`AddressSource`] tells. A TTL of zero does nothing.
    pub(crate) fn announce(
        &mut self,
        peer: &PeerId,
        addrs: &[Multiaddr],
        ttl: AddressTtl,
        source: AddressSource,
        at: At<'_>,
    ) {
        let said = Said::new(ttl, source, at.now);
        if said.ttl.is_zero() {
            return;
        }
        self.expire(at.now);
        let listed = Listed::new(peer, addrs);
        self.entries.retain(|Address { addr, facts }| {
            let withdrawn = source.replaces(facts.source) && !listed.contains(addr);
            !withdrawn || facts.connected || facts.certified
        });
        self.hear(&listed, &said, at.limits, Facts::raise);
        self.settle(at);
    }

    /// Makes these the addresses of the peer, and no others but those of a higher source.
    ///
    /// This is js-libp2p's `patch` of addresses, and its `save`.
    pub(crate) fn patch(
        &mut self,
        peer: &PeerId,
        addrs: &[Multiaddr],
        ttl: AddressTtl,
        source: AddressSource,
        at: At<'_>,
    ) {
        self.expire(at.now);
        let listed = Listed::new(peer, addrs);
        self.entries.retain(|Address { addr, facts }| {
            !source.overrides(facts.source) || listed.contains(addr)
        });
        self.unreadable.retain(|entry| !source.overrides(entry.facts.source));
        self.override_with(&listed, &Said::new(ttl, source, at.now), at.limits);
        self.settle(at);
    }

    /// Gives the addresses whose TTL is `old` the TTL `new` from now on; with one of zero they go.
    pub(crate) fn update(&mut self, old: AddressTtl, new: AddressTtl, at: At<'_>) {
        self.expire(at.now);
        let (old, new) = (old.stored(), new.stored());
        let expiry = new.expiry(at.now);
        for facts in self.facts_mut() {
            if old == AddressTtl::Connected && new != old {
                facts.disconnect(new, expiry);
            } else if facts.ttl == old {
                facts.give(new, expiry);
            }
        }
        if new.is_zero() {
            self.entries.retain(|entry| entry.facts.ttl != new);
            self.unreadable.retain(|entry| entry.facts.ttl != new);
        }
        self.settle(at);
    }

    /// Forgets the addresses and the certified record; its watermark stays.
    pub(crate) fn clear(&mut self, now: SystemTime) {
        self.expire(now);
        self.entries.clear();
        self.unreadable.clear();
        self.mark = None;
        self.release(Expiry::at(now));
    }

    /// Drops what has expired: addresses, the certified record with the last address that it certifies,
    /// the watermark at its time.
    ///
    /// If a connection of this session is due to be looked at again, it is for another
    /// [`RECENTLY_CONNECTED`](AddressTtl::RECENTLY_CONNECTED).
    pub(crate) fn expire(&mut self, now: SystemTime) {
        let moment = Expiry::at(now);
        let mut last_certified = None;
        let mut is_live = |facts: &Facts| {
            let live = facts.is_live(moment);
            if !live && facts.certified {
                last_certified = last_certified.max(Some(facts.expiry));
            }
            live
        };
        self.entries.retain(|entry| is_live(&entry.facts));
        self.unreadable.retain(|entry| is_live(&entry.facts));
        if let Some(end) = last_certified {
            self.release(end);
        }
        self.watermark.take_if(|watermark| watermark.until.is_past(now));
        if self.mark.is_some_and(|mark| mark.again.is_past(now)) {
            let again = AddressTtl::RECENTLY_CONNECTED.expiry(now);
            let connected = self.facts().any(|facts| facts.connected);
            self.mark = self.mark.filter(|_| connected).map(|mark| Mark { again, ..mark });
        }
    }

    /// The addresses that have not expired, that of most confidence first (see [`by_confidence`]).
    pub(crate) fn live(&self, now: SystemTime) -> impl Iterator<Item = &Address> {
        let now = Expiry::at(now);
        self.entries.iter().filter(move |entry| entry.facts.is_live(now))
    }

    /// Marks addresses as connected in this session; adds those that are not known.
    pub(crate) fn connected(
        &mut self,
        peer: &PeerId,
        addrs: &[Multiaddr],
        source: AddressSource,
        at: At<'_>,
    ) {
        self.add(peer, addrs, AddressTtl::Connected, source, at);
    }

    /// No connection to the peer is left: what was kept for one counts down from now.
    pub(crate) fn disconnected(&mut self, at: At<'_>) {
        self.update(AddressTtl::Connected, AddressTtl::RECENTLY_CONNECTED, at);
    }

    /// The address was dialed with success. Does nothing if it is not known.
    pub(crate) fn succeeded(&mut self, peer: &PeerId, addr: &Multiaddr, at: At<'_>) {
        let now = Moment::at(at.now);
        self.tried(peer, addr, |facts| {
            facts.last_success = facts.last_success.max(now);
            facts.failures = 0;
        });
    }

    /// The address was dialed in vain. Does nothing if it is not known.
    pub(crate) fn failed(&mut self, peer: &PeerId, addr: &Multiaddr) {
        self.tried(peer, addr, |facts| facts.failures = facts.failures.saturating_add(1));
    }

    fn tried(&mut self, peer: &PeerId, addr: &Multiaddr, change: impl FnOnce(&mut Facts)) {
        let Some(addr) = normalise(peer, addr) else { return };
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.addr == *addr) {
            change(&mut entry.facts);
            self.entries.sort_by(by_confidence);
        }
    }

    /// Notes what is said of the listed addresses; `known` changes those that are known. With a TTL of zero, none
    /// is added.
    pub(super) fn hear(
        &mut self,
        listed: &Listed<'_>,
        said: &Said,
        limits: &Limits,
        known: impl Fn(&mut Facts, &Said),
    ) {
        let new = listed.without(&mut self.entries, |entry| known(&mut entry.facts, said));
        if !said.ttl.is_zero() {
            let facts = Facts::new(said);
            let mut new: Vec<_> = new.into_iter().map(|addr| Address { addr, facts }).collect();
            if !said.certified {
                self.certify_again(&mut new);
            }
            // What has no place even among these would make the row large, and go again.
            if (1..new.len()).contains(&limits.addresses) {
                new.sort_by(by_confidence);
                cap::evict(&mut new, limits.addresses);
            }
            self.entries.append(&mut new);
        }
    }

    pub(super) fn override_with(&mut self, listed: &Listed<'_>, said: &Said, limits: &Limits) {
        if said.ttl.is_zero() {
            self.entries.retain(|Address { addr, facts }| {
                !said.source.overrides(facts.source) || !listed.contains(addr)
            });
        } else {
            self.hear(listed, said, limits, |facts, said| {
                if said.source.overrides(facts.source) {
                    facts.replace(said);
                } else {
                    facts.raise(said);
                }
            });
        }
    }

    /// Makes a row again of what was changed: in order, within the limit, the record only with addresses, in no more
    /// memory than that takes. Answers how many addresses were over the limit, and are gone.
    pub(super) fn settle(&mut self, at: At<'_>) -> usize {
        self.entries.sort_by(by_confidence);
        let settled = self.entries.len();
        cap::evict(&mut self.entries, at.limits.addresses);
        let over_limit = settled - self.entries.len();
        self.entries.shrink_to_fit();
        self.release(Expiry::at(at.now));
        if !self.facts().any(|facts| facts.connected) {
            self.mark = None;
        } else if self.mark.is_none_or(|mark| mark.session != at.session.id) {
            let again = AddressTtl::RECENTLY_CONNECTED.expiry(at.now);
            self.mark = Some(Mark { session: at.session.id, again });
        }
        over_limit
    }
}
