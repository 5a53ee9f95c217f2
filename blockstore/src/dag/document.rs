//! The links of dag-cbor and dag-json, in one pass.

use std::borrow::Cow;
use std::fmt;

use cid::Version;
use cid::multibase::{self, Base};
use data_encoding::BASE64_NOPAD;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::wire::Reason;
use crate::LongCid;
use crate::check_cid::take_cid;

/// The links of a block of dag-cbor.
pub(super) fn dag_cbor(data: &[u8]) -> Result<Vec<LongCid>, Reason> {
    let mut links = Vec::new();
    let mut cbor = serde_ipld_dagcbor::de::Deserializer::from_slice(data);
    let value = Value { links: &mut links, keys: &mut Vec::new(), is_json: false };
    let read = value.deserialize(&mut cbor).and_then(|()| cbor.end());
    read.map_err(|error| error.to_string())?;
    Ok(links)
}

/// The links of a block of dag-json. It is read as JSON: the deserializer of dag-json gives of a link only the CID
/// that it found somewhere in the text.
pub(super) fn dag_json(data: &[u8]) -> Result<Vec<LongCid>, Reason> {
    let mut links = Vec::new();
    let mut json = serde_json::Deserializer::from_slice(data);
    let value = Value { links: &mut links, keys: &mut Vec::new(), is_json: true };
    let read = value.deserialize(&mut json).and_then(|()| json.end());
    read.map_err(|error| error.to_string())?;
    Ok(links)
}

/// A value of any kind, of which the links are gathered.
struct Value<'l, 'de> {
    links: &'l mut Vec<LongCid>,
    /// The keys so far of the maps that it lies in.
    keys: &'l mut Vec<Cow<'de, str>>,
    /// Whether maps stand for links and bytes: those whose first key is `/`.
    is_json: bool,
}

impl<'de> Value<'_, 'de> {
    fn again(&mut self) -> Value<'_, 'de> {
        Value { links: self.links, keys: self.keys, is_json: self.is_json }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the IPLD data model")
    }

    /// Null of CBOR.
    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    /// Null of JSON.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i128<E>(self, _: i128) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<(), E> {
        Ok(())
    }

    /// As which a link of CBOR comes.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, link: D) -> Result<(), D::Error> {
        self.links.push(link.deserialize_bytes(Link)?);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self.again())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let outer = self.keys.len();
        while let Some(Text(key)) = map.next_key()? {
            if self.is_json && self.keys.len() == outer && key == "/" {
                // That another key follows is refused by the deserializer.
                return map.next_value_seed(Reserved { links: self.links });
            }
            self.keys.push(key);
            map.next_value_seed(self.again())?;
        }
        let keys = self.keys.get_mut(outer..).unwrap_or_default();
        keys.sort_unstable();
        if !keys.is_sorted_by(|one, next| one < next) {
            return Err(Error::custom("a map that has a key twice"));
        }
        self.keys.truncate(outer);
        Ok(())
    }
}

/// What stands in JSON under the key `/`: the text of a link, or a map of the key `bytes`.
struct Reserved<'l> {
    links: &'l mut Vec<LongCid>,
}

impl<'de> DeserializeSeed<'de> for Reserved<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reserved<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CID, or a map of `bytes`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.links.push(link_of_text(text).map_err(Error::custom)?);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        match map.next_entry()? {
            Some((Text(key), Text(bytes))) if key == "bytes" => {
                BASE64_NOPAD.decode(bytes.as_bytes()).map_err(Error::custom).map(drop)
            }
            _ => Err(Error::custom("a map of the key `/` that is neither a link nor bytes")),
        }
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'t>(#[serde(borrow)] Cow<'t, str>);

/// The bytes of a CID, and nothing else.
struct Link;

impl Visitor<'_> for Link {
    type Value = LongCid;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a CID")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<LongCid, E> {
        link(bytes).map_err(Error::custom)
    }
}

/// The whole text is a CID: the `cid` crate would take one that stands behind `/ipfs/`, wherever that is.
fn link_of_text(text: &str) -> Result<LongCid, Reason> {
    let bytes = match Version::is_v0_str(text) {
        true => Base::Base58Btc.decode(text),
        false => multibase::decode(text).map(|(_, bytes)| bytes),
    };
    link(&bytes.map_err(|error| format!("a link without a CID: {error}"))?)
}

fn link(mut bytes: &[u8]) -> Result<LongCid, Reason> {
    let cid = take_cid(&mut bytes).map_err(|error| format!("a link without a CID: {error}"))?;
    match bytes.is_empty() {
        true => Ok(cid),
        false => Err(format!("bytes follow the CID of a link: {cid}").into()),
    }
}
