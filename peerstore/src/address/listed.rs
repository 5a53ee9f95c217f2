use std::borrow::Cow;

use libp2p_identity::PeerId;
use multiaddr::Multiaddr;

use super::entry::Address;
use super::normalise::normalise;

/// Addresses as they are kept: each once, sorted, so that many are found among many.
#[derive(Debug)]
pub(super) struct Listed<'a>(Vec<Cow<'a, Multiaddr>>);

impl<'a> Listed<'a> {
    /// What is an address of the peer among `addrs`.
    pub(super) fn new(peer: &PeerId, addrs: &'a [Multiaddr]) -> Self {
        // Room for all at once: a list that grows step by step costs more than all else that is done here.
        let mut listed = Vec::with_capacity(addrs.len());
        listed.extend(addrs.iter().filter_map(|addr| normalise(peer, addr)));
        // Most lists come as they are written, in order and with nothing twice.
        if !listed.is_sorted_by(|one, next| one < next) {
            listed.sort_unstable();
            listed.dedup();
        }
        Self(listed)
    }

    pub(super) fn contains(&self, addr: &Multiaddr) -> bool {
        self.place(addr).is_some()
    }

    /// The addresses that are not among the `entries`; the entries of the others are changed.
    pub(super) fn without(
        &self,
        entries: &mut [Address],
        mut change: impl FnMut(&mut Address),
    ) -> Vec<Multiaddr> {
        let mut known = vec![false; self.0.len()];
        // Addresses of which the same is known lie in the order of the list.
        let mut next = 0;
        for entry in entries {
            let here = self.0.get(next).is_some_and(|listed| **listed == entry.addr);
            let place = if here { Some(next) } else { self.place(&entry.addr) };
            if let Some(known) = place.and_then(|place| known.get_mut(place)) {
                *known = true;
                change(entry);
            }
            next = place.map_or(next, |place| place + 1);
        }
        let mut unknown = Vec::with_capacity(known.iter().filter(|known| !**known).count());
        let left = self.0.iter().zip(known).filter(|(_, known)| !known);
        unknown.extend(left.map(|(addr, _)| addr.clone().into_owned()));
        unknown
    }

    fn place(&self, addr: &Multiaddr) -> Option<usize> {
        self.0.binary_search_by(|listed| listed.as_ref().cmp(addr)).ok()
    }
}
