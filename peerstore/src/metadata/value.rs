use bytes::Bytes;
use cbor4ii::core::dec::Read;
use cbor4ii::core::utils::SliceReader;
use cbor4ii::serde::Deserializer;
use datastore::{Error, ErrorKind, Outcome, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cbor::{Decoder, Encoder, Flaw};

/// What is kept under one name: bytes, or a value of a type of the caller's.
///
/// Which of the two it is, is stored with it: bytes are never taken for a typed value, whatever they hold.
///
/// # Examples
/// ```
/// use peerstore::MetadataValue;
///
/// let seen = MetadataValue::typed(&("relay", 3))?;
/// assert_eq!(seen.decode::<(String, u32)>()?, ("relay".to_owned(), 3));
/// assert!(seen.decode::<bool>().is_err());
/// assert_ne!(MetadataValue::Bytes(seen.as_bytes().clone()), seen);
/// # Ok::<(), datastore::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetadataValue {
    /// Bytes, as they were given.
    Bytes(Bytes),
    /// One item of CBOR (RFC 8949), as serde writes the caller's type.
    Typed(Bytes),
}

/// The fields of a row: it has one of the two.
const BYTES: u64 = 1;
const TYPED: u64 = 2;

impl MetadataValue {
    /// A value of a type of the caller's. Equal values must serialise alike (a hash map does not), or storing
    /// one again is a change.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when it does not serialise.
    pub fn typed<T: Serialize>(value: &T) -> Result<Self> {
        let encoded = cbor4ii::serde::to_vec(Vec::new(), value).map_err(|error| {
            Error::new(ErrorKind::InvalidInput, "the value does not serialise")
                .with_outcome(Outcome::NotApplied)
                .with_source(error)
        })?;
        Ok(Self::Typed(encoded.into()))
    }

    /// The value as that type.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] when it is not of that type: ask for another one, or for its
    /// [bytes](Self::as_bytes).
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T> {
        let refused = |why: &str| Error::new(ErrorKind::InvalidInput, why);
        let Self::Typed(encoded) = self else {
            return Err(refused("the value is bytes, not of any type"));
        };
        let mut deserializer = Deserializer::new(SliceReader::new(encoded));
        let value = T::deserialize(&mut deserializer)
            .map_err(|error| refused("the value is not of this type").with_source(error))?;
        match deserializer.into_inner().fill(1) {
            Ok(rest) if rest.as_ref().is_empty() => Ok(value),
            _ => Err(refused("the value is not one item of CBOR")),
        }
    }

    /// The bytes as they were given, or the CBOR of a typed value.
    pub fn as_bytes(&self) -> &Bytes {
        match self {
            Self::Bytes(bytes) | Self::Typed(bytes) => bytes,
        }
    }

    /// How much of [`Limits::metadata_bytes`](crate::Limits::metadata_bytes) it takes under a name.
    pub(crate) fn size(&self, name: &str) -> usize {
        name.len().saturating_add(self.as_bytes().len())
    }

    /// Writes the row: `{1: bytes}`, or `{2: bytes of CBOR}`.
    pub(crate) fn to_row(&self) -> Vec<u8> {
        let mut row = Encoder::row(1);
        row.uint(match self {
            Self::Bytes(_) => BYTES,
            Self::Typed(_) => TYPED,
        });
        row.bytes(self.as_bytes());
        row.finish()
    }

    /// Reads a row; the value shares its memory.
    pub(crate) fn from_row(stored: &Bytes) -> Result<Self, Flaw> {
        let (mut row, fields) = Decoder::row(stored)?;
        let mut value = None;
        for _ in 0..fields {
            match row.uint()? {
                BYTES => value = Some(Self::Bytes(stored.slice_ref(row.bytes()?))),
                TYPED => value = Some(Self::Typed(stored.slice_ref(row.bytes()?))),
                _ => row.skip()?,
            }
        }
        row.end()?;
        value.ok_or(Flaw::Damaged("an entry has no value"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    fn bytes(bytes: &[u8]) -> MetadataValue {
        MetadataValue::Bytes(Bytes::copy_from_slice(bytes))
    }

    fn from_row(row: &[u8]) -> Result<MetadataValue, Flaw> {
        MetadataValue::from_row(&Bytes::copy_from_slice(row))
    }

    #[test]
    fn names_and_values_count() {
        assert_eq!(MetadataValue::Bytes(Bytes::from_static(b"12345")).size("abc"), 8);
        assert_eq!(MetadataValue::typed(&7_u8).unwrap().size(""), 1);
    }

    #[test]
    fn the_bytes_of_a_row_are_these() {
        let raw = b"\xa2\x00\x01\x01\x43\x00\xffx";
        assert_eq!(bytes(b"\x00\xffx").to_row(), raw);
        assert_eq!(from_row(raw), Ok(bytes(b"\x00\xffx")));
        let typed = b"\xa2\x00\x01\x02\x43\x19\x03\xe8";
        assert_eq!(MetadataValue::typed(&1_000).unwrap().to_row(), typed);
        assert_eq!(from_row(typed), Ok(MetadataValue::typed(&1_000_u64).unwrap()));
        assert_eq!(bytes(b"").to_row(), b"\xa2\x00\x01\x01\x40");
        assert_eq!(from_row(b"\xa2\x00\x01\x01\x40"), Ok(bytes(b"")));
        let with_more = b"\xa3\x00\x01\x01\x41x\x03\x82\x01\xf6";
        assert_eq!(from_row(with_more), Ok(bytes(b"x")));
    }

    #[test]
    fn damaged_rows_are_flaws() {
        let lying_length = b"\xa2\x00\x01\x01\x5b\xff\xff\xff\xff\xff\xff\xff\xffx";
        let no_value = b"\xa1\x00\x01";
        let text = b"\xa2\x00\x01\x01\x61x";
        for damaged in [&lying_length[..], no_value, text, b"plain bytes", b""] {
            assert!(matches!(from_row(damaged), Err(Flaw::Damaged(_))), "{damaged:?}");
        }
        assert_eq!(from_row(b"\xa2\x00\x02\x01\x41x"), Err(Flaw::Newer(2)));
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Kind {
        Unit,
        Tuple(i8, char),
        Named { floats: Vec<f64>, map: BTreeMap<String, Option<bool>> },
    }

    #[test]
    fn types_come_back_as_they_were() {
        let map = BTreeMap::from([("a".to_owned(), None), ("ü".to_owned(), Some(true))]);
        let named = Kind::Named { floats: vec![0.1, -1e300], map };
        for kind in [Kind::Unit, Kind::Tuple(-128, 'ß'), named] {
            let stored = MetadataValue::typed(&kind).unwrap();
            assert_eq!(from_row(&stored.to_row()).unwrap().decode::<Kind>().unwrap(), kind);
        }
        let integer = MetadataValue::typed(&i64::MIN).unwrap();
        assert_eq!(integer.decode::<i64>().unwrap(), i64::MIN);
    }

    #[test]
    fn a_value_is_not_of_another_type() {
        let number = MetadataValue::typed(&300).unwrap();
        for error in [
            number.decode::<String>().unwrap_err(),
            number.decode::<u8>().unwrap_err(),
            number.decode::<Kind>().unwrap_err(),
            bytes(number.as_bytes()).decode::<u64>().unwrap_err(),
            MetadataValue::Typed(Bytes::from_static(b"\x01\x02")).decode::<u64>().unwrap_err(),
            MetadataValue::Typed(Bytes::new()).decode::<u64>().unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
    }

    proptest! {
        #[test]
        fn hostile_bytes_are_a_flaw_or_a_value(
            start in prop::sample::select(vec![&b""[..], b"\xa2\x00\x01\x01", b"\xa2\x00\x01\x02"]),
            tail in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            if let Ok(value) = from_row(&[start, &tail].concat()) {
                prop_assert_eq!(from_row(&value.to_row()), Ok(value.clone()));
            }
            let value = MetadataValue::Typed(tail.into());
            let _ = value.decode::<Kind>();
            let _ = value.decode::<Vec<u64>>();
            let _ = value.decode::<serde_json::Value>();
        }
    }
}
