//! The links of dag-cbor, in one pass that builds nothing else.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

use super::wire::Reason;
use crate::LongCid;
use crate::check_cid::take_cid;

/// The links of a block of dag-cbor.
pub(super) fn dag_cbor(data: &[u8]) -> Result<Vec<LongCid>, Reason> {
    let mut links = Vec::new();
    let mut cbor = serde_ipld_dagcbor::de::Deserializer::from_slice(data);
    let read = Value { links: &mut links }.deserialize(&mut cbor).and_then(|()| cbor.end());
    read.map_err(|error| error.to_string())?;
    Ok(links)
}

/// A value of any kind, of which the links are gathered.
struct Value<'l> {
    links: &'l mut Vec<LongCid>,
}

impl Value<'_> {
    fn again(&mut self) -> Value<'_> {
        Value { links: self.links }
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, value: D) -> Result<(), D::Error> {
        value.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of the IPLD data model")
    }

    fn visit_none<E>(self) -> Result<(), E> {
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

    /// As which a link comes.
    fn visit_newtype_struct<D: Deserializer<'de>>(self, link: D) -> Result<(), D::Error> {
        self.links.push(link.deserialize_bytes(Link)?);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self.again())?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while map.next_key_seed(self.again())?.is_some() {
            map.next_value_seed(self.again())?;
        }
        Ok(())
    }
}

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

fn link(mut bytes: &[u8]) -> Result<LongCid, Reason> {
    let cid = take_cid(&mut bytes).map_err(|error| format!("a link without a CID: {error}"))?;
    match bytes.is_empty() {
        true => Ok(cid),
        false => Err(format!("bytes follow the CID of a link: {cid}").into()),
    }
}
