use libp2p_identity::{Keypair, PeerId, PublicKey};

use super::imported::ImportedPrivateKey;
use super::skipped::SkipReason;
use crate::keys::matches;

/// A public key in libp2p's protobuf, if it is the peer's.
pub(super) fn public_key(peer: &PeerId, encoded: &[u8]) -> Result<PublicKey, SkipReason> {
    let key = PublicKey::try_decode_protobuf(encoded)
        .map_err(|error| SkipReason::damaged("the public key", error))?;
    if matches(peer, &key) { Ok(key) } else { Err(SkipReason::WrongKey) }
}

/// A private key in libp2p's protobuf, if it is the peer's.
pub(super) fn private_key(peer: &PeerId, encoded: &[u8]) -> Result<ImportedPrivateKey, SkipReason> {
    let unrepeated = unrepeated(encoded);
    let encoded = unrepeated.as_deref().unwrap_or(encoded);
    checked(peer, Keypair::from_protobuf_encoding(encoded).ok(), encoded)
}

/// An Ed25519 key with its public half twice, as libp2p once wrote it, with the half once; go-libp2p reads both
/// (`UnmarshalEd25519PrivateKey`).
fn unrepeated(encoded: &[u8]) -> Option<Vec<u8>> {
    let (key, repeated) = encoded.strip_prefix(&ED25519_REPEATED)?.split_at_checked(64)?;
    (key.get(32..) == Some(repeated)).then(|| [&ED25519[..], key].concat())
}

/// The protobuf of an Ed25519 key whose data has 64 bytes, up to the data.
const ED25519: [u8; 4] = [0x08, 0x01, 0x12, 0x40];

/// The same with 96 bytes.
const ED25519_REPEATED: [u8; 4] = [0x08, 0x01, 0x12, 0x60];

/// A private key with 32 bytes for Ed25519, the seed alone, as py-libp2p writes it; libp2p's protobuf has 64.
pub(super) fn private_key_or_seed(
    peer: &PeerId,
    encoded: &[u8],
) -> Result<ImportedPrivateKey, SkipReason> {
    match encoded.strip_prefix(&ED25519_SEED) {
        Some(seed) if seed.len() == 32 => {
            let keypair = Keypair::ed25519_from_bytes(seed.to_vec()).ok();
            checked(peer, keypair, encoded)
        }
        _ => private_key(peer, encoded),
    }
}

/// The protobuf of an Ed25519 key whose data has 32 bytes, up to the data.
const ED25519_SEED: [u8; 4] = [0x08, 0x01, 0x12, 0x20];

fn checked(
    peer: &PeerId,
    keypair: Option<Keypair>,
    encoded: &[u8],
) -> Result<ImportedPrivateKey, SkipReason> {
    // Why it cannot be read is left out: that might show a part of the key.
    let keypair = keypair
        .ok_or_else(|| SkipReason::damaged("the private key", "it is not one that libp2p has"))?;
    if !matches(peer, &keypair.public()) {
        return Err(SkipReason::WrongKey);
    }
    // RSA keypairs have no encoding; those of the others are the same for every form that is read.
    let encoded = keypair.to_protobuf_encoding().unwrap_or_else(|_| encoded.to_vec());
    Ok(ImportedPrivateKey::new(keypair, encoded))
}
