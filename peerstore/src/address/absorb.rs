use std::collections::HashMap;

use datastore::{Error, ErrorKind, Result};
use libp2p_identity::PeerId;

use super::entry::{Address, Facts};
use super::listed::Listed;
use super::row::AddressRow;
use super::rules::At;
use super::ttl::AddressTtl;
use crate::record::{Consumed, VerifiedRecord};

impl AddressRow {
    /// Takes in what another peerstore knows of the same peer, as if all of it had been said here, when it was said
    /// there. What is connected there is recently connected here.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if its signed record is not taken: a newer one is known, or another of the same
    /// number, or it is longer than is kept. All else is taken.
    pub(crate) fn absorb(&mut self, peer: &PeerId, mut other: Self, at: At<'_>) -> Result<()> {
        self.expire(at.now);
        other.expire(at.now);
        let expiry = AddressTtl::RECENTLY_CONNECTED.expiry(at.now);
        for facts in other.facts_mut().filter(|facts| facts.connected) {
            facts.disconnect(AddressTtl::RECENTLY_CONNECTED, expiry);
        }
        let taken = self.absorb_record(peer, &mut other, at);
        self.absorb_entries(other);
        self.settle(at);
        taken
    }

    /// Makes the record of the other, if it has one, that of both. What a record that is not taken has certified is not
    /// certified; nor is it there, if that is since a newer one is known.
    fn absorb_record(&mut self, peer: &PeerId, other: &mut Self, at: At<'_>) -> Result<()> {
        let Some(theirs) = other.record.take() else {
            if other.last_sequence() > self.last_sequence() {
                self.withdraw(&Listed::new(peer, &[]));
                (self.record, self.watermark) = (None, other.watermark.take());
            }
            return Ok(());
        };
        let judged = VerifiedRecord::reread(theirs.envelope.clone())
            .and_then(|record| Ok((self.judge(&record, at.limits)?, record)));
        let (verdict, record) = judged.inspect_err(|_| {
            other.facts_mut().for_each(|facts| facts.certified = false);
        })?;
        match verdict {
            Consumed::Older | Consumed::Differs => {
                other.withdraw(&Listed::new(peer, &[]));
                return Err(Error::new(ErrorKind::InvalidInput, REFUSED));
            }
            Consumed::Accepted => self.withdraw(&Listed::new(peer, record.addresses())),
            Consumed::Same => {}
        }
        self.watermark = None;
        self.record = Some(theirs);
        Ok(())
    }

    fn absorb_entries(&mut self, other: Self) {
        let known = self.entries.iter_mut().map(|entry| (entry.addr.clone(), &mut entry.facts));
        let mut known: HashMap<_, _> = known.collect();
        let mut new = Vec::new();
        for Address { addr, facts } in other.entries {
            match known.get_mut(&addr) {
                Some(ours) => ours.unite(&facts),
                None => new.push(Address { addr, facts }),
            }
        }
        drop(known);
        self.certify_again(&mut new);
        self.entries.append(&mut new);
        for entry in other.unreadable {
            if self.unreadable.iter().all(|known| known.addr != entry.addr) {
                self.unreadable.push(entry);
            }
        }
    }
}

const REFUSED: &str = "the signed record: a newer one, or another of its number, is known";

impl Facts {
    /// What two peerstores know of one address.
    fn unite(&mut self, other: &Self) {
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
