use bytes::Bytes;
use cid::Cid;
use datastore::{Error, ErrorKind, Outcome, Result};

use super::error::CarFault;
use crate::LongCid;
use crate::check_cid::take_cid;

/// A section of an identity CID that is longer than a [`Cid`] can be, and where it lies in its
/// file. It is not verified.
///
/// There is nothing to store of it: whoever has the CID has the data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CarIdentity {
    /// The CID.
    pub cid: LongCid,
    /// The data, which should be what the CID holds.
    pub data: Bytes,
    /// Where its section begins, with its length, in bytes from the start of the file.
    pub offset: u64,
    /// Where its data begins, in bytes from the start of the file.
    pub data_offset: u64,
}

impl CarIdentity {
    /// Checks that the data is what the CID holds.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] if it is not.
    pub fn verify(&self) -> Result<()> {
        if self.cid.hash().digest() == self.data {
            return Ok(());
        }
        let message = format!("{}: the data is not what the identity CID holds", self.cid);
        Err(Error::new(ErrorKind::InvalidInput, message).with_outcome(Outcome::NotApplied))
    }
}

/// The CID that a section begins with.
pub(super) enum SectionCid {
    Usual(Cid),
    Identity(LongCid),
}

impl SectionCid {
    /// Takes it from the front of a section.
    pub(super) fn take(section: &mut &[u8]) -> std::result::Result<Self, CarFault> {
        let whole = *section;
        let refused = match take_cid(section) {
            Ok(cid) => return Ok(Self::Usual(cid)),
            Err(refused) => refused,
        };
        *section = whole;
        match take_cid(section) {
            // All that are longer than a usual one are of the identity.
            Ok(cid) => Ok(Self::Identity(cid)),
            Err(_) => Err(CarFault::Cid(refused)),
        }
    }
}
