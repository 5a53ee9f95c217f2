use std::fmt;
use std::ops::Range;

use bytes::{Buf, Bytes, BytesMut};

use crate::{Error, ErrorKind, Result};

/// The name of a value: one or more non-empty segments, written `/a/b/c`.
///
/// A segment holds any bytes but `/`, and is neither `.` nor `..`. Constructors check and never
/// rewrite; [`Key::clean`] rewrites, as go-datastore's `NewKey` does. Keys order bytewise on
/// [`as_bytes`](Key::as_bytes), everywhere.
///
/// Cloning is cheap (a reference count). A key that came with a page shares one buffer with the
/// other keys of that page; [`detached`](Key::detached) gives it one of its own.
///
/// # Examples
/// ```
/// use datastore::{Key, key};
///
/// let peer = key!("/peers/addrs").child("QmPeer")?;
/// assert_eq!(peer, Key::new("/peers/addrs/QmPeer")?);
/// assert!(Key::new("/peers//addrs").is_err());
/// assert_eq!(Key::clean("peers//addrs/../keys")?, key!("/peers/keys"));
/// # Ok::<(), datastore::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Bytes);

impl Key {
    /// The longest key, in bytes of its encoded form, slashes included.
    ///
    /// The embedded engine stores the length of a key in 16 bits; every store has the same limit, so
    /// that a key which fits one fits all, but for stores whose
    /// [`Capabilities::max_key_len`](crate::Capabilities::max_key_len) is lower.
    pub const MAX_LEN: usize = 65_535;

    /// Checks `encoded`, which begins with `/`, and makes it a key.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] for what is not a key; the message says why.
    pub fn new(encoded: impl AsRef<[u8]>) -> Result<Self> {
        let encoded = encoded.as_ref();
        check(encoded)?;
        Ok(Self(Bytes::copy_from_slice(encoded)))
    }

    /// As [`Key::new`], without copying; the key keeps the whole buffer of `encoded` alive.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] for what is not a key.
    pub fn from_bytes(encoded: Bytes) -> Result<Self> {
        check(&encoded)?;
        Ok(Self(encoded))
    }

    /// Joins segments into a key.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] without a segment, or with one that is empty, `.`, `..`, or has a `/`.
    pub fn from_segments<S: AsRef<[u8]>>(segments: impl IntoIterator<Item = S>) -> Result<Self> {
        let mut encoded = BytesMut::new();
        for segment in segments {
            let segment = segment.as_ref();
            check_segment(segment)?;
            encoded.extend_from_slice(b"/");
            encoded.extend_from_slice(segment);
        }
        if encoded.is_empty() {
            return Err(invalid(b"", Flaw::Empty));
        }
        check_len(&encoded)?;
        Ok(Self(encoded.freeze()))
    }

    /// Rewrites `path` as go-datastore's `NewKey` does, then makes it a key: a `/` is put in front,
    /// empty and `.` segments are dropped, and `..` takes the segment before it away.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] if nothing is left (Go's root key, `/`, is a place to query and
    /// not a key), or if what is left is too long.
    pub fn clean(path: impl AsRef<[u8]>) -> Result<Self> {
        let mut segments: Vec<&[u8]> = Vec::new();
        for segment in path.as_ref().split(|byte| *byte == b'/') {
            match segment {
                b"" | b"." => {}
                b".." => {
                    segments.pop();
                }
                other => segments.push(other),
            }
        }
        Self::from_segments(segments)
    }

    /// The encoded form: each segment with a `/` before it.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The encoded form, sharing this key's buffer.
    pub fn to_bytes(&self) -> Bytes {
        self.0.clone()
    }

    /// The same key in a buffer of its own, for keys that are kept long after their page.
    #[must_use]
    pub fn detached(&self) -> Self {
        Self(Bytes::copy_from_slice(&self.0))
    }

    /// What [`key!`](crate::key!) expands to; `encoded` was checked when it compiled.
    #[doc(hidden)]
    pub const fn from_static_checked(encoded: &'static [u8]) -> Self {
        assert!(is_valid(encoded), "not a valid key: see `Key`");
        Self(Bytes::from_static(encoded))
    }

    /// Takes `prefix` off, if this key lies below it; says whether it does. In place: for every entry of
    /// a page, a clone of the buffer would cost more than the rest.
    pub(crate) fn strip(&mut self, prefix: &Self) -> bool {
        let tail = self.0.strip_prefix(prefix.as_bytes());
        let below = tail.is_some_and(|tail| tail.first() == Some(&b'/'));
        if below {
            self.0.advance(prefix.as_bytes().len());
        }
        below
    }

    /// A key from bytes that are one by construction: parts of keys, joined or cut at a segment.
    pub(crate) fn trusted(encoded: Bytes) -> Self {
        debug_assert!(is_valid(&encoded));
        Self(encoded)
    }
}

/// Keys that lie one after the other in one buffer, which they go on sharing.
///
/// They are looked at all at once: one by one, that takes a good part of what gathering a page takes.
pub(crate) struct JoinedKeys {
    joined: Bytes,
    /// Whether no segment in there can be wrong, so long as each key begins with a slash.
    plain: bool,
}

impl JoinedKeys {
    pub(crate) fn new(joined: Bytes) -> Self {
        // A slash at the end of one key stands before that at the start of the next.
        let plain = joined.last() != Some(&b'/') && !has_odd_segment(&joined);
        Self { joined, plain }
    }

    /// The key that lies there. If one of them all is none, this is an error for one at least.
    #[inline]
    pub(crate) fn key(&self, at: Range<usize>) -> Result<Key> {
        let encoded = self.joined.slice(at);
        if self.plain && encoded.first() == Some(&b'/') && encoded.len() <= Key::MAX_LEN {
            return Ok(Key(encoded));
        }
        Key::from_bytes(encoded)
    }
}

/// Makes a [`Key`] from a literal that is checked when it compiles.
///
/// # Examples
/// ```
/// let key = datastore::key!("/blocks/pinned");
/// assert_eq!(key.segments().count(), 2);
/// ```
/// ```compile_fail
/// let key = datastore::key!("/blocks//pinned");
/// ```
#[macro_export]
macro_rules! key {
    ($encoded:literal) => {{
        const KEY: $crate::Key = $crate::Key::from_static_checked($encoded.as_bytes());
        KEY
    }};
}

impl AsRef<[u8]> for Key {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl std::borrow::Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

#[derive(Clone, Copy)]
enum Flaw {
    Empty,
    TooLong,
    NoLeadingSlash,
    EmptySegment,
    DotSegment,
    SlashInSegment,
}

fn check(encoded: &[u8]) -> Result<()> {
    if encoded.is_empty() {
        return Err(invalid(encoded, Flaw::Empty));
    }
    check_len(encoded)?;
    if encoded.first() != Some(&b'/') {
        return Err(invalid(encoded, Flaw::NoLeadingSlash));
    }
    // Every key of a page is checked, and nearly all of them are well by the first look.
    if encoded.last() != Some(&b'/') && !has_odd_segment(encoded) {
        return Ok(());
    }
    let mut start = 1;
    for slash in memchr::memchr_iter(b'/', encoded).skip(1).chain([encoded.len()]) {
        let segment = encoded.get(start..slash).unwrap_or_default();
        check_segment_shape(segment).map_err(|flaw| invalid(encoded, flaw))?;
        start = slash + 1;
    }
    Ok(())
}

/// Whether a slash is followed by another one or by a dot: of the segments that are none, and of some
/// that are, all but an empty last one begin so.
///
/// In a form that compiles to a few vector instructions: bytes, and no way out of the loop.
fn has_odd_segment(encoded: &[u8]) -> bool {
    let seconds = encoded.iter().skip(1);
    // `.` and `/` differ in the lowest bit alone.
    let odd = |odd, (first, second): (&u8, &u8)| {
        odd | (u8::from(*first == b'/') & u8::from(*second | 1 == b'/'))
    };
    encoded.iter().zip(seconds).fold(0, odd) != 0
}

pub(crate) fn check_segment(segment: &[u8]) -> Result<()> {
    if memchr::memchr(b'/', segment).is_some() {
        return Err(invalid(segment, Flaw::SlashInSegment));
    }
    check_segment_shape(segment).map_err(|flaw| invalid(segment, flaw))
}

fn check_segment_shape(segment: &[u8]) -> std::result::Result<(), Flaw> {
    match segment {
        b"" => Err(Flaw::EmptySegment),
        b"." | b".." => Err(Flaw::DotSegment),
        _ => Ok(()),
    }
}

pub(crate) fn check_len(encoded: &[u8]) -> Result<()> {
    if encoded.len() > Key::MAX_LEN { Err(invalid(encoded, Flaw::TooLong)) } else { Ok(()) }
}

/// [`check`] as a constant function, for `key!`.
const fn is_valid(encoded: &[u8]) -> bool {
    if encoded.is_empty() || encoded.len() > Key::MAX_LEN {
        return false;
    }
    let mut rest = encoded;
    loop {
        // At the start of each round: at a slash, with a segment behind it.
        let [b'/', tail @ ..] = rest else { return false };
        let mut segment = tail;
        let mut len = 0;
        let mut dots = true;
        while let [byte, after @ ..] = segment {
            if *byte == b'/' {
                break;
            }
            dots &= *byte == b'.';
            len += 1;
            segment = after;
        }
        if len == 0 || (dots && len <= 2) {
            return false;
        }
        if segment.is_empty() {
            return true;
        }
        rest = segment;
    }
}

fn invalid(encoded: &[u8], flaw: Flaw) -> Error {
    const SHOWN: usize = 64;
    let why = match flaw {
        Flaw::Empty => "a key has at least one segment",
        Flaw::TooLong => "a key has at most 65535 bytes",
        Flaw::NoLeadingSlash => "a key begins with `/`",
        Flaw::EmptySegment => "a segment is empty (`Key::clean` drops empty segments)",
        Flaw::DotSegment => "`.` and `..` are not segments (`Key::clean` resolves them)",
        Flaw::SlashInSegment => "a segment cannot hold `/`",
    };
    let shown = encoded.get(..SHOWN).unwrap_or(encoded).escape_ascii();
    let more = if encoded.len() > SHOWN { "…" } else { "" };
    Error::new(ErrorKind::InvalidKey, format!("not a key: \"{shown}{more}\": {why}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{JoinedKeys, Key, check, is_valid};

    fn nearly_keys() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(b"//..a\xff".as_slice()), 0..9)
    }

    proptest! {
        #[test]
        fn the_constant_check_agrees_with_the_one_at_run_time(encoded in nearly_keys()) {
            prop_assert_eq!(is_valid(&encoded), check(&encoded).is_ok());
        }
    }

    proptest! {
        #[test]
        fn joined_keys_are_refused_if_and_only_if_one_of_them_is_none(
            keys in prop::collection::vec(nearly_keys(), 0..5),
            plain in prop::collection::vec("(/[a-c]{1,20}){1,3}", 0..5),
        ) {
            let plain = plain.into_iter().map(String::into_bytes);
            let keys: Vec<Vec<u8>> = plain.chain(keys).collect();
            let joined = JoinedKeys::new(keys.concat().into());
            let mut start = 0;
            let found: Result<Vec<Key>, _> = keys.iter().map(|key| {
                let at = start..start + key.len();
                start = at.end;
                joined.key(at)
            }).collect();
            let expected: Result<Vec<Key>, _> = keys.iter().map(Key::new).collect();
            prop_assert_eq!(found.ok(), expected.ok());
        }
    }

    #[test]
    fn a_joined_key_that_is_too_long_is_refused() {
        let long = [b"/".as_slice(), &vec![b'a'; Key::MAX_LEN]].concat();
        let joined = JoinedKeys::new([b"/a".as_slice(), &long].concat().into());
        assert!(joined.key(0..2).is_ok());
        assert!(joined.key(2..2 + long.len()).is_err());
    }

    #[test]
    fn both_checks_agree_at_the_longest_key() {
        for len in [Key::MAX_LEN - 1, Key::MAX_LEN, Key::MAX_LEN + 1] {
            let encoded = [b"/".as_slice(), &vec![b'a'; len - 1]].concat();
            assert_eq!(is_valid(&encoded), len <= Key::MAX_LEN);
            assert_eq!(check(&encoded).is_ok(), len <= Key::MAX_LEN);
        }
    }
}
