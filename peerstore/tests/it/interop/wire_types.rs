//! Rows with fields of other wire types than the schema's: fields that are not known, as protobuf has it.

use prost::encoding::{
    DecodeContext, WireType, decode_key, decode_varint, encode_varint, skip_field,
};

use super::fixture::{Rows, import, load, rows};
use super::py::pairs;

/// The fields of a message that are messages.
struct Shape(&'static [(u32, &'static Self)]);

const FLAT: Shape = Shape(&[]);
const MAP: Shape = Shape(&[(1, &FLAT)]);
const ADDRESSES_OF_GO: Shape = Shape(&[(2, &FLAT), (3, &FLAT)]);
const ADDRESSES_OF_JS: Shape = Shape(&[(1, &FLAT), (2, &FLAT)]);
const PEER_OF_JS: Shape = Shape(&[(1, &FLAT), (3, &FLAT), (6, &FLAT), (7, &Shape(&[(2, &FLAT)]))]);

#[test]
fn a_field_of_another_wire_type_hides_nothing_in_rows_of_go() {
    for path in ["go/pstoreds.json", "go/pstoreds-gc.json"] {
        let rows = rows(&load(path)["entries"]);
        same(&rows, |key| key.starts_with(b"/peers/addrs/").then_some(&ADDRESSES_OF_GO));
        let mut one = rows.clone();
        for (key, value) in &mut one {
            if key.starts_with(b"/peers/addrs/") {
                // The certified record, as a number.
                value.extend([0x18, 0x05]);
            }
        }
        assert_eq!(import(&one).peers, import(&rows).peers);
    }
}

#[test]
fn a_field_of_another_wire_type_hides_nothing_in_rows_of_js() {
    for path in [
        "js/peerstore.json",
        "js/peerstore.flat-0.36.json",
        "js/peerstore.books-0.30.json",
        "js/peerstore.books-0.35.json",
    ] {
        same(&rows(&load(path)["rows"]), |key| match key {
            key if key.starts_with(b"/peers/b") => Some(&PEER_OF_JS),
            key if key.starts_with(b"/peers/addrs/") => Some(&ADDRESSES_OF_JS),
            key if key.starts_with(b"/peers/protos/") => Some(&FLAT),
            _ => None,
        });
    }
}

#[test]
fn a_field_of_another_wire_type_hides_nothing_in_rows_of_py() {
    let fixture = load("py/peerstore.json");
    same(&pairs(&fixture["backends"]["sqlite"]["rows"]), |key| match key {
        key if key.starts_with(b"key:") || key.starts_with(b"metadata:") => Some(&MAP),
        _ => Some(&FLAT),
    });
}

/// That the rows say the same with such fields in every message.
fn same(rows: &Rows, shape: impl Fn(&[u8]) -> Option<&'static Shape>) {
    let mut changed = 0;
    let with: Rows = rows
        .iter()
        .map(|(key, value)| match shape(key) {
            Some(shape) => {
                changed += 1;
                (key.clone(), with_others(value, shape))
            }
            None => (key.clone(), value.clone()),
        })
        .collect();
    assert!(changed > 0);
    let (with, without) = (import(&with), import(rows));
    assert_eq!(with.skipped, without.skipped);
    assert_eq!(with.peers, without.peers);
}

/// The message, with fields of a wire type that no field has, before all others and behind them.
fn with_others(mut message: &[u8], shape: &Shape) -> Vec<u8> {
    let others = (1..=9).flat_map(|number: u8| [number << 3 | 5, 1, 2, 3, 4]);
    let mut written: Vec<u8> = others.clone().collect();
    while !message.is_empty() {
        let start = message;
        let (number, wire_type) = decode_key(&mut message).unwrap();
        let nested = shape.0.iter().find(|(field, _)| *field == number);
        match nested.filter(|_| wire_type == WireType::LengthDelimited) {
            Some((_, shape)) => {
                written.extend(&start[..start.len() - message.len()]);
                let length = decode_varint(&mut message).unwrap() as usize;
                let (inner, rest) = message.split_at(length);
                let inner = with_others(inner, shape);
                encode_varint(inner.len() as u64, &mut written);
                written.extend(inner);
                message = rest;
            }
            None => {
                skip_field(wire_type, number, &mut message, DecodeContext::default()).unwrap();
                written.extend(&start[..start.len() - message.len()]);
            }
        }
    }
    written.extend(others);
    written
}
