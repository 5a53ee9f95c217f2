use std::time::SystemTime;

use datastore::{Error, ErrorKind, Expiry, Outcome, Result};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// How much a peer is worth for one reason, and until when.
///
/// Serialised, `expiry_ms` is in milliseconds since 1970, and null if it does not end.
///
/// # Examples
/// ```
/// use std::time::{Duration, SystemTime};
/// use datastore::Expiry;
/// use peerstore::Tag;
///
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
/// let tag = Tag::new(50, Expiry::after(now, Duration::from_secs(60)))?;
/// assert!(tag.is_live(now + Duration::from_secs(59)));
/// assert!(!tag.is_live(now + Duration::from_secs(60)));
/// assert!(Tag::new(101, Expiry::NEVER).is_err());
/// # Ok::<(), datastore::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    value: u8,
    expiry: Expiry,
}

impl Tag {
    /// The highest value; the lowest is 0. As js-libp2p has it.
    pub const MAX_VALUE: u8 = 100;

    /// A tag of this value, which ends at `expiry`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] above [`MAX_VALUE`](Self::MAX_VALUE).
    pub fn new(value: u8, expiry: Expiry) -> Result<Self> {
        if value <= Self::MAX_VALUE {
            return Ok(Self { value, expiry });
        }
        let message = format!("the value of a tag is at most {}, not {value}", Self::MAX_VALUE);
        Err(Error::new(ErrorKind::InvalidInput, message).with_outcome(Outcome::NotApplied))
    }

    /// How much the peer is worth for it.
    pub fn value(self) -> u8 {
        self.value
    }

    /// When it ends.
    pub fn expiry(self) -> Expiry {
        self.expiry
    }

    /// Whether it has not ended `now`.
    pub fn is_live(self, now: SystemTime) -> bool {
        !self.expiry.is_past(now)
    }
}

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let expiry = (self.expiry != Expiry::NEVER).then(|| self.expiry.as_millis());
        let mut tag = serializer.serialize_struct("Tag", 2)?;
        tag.serialize_field("value", &self.value)?;
        tag.serialize_field("expiry_ms", &expiry)?;
        tag.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_from_0_to_100() {
        for value in 0..=u8::MAX {
            match Tag::new(value, Expiry::NEVER) {
                Ok(tag) => assert!(value <= 100 && tag.value() == value),
                Err(error) => {
                    assert!(value > 100 && error.kind() == ErrorKind::InvalidInput);
                }
            }
        }
    }

    #[test]
    fn serialised_its_end_is_in_milliseconds() {
        let json = |expiry| serde_json::to_string(&Tag::new(7, expiry).unwrap()).unwrap();
        assert_eq!(json(Expiry::from_millis(1_500)), r#"{"value":7,"expiry_ms":1500}"#);
        assert_eq!(json(Expiry::NEVER), r#"{"value":7,"expiry_ms":null}"#);
    }
}
