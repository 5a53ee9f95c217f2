//! Keys as text: what is not printable UTF-8 is percent-escaped, and so is `%`.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

use crate::{Error, ErrorKind, Key, Result, percent};

/// Bytes that are not UTF-8, control characters and `%` as `%hh`; [`FromStr`] is the inverse.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        percent::write(f, self.as_bytes(), |_| false)
    }
}

/// Reads the text that [`Display`](fmt::Display) writes; `%hh` stands for any byte.
impl FromStr for Key {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bytes = percent::decode(text).ok_or_else(|| bad_escape(text))?;
        Self::from_bytes(bytes.into())
    }
}

/// Text for formats that people read, bytes for the others.
impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_bytes(self.as_bytes())
        }
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = String::deserialize(deserializer)?;
            text.parse().map_err(D::Error::custom)
        } else {
            deserializer.deserialize_byte_buf(EncodedVisitor)
        }
    }
}

struct EncodedVisitor;

impl serde::de::Visitor<'_> for EncodedVisitor {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a key")
    }

    fn visit_bytes<E: serde::de::Error>(self, encoded: &[u8]) -> std::result::Result<Key, E> {
        Key::new(encoded).map_err(E::custom)
    }
}

fn bad_escape(text: &str) -> Error {
    let message =
        format!("not a key: {text:?}: `%` is followed by two hex digits; write `%25` for it");
    Error::new(ErrorKind::InvalidKey, message)
}
