//! Rows that Go's boxo and the blockstores of js wrote, and what ours makes of the same blocks.
//!
//! Where ours differs from them:
//!
//! | case | theirs | ours | why |
//! |---|---|---|---|
//! | wrong bytes under a CID, put | both store them | refused | whoever reads them is deceived |
//! | wrong bytes stored, read | js serves them, boxo unless told to check | `Corrupt` unless told not to | the same |
//! | identity CIDs | boxo's plain store and js store them | as boxo's `NewIdStore`: never | the CID holds the data |
//! | an undefined CID | boxo: not found | none exists: `Cid` always has a multihash | the type |
//! | keys without prefix | js and boxo's `NoPrefix` | `prefix(None)` | asked for |

use datastore::{Batch, Datastore, DatastoreExt, ErrorKind, Key};
use datastore_blocks::{Block, Blockstore, BlockstoreOptions, Policy, RAW};
use futures::{TryStreamExt, stream};

use crate::blocks_support::{blocks_of, cid, counted, fixture, hex, listed, rows, rows_of};

/// boxo's blocks, those of identity CIDs among them.
fn go_blocks() -> Vec<Block> {
    let go = fixture("go/blocks.json");
    [blocks_of(&go["blocks"]), blocks_of(&go["identity"])].concat()
}

#[tokio::test]
async fn rows_are_those_of_boxo_byte_for_byte() {
    let go = fixture("go/blocks.json");
    let store = counted();
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    let stored = blocks.put_batch(go_blocks()).await.unwrap();
    assert_eq!((stored.written, stored.present), (16, 3));
    assert_eq!(rows(&*store).await, rows_of(&go["with_idstore"]["entries"]));
    let mut expected: Vec<String> =
        serde_json::from_value(go["with_idstore"]["all_keys_sorted"].clone()).unwrap();
    expected.sort();
    assert_eq!(listed(&blocks).await, expected, "CIDv1 raw, as boxo lists them");
}

#[tokio::test]
async fn rows_without_prefix_are_those_of_boxo_but_for_identities() {
    let go = fixture("go/blocks.json");
    let store = counted();
    let blocks = BlockstoreOptions::new().prefix(None).open(store.clone()).await.unwrap();
    blocks.put_batch(go_blocks()).await.unwrap();
    let mut expected = rows_of(&go["no_prefix"]["entries"]);
    let before = expected.len();
    // `/AA…`: multihashes of the identity.
    expected.retain(|key, _| !key.starts_with("/AA"));
    assert_eq!(before - expected.len(), 3);
    assert_eq!(rows(&*store).await, expected);
}

#[tokio::test]
async fn every_row_of_boxo_is_served() {
    let go = fixture("go/blocks.json");
    for (of, prefix) in [("blockstore", Some(datastore::key!("/blocks"))), ("no_prefix", None)] {
        let store = counted();
        for (key, value) in rows_of(&go[of]["entries"]) {
            store.put(&Key::new(&key).unwrap(), value).await.unwrap();
        }
        let blocks = BlockstoreOptions::new().prefix(prefix).open(store).await.unwrap();
        for block in go_blocks() {
            assert_eq!(blocks.get(block.cid()).await.unwrap().as_ref(), Some(block.data()));
            let size = block.data().len() as u64;
            assert_eq!(blocks.size(block.cid()).await.unwrap(), Some(size));
        }
        let all: Vec<Block> = blocks.get_all().try_collect().await.unwrap();
        assert!(all.len() >= 16);
        assert!(all.iter().all(|block| block.cid().codec() == RAW));
    }
}

#[tokio::test]
async fn the_key_of_a_cid_is_that_of_boxo() {
    let go = fixture("go/blocks.json");
    for (text, key) in go["dshelp_of_cid"].as_object().unwrap() {
        let store = counted();
        let blocks = Blockstore::open(store.clone()).await.unwrap();
        let cid = text.parse().unwrap();
        blocks.put(Block::unverified(cid, "hello world")).await.unwrap();
        assert!(rows(&*store).await.contains_key(key.as_str().unwrap()));
    }
}

#[tokio::test]
async fn wrong_bytes_that_boxo_stored_are_corrupt_as_its_validating_get_says() {
    let go = fixture("go/blocks.json");
    let wrong = &go["wrong_bytes"];
    let (cid, data) = (cid(&wrong["cid"]), hex(&wrong["entry"]));
    let store = counted();
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    let error = blocks.put(Block::unverified(cid, data.clone())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let key = go["dshelp_of_cid"][cid.to_string()].as_str().unwrap();
    store.put(&Key::new(key).unwrap(), data.clone()).await.unwrap();
    assert_eq!(blocks.get(&cid).await.unwrap_err().kind(), ErrorKind::Corrupt);
    let trusting = BlockstoreOptions::new().verify_reads(false).open(store).await.unwrap();
    assert_eq!(trusting.get(&cid).await.unwrap().as_deref(), Some(&data[..]));
}

#[tokio::test]
async fn rows_without_prefix_are_those_of_the_datastore_adapter_of_js_but_for_identities() {
    let js = fixture("js/blocks.json");
    let store = counted();
    let blocks = BlockstoreOptions::new().prefix(None).open(store.clone()).await.unwrap();
    let all = blocks_of(&js["listing"]);
    blocks.put_many(stream::iter(all.clone())).await.unwrap();
    let mut expected = rows_of(&js["datastore_adapter"]["rows"]);
    expected.retain(|key, _| !key.starts_with("/AA"));
    assert_eq!(expected.len(), 17);
    assert_eq!(rows(&*store).await, expected);
    for block in all {
        assert_eq!(blocks.get(block.cid()).await.unwrap().as_ref(), Some(block.data()));
    }
}

#[tokio::test]
async fn listings_are_those_of_js_but_for_identities() {
    let js = fixture("js/blocks.json");
    let blocks = Blockstore::open(counted()).await.unwrap();
    blocks.put_many(stream::iter(blocks_of(&js["listing"]))).await.unwrap();
    let listing = js["memory_blockstore"]["get_all"].as_array().unwrap();
    let mut expected: Vec<String> = listing
        .iter()
        .map(|listed| cid(&listed["cid"]))
        .filter(|cid| cid.hash().code() != datastore_blocks::IDENTITY)
        .map(|cid| cid.to_string())
        .collect();
    expected.sort();
    assert_eq!(listed(&blocks).await, expected);
}

#[tokio::test]
async fn rows_of_identities_that_go_and_js_stored_are_not_listed() {
    let js = fixture("js/blocks.json");
    let store = counted();
    let rows = rows_of(&js["datastore_adapter"]["rows"]);
    assert!(rows.keys().any(|key| key.starts_with("/AA")));
    for (key, value) in &rows {
        store.put(&Key::new(key).unwrap(), value.clone()).await.unwrap();
    }
    let blocks = BlockstoreOptions::new().prefix(None).open(store).await.unwrap();
    assert_eq!(listed(&blocks).await.len(), 17);
    let all: Vec<Block> = blocks.get_all().try_collect().await.unwrap();
    assert_eq!(all.len(), 17);
}

#[tokio::test]
async fn rows_of_js_are_verified_each_by_its_own_hash_function() {
    let js = fixture("js/blocks.json");
    let store = counted();
    let rows = rows_of(&js["datastore_adapter"]["rows"]);
    let mut batch = Batch::new();
    for (key, value) in &rows {
        // Each with a byte too many.
        let value = [&value[..], b"!"].concat();
        batch = batch.put(Key::new(key).unwrap(), value);
    }
    store.commit(batch).await.unwrap();
    let blocks = BlockstoreOptions::new().prefix(None).open(store).await.unwrap();
    for block in blocks_of(&js["listing"]) {
        if block.cid().hash().code() != datastore_blocks::IDENTITY {
            let error = blocks.get(block.cid()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", block.cid());
        }
    }
}

#[tokio::test]
async fn the_default_policy_takes_every_block_of_go_and_js() {
    let js = fixture("js/blocks.json");
    for block in [go_blocks(), blocks_of(&js["listing"])].concat() {
        Policy::new().check(block.cid(), block.data().len()).unwrap();
        block.verify().unwrap();
    }
}
