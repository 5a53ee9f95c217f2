//! What go-datastore and interface-datastore can do with a key.

use bytes::{Bytes, BytesMut};
use data_encoding::BASE32_NOPAD;

use crate::key::{check_len, check_segment};
use crate::{Error, ErrorKind, Key, Result};

impl Key {
    /// The segments, first to last (Go: `List`, `Namespaces`).
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.as_bytes().get(1..).unwrap_or_default().split(|byte| *byte == b'/')
    }

    /// The first segment (Go: `RootNamespace`).
    pub fn first_segment(&self) -> &[u8] {
        self.segments().next().unwrap_or_default()
    }

    /// The last segment (Go: `BaseNamespace`).
    pub fn last_segment(&self) -> &[u8] {
        let encoded = self.as_bytes();
        encoded.get(self.last_slash() + 1..).unwrap_or_default()
    }

    /// What stands before the last `:` of the last segment, empty without one (Go: `Type`).
    pub fn kind(&self) -> &[u8] {
        split_instance(self.last_segment()).0
    }

    /// What stands after the last `:` of the last segment, all of it without one (Go: `Name`).
    pub fn name(&self) -> &[u8] {
        split_instance(self.last_segment()).1
    }

    /// This key with `:name` at its end (Go: `Instance`).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] if `name` holds a `/`, or the key grows too long.
    pub fn instance(&self, name: impl AsRef<[u8]>) -> Result<Self> {
        let name = name.as_ref();
        if !name.is_empty() && name != b"." && name != b".." {
            check_segment(name)?;
        }
        self.extended(b":", name)
    }

    /// The key with the kind of its last segment in place of the segment (Go: `Path`):
    /// `/a/b:c` gives `/a/b`. Without a kind it is the parent, `None` at the top level.
    pub fn path(&self) -> Option<Self> {
        let kind = self.kind();
        match kind {
            b"" | b"." => self.parent(),
            b".." => self.parent().and_then(|parent| parent.parent()),
            _ => Some(self.cut(self.last_slash() + 1 + kind.len())),
        }
    }

    /// The key without its last segment; `None` at the top level (Go and js say `/`).
    pub fn parent(&self) -> Option<Self> {
        match self.last_slash() {
            0 => None,
            slash => Some(self.cut(slash)),
        }
    }

    /// This key with one more segment.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] if `segment` is empty, `.` or `..`, holds a `/`, or the key grows too
    /// long.
    pub fn child(&self, segment: impl AsRef<[u8]>) -> Result<Self> {
        let segment = segment.as_ref();
        check_segment(segment)?;
        self.extended(b"/", segment)
    }

    /// This key followed by all segments of `tail` (Go: `Child`; js: `child`, `concat`).
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] if the key grows too long.
    pub fn join(&self, tail: &Self) -> Result<Self> {
        self.extended(b"", tail.as_bytes())
    }

    /// A child that names raw bytes, such as a multihash: RFC 4648 base32, upper case, unpadded,
    /// as go-datastore's `dshelp` writes them.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] if `bytes` is empty, or the key grows too long.
    pub fn child_encoded(&self, bytes: impl AsRef<[u8]>) -> Result<Self> {
        self.child(BASE32_NOPAD.encode(bytes.as_ref()))
    }

    /// The bytes that [`child_encoded`](Self::child_encoded) put in the last segment.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] if the last segment is not upper-case, unpadded base32.
    pub fn decode_last_segment(&self) -> Result<Vec<u8>> {
        BASE32_NOPAD.decode(self.last_segment()).map_err(|error| {
            Error::new(ErrorKind::InvalidKey, format!("the last segment of {self} is not base32"))
                .with_source(error)
        })
    }

    /// The segments in opposite order.
    #[must_use]
    pub fn reverse(&self) -> Self {
        let mut encoded = BytesMut::with_capacity(self.as_bytes().len());
        for segment in self.segments().rev() {
            encoded.extend_from_slice(b"/");
            encoded.extend_from_slice(segment);
        }
        Self::trusted(encoded.freeze())
    }

    /// Whether `other` lies strictly below this key, at a segment boundary.
    pub fn is_ancestor_of(&self, other: &Self) -> bool {
        let tail = other.as_bytes().strip_prefix(self.as_bytes());
        tail.is_some_and(|tail| tail.first() == Some(&b'/'))
    }

    /// Whether this key lies strictly below `other`, at a segment boundary.
    pub fn is_descendant_of(&self, other: &Self) -> bool {
        other.is_ancestor_of(self)
    }

    /// Whether the key has one segment.
    pub fn is_top_level(&self) -> bool {
        self.last_slash() == 0
    }

    /// What follows this key in `descendant`, sharing its buffer; `None` if it is not one.
    pub fn strip_from(&self, descendant: &Self) -> Option<Self> {
        let tail = || Self::trusted(descendant.to_bytes().slice(self.as_bytes().len()..));
        self.is_ancestor_of(descendant).then(tail)
    }

    fn last_slash(&self) -> usize {
        memchr::memrchr(b'/', self.as_bytes()).unwrap_or_default()
    }

    fn cut(&self, end: usize) -> Self {
        Self::trusted(self.to_bytes().slice(..end))
    }

    fn extended(&self, separator: &[u8], tail: &[u8]) -> Result<Self> {
        let encoded = [self.as_bytes(), separator, tail].concat();
        check_len(&encoded)?;
        Ok(Self::trusted(Bytes::from(encoded)))
    }
}

fn split_instance(segment: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memrchr(b':', segment) {
        Some(colon) => {
            (segment.get(..colon).unwrap_or_default(), segment.get(colon + 1..).unwrap_or_default())
        }
        None => (b"", segment),
    }
}
