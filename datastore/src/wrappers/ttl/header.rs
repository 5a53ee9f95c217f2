//! What stands before each value in the store below.
//!
//! One byte: `0x10` before a value that never expires, `0x11` before one that does; there 8 bytes follow,
//! big-endian, the moment in milliseconds since 1970. The upper half of the byte is the version of the format.

use bytes::Bytes;

use crate::{Error, ErrorKind, Expiry, Found, Key, Result};

const NEVER: u8 = 0x10;
const EXPIRES: u8 = 0x11;

/// Most bytes that a header has.
pub(super) const MOST: usize = 9;

/// `value` with its header.
pub(super) fn encode(expiry: Expiry, value: &[u8]) -> Bytes {
    let never = expiry == Expiry::NEVER;
    // Exactly: bytes with room behind them become `Bytes` at the price of another allocation.
    let mut stored = Vec::with_capacity(value.len() + if never { 1 } else { MOST });
    if never {
        stored.push(NEVER);
    } else {
        stored.push(EXPIRES);
        stored.extend_from_slice(&expiry.as_millis().to_be_bytes());
    }
    stored.extend_from_slice(value);
    stored.into()
}

/// The expiry of what is stored, and the length of its header; `None` if it has none.
pub(super) fn decode(stored: &[u8]) -> Option<(Expiry, usize)> {
    let (format, rest) = stored.split_first()?;
    match *format {
        NEVER => Some((Expiry::NEVER, 1)),
        EXPIRES => {
            let millis = u64::from_be_bytes(*rest.first_chunk()?);
            Some((Expiry::from_millis(millis), MOST))
        }
        _ => None,
    }
}

/// The expiry of a value that the store below found, and the length of its header.
pub(super) fn of_found(key: &Key, found: &Found) -> Result<(Expiry, usize)> {
    found.value().and_then(|stored| decode(stored)).ok_or_else(|| headless(key))
}

/// The error of a value that was not written by this layer.
pub(super) fn headless(key: &Key) -> Error {
    let message =
        "the value has no header that says when it expires: it was not written through this layer";
    Error::new(ErrorKind::Corrupt, message).with_key(key.clone())
}
