//! What go-car wrote, and what it says of damaged files.

use std::collections::BTreeMap;

use bytes::Bytes;
use datastore_blocks::{
    Block, CarFault, CarIndex, CarV2Writer, CarWriter, IDENTITY, ImportOptions,
};
use futures::StreamExt;
use futures::executor::block_on;
use futures::io::Cursor;
use serde_json::Value;

use crate::car_support::{Decoded, cids, decode, fixture, hex, json, memory, text};

fn cars() -> Vec<Value> {
    json("go/cars.json")["cars"].as_array().unwrap().clone()
}

fn car(name: &str) -> Decoded {
    decode(&fixture(&format!("go/{name}")))
}

/// The data of the blocks that go-car wrote, by multihash.
fn data() -> BTreeMap<String, Vec<u8>> {
    let json = json("go/blocks.json");
    let lists = ["blocks", "identity"].into_iter().map(|list| json[list].as_array().unwrap());
    let row = |block: &Value| (text(&block["multihash"]).to_owned(), hex(&block["data"]));
    lists.flatten().map(row).collect()
}

#[test]
fn files_of_go_are_read_as_go_reads_them() {
    let data = data();
    for expected in cars() {
        let name = text(&expected["file"]);
        let Decoded { header, blocks, identities, end } = car(name);
        assert_eq!((end, identities), (Ok(()), Vec::new()), "{name}");
        let header = header.unwrap();
        assert_eq!(header.version(), expected["version"], "{name}");
        assert_eq!(header.roots, cids(&expected["roots"]), "{name}");
        let listing = expected["blocks"].as_array().unwrap();
        assert_eq!(blocks.len(), listing.len(), "{name}");
        for (found, expected) in blocks.iter().zip(listing) {
            assert_eq!(found.block.cid().to_bytes(), hex(&expected["cid_bytes"]), "{name}");
            assert_eq!(found.block.data(), &data[text(&expected["multihash"])], "{name}");
            found.block.verify().unwrap();
        }
    }
}

#[test]
fn files_of_go_are_imported_whole() {
    block_on(async {
        for expected in cars() {
            let name = text(&expected["file"]);
            let listing = expected["blocks"].as_array().unwrap();
            let store = memory().await;
            let file = std::io::Cursor::new(fixture(&format!("go/{name}")));
            let imported = store.import_car(file, ImportOptions::new()).await.unwrap();

            let multihashes = listing.iter().map(|block| text(&block["multihash"]));
            let stored = multihashes.clone().filter(|hash| !hash.starts_with("00"));
            let distinct = stored.clone().collect::<std::collections::BTreeSet<_>>().len() as u64;
            assert_eq!(imported.version, expected["version"]);
            assert_eq!(imported.roots, cids(&expected["roots"]));
            assert_eq!(imported.blocks, listing.len() as u64, "{name}");
            assert_eq!(imported.identity, (multihashes.count() - stored.clone().count()) as u64);
            assert_eq!(imported.stored.written, distinct, "{name}");
            assert_eq!(imported.stored.present, stored.count() as u64 - distinct, "{name}");
            assert_eq!(store.get_all().count().await as u64, distinct, "{name}");
        }
    });
}

#[test]
fn damaged_files_have_the_verdict_of_go() {
    // Where the damage is, what it is, and how many blocks before it are kept.
    type Ours = Option<(u64, fn(&CarFault) -> bool)>;
    let truncated: fn(&CarFault) -> bool = |fault| matches!(fault, CarFault::Truncated { .. });
    let expected: BTreeMap<&str, Ours> = BTreeMap::from([
        ("header-only", None),
        ("empty", Some((0, truncated))),
        ("one-byte", Some((0, truncated))),
        ("header-cut", Some((0, truncated))),
        ("cut-in-block", Some((146, truncated))),
        ("cut-in-length", Some((98, truncated))),
        ("zero-length-section", Some((98, |fault| *fault == CarFault::EmptySection))),
        ("huge-section", Some((98, |fault| matches!(fault, CarFault::LongSection { .. })))),
        ("version-3", Some((0, |fault| *fault == CarFault::Version(3)))),
    ]);
    let cases = json("go/cars.json")["damaged"].as_array().unwrap().clone();
    assert_eq!(cases.len(), expected.len() + 1, "one is not damaged as a file");
    for case in cases {
        let name = text(&case["name"]);
        let (file, go) = (hex(&case["car"]), format!("{}{}", case["open_error"], case["error"]));
        let decoded = decode(&file);
        match expected.get(name) {
            Some(Some((offset, fault))) => {
                let error = decoded.end.unwrap_err();
                assert_eq!(error.offset(), *offset, "{name}: {error}");
                assert!(fault(error.fault()), "{name}: {error}");
            }
            _ => assert_eq!(decoded.end, Ok(()), "{name}"),
        }
        let store = block_on(memory());
        let file = std::io::Cursor::new(file);
        let imported = block_on(store.import_car(file, ImportOptions::new()));
        assert_eq!(imported.is_err(), go != "\"\"\"\"", "{name}: go says {go}");
        let kept = imported.unwrap_or_else(|error| error.kept().clone());
        assert_eq!(kept.blocks, case["blocks_before_the_error"], "{name}");
        assert_eq!(block_on(store.get_all().count()) as u64, kept.stored.written, "{name}");
    }
}

#[test]
fn a_flipped_bit_is_found_where_it_is() {
    let cases = json("go/cars.json")["damaged"].as_array().unwrap().clone();
    let case = cases.iter().find(|case| case["name"] == "first-block-bit-flipped").unwrap();
    let file = std::io::Cursor::new(hex(&case["car"]));
    let error = block_on(block_on(memory()).import_car(file, ImportOptions::new())).unwrap_err();
    assert_eq!(error.offset(), Some(98));
    // Both CIDs that go names.
    let (expected, found) = text(&case["error"]).split_once(", got: ").unwrap();
    let expected = expected.rsplit(' ').next().unwrap();
    let message = error.cause().to_string();
    assert!(message.contains(expected) && message.contains(found), "{message}");
}

#[test]
fn our_files_are_those_of_go_byte_for_byte() {
    block_on(async {
        let Decoded { header, blocks, .. } = car("small.car");
        let roots = header.unwrap().roots;
        let blocks: Vec<Block> = blocks.into_iter().map(|found| found.block).collect();

        let mut v1 = Vec::new();
        let mut writer = CarWriter::new(&mut v1, &roots).await.unwrap();
        let mut v2 = Cursor::new(Vec::new());
        let mut writer2 = CarV2Writer::new(&mut v2, &roots).await.unwrap().with_index();
        for block in &blocks {
            writer.write(block).await.unwrap();
            writer2.write(block).await.unwrap();
        }
        let (exported, exported2) =
            (writer.finish().await.unwrap(), writer2.finish().await.unwrap());
        assert_eq!(v1, fixture("go/small.car"));
        assert_eq!(v2.get_ref(), &fixture("go/small.v2.car"));
        assert_eq!((exported.blocks, exported.bytes), (16, 3806));
        assert_eq!((exported2.blocks, exported2.bytes), (16, 4655));
    });
}

#[test]
fn the_indexes_of_go_name_every_section() {
    // The second also indexes blocks of identity CIDs, and blocks that come more than once.
    for name in ["small.v2.car", "small.v2.padded.car"] {
        let Decoded { header, blocks, .. } = car(name);
        let v2 = header.unwrap().v2.unwrap();
        let bytes = Bytes::from(fixture(&format!("go/{name}")));
        let index = CarIndex::parse(bytes.slice(v2.index_offset as usize..), v2.index_offset);
        let index = index.unwrap();
        for found in &blocks {
            let hash = found.block.cid().hash();
            let expected = blocks.iter().filter(|other| other.block.cid().hash() == hash);
            let expected: Vec<u64> = expected.map(|other| other.offset - v2.data_offset).collect();
            assert_eq!(index.offsets(hash).collect::<Vec<_>>(), expected, "{name}");
        }
        assert_eq!(index.len(), blocks.len(), "{name}");
        let identities = blocks.iter().filter(|found| found.block.cid().hash().code() == IDENTITY);
        assert_eq!(identities.count(), if name == "small.v2.car" { 0 } else { 3 });
    }
}
