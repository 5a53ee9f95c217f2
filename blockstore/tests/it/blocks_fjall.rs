//! Blocks on disk: what was acknowledged is there after the store is opened again.

use std::sync::Arc;

use datastore::{Datastore, DatastoreExt, Key, key};
use datastore_blocks::{Block, BlockstoreOptions, DAG_CBOR, Fate, RAW, ScrubOptions};
use datastore_fjall::FjallDatastore;
use futures::{TryStreamExt, stream};

use crate::blocks_support::{block, blocks_of, fixture, listed, rows, rows_of, with_presence};

#[tokio::test]
async fn blocks_survive_the_reopening_of_their_store() {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..3_u64 {
        let store = Arc::new(FjallDatastore::open(directory.path().join("store")).await.unwrap());
        let blocks = with_presence().open(store.clone()).await.unwrap();
        for number in 0..200 {
            let there = blocks.get(block(number).cid()).await.unwrap();
            let must_be = expected.contains(&number).then(|| block(number).data().clone());
            assert_eq!(there, must_be, "{number} in round {round}");
        }
        assert_eq!(listed(&blocks).await.len(), expected.len());
        blocks.build_filter(|_| {}).await.unwrap();
        let new = round * 50..round * 50 + 100;
        blocks.put_many(stream::iter(new.clone().map(block))).await.unwrap();
        expected.extend(new.filter(|number| !expected.contains(number)).collect::<Vec<_>>());
        let gone = round * 50 + 3;
        blocks.delete(block(gone).cid()).await.unwrap();
        expected.retain(|number| *number != gone);
        for number in 0..200 {
            let there = blocks.has(block(number).cid()).await.unwrap();
            assert_eq!(there, expected.contains(&number), "{number} in round {round}");
        }
        blocks.sync().await.unwrap();
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn rows_on_disk_are_those_of_boxo() {
    let go = fixture("go/blocks.json");
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(FjallDatastore::open(directory.path().join("store")).await.unwrap());
    let blocks = BlockstoreOptions::new().open(store.clone()).await.unwrap();
    blocks.put_batch(blocks_of(&go["blocks"])).await.unwrap();
    assert_eq!(rows(&*store).await, rows_of(&go["with_idstore"]["entries"]));
    let all: Vec<Block> = blocks.get_all().try_collect().await.unwrap();
    assert_eq!(all.len(), 16);
    store.close().await.unwrap();
}

#[tokio::test]
async fn damage_on_disk_is_quarantined_and_stays_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store");
    let name = data_encoding::BASE32_NOPAD.encode(&block(7).cid().hash().to_bytes());
    let (at, place): (Key, Key) =
        (key!("/blocks").child(&name).unwrap(), key!("/block-quarantine").child(&name).unwrap());
    let open = async || Arc::new(FjallDatastore::open(&path).await.unwrap());
    let store = open().await;
    let blocks = BlockstoreOptions::new().keep_codecs(true).open(store.clone()).await.unwrap();
    let cbor = Block::new(DAG_CBOR, [0xa0].to_vec());
    blocks.put_batch((0..50).map(block).chain([cbor.clone()]).collect()).await.unwrap();
    store.put(&at, "damaged").await.unwrap();
    let report = blocks.scrub(ScrubOptions::new(), |_| {}).await.unwrap();
    assert_eq!(report.blocks, 50);
    assert_eq!(report.damaged.len(), 1);
    assert_eq!(report.damaged[0].fate, Fate::Moved(place.clone()));
    store.close().await.unwrap();

    let store = open().await;
    let blocks = BlockstoreOptions::new().open(store.clone()).await.unwrap();
    assert!(!blocks.has(block(7).cid()).await.unwrap());
    assert_eq!(store.get(&place).await.unwrap().as_deref(), Some(&b"damaged"[..]));
    assert_eq!(blocks.put(Block::new(RAW, "block 7")).await.unwrap().written, 1);
    assert!(blocks.scrub(ScrubOptions::new(), |_| {}).await.unwrap().is_clean());
    store.close().await.unwrap();
}
