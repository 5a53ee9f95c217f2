//! Public and private keys, each compared with the peer id before it is stored and after it is read: an id is
//! made of the key, so that a key which is not the peer's is damage, or an attempt.

mod field;
mod private;
mod public;

use libp2p_identity::{PeerId, PublicKey};
use sha2::{Digest, Sha256};

pub(crate) use private::PrivateKeyRow;
pub(crate) use public::KeyRow;

/// The code of a multihash that is the key itself, as of Ed25519 and secp256k1.
const IDENTITY: u64 = 0x00;

/// The code of a multihash that is the key's hash, as of RSA and ECDSA: ids that begin with `Qm`.
const SHA2_256: u64 = 0x12;

/// The public key that an id holds, if it holds one.
pub(crate) fn inline_key(peer: &PeerId) -> Option<PublicKey> {
    let multihash = peer.as_ref();
    if multihash.code() != IDENTITY {
        return None;
    }
    let key = PublicKey::try_decode_protobuf(multihash.digest()).ok()?;
    // One with more in it than a key is another id than that of the key.
    matches(peer, &key).then_some(key)
}

/// Whether an id is made of this key: the key itself, or its SHA2-256.
///
/// Which of the two an id is, is not asked: ids of Ed25519 keys were hashes once, and such `Qm…` are met still.
pub(crate) fn matches(peer: &PeerId, key: &PublicKey) -> bool {
    let (multihash, key) = (peer.as_ref(), key.encode_protobuf());
    match multihash.code() {
        IDENTITY => multihash.digest() == key,
        SHA2_256 => multihash.digest() == Sha256::digest(key).as_slice(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
