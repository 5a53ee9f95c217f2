//! CAR files for tests, taken apart.

use std::sync::Arc;

use datastore::MemoryDatastore;
use datastore_blocks::{
    Block, Blockstore, CarBlock, CarDecoder, CarError, CarEvent, CarHeader, CarIdentity,
    CarOptions, Cid, RAW,
};
use serde_json::Value;

/// All that a decoder says of a file.
#[derive(Debug, PartialEq)]
pub(crate) struct Decoded {
    pub(crate) header: Option<CarHeader>,
    pub(crate) blocks: Vec<CarBlock>,
    pub(crate) identities: Vec<CarIdentity>,
    pub(crate) end: Result<(), CarError>,
}

pub(crate) fn decode(file: &[u8]) -> Decoded {
    decode_in(CarOptions::new(), [file])
}

pub(crate) fn decode_in<'f>(
    options: CarOptions,
    pieces: impl IntoIterator<Item = &'f [u8]>,
) -> Decoded {
    let mut decoder = CarDecoder::with_options(options);
    let (blocks, identities) = (Vec::new(), Vec::new());
    let mut decoded = Decoded { header: None, blocks, identities, end: Ok(()) };
    for mut piece in pieces {
        loop {
            match decoder.decode(&mut piece) {
                Ok(Some(CarEvent::Header(header))) => {
                    assert!(decoded.header.is_none() && decoded.blocks.is_empty());
                    decoded.header = Some(header);
                }
                Ok(Some(CarEvent::Block(block))) => decoded.blocks.push(block),
                Ok(Some(CarEvent::Identity(identity))) => decoded.identities.push(identity),
                Ok(Some(other)) => panic!("{other:?}"),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.finish(), Err(error.clone()), "an error stays");
                    decoded.end = Err(error);
                    return decoded;
                }
            }
        }
        assert!(piece.is_empty());
    }
    decoded.end = decoder.finish();
    decoded
}

pub(crate) fn fixture(path: &str) -> Vec<u8> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/");
    std::fs::read(format!("{dir}{path}")).unwrap()
}

pub(crate) fn json(path: &str) -> Value {
    serde_json::from_slice(&fixture(path)).unwrap()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

pub(crate) fn hex(value: &Value) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text(value).as_bytes()).unwrap()
}

pub(crate) fn cid(value: &Value) -> Cid {
    text(value).parse().unwrap()
}

pub(crate) fn cids(list: &Value) -> Vec<Cid> {
    list.as_array().unwrap().iter().map(cid).collect()
}

pub(crate) async fn memory() -> Blockstore {
    Blockstore::open(Arc::new(MemoryDatastore::new())).await.unwrap()
}

/// Different blocks of these sizes.
pub(crate) fn blocks_of_sizes(sizes: impl IntoIterator<Item = usize>) -> Vec<Block> {
    let block = |(number, size): (usize, usize)| {
        let mut data = vec![7; size];
        for (to, from) in data.iter_mut().zip((number as u64).to_le_bytes()) {
            *to = from;
        }
        Block::new(RAW, data)
    };
    sizes.into_iter().enumerate().map(block).collect()
}

/// A CARv1 of these blocks with the first as its root, written by hand.
pub(crate) fn car_of(blocks: &[Block]) -> Vec<u8> {
    let root = blocks.first().map(|root| root.cid().to_bytes());
    let sections = blocks.iter().map(section).collect::<Vec<_>>().concat();
    [header(root.as_deref()), sections].concat()
}

/// A CARv1 of no blocks, whose root has these bytes.
pub(crate) fn car_with_root(root: &[u8]) -> Vec<u8> {
    header(Some(root))
}

fn header(root: Option<&[u8]>) -> Vec<u8> {
    let mut header = b"\xa2\x65roots".to_vec();
    header.push(0x80 | u8::from(root.is_some()));
    if let Some(cid) = root {
        header.extend([0xd8, 42, 0x58, cid.len() as u8 + 1, 0]);
        header.extend(cid);
    }
    header.extend(b"\x67version\x01");
    [uvarint(header.len() as u64), header].concat()
}

/// A block with its CID and its length before it.
pub(crate) fn section(block: &Block) -> Vec<u8> {
    let body = [block.cid().to_bytes(), block.data().to_vec()].concat();
    [uvarint(body.len() as u64), body].concat()
}

/// A section of an identity CID that holds `held`, with `data` behind it.
pub(crate) fn identity_section(held: &[u8], data: &[u8]) -> Vec<u8> {
    // CIDv1, raw, the identity, how many bytes it holds.
    let len = uvarint(held.len() as u64);
    let body = [&[0x01, 0x55, 0x00], &len[..], held, data].concat();
    [uvarint(body.len() as u64), body].concat()
}

/// A varint of multiformats, written in another way than the library does.
pub(crate) fn uvarint(value: u64) -> Vec<u8> {
    let groups = (1..9_u32).find(|groups| value >> (7 * groups) == 0).unwrap_or(9);
    let group = |n| (value >> (7 * n)) as u8 & 0x7f;
    (0..groups).map(|n| if n + 1 < groups { group(n) | 0x80 } else { group(n) }).collect()
}
