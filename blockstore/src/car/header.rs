use cid::Cid;
use serde::{Deserialize, Serialize};

use super::error::CarFault;
use super::varint;
use crate::long_cid::{resized, usual};
use crate::{LongCid, check_cid};

/// What a CAR file says of itself before its blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CarHeader {
    /// The CIDs that the file is about, but for long ones, in its order; their blocks need not be in it.
    pub roots: Vec<Cid>,
    /// Further ones, for which a [`Cid`] has no room, in its order. They are of the identity and hold their data.
    pub long_roots: Vec<LongCid>,
    /// Where the data of a CARv2 lies; `None` for a CARv1.
    pub v2: Option<CarV2Layout>,
}

/// Where the parts of a CARv2 lie, as its fixed header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CarV2Layout {
    /// Bits that describe the file, in the order of its bytes; the first is "fully indexed".
    pub characteristics: [u8; 16],
    /// Where the data, which is a CARv1, begins, in bytes from the start of the file.
    pub data_offset: u64,
    /// The size of the data, in bytes.
    pub data_size: u64,
    /// Where the index begins, in bytes from the start of the file; 0 if there is none.
    pub index_offset: u64,
}

impl CarHeader {
    /// 1 or 2.
    pub fn version(&self) -> u64 {
        if self.v2.is_some() { 2 } else { 1 }
    }
}

/// What each CARv2 begins with: the header of a CAR of version 2 without roots, and its length.
pub(super) const PRAGMA: [u8; 11] = *b"\x0a\xa1\x67version\x02";

/// The length of the fixed header that follows the pragma, in bytes.
pub(super) const V2_LEN: usize = 40;

/// Where the first byte of data can be in a CARv2.
pub(super) const V2_END: u64 = (PRAGMA.len() + V2_LEN) as u64;

/// Where a byte of a file can be: offsets are signed in go and in operating systems.
const MAX_OFFSET: u64 = i64::MAX as u64;

/// The header of a CARv1, or a pragma.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    roots: Option<Vec<LongCid>>,
    version: u64,
}

impl Fields {
    fn encode(&self) -> Result<Vec<u8>, CarFault> {
        serde_ipld_dagcbor::to_vec(self)
            .map_err(|error| CarFault::Header(format!("the header cannot be written: {error}")))
    }
}

/// What a CAR file begins with.
#[derive(Debug)]
pub(super) enum First {
    V1 {
        roots: Vec<Cid>,
        long_roots: Vec<LongCid>,
    },
    /// A pragma.
    V2,
}

pub(super) fn decode(bytes: &[u8]) -> Result<First, CarFault> {
    let fields: Fields = serde_ipld_dagcbor::from_slice(bytes)
        .map_err(|error| CarFault::Header(format!("the header is not one: {error}")))?;
    if fields.roots.is_some() && fields.encode()?.len() != bytes.len() {
        return Err(CarFault::Header("more bytes follow the CID of a root".into()));
    }
    match (fields.version, fields.roots) {
        // go-car writes null for no roots, and the field may be missing there.
        (1, roots) => first(&roots.unwrap_or_default()),
        (2, None) => Ok(First::V2),
        (2, Some(_)) => Err(CarFault::Header("the pragma of a CARv2 has no roots".into())),
        (other, _) => Err(CarFault::Version(other)),
    }
}

fn first(all: &[LongCid]) -> Result<First, CarFault> {
    all.iter()
        .try_for_each(check_cid)
        .map_err(|error| CarFault::Header(format!("a root without a CID: {error}")))?;
    let roots = all.iter().filter_map(usual).collect();
    let long_roots = all.iter().filter(|root| usual(root).is_none()).copied().collect();
    Ok(First::V1 { roots, long_roots })
}

/// The header of a CARv1 with its length.
pub(super) fn encode(roots: &[Cid]) -> Result<Vec<u8>, CarFault> {
    // All of them have room.
    let roots = roots.iter().filter_map(resized).collect();
    let cbor = Fields { roots: Some(roots), version: 1 }.encode()?;
    let mut bytes = Vec::with_capacity(cbor.len() + 9);
    varint::write(cbor.len() as u64, &mut bytes);
    bytes.extend_from_slice(&cbor);
    Ok(bytes)
}

impl CarV2Layout {
    pub(super) fn decode(bytes: &[u8; V2_LEN]) -> Result<Self, CarFault> {
        let (characteristics, rest) = bytes.split_at(16);
        let mut numbers = rest.chunks_exact(8).map(u64_le);
        let mut number = || numbers.next().unwrap_or_default();
        let layout = Self {
            characteristics: <[u8; 16]>::try_from(characteristics).unwrap_or_default(),
            data_offset: number(),
            data_size: number(),
            index_offset: number(),
        };
        layout.check()?;
        Ok(layout)
    }

    pub(super) fn encode(&self) -> [u8; V2_LEN] {
        let numbers = [self.data_offset, self.data_size, self.index_offset];
        let numbers = numbers.into_iter().flat_map(u64::to_le_bytes);
        let mut bytes = [0; V2_LEN];
        for (to, from) in bytes.iter_mut().zip(self.characteristics.into_iter().chain(numbers)) {
            *to = from;
        }
        bytes
    }

    /// Where the data ends.
    pub(super) fn data_end(&self) -> u64 {
        self.data_offset.saturating_add(self.data_size)
    }

    fn check(&self) -> Result<(), CarFault> {
        let Self { characteristics: _, data_offset, data_size, index_offset } = *self;
        let what = if data_size == 0 {
            "the CARv2 has no data: whoever wrote it did not finish it".into()
        } else if data_offset < V2_END {
            format!("the data would begin at byte {data_offset}, within the header of the CARv2")
        } else if data_offset.checked_add(data_size).is_none_or(|end| end > MAX_OFFSET) {
            format!("the data would have {data_size} bytes from byte {data_offset} on")
        } else if index_offset > MAX_OFFSET {
            format!("the index would begin at byte {index_offset}")
        } else {
            return Ok(());
        };
        Err(CarFault::Header(what))
    }
}

pub(super) fn u64_le(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
