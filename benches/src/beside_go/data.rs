use bytes::Bytes;
use data_encoding::HEXLOWER;
use datastore::Key;
use libp2p_identity::{Keypair, PeerId};
use multiaddr::{Multiaddr, Protocol};

use super::pcg::Pcg;
use crate::Result;

/// The key of a peer, of a seed that is its number.
pub(super) fn keypair(peer: usize) -> Result<Keypair> {
    let mut seed = [0; 32];
    let (head, _) = seed.split_at_mut(8);
    head.copy_from_slice(&(peer as u64 + 1).to_be_bytes());
    Ok(Keypair::ed25519_from_bytes(seed)?)
}

/// A well-formed id of a key of no peer: what making keys would cost is not measured.
pub(super) fn fast_id(peer: usize) -> Result<PeerId> {
    let mut random = Pcg::new(peer as u64, 7);
    let mut bytes = vec![0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
    for _ in 0..4 {
        bytes.extend(random.next().to_le_bytes());
    }
    Ok(PeerId::from_bytes(&bytes)?)
}

/// The addresses of a peer.
pub(super) fn addrs_of(peer: usize, n: usize) -> Vec<Multiaddr> {
    let byte = |number: usize| (number & 255) as u8;
    let addr = |n: usize| {
        let ip = [byte(11 + ((peer >> 16) & 127)), byte(peer >> 8), byte(peer), byte(n)];
        let tcp = Protocol::Tcp(4001 + n as u16);
        Multiaddr::empty().with(Protocol::Ip4(ip.into())).with(tcp)
    };
    (0..n).map(addr).collect()
}

/// A key of 32 bytes, in groups of 4,096.
pub(super) fn key(n: usize) -> Result<Key> {
    Ok(Key::new(text(n))?)
}

/// A key that has no value.
pub(super) fn missing_key(n: usize) -> Result<Key> {
    Ok(Key::new(text(n) + "/x")?)
}

fn text(n: usize) -> String {
    let mut random = Pcg::new(n as u64, 99);
    let head = random.next().to_be_bytes();
    let tail = (n as u64 | (random.next() << 32)).to_be_bytes();
    let bytes: Vec<u8> = head.into_iter().take(6).chain(tail).collect();
    let digits = HEXLOWER.encode(&bytes);
    format!("/{:03x}/{}", n / 4096, digits.get(..27).unwrap_or(&digits))
}

/// The key below which a group lies.
pub(super) fn group(n: usize) -> Result<Key> {
    Ok(Key::new(format!("/{n:03x}"))?)
}

/// A value that does not compress.
pub(super) fn value(n: usize, len: usize) -> Bytes {
    let mut random = Pcg::new(n as u64, 5);
    let mut bytes = vec![0; len];
    for chunk in bytes.chunks_exact_mut(8) {
        chunk.copy_from_slice(&random.next().to_le_bytes());
    }
    bytes.into()
}
