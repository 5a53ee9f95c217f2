//! How an entry of the index is written: `<prefix>/<expiry>/<key>`, the expiry as 16 hexadecimal digits, so
//! that the order of the keys is that of the moments.

use bytes::{Bytes, BytesMut};

use crate::key::check_len;
use crate::{Expiry, Key, Op, Result};

/// An entry of an [`ExpiryIndex`](crate::ExpiryIndex) whose moment has come: the record that it names has
/// to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    entry: Key,
    key: Key,
    at: Expiry,
}

impl Due {
    /// The key of the record.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The moment of the entry: the record expires then, or later, or is not there any more.
    pub fn at(&self) -> Expiry {
        self.at
    }

    /// The write that removes the entry, for a record that expired, never expires, or is gone. Where
    /// batches are not atomic, it comes after the one that removes the record.
    pub fn settled(&self) -> Op {
        Op::Delete { key: self.entry.clone() }
    }

    /// What the key of an entry says; `None` if it is not one.
    pub(super) fn parse(prefix: &Key, entry: &Key) -> Option<Self> {
        let tail = entry.as_bytes().strip_prefix(prefix.as_bytes())?.strip_prefix(b"/")?;
        let (digits, key) = tail.split_first_chunk::<DIGITS>()?;
        if key.first() != Some(&b'/') {
            return None;
        }
        let at = Expiry::from_millis(from_digits(digits)?);
        let start = entry.as_bytes().len() - key.len();
        let key = Key::trusted(entry.to_bytes().slice(start..));
        Some(Self { entry: entry.clone(), key, at })
    }
}

/// How much longer the key of an entry is than prefix and key.
pub(super) const OVERHEAD: usize = DIGITS + 1;

pub(super) const DIGITS: usize = 16;

/// The key of the entry of `key` at `at`.
///
/// # Errors
/// [`InvalidKey`](crate::ErrorKind::InvalidKey) if it would be too long.
pub(super) fn entry_key(prefix: &Key, at: u64, key: &Key) -> Result<Key> {
    let len = prefix.as_bytes().len() + OVERHEAD + key.as_bytes().len();
    let mut encoded = BytesMut::with_capacity(len);
    encoded.extend_from_slice(prefix.as_bytes());
    encoded.extend_from_slice(b"/");
    encoded.extend_from_slice(&digits(at));
    encoded.extend_from_slice(key.as_bytes());
    check_len(&encoded)?;
    Ok(Key::trusted(encoded.freeze()))
}

/// The least bytes that the key of an entry at `at`, or later, begins with.
pub(super) fn bound(prefix: &Key, at: u64) -> Bytes {
    Bytes::from([prefix.as_bytes(), b"/", &digits(at)].concat())
}

pub(super) fn digits(millis: u64) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    let mut rest = millis;
    for digit in digits.iter_mut().rev() {
        // At most 15.
        let nibble = (rest & 0xF) as u8;
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
        rest >>= 4;
    }
    digits
}

/// The number that [`digits`] wrote; `None` for anything else.
pub(super) fn from_digits(digits: &[u8; DIGITS]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| {
        let nibble = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some((number << 4) | u64::from(nibble))
    })
}
