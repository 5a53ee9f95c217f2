use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use datastore::Expiry;
use libp2p_identity::PeerId;
use multiaddr::Multiaddr;

use super::entry::{Address, Facts, Moment, Said};
use super::listed::Listed;
use super::normalise::normalise;
use super::row::AddressRow;
use super::rules::At;
use super::source::AddressSource;
use super::ttl::AddressTtl;
use crate::limits::Limits;
use crate::record::{Consumed, RecordError, VerifiedRecord};

/// What another implementation knew of an address.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) addr: Multiaddr,
    /// For how long it was to be kept; `None` if nobody says.
    pub(crate) ttl: Option<Duration>,
    pub(crate) expiry: Expiry,
    /// When somebody last said it.
    pub(crate) seen: SystemTime,
}

/// What was not taken of what somebody else knows of a peer's addresses.
#[derive(Debug, Default)]
pub(crate) struct Untaken {
    /// Why the signed record was not.
    pub(crate) record: Option<String>,
    /// Addresses that went, of these or of those that were known, since one peer has no more.
    pub(crate) over_limit: usize,
}

impl AddressRow {
    /// Takes in what another implementation knew, as of when it was so, and the signed record that certifies some of
    /// it. The record brings no address back; those that it withdraws are there if they are told.
    ///
    /// Nobody says who said an address: that the peer did is not believed of the row, but of the record.
    pub(crate) fn take_in(
        &mut self,
        peer: &PeerId,
        told: Vec<Told>,
        record: Option<&VerifiedRecord>,
        remembered: Duration,
        at: At<'_>,
    ) -> Untaken {
        self.expire(at.now);
        let judged = record.map(|record| (self.judge(record, at.limits), record));
        let mut untaken = Untaken::default();
        if let Some((verdict, record)) = judged {
            untaken.record = Untaken::why(&verdict);
            if let Ok(verdict @ (Consumed::Accepted | Consumed::Same)) = verdict {
                let listed = Listed::new(peer, record.addresses());
                self.keep(record, verdict, &listed, remembered);
            }
        }
        self.unite(told.into_iter().filter_map(|told| told.entry(peer, at.now)));
        untaken.over_limit = self.settle(at);
        untaken
    }

    /// Puts what is known of addresses together with what is known here, and certifies what the record lists.
    pub(super) fn unite(&mut self, entries: impl IntoIterator<Item = Address>) {
        let known = self.entries.iter().enumerate();
        let mut known: HashMap<_, _> =
            known.map(|(place, entry)| (entry.addr.clone(), place)).collect();
        for entry in entries {
            match known.get(&entry.addr).and_then(|place| self.entries.get_mut(*place)) {
                Some(ours) => ours.facts.unite(&entry.facts),
                None => {
                    known.insert(entry.addr.clone(), self.entries.len());
                    self.entries.push(entry);
                }
            }
        }
        drop(known);
        let mut entries = std::mem::take(&mut self.entries);
        self.certify_again(&mut entries);
        self.entries = entries;
    }
}

impl Told {
    /// The address as it is kept; `None` for what is none of the peer's.
    fn entry(self, peer: &PeerId, now: SystemTime) -> Option<Address> {
        let Self { addr, ttl, expiry, seen } = self;
        let addr = normalise(peer, &addr)?.into_owned();
        let (ttl, expiry) = AddressTtl::ending(expiry, ttl, now);
        let at = Moment::at(seen.min(now));
        let said = Said { ttl, expiry, source: AddressSource::Routing, certified: false, at };
        Some(Address { addr, facts: Facts::new(&said) })
    }
}

impl Untaken {
    /// Why a record is not taken of which this was found; `None` if it is.
    pub(super) fn why(verdict: &Result<Consumed, RecordError>) -> Option<String> {
        match verdict {
            Ok(Consumed::Accepted | Consumed::Same) => None,
            Ok(Consumed::Older) => Some("a newer one is known".to_owned()),
            Ok(Consumed::Differs) => Some("another one of its number is known".to_owned()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// What it is, and why, each by itself.
    pub(crate) fn named(self, limits: &Limits) -> impl Iterator<Item = String> {
        let Self { record, over_limit } = self;
        let most = limits.addresses;
        let addresses = format!("{over_limit} addresses: one peer has at most {most}");
        let addresses = (over_limit > 0).then_some(addresses);
        record.map(|why| format!("the signed record: {why}")).into_iter().chain(addresses)
    }
}
