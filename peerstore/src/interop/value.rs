use bytes::Bytes;
use datastore::Result;

use crate::metadata::MetadataValue;

/// A value of metadata, in the types that the implementations have in common.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ImportedValue {
    /// Bytes; js-libp2p and py-libp2p have nothing else.
    Bytes(Bytes),
    /// A text.
    Text(String),
    /// A truth value.
    Bool(bool),
    /// A number with a sign.
    Int(i64),
    /// A number without a sign.
    Uint(u64),
    /// A number with a fraction.
    Float(f64),
}

impl ImportedValue {
    /// The value as a peerstore keeps it.
    ///
    /// # Errors
    /// As [`MetadataValue::typed`]; never for these types.
    pub fn to_metadata(&self) -> Result<MetadataValue> {
        match self {
            Self::Bytes(bytes) => Ok(MetadataValue::Bytes(bytes.clone())),
            Self::Text(text) => MetadataValue::typed(text),
            Self::Bool(truth) => MetadataValue::typed(truth),
            Self::Int(number) => MetadataValue::typed(number),
            Self::Uint(number) => MetadataValue::typed(number),
            Self::Float(number) => MetadataValue::typed(number),
        }
    }

    /// A value that a peerstore keeps; `None` if it is of another type than these. Whole numbers below
    /// 2^63 come back as [`Int`](Self::Int): how large their type was is not kept.
    pub fn of(value: &MetadataValue) -> Option<Self> {
        match value {
            MetadataValue::Bytes(bytes) => Some(Self::Bytes(bytes.clone())),
            MetadataValue::Typed(_) => (value.decode().map(Self::Text))
                .or_else(|_| value.decode().map(Self::Bool))
                .or_else(|_| value.decode().map(Self::Int))
                .or_else(|_| value.decode().map(Self::Uint))
                .or_else(|_| value.decode().map(Self::Float))
                .ok(),
        }
    }
}
