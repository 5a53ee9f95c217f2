//! What `@ipld/car` wrote, and what it says of damaged files.

use std::io::Cursor;

use datastore_blocks::{Block, CarWriter, Cid, ImportOptions};
use futures::executor::block_on;
use serde_json::Value;

use crate::car_support::{Decoded, cid, cids, decode, fixture, hex, json, memory};

#[test]
fn the_file_of_js_is_read_with_the_offsets_of_js() {
    let expected = json("js/blocks.json");
    let Decoded { header, blocks, identities, end } = decode(&fixture("js/small.car"));
    assert_eq!((end, identities), (Ok(()), Vec::new()));
    let header = header.unwrap();
    assert_eq!((header.version(), header.v2), (1, None));
    assert_eq!(header.roots, cids(&expected["roots"]));
    let listing = expected["listing"].as_array().unwrap();
    assert_eq!(blocks.len(), listing.len());
    for (found, expected) in blocks.iter().zip(listing) {
        let data = found.block.data();
        assert_eq!(found.block.cid(), &cid(&expected["cid"]));
        assert_eq!(data, &hex(&expected["data"]));
        assert_eq!(found.offset, expected["offset"]);
        assert_eq!(found.data_offset, expected["block_offset"]);
        let end = found.data_offset + data.len() as u64;
        assert_eq!(end - found.offset, expected["section_length"]);
        found.block.verify().unwrap();
    }
}

#[test]
fn our_file_is_that_of_js_byte_for_byte() {
    let expected = json("js/blocks.json");
    let roots: Vec<Cid> = cids(&expected["roots"]);
    let file = block_on(async {
        let mut file = Vec::new();
        let mut writer = CarWriter::new(&mut file, &roots).await.unwrap();
        for block in expected["listing"].as_array().unwrap() {
            let block = Block::unverified(cid(&block["cid"]), hex(&block["data"]));
            writer.write(&block).await.unwrap();
        }
        writer.finish().await.unwrap();
        file
    });
    assert_eq!(file, fixture("js/small.car"));
}

/// What we say of a file: where the fault is, and how many blocks before it are kept.
type Ours = Option<(u64, u64)>;

/// Why we say no where js says yes.
const DIFFERENT: [(&str, &str); 3] = [
    ("one data bit altered (block 2)", "js does not verify"),
    ("one digest bit altered (block 1)", "js does not verify"),
    ("data that does not match its CID", "js does not verify"),
];

const EXPECTED: [(&str, Ours); 14] = [
    ("empty", Some((0, 0))),
    ("header only", None),
    ("truncated in the last block", Some((1825, 17))),
    // In spite of its name, cut at the end of the section before.
    ("truncated in a length", None),
    ("truncated in a CID", Some((291, 3))),
    ("trailing zero byte", Some((1883, 18))),
    ("one data bit altered (block 2)", Some((210, 2))),
    ("one digest bit altered (block 1)", Some((125, 1))),
    ("same CAR twice", Some((1883, 18))),
    ("header version 2", Some((0, 0))),
    ("no roots", None),
    ("the same block twice", None),
    ("root not in the CAR", None),
    ("data that does not match its CID", Some((59, 0))),
];

#[test]
fn damaged_files_have_the_verdict_of_js_unless_there_is_a_reason() {
    let cases = json("js/blocks.json")["damaged"].as_array().unwrap().clone();
    assert_eq!(cases.len(), EXPECTED.len());
    for (case, (name, ours)) in cases.iter().zip(EXPECTED) {
        assert_eq!(case["what"], name);
        let store = block_on(memory());
        let file = Cursor::new(hex(&case["car"]));
        let imported = block_on(store.import_car(file, ImportOptions::new()));
        let js_refuses = case["result"]["error"] != Value::Null;
        let different = DIFFERENT.iter().find(|(what, _)| *what == name).map(|(_, why)| why);
        assert_eq!(imported.is_err() == js_refuses, different.is_none(), "{name}: {different:?}");
        match (imported, ours) {
            (Ok(imported), None) => {
                assert_eq!(imported.blocks, case["result"]["blocks"], "{name}");
                assert_eq!(imported.roots, cids(&case["result"]["roots"]), "{name}");
            }
            (Err(error), Some((offset, kept))) => {
                assert_eq!(error.offset(), Some(offset), "{name}: {:?}", error.cause());
                assert_eq!(error.kept().blocks, kept, "{name}");
            }
            (imported, ours) => panic!("{name}: {imported:?} instead of {ours:?}"),
        }
    }
}
