use datastore::{Error, Key, percent};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};

/// What is taken for the key of a row.
pub(crate) trait RowKey: DeserializeOwned + Send + 'static {
    /// The key that is written as it is.
    fn verbatim(text: &str) -> Result<Self, Error>;
}

impl RowKey for Key {
    fn verbatim(text: &str) -> Result<Self, Error> {
        Self::new(text)
    }
}

/// Any bytes: the keys of other implementations do not all begin with a slash.
pub(crate) struct AnyKey(pub(crate) Vec<u8>);

impl RowKey for AnyKey {
    fn verbatim(text: &str) -> Result<Self, Error> {
        Ok(Self(text.as_bytes().to_vec()))
    }
}

impl<'de> Deserialize<'de> for AnyKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = percent::decode(&text);
        bytes.map(Self).ok_or_else(|| D::Error::custom("a % without two hex digits in the key"))
    }
}
