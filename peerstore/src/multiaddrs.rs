//! Which multiaddrs are addresses.
//!
//! What go-libp2p cannot read it passes over, and what it passes over here would be handed on for nothing. Some
//! of it `multiaddr` reads: an empty name, a name with a slash, whose text is that of another address, an onion service
//! without a port, ids and destinations of lengths that they never have.
//!
//! Two things that go-libp2p cannot read are addresses all the same. Protocols that it does not know, and rust-libp2p
//! does: a path of WebSocket, the transports of old js nodes. And sockets of Unix, of which rust-libp2p writes the
//! paths without the slash that they begin with.

use multiaddr::{Multiaddr, Protocol};

/// Reads an address in its binary form, or says why it is none.
pub(crate) fn read(bytes: &[u8]) -> Result<Multiaddr, String> {
    let addr = Multiaddr::try_from(bytes.to_vec()).map_err(|error| error.to_string())?;
    match flaw(&addr) {
        Some(flaw) => Err(flaw.to_owned()),
        None => Ok(addr),
    }
}

/// Why nothing can be reached under it, if that can be seen.
pub(crate) fn flaw(addr: &Multiaddr) -> Option<&'static str> {
    let bytes: &[u8] = addr.as_ref();
    if bytes.is_empty() {
        return Some("it is empty");
    }
    // Most addresses are numbers alone.
    if !bytes.iter().any(|byte| OF_CODES.contains(byte)) {
        return None;
    }
    addr.iter().find_map(|part| flaw_of(&part))
}

fn flaw_of(part: &Protocol<'_>) -> Option<&'static str> {
    match part {
        Protocol::Dns(name)
        | Protocol::Dns4(name)
        | Protocol::Dns6(name)
        | Protocol::Dnsaddr(name)
        | Protocol::Sni(name)
        | Protocol::Ip6zone(name) => (name.is_empty() || name.contains('/'))
            .then_some("a name in it is empty or has a slash"),
        Protocol::Unix(path) | Protocol::HttpPath(path) => {
            path.is_empty().then_some("a path in it is empty")
        }
        Protocol::Onion(_, port) => (*port == 0).then_some("its onion service has no port"),
        Protocol::Onion3(service) => {
            (service.port() == 0).then_some("its onion service has no port")
        }
        Protocol::Garlic64(destination) => {
            (destination.len() < GARLIC64).then_some("its garlic destination is cut")
        }
        Protocol::Garlic32(hash) => {
            let is_whole = hash.len() == GARLIC32 || hash.len() >= GARLIC32_ENCRYPTED;
            (!is_whole).then_some("its garlic hash is cut")
        }
        Protocol::P2p(peer) => {
            let hash = peer.as_ref();
            let is_cut = hash.code() == SHA2_256 && hash.size() != 32;
            is_cut.then_some("a peer id in it is no hash")
        }
        _ => None,
    }
}

/// One byte at least of the code of each protocol that is looked at: 42 is `ip6zone`, 53 to 56 are those of names;
/// the others are numbers from 384 to 511, whose varints end with 3.
const OF_CODES: [u8; 6] = [3, 42, 53, 54, 55, 56];

/// The bytes of an I2P destination with the shortest certificate, less than which none has.
const GARLIC64: usize = 386;

/// The bytes of the hash of an I2P destination.
const GARLIC32: usize = 32;

/// The bytes of the shortest hash of one whose lease set is encrypted.
const GARLIC32_ENCRYPTED: usize = 35;

/// The code of SHA-256 in multihashes.
const SHA2_256: u64 = 0x12;
