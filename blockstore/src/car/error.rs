use std::error::Error as StdError;
use std::fmt;

use datastore::{Error, ErrorKind, Outcome};

use super::varint::NotUvarint;

/// What is wrong with a CAR file, and where.
///
/// As a [`datastore::Error`] it is of the kind [`ErrorKind::InvalidInput`]: the file is what the caller
/// handed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarError {
    offset: u64,
    fault: CarFault,
}

/// What is wrong with a CAR file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CarFault {
    /// The file, or the data of a CARv2, ends within the header, a section or an index.
    Truncated {
        /// Where it ends, in bytes from the start of the file.
        end: u64,
    },
    /// A length is not an unsigned varint of 9 bytes at most, or longer than its number needs.
    Varint,
    /// The header is longer than is allowed.
    LongHeader {
        /// Its length as declared, in bytes.
        len: u64,
        /// The longest that is allowed, in bytes.
        limit: u64,
    },
    /// The header, or the index, is not one.
    Header(String),
    /// The version is neither 1 nor 2, or that of the data of a CARv2 is not 1.
    Version(u64),
    /// A section has no bytes, not even a CID.
    EmptySection,
    /// A section is longer than the largest block that is allowed and its CID.
    LongSection {
        /// Its length as declared, in bytes.
        len: u64,
        /// The longest that is allowed, in bytes.
        limit: u64,
    },
    /// A section does not begin with a CID that is supported.
    Cid(String),
    /// Something other than zero bytes follows the first zero byte of what would be padding.
    Padding,
}

impl CarError {
    pub(super) fn new(offset: u64, fault: CarFault) -> Self {
        Self { offset, fault }
    }

    /// Where the header or the section begins that is damaged, in bytes from the start of the file: what
    /// comes before is whole.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// What is wrong with it.
    pub fn fault(&self) -> &CarFault {
        &self.fault
    }
}

impl fmt::Display for CarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.offset, self.fault)
    }
}

impl StdError for CarError {}

impl From<CarError> for Error {
    fn from(error: CarError) -> Self {
        let message = format!("the CAR file is damaged {error}");
        Self::new(ErrorKind::InvalidInput, message).with_outcome(Outcome::NotApplied)
    }
}

impl fmt::Display for CarFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { end } => write!(f, "what begins here is cut off at byte {end}"),
            Self::Varint => f.write_str("the length is not an unsigned varint"),
            Self::LongHeader { len, limit } => {
                write!(f, "the header has {len} bytes, more than the {limit} that are allowed")
            }
            Self::Header(what) => f.write_str(what),
            Self::Version(version) => write!(f, "CAR version {version} is not supported here"),
            Self::EmptySection => f.write_str("the section has no bytes"),
            Self::LongSection { len, limit } => {
                write!(f, "the section has {len} bytes, more than the {limit} that are allowed")
            }
            Self::Cid(what) => write!(f, "the section does not begin with a CID: {what}"),
            Self::Padding => f.write_str("the zero bytes that begin here are not all that follows"),
        }
    }
}

impl From<NotUvarint> for CarFault {
    fn from(_: NotUvarint) -> Self {
        Self::Varint
    }
}
