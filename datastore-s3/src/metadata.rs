//! What objects carry beside their value, in metadata of the user's.

use bytes::Bytes;
use object_store::{Attribute, Attributes};
use xxhash_rust::xxh3::xxh3_64;

/// The checksum of the value: XXH3, 64 bits, in hexadecimal.
const CHECKSUM: &str = "datastore-xxh3";

/// Which write this is of, so that one whose reply was lost can tell its own object from another's.
const WRITE: &str = "datastore-write";

/// A name for one write that no other has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WriteId(String);

impl WriteId {
    pub(crate) fn new() -> Option<Self> {
        let random = [getrandom::u64().ok()?, getrandom::u64().ok()?];
        Some(Self(format!("{:016x}{:016x}", random[0], random[1])))
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }

    /// Whether an object with this metadata was written by this write.
    pub(crate) fn wrote(&self, attributes: &Attributes) -> bool {
        get(attributes, WRITE).is_some_and(|id| id == self.0)
    }
}

/// The metadata of an object.
pub(crate) fn attributes(value: &Bytes, write: Option<&WriteId>) -> Attributes {
    let mut attributes = Attributes::new();
    attributes.insert(Attribute::Metadata(CHECKSUM.into()), checksum(value).into());
    if let Some(WriteId(id)) = write {
        attributes.insert(Attribute::Metadata(WRITE.into()), id.clone().into());
    }
    attributes
}

/// Whether a value is what was written; so is one that came without a checksum, from elsewhere.
pub(crate) fn is_intact(value: &Bytes, attributes: &Attributes) -> bool {
    get(attributes, CHECKSUM).is_none_or(|expected| expected == checksum(value))
}

fn checksum(value: &[u8]) -> String {
    format!("{:016x}", xxh3_64(value))
}

fn get<'a>(attributes: &'a Attributes, name: &'static str) -> Option<&'a str> {
    attributes.get(&Attribute::Metadata(name.into())).map(|value| &**value)
}
