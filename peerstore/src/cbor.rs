//! Rows as CBOR (RFC 8949): a map with small numbers as keys, its version first.
//!
//! **What later releases may do.** A row, or an entry in it, may get further fields: a reader skips those that
//! it does not know, and they are gone once it rewrites the row. What must not be lost so raises
//! [`VERSION`]: a row of a higher version is answered as newer, and neither rewritten nor removed.

use std::convert::Infallible;

use cbor4ii::core::dec::{Decode, IgnoredAny, Read};
use cbor4ii::core::enc::{self, Encode};
use cbor4ii::core::types::{Array, Bytes, Map};
use cbor4ii::core::utils::SliceReader;

/// The version of the rows that this release writes.
pub(crate) const VERSION: u64 = 1;

/// The number of the field that holds the version of a row; those of its content begin at 1.
const VERSION_FIELD: u64 = 0;

/// Why a row cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It is not what was written, or was not written by us.
    Damaged(&'static str),
    /// A later release wrote it.
    Newer(u64),
}

/// Writes one row.
#[derive(Debug)]
pub(crate) struct Encoder(Buffer);

#[derive(Debug)]
struct Buffer(Vec<u8>);

impl Encoder {
    /// Begins a row with so many fields, its version aside.
    pub(crate) fn row(fields: usize) -> Self {
        let mut encoder = Self(Buffer(Vec::with_capacity(128)));
        encoder.map(fields + 1);
        encoder.uint(VERSION_FIELD);
        encoder.uint(VERSION);
        encoder
    }

    /// Makes room for so many bytes that come next.
    pub(crate) fn reserve(&mut self, bytes: usize) {
        self.0.0.reserve(bytes);
    }

    /// Begins a map of so many pairs of key and value, which come next.
    pub(crate) fn map(&mut self, pairs: usize) {
        written(Map::bounded(pairs, &mut self.0));
    }

    /// Begins an array of so many items, which come next.
    pub(crate) fn array(&mut self, items: usize) {
        written(Array::bounded(items, &mut self.0));
    }

    /// A number, or the key of a field.
    pub(crate) fn uint(&mut self, value: u64) {
        written(value.encode(&mut self.0));
    }

    /// A string of bytes.
    pub(crate) fn bytes(&mut self, value: &[u8]) {
        written(Bytes(value).encode(&mut self.0));
    }

    /// A text.
    pub(crate) fn text(&mut self, value: &str) {
        written(value.encode(&mut self.0));
    }

    /// The row, in no more memory than it takes: a store may keep it as it is.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut row = self.0.0;
        row.shrink_to_fit();
        row
    }
}

/// Reads one row. Lengths come from the row and may lie: allocate by what was read, not by them.
pub(crate) struct Decoder<'d>(SliceReader<'d>);

impl<'d> Decoder<'d> {
    /// Begins to read a row, and says how many fields it has, the version aside.
    pub(crate) fn row(row: &'d [u8]) -> Result<(Self, usize), Flaw> {
        let mut decoder = Self(SliceReader::new(row));
        let pairs = decoder.map()?;
        let fields = pairs.checked_sub(1).ok_or(Flaw::Damaged("it has no version"))?;
        if decoder.uint()? != VERSION_FIELD {
            return Err(Flaw::Damaged("it has no version"));
        }
        match decoder.uint()? {
            VERSION => Ok((decoder, fields)),
            0 => Err(Flaw::Damaged("no release writes version 0")),
            newer => Err(Flaw::Newer(newer)),
        }
    }

    /// How many pairs of key and value come next.
    pub(crate) fn map(&mut self) -> Result<usize, Flaw> {
        let pairs = Map::len(&mut self.0).map_err(|_| Flaw::Damaged("a map is missing"))?;
        pairs.ok_or(Flaw::Damaged("a map has no length"))
    }

    /// How many items come next.
    pub(crate) fn array(&mut self) -> Result<usize, Flaw> {
        let items = Array::len(&mut self.0).map_err(|_| Flaw::Damaged("an array is missing"))?;
        items.ok_or(Flaw::Damaged("an array has no length"))
    }

    /// A number, or the key of a field.
    pub(crate) fn uint(&mut self) -> Result<u64, Flaw> {
        u64::decode(&mut self.0).map_err(|_| Flaw::Damaged("a number is missing"))
    }

    /// A string of bytes.
    pub(crate) fn bytes(&mut self) -> Result<&'d [u8], Flaw> {
        let bytes = Bytes::<&'d [u8]>::decode(&mut self.0);
        bytes.map(|bytes| bytes.0).map_err(|_| Flaw::Damaged("a string of bytes is missing"))
    }

    /// A text.
    pub(crate) fn text(&mut self) -> Result<&'d str, Flaw> {
        <&str>::decode(&mut self.0).map_err(|_| Flaw::Damaged("a text is missing"))
    }

    /// Skips the value of a field that this release does not know.
    pub(crate) fn skip(&mut self) -> Result<(), Flaw> {
        let skipped = IgnoredAny::decode(&mut self.0);
        skipped.map(drop).map_err(|_| Flaw::Damaged("a value is missing"))
    }

    /// Ends the row: nothing may follow.
    pub(crate) fn end(mut self) -> Result<(), Flaw> {
        match self.0.fill(1) {
            Ok(rest) if rest.as_ref().is_empty() => Ok(()),
            _ => Err(Flaw::Damaged("something follows its end")),
        }
    }
}

/// A vector takes everything that is written to it.
impl enc::Write for Buffer {
    type Error = Infallible;

    fn push(&mut self, input: &[u8]) -> Result<(), Infallible> {
        self.0.extend_from_slice(input);
        Ok(())
    }
}

fn written(result: Result<(), enc::Error<Infallible>>) {
    debug_assert!(result.is_ok(), "what is written has a length");
}
