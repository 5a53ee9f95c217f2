use bytes::Bytes;
use datastore::Result;

use crate::metadata::MetadataValue;

/// A value of metadata, in the types that the implementations have in common, or in one that none of them has.
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
    /// A value of another type of the caller's, as [`MetadataValue::Typed`] has it: peerstores have it alone.
    Other(Bytes),
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
            Self::Other(encoded) => Ok(MetadataValue::Typed(encoded.clone())),
        }
    }

    /// A value that a peerstore keeps. Whole numbers below 2^63 come back as [`Int`](Self::Int): how large their type
    /// was is not kept.
    pub fn of(value: &MetadataValue) -> Self {
        match value {
            MetadataValue::Bytes(bytes) => Self::Bytes(bytes.clone()),
            MetadataValue::Typed(encoded) => (value.decode().map(Self::Text))
                .or_else(|_| value.decode().map(Self::Bool))
                .or_else(|_| value.decode().map(Self::Int))
                .or_else(|_| value.decode().map(Self::Uint))
                .or_else(|_| value.decode().map(Self::Float))
                .unwrap_or_else(|_| Self::Other(encoded.clone())),
        }
    }
}
