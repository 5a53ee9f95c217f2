use bytes::Bytes;
use cid::{Cid, Version};
use datastore::{Error, ErrorKind, Key, Result, key};
use serde::{Deserialize, Serialize};

/// Rows of pins: `/block-pins/<recursive|direct>/<B32 of the CIDv1>`, their values CBOR.
pub(crate) const PINS: Key = key!("/block-pins");

const VERSION: u8 = 1;

/// A pin.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pin {
    /// What is pinned, as CIDv1.
    pub cid: Cid,
    /// How far the pin reaches.
    pub mode: PinMode,
    /// What people call it; may be empty.
    pub name: String,
}

/// How far a pin reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PinMode {
    /// The block, and all that is reached from it.
    Recursive,
    /// The block alone.
    Direct,
}

impl PinMode {
    fn segment(self) -> &'static str {
        match self {
            Self::Recursive => "recursive",
            Self::Direct => "direct",
        }
    }

    /// Where the pins of this mode lie.
    pub(super) fn home(self) -> Result<Key> {
        PINS.child(self.segment())
    }

    /// The key of a pin.
    pub(super) fn key(self, cid: &Cid) -> Result<Key> {
        self.home()?.child_encoded(as_v1(cid).to_bytes())
    }
}

/// What the value of a row holds; fields that are not known are passed over.
#[derive(Serialize, Deserialize)]
struct Content {
    version: u8,
    name: String,
}

pub(super) fn encode(name: &str) -> Result<Bytes> {
    let content = Content { version: VERSION, name: name.to_owned() };
    let encoded = cbor4ii::serde::to_vec(Vec::new(), &content).map_err(|error| {
        Error::new(ErrorKind::Internal, "the pin cannot be encoded").with_source(error)
    })?;
    Ok(encoded.into())
}

/// The pin of a row.
pub(super) fn decode(key: &Key, value: &[u8]) -> Result<Pin> {
    let (cid, mode) = parse(key)?;
    let Content { version, name } = cbor4ii::serde::from_slice(value)
        .map_err(|error| damaged(key, "the value of the pin cannot be read").with_source(error))?;
    if version != VERSION {
        return Err(damaged(key, &format!("a pin of version {version}, not {VERSION}")));
    }
    Ok(Pin { cid, mode, name })
}

/// What a row pins, by its key alone: a value that cannot be read pins all the same.
pub(crate) fn parse(key: &Key) -> Result<(Cid, PinMode)> {
    let mode = [PinMode::Recursive, PinMode::Direct].into_iter().find(|mode| {
        let below = PINS.strip_from(key);
        let mut segments = below.iter().flat_map(Key::segments);
        segments.next() == Some(mode.segment().as_bytes()) && segments.count() == 1
    });
    let mode = mode.ok_or_else(|| damaged(key, "not the key of a pin; delete it"))?;
    let cid = key.decode_last_segment().ok().and_then(|bytes| Cid::try_from(bytes).ok());
    match cid {
        Some(cid) if cid.version() == Version::V1 => Ok((cid, mode)),
        _ => Err(damaged(key, "the key of a pin that names no CID; delete it")),
    }
}

/// The same block and codec, as CIDv1.
pub(super) fn as_v1(cid: &Cid) -> Cid {
    Cid::new_v1(cid.codec(), *cid.hash())
}

fn damaged(key: &Key, message: &str) -> Error {
    Error::new(ErrorKind::Corrupt, message).with_key(key.detached())
}
