use libp2p_identity::PeerId;

use super::entry::Facts;
use super::listed::Listed;
use super::row::AddressRow;
use super::rules::At;
use super::take_in::Untaken;
use super::ttl::AddressTtl;
use crate::limits::Limits;
use crate::record::{Consumed, VerifiedRecord};

impl AddressRow {
    /// Takes in what another peerstore knows of the same peer, as if all of it had been said here, when it was said
    /// there. What is connected there is recently connected here.
    pub(crate) fn absorb(&mut self, peer: &PeerId, mut other: Self, at: At<'_>) -> Untaken {
        self.expire(at.now);
        other.expire(at.now);
        let expiry = AddressTtl::RECENTLY_CONNECTED.expiry(at.now);
        for facts in other.facts_mut().filter(|facts| facts.connected) {
            facts.disconnect(AddressTtl::RECENTLY_CONNECTED, expiry);
        }
        let record = self.absorb_record(peer, &mut other, at.limits);
        self.unite(other.entries);
        for entry in other.unreadable {
            if self.unreadable.iter().all(|known| known.addr != entry.addr) {
                self.unreadable.push(entry);
            }
        }
        Untaken { record, over_limit: self.settle(at) }
    }

    /// Makes the record of the other, if it has one, that of both, or answers why not. What such a record has
    /// certified is not certified; nor is it there, if that is since a newer one is known.
    fn absorb_record(
        &mut self,
        peer: &PeerId,
        other: &mut Self,
        limits: &Limits,
    ) -> Option<String> {
        let Some(theirs) = other.record.take() else {
            if other.last_sequence() > self.last_sequence() {
                self.withdraw(&Listed::new(peer, &[]));
                (self.record, self.watermark) = (None, other.watermark.take());
            }
            return None;
        };
        let record = VerifiedRecord::reread(theirs.envelope.clone());
        let verdict = record.as_ref().map_err(Clone::clone);
        let verdict = verdict.and_then(|record| self.judge(record, limits));
        match (&verdict, record) {
            (Ok(Consumed::Older | Consumed::Differs), _) => {
                other.withdraw(&Listed::new(peer, &[]));
            }
            (Ok(verdict @ (Consumed::Accepted | Consumed::Same)), Ok(record)) => {
                if *verdict == Consumed::Accepted {
                    self.withdraw(&Listed::new(peer, record.addresses()));
                }
                (self.record, self.watermark) = (Some(theirs), None);
            }
            _ => other.facts_mut().for_each(|facts| facts.certified = false),
        }
        Untaken::why(&verdict)
    }
}

impl Facts {
    /// What two peerstores know of one address.
    pub(super) fn unite(&mut self, other: &Self) {
        self.ttl = self.ttl.max(other.ttl);
        self.expiry = self.expiry.max(other.expiry);
        self.source = self.source.max(other.source);
        self.certified |= other.certified;
        self.last_seen = self.last_seen.max(other.last_seen);
        if other.last_success > self.last_success {
            self.last_success = other.last_success;
            self.failures = other.failures;
        }
    }
}
