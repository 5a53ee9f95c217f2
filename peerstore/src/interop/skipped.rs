use std::fmt;

use bytes::Bytes;
use data_encoding::HEXLOWER;

/// A row, or a part of one, that was not taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedRow {
    /// The key of the row.
    pub key: Bytes,
    /// Why.
    pub reason: SkipReason,
}

/// Why a row, or a part of one, was not taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// No peerstore that is read here writes such a key.
    Foreign,
    /// The key should name a peer and does not.
    NotAPeer,
    /// The value, or an entry in it, cannot be read: which, and why.
    Damaged {
        /// What it should be.
        what: &'static str,
        /// What is wrong with it.
        cause: String,
    },
    /// An address cannot be read: it is damaged, or has a protocol that is not known.
    Address {
        /// The address.
        bytes: Bytes,
        /// What is wrong with it.
        cause: String,
    },
    /// A key that is not the peer's: it does not hash to the id.
    WrongKey,
    /// The row lies under one peer and names another.
    OtherPeer,
    /// A value of a Go type that has no form here, such as a struct or a map.
    GoType(String),
    /// A text that is not UTF-8: which.
    NotText(&'static str),
}

impl SkipReason {
    pub(super) fn damaged(what: &'static str, cause: impl fmt::Display) -> Self {
        Self::Damaged { what, cause: cause.to_string() }
    }
}

impl fmt::Display for SkippedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key.escape_ascii(), self.reason)
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("not a row of a peerstore of go, js or py"),
            Self::NotAPeer => f.write_str("no peer id is where one should be"),
            Self::Damaged { what, cause } => write!(f, "{what} cannot be read: {cause}"),
            Self::Address { bytes, cause } => {
                write!(f, "address {} cannot be read: {cause}", HEXLOWER.encode(bytes))
            }
            Self::WrongKey => f.write_str("the key is not that of the peer"),
            Self::OtherPeer => f.write_str("the row names another peer"),
            Self::GoType(name) => write!(f, "a value of the Go type {name} has no form here"),
            Self::NotText(what) => write!(f, "{what} is not UTF-8"),
        }
    }
}
