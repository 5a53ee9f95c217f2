//! The one field of a row of keys.

use crate::cbor::{Decoder, Encoder, Flaw};

/// The key, in the protobuf of libp2p.
const KEY: u64 = 1;

/// The key in a row.
pub(super) fn read(value: &[u8]) -> Result<&[u8], Flaw> {
    let (mut row, fields) = Decoder::row(value)?;
    let mut key = None;
    for _ in 0..fields {
        match row.uint()? {
            KEY => key = Some(row.bytes()?),
            _ => row.skip()?,
        }
    }
    row.end()?;
    key.ok_or(Flaw::Damaged("it has no key"))
}

/// A row of a key.
pub(super) fn write(key: Option<&[u8]>) -> Vec<u8> {
    let mut row = Encoder::row(usize::from(key.is_some()));
    if let Some(key) = key {
        row.uint(KEY);
        row.bytes(key);
    }
    row.finish()
}
