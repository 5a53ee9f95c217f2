use std::borrow::Cow;

use libp2p_identity::PeerId;
use multiaddr::{Multiaddr, Protocol};

use crate::multiaddrs;

/// The form in which an address of `peer` is kept: without the `/p2p/<peer>` that it may end with.
///
/// So `/ip4/…/tcp/1` and `/ip4/…/tcp/1/p2p/PEER` are one address, and so are `…/p2p/RELAY/p2p-circuit` and
/// `…/p2p/RELAY/p2p-circuit/p2p/PEER`. `None` for what is no address of the peer: one that ends with the id of
/// another, one of which nothing is left, one of more than [`LONGEST`] bytes, one under which nothing can be reached.
pub(super) fn normalise<'a>(peer: &PeerId, addr: &'a Multiaddr) -> Option<Cow<'a, Multiaddr>> {
    let bytes: &[u8] = addr.as_ref();
    if bytes.len() > LONGEST || multiaddrs::flaw(addr).is_some() {
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

/// Whether it is an address that the peer may have: what is not is passed over wherever addresses are taken in.
///
/// It is not if it is empty, ends with the id of another peer, is nothing but the peer's own, takes more than 1,024
/// bytes, or has a part under which nothing can be reached, for which go-libp2p does not read it: an empty name or
/// one with a slash, an onion service on port 0, a peer id or an I2P destination of a length that none has.
///
/// # Examples
/// ```
/// use libp2p_identity::PeerId;
/// use peerstore::is_address_of;
///
/// let (peer, other) = (PeerId::random(), PeerId::random());
/// let relayed = format!("/dns4/relay.example/tcp/4001/p2p/{other}/p2p-circuit");
/// assert!(is_address_of(&peer, &relayed.parse().unwrap()));
/// assert!(is_address_of(&peer, &format!("{relayed}/p2p/{peer}").parse().unwrap()));
/// assert!(!is_address_of(&peer, &format!("{relayed}/p2p/{other}").parse().unwrap()));
/// assert!(!is_address_of(&peer, &"/dns4//tcp/4001".parse().unwrap()));
/// ```
pub fn is_address_of(peer: &PeerId, addr: &Multiaddr) -> bool {
    normalise(peer, addr).is_some()
}

/// The longest address that is kept, in bytes: four times what a relayed WebRTC address with certificate
/// hashes takes.
pub(super) const LONGEST: usize = 1_024;

/// The code of `p2p`, 421, as a varint: what does not hold it names no peer.
const P2P: [u8; 2] = [0xa5, 0x03];
