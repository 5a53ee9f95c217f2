//! How keys become names of objects: reversible, in the order of the keys, and readable.
//!
//! The name of `/peers/a` below the prefix `node` is `node/peers/a`. A byte that is not safe in names
//! becomes a mark and two hex digits, and the mark sorts where the byte sorts among those that stand for
//! themselves (`A–Z a–z 0–9 - . _ / : @` and the backtick), so that names list in the order of
//! their keys, and a beginning of a key is the beginning of its name:
//!
//! | bytes | written |
//! |---|---|
//! | `00–2C` | `!hh` |
//! | `3B–3F` | `=hh` |
//! | `5B–5E` | `^hh` |
//! | `7B–FF` | `~hh` |
//!
//! Every name is ASCII. Only what this file writes is read back: any other name is not ours.

use std::cmp::Ordering;
use std::ops::Bound;

use datastore::{Error, ErrorKind, Key, KeyRange, Result};

/// The names of the keys below one prefix of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    /// What stands before every name: empty, or a path with `/` at its end.
    base: String,
}

/// What to list to see a range of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Only names that begin so.
    pub(crate) prefix: String,
    /// Only names that sort after this one.
    pub(crate) after: Option<String>,
}

impl Names {
    /// The longest name of an object that S3, GCS and Azure take, in bytes.
    pub(crate) const MAX_LEN: usize = 1024;

    /// Names below `prefix`, a path without `/` at its ends, or nothing.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for a prefix that is not a path of the kind that names are.
    pub(crate) fn below(prefix: &str) -> Result<Self> {
        if prefix.is_empty() {
            return Ok(Self { base: String::new() });
        }
        let plain = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !prefix.split('/').all(plain) || prefix.len() > Self::MAX_LEN / 2 {
            let message = format!(
                "the prefix {prefix:?} is not one: write segments of printable ASCII without \
                 spaces, none of them empty, `.` or `..`, {} bytes at most",
                Self::MAX_LEN / 2
            );
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        Ok(Self { base: format!("{prefix}/") })
    }

    /// The name of a key.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] if it would be longer than names may be.
    pub(crate) fn name(&self, key: &Key) -> Result<String> {
        let bytes = key.as_bytes();
        let mut name = String::with_capacity(self.base.len() + bytes.len());
        name.push_str(&self.base);
        encode(bytes.strip_prefix(b"/").unwrap_or(bytes), &mut name);
        if name.len() > Self::MAX_LEN {
            let message = format!(
                "{} bytes of key become a name of {} bytes, and an object has one of {} at most",
                bytes.len(),
                name.len(),
                Self::MAX_LEN
            );
            return Err(Error::new(ErrorKind::InvalidKey, message).with_key(key.clone()));
        }
        Ok(name)
    }

    /// The key that has this name; `None` if no key has it.
    pub(crate) fn key(&self, name: &str) -> Option<Key> {
        let mut bytes = Vec::with_capacity(1 + name.len());
        bytes.push(b'/');
        decode(name.strip_prefix(&self.base)?, &mut bytes)?;
        Key::from_bytes(bytes.into()).ok()
    }

    /// The path that all names are below.
    pub(crate) fn prefix(&self) -> &str {
        self.base.trim_end_matches('/')
    }

    /// The longest key that there can be: one without bytes that need escapes.
    pub(crate) fn max_key_len(&self) -> usize {
        1 + Self::MAX_LEN - self.base.len()
    }

    /// The name of an object of the store's own, which is the name of no key and sorts after all of those.
    pub(crate) fn own(&self, what: &str) -> String {
        format!("{}{OWN}/{what}", self.base)
    }

    /// Whether this is the name of an object of the store's own.
    pub(crate) fn is_own(&self, name: &str) -> bool {
        let tail = name.strip_prefix(&self.base).and_then(|name| name.strip_prefix(OWN));
        tail.is_some_and(|tail| tail.starts_with('/'))
    }

    /// What to list to see all keys of a range, in order, and few others; `None` if there are none.
    pub(crate) fn span(&self, range: &KeyRange) -> Option<Span> {
        let (start, end) = (range.start(), range.end());
        let (Bound::Included(first) | Bound::Excluded(first)) = start else {
            return Some(self.whole());
        };
        match first.cmp(b"/") {
            Ordering::Less | Ordering::Equal => return Some(self.whole()),
            Ordering::Greater if first.first() != Some(&b'/') => return None,
            Ordering::Greater => {}
        }
        let place = |bytes: &[u8]| {
            let mut name = self.base.clone();
            encode(bytes.get(1..).unwrap_or_default(), &mut name);
            name
        };
        let prefix = place(common_start(first, end));
        if prefix.len() > Self::MAX_LEN {
            return None;
        }
        let mut after = place(first);
        if after.len() > Self::MAX_LEN {
            // No name is so long, so the same names sort after the part of it that could be one.
            after.truncate(Self::MAX_LEN);
        } else if matches!(start, Bound::Included(_)) {
            after = before(after);
        }
        // Some servers list nothing where the one does not begin with the other; and no name ends in `/`.
        let tells = |after: &String| *after > prefix || *after == prefix && !prefix.ends_with('/');
        let after = Some(after).filter(tells);
        Some(Span { prefix, after })
    }

    fn whole(&self) -> Span {
        Span { prefix: self.base.clone(), after: None }
    }
}

/// With this begins no name of a key: the digits of an escape sort before the mark.
const OWN: &str = "~~datastore";

/// How all keys from `first` to `end` begin, as far as that is plain to see: a whole range of
/// bytes that share a beginning ends where the next beginning starts.
fn common_start<'b>(first: &'b [u8], end: Bound<&[u8]>) -> &'b [u8] {
    let Bound::Excluded(end) = end else { return b"/" };
    let Some((end_last, end_head)) = end.split_last() else { return b"/" };
    match first.get(..end.len()).and_then(<[u8]>::split_last) {
        Some((last, head)) if head == end_head && last.checked_add(1) == Some(*end_last) => {
            first.get(..end.len()).unwrap_or(b"/")
        }
        _ => b"/",
    }
}

/// A text that sorts before `name` and after every other name that does.
fn before(mut name: String) -> String {
    match name.pop() {
        Some(last) => {
            // Names are ASCII, and none has a byte below `!`.
            name.push(char::from((last as u8).saturating_sub(1)));
            // Two marks in a row sort after all that can follow.
            name.push_str("~~");
            name
        }
        None => name,
    }
}

fn encode(bytes: &[u8], name: &mut String) {
    for &byte in bytes {
        match mark(byte) {
            None => name.push(char::from(byte)),
            Some(mark) => {
                name.push(char::from(mark));
                for digit in [byte >> 4, byte & 0xF] {
                    name.push(char::from(hex_digit(digit)));
                }
            }
        }
    }
}

fn decode(name: &str, bytes: &mut Vec<u8>) -> Option<()> {
    let mut rest = name.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if !is_mark(first) {
            // What needs an escape and has none was not written by us.
            if mark(first).is_some() {
                return None;
            }
            bytes.push(first);
            continue;
        }
        let (&[high, low], tail) = rest.split_first_chunk::<2>()?;
        rest = tail;
        let byte = hex_value(high)? << 4 | hex_value(low)?;
        if mark(byte) != Some(first) {
            return None;
        }
        bytes.push(byte);
    }
    Some(())
}

/// The mark that a byte is written with, if it does not stand for itself.
fn mark(byte: u8) -> Option<u8> {
    match byte {
        0x00..=0x2C => Some(b'!'),
        0x3B..=0x3F => Some(b'='),
        0x5B..=0x5E => Some(b'^'),
        0x7B..=0xFF => Some(b'~'),
        _ => None,
    }
}

fn is_mark(byte: u8) -> bool {
    matches!(byte, b'!' | b'=' | b'^' | b'~')
}

fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'A' + value - 10 }
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
