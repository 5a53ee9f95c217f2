//! Who signed an envelope, and whether they did: as go-libp2p has it, which takes signatures that
//! `libp2p_identity` does not. Such a signature is brought into the form that the latter takes; what it is
//! of, and by whom, remains for the latter to say.

use std::borrow::Cow;

use libp2p_identity::{KeyType, PublicKey};
use prost::Message;

use super::error::RecordError;
use super::wire;

/// The key that is said to have signed.
pub(super) fn signer(key: Option<wire::PublicKey>) -> Result<PublicKey, RecordError> {
    // Both fields are required ones in the schema of keys.
    let key = key.filter(|key| key.key_type.is_some() && key.data.is_some());
    let key = key.ok_or_else(|| RecordError::PublicKey("it is missing".to_owned()))?;
    PublicKey::try_decode_protobuf(&key.encode_to_vec())
        .map_err(|flaw| RecordError::PublicKey(flaw.to_string()))
}

/// Whether the key signed such bytes.
pub(super) fn verifies(key: &PublicKey, signed: &[u8], signature: &[u8]) -> bool {
    key.verify(signed, &in_one_form(key.key_type(), signature))
}

fn in_one_form(kind: KeyType, signature: &[u8]) -> Cow<'_, [u8]> {
    match kind {
        KeyType::Secp256k1 => with_low_s(signature),
        KeyType::Ecdsa => Cow::Borrowed(without_rest(signature)),
        KeyType::Ed25519 | KeyType::RSA => Cow::Borrowed(signature),
    }
}

/// With each signature (r, s) on the curve, (r, n − s) is one of the same bytes. Go takes both.
fn with_low_s(signature: &[u8]) -> Cow<'_, [u8]> {
    match k256::ecdsa::Signature::from_der(signature) {
        Ok(parsed) if parsed.normalize_s() != parsed => {
            Cow::Owned(parsed.normalize_s().to_der().as_bytes().to_vec())
        }
        _ => Cow::Borrowed(signature),
    }
}

/// Go reads the first DER value and not what follows. One of P-256 is shorter than 128 bytes, so that its
/// length is one byte.
fn without_rest(signature: &[u8]) -> &[u8] {
    let Some(len) = signature.get(1) else { return signature };
    signature.get(..usize::from(*len) + 2).unwrap_or(signature)
}
