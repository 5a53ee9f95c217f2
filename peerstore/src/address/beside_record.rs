use libp2p_identity::PeerId;
use multiaddr::Multiaddr;

use super::entry::{Address, Said};
use super::listed::Listed;
use super::row::AddressRow;
use super::rules::At;
use super::source::AddressSource;
use super::ttl::AddressTtl;

impl AddressRow {
    /// As [`patch`](Self::patch), beside the addresses that the signed record certifies: those of a record that came
    /// together with them.
    pub(crate) fn patch_beside_record(
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
            facts.certified || !source.overrides(facts.source) || listed.contains(addr)
        });
        self.unreadable
            .retain(|entry| entry.facts.certified || !source.overrides(entry.facts.source));
        self.override_with(&listed, &Said::new(ttl, source, at.now), at.limits);
        self.settle(at);
    }
}
