use std::ops::{Bound, RangeBounds};

use bytes::Bytes;

use crate::{Key, Scope};

/// An interval of encoded keys, with bounds that every engine takes: none longer than a key can be,
/// start before end. There may be no key in it, but nothing in the bounds says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    start: Bound<Bytes>,
    end: Bound<Bytes>,
}

impl KeyRange {
    /// The interval between two bounds; `None` if they leave nothing between them.
    pub fn new(start: Bound<Bytes>, end: Bound<Bytes>) -> Option<Self> {
        let range = Self { start: shorten_start(start), end: shorten_end(end) };
        if range.is_empty() { None } else { Some(range) }
    }

    /// The keys that begin with `prefix`; `None` where it is longer than a key can be.
    pub fn starting_with(prefix: Bytes) -> Option<Self> {
        if prefix.len() > Key::MAX_LEN {
            return None;
        }
        let end = successor_of_prefix(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
        Self::new(Bound::Included(prefix), end)
    }

    /// The keys strictly below `key`.
    pub fn below(key: &Key) -> Option<Self> {
        let encoded = key.as_bytes();
        let first = Bytes::from([encoded, b"/"].concat());
        let end = Bytes::from([encoded, b"0"].concat()); // `0` is the byte after `/`
        Self::new(Bound::Excluded(first), Bound::Excluded(end))
    }

    /// The keys of a scope.
    pub fn of_scope(scope: &Scope) -> Option<Self> {
        match scope {
            Scope::All => Self::new(Bound::Unbounded, Bound::Unbounded),
            Scope::Descendants(key) => Self::below(key),
            Scope::StartsWith(prefix) => Self::starting_with(prefix.clone()),
            Scope::Range(start, end) => Self::new(start.clone(), end.clone()),
        }
    }

    /// The keys that both hold; `None` if there are none.
    #[must_use]
    pub fn intersect(self, other: Self) -> Option<Self> {
        let start = if starts_later(&other.start, &self.start) { other.start } else { self.start };
        let end = if ends_earlier(&other.end, &self.end) { other.end } else { self.end };
        Self::new(start, end)
    }

    /// Where it starts.
    pub fn start(&self) -> Bound<&[u8]> {
        self.start.as_ref().map(AsRef::as_ref)
    }

    /// Where it ends.
    pub fn end(&self) -> Bound<&[u8]> {
        self.end.as_ref().map(AsRef::as_ref)
    }

    /// The interval with `prefix` put before both of its bounds; an open end stays open.
    pub(crate) fn prefixed(self, prefix: &[u8]) -> Option<Self> {
        let extend = |bytes: Bytes| Bytes::from([prefix, &bytes].concat());
        Self::new(self.start.map(extend), self.end.map(extend))
    }

    fn is_empty(&self) -> bool {
        match (&self.start, &self.end) {
            (Bound::Unbounded, Bound::Unbounded | Bound::Included(_)) => false,
            (Bound::Unbounded, Bound::Excluded(end)) => end.is_empty(),
            (_, Bound::Unbounded) => false,
            (Bound::Included(start), Bound::Included(end)) => start > end,
            (
                Bound::Included(start) | Bound::Excluded(start),
                Bound::Included(end) | Bound::Excluded(end),
            ) => start >= end,
        }
    }
}

impl From<KeyRange> for Scope {
    fn from(range: KeyRange) -> Self {
        Self::Range(range.start, range.end)
    }
}

impl RangeBounds<[u8]> for KeyRange {
    fn start_bound(&self) -> Bound<&[u8]> {
        self.start()
    }

    fn end_bound(&self) -> Bound<&[u8]> {
        self.end()
    }
}

/// The least byte string greater than all that begin with `prefix`; `None` if there is none.
fn successor_of_prefix(prefix: &[u8]) -> Option<Bytes> {
    let last = prefix.iter().rposition(|byte| *byte != 0xFF)?;
    let mut end = prefix.get(..=last)?.to_vec();
    if let Some(byte) = end.last_mut() {
        *byte += 1;
    }
    Some(end.into())
}

/// A bound longer than any key lies just after its own longest part that could be one; one that is
/// empty bounds nothing.
fn shorten_start(start: Bound<Bytes>) -> Bound<Bytes> {
    match start {
        Bound::Included(bytes) | Bound::Excluded(bytes) if bytes.len() > Key::MAX_LEN => {
            Bound::Excluded(bytes.slice(..Key::MAX_LEN))
        }
        Bound::Included(bytes) | Bound::Excluded(bytes) if bytes.is_empty() => Bound::Unbounded,
        other => other,
    }
}

fn shorten_end(end: Bound<Bytes>) -> Bound<Bytes> {
    match end {
        Bound::Included(bytes) | Bound::Excluded(bytes) if bytes.len() > Key::MAX_LEN => {
            Bound::Included(bytes.slice(..Key::MAX_LEN))
        }
        Bound::Included(bytes) if bytes.is_empty() => Bound::Excluded(bytes),
        other => other,
    }
}

fn starts_later(candidate: &Bound<Bytes>, than: &Bound<Bytes>) -> bool {
    match (candidate, than) {
        (Bound::Unbounded, _) => false,
        (_, Bound::Unbounded) => true,
        (Bound::Excluded(a), Bound::Included(b)) => a >= b,
        (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) => a > b,
    }
}

fn ends_earlier(candidate: &Bound<Bytes>, than: &Bound<Bytes>) -> bool {
    match (candidate, than) {
        (Bound::Unbounded, _) => false,
        (_, Bound::Unbounded) => true,
        (Bound::Excluded(a), Bound::Included(b)) => a <= b,
        (Bound::Included(a) | Bound::Excluded(a), Bound::Included(b) | Bound::Excluded(b)) => a < b,
    }
}
