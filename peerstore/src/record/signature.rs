//! Who signed an envelope, and whether they did: as go-libp2p has it, which takes signatures that
//! `libp2p_identity` does not. Such a signature is brought into the form that the latter takes; what it is
//! of, and by whom, remains for the latter to say.

use std::borrow::Cow;

use libp2p_identity::{KeyType, PublicKey};
use prost::Message;

use super::error::RecordError;
use super::wire;
use crate::lenient::Lenient;

/// The key that is said to have signed.
pub(super) fn signer(key: Option<Lenient<wire::PublicKey>>) -> Result<PublicKey, RecordError> {
    let refused = |why: &str| RecordError::PublicKey(why.to_owned());
    // Both fields are required ones in the schema of keys.
    let whole = |key: wire::PublicKey| key.key_type.zip(key.data);
    let (kind, data) =
        key.and_then(|Lenient(key)| whole(key)).ok_or_else(|| refused("it is missing"))?;
    let given = wire::PublicKey { key_type: Some(kind), data: Some(data) }.encode_to_vec();
    let key = PublicKey::try_decode_protobuf(&given).map_err(|flaw| refused(&flaw.to_string()))?;
    match key.key_type() {
        KeyType::Ecdsa | KeyType::RSA if key.encode_protobuf() != given => {
            Err(refused("it is not written as such keys are"))
        }
        _ => Ok(key),
    }
}

/// Whether the key signed such bytes.
pub(super) fn verifies(key: &PublicKey, signed: &[u8], signature: &[u8]) -> bool {
    key.verify(signed, &in_one_form(key.key_type(), signature))
}

fn in_one_form(kind: KeyType, signature: &[u8]) -> Cow<'_, [u8]> {
    match kind {
        KeyType::Secp256k1 => with_low_s(signature),
        KeyType::Ecdsa => two_numbers(signature).map_or(Cow::Borrowed(signature), Cow::Owned),
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

/// Go reads the two numbers at the front of the first DER value, and neither what follows them there nor
/// what follows the value.
fn two_numbers(signature: &[u8]) -> Option<Vec<u8>> {
    let (value, _) = der(SEQUENCE, signature)?;
    let (_, rest) = der(INTEGER, value)?;
    let (_, rest) = der(INTEGER, rest)?;
    let numbers = value.strip_suffix(rest)?;
    let len = u8::try_from(numbers.len()).ok().filter(|len| *len < LONG)?;
    Some([&[SEQUENCE, len], numbers].concat())
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// From here on, the first byte of a length says of how many bytes it is.
const LONG: u8 = 0x80;

/// The content of a DER value of that kind, and what follows it. The shortest form of its length is the only
/// one.
fn der(kind: u8, bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let [first, len, rest @ ..] = bytes else { return None };
    let (len, rest) = match *len {
        len if len < LONG => (usize::from(len), rest),
        len => {
            let (len, rest) = rest.split_at_checked(usize::from(len - LONG))?;
            let padded = len.first().is_none_or(|first| *first == 0);
            let value = len.iter().try_fold(0_u32, |value, byte| {
                value.checked_mul(256)?.checked_add(u32::from(*byte))
            })?;
            if padded || value < u32::from(LONG) {
                return None;
            }
            (value as usize, rest)
        }
    };
    if *first != kind {
        return None;
    }
    rest.split_at_checked(len)
}
