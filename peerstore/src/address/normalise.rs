use std::borrow::Cow;

use libp2p_identity::PeerId;
use multiaddr::{Multiaddr, Protocol};

/// The form in which an address of `peer` is kept: without the `/p2p/<peer>` that it may end with.
///
/// So `/ip4/…/tcp/1` and `/ip4/…/tcp/1/p2p/PEER` are one address, and so are `…/p2p/RELAY/p2p-circuit` and
/// `…/p2p/RELAY/p2p-circuit/p2p/PEER`. `None` for what is no address of the peer: one that ends with the id of
/// another, one of which nothing is left, one of more than [`LONGEST`] bytes.
pub(super) fn normalise<'a>(peer: &PeerId, addr: &'a Multiaddr) -> Option<Cow<'a, Multiaddr>> {
    let bytes: &[u8] = addr.as_ref();
    if bytes.is_empty() || bytes.len() > LONGEST {
        return None;
    }
    if !bytes.windows(P2P.len()).any(|window| window == P2P) {
        return Some(Cow::Borrowed(addr));
    }
    let mut left = Cow::Borrowed(addr);
    while let Some(Protocol::P2p(last)) = left.iter().last() {
        if last != *peer {
            return None;
        }
        left.to_mut().pop();
    }
    (!left.is_empty()).then_some(left)
}

/// Whether it is an address that the peer may have.
pub(crate) fn is_of(peer: &PeerId, addr: &Multiaddr) -> bool {
    normalise(peer, addr).is_some()
}

/// The longest address that is kept, in bytes: four times what a relayed WebRTC address with certificate
/// hashes takes.
pub(super) const LONGEST: usize = 1_024;

/// The code of `p2p`, 421, as a varint: what does not hold it names no peer.
const P2P: [u8; 2] = [0xa5, 0x03];
