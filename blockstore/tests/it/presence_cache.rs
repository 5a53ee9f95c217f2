//! What the presence cache answers, and how much it holds.

use bytes::Bytes;
use datastore::{DatastoreExt, Operation, Query};
use datastore_blocks::{Block, Blockstore, BlockstoreOptions, IDENTITY, PresenceOptions, RAW};
use futures::TryStreamExt;

use crate::blocks_support::{block, counted, presence_over_counted};

#[tokio::test]
async fn a_missing_block_is_asked_for_once() {
    let (blocks, store) = presence_over_counted().await;
    let cid = *block(1).cid();
    let before = store.calls(Operation::Read);
    for _ in 0..3 {
        assert!(!blocks.has(&cid).await.unwrap());
        assert_eq!(blocks.size(&cid).await.unwrap(), None);
        assert_eq!(blocks.get(&cid).await.unwrap(), None);
        assert_eq!(blocks.get_range(&cid, 0, 1).await.unwrap(), None);
    }
    assert_eq!(store.calls(Operation::Read) - before, 1);
}

#[tokio::test]
async fn a_block_that_was_put_is_not_asked_for() {
    let (blocks, store) = presence_over_counted().await;
    blocks.put(block(1)).await.unwrap();
    let reads = store.calls(Operation::Read);
    assert!(blocks.has(block(1).cid()).await.unwrap());
    assert_eq!(blocks.size(block(1).cid()).await.unwrap(), Some(7));
    assert_eq!(blocks.put(block(1)).await.unwrap().present, 1);
    assert_eq!(store.calls(Operation::Read), reads);
    assert_eq!(store.calls(Operation::Commit), 1);
}

#[tokio::test]
async fn a_block_that_was_deleted_is_not_asked_for_and_can_be_put_again() {
    let (blocks, store) = presence_over_counted().await;
    blocks.put(block(1)).await.unwrap();
    blocks.delete(block(1).cid()).await.unwrap();
    let reads = store.calls(Operation::Read);
    assert!(!blocks.has(block(1).cid()).await.unwrap());
    assert_eq!(blocks.get(block(1).cid()).await.unwrap(), None);
    assert_eq!(blocks.put(block(1)).await.unwrap().written, 1);
    assert_eq!(store.calls(Operation::Read), reads);
    assert_eq!(blocks.get(block(1).cid()).await.unwrap().as_ref(), Some(block(1).data()));
}

#[tokio::test]
async fn what_any_read_sees_is_remembered_with_its_size_where_it_has_one() {
    let store = counted();
    let writer = Blockstore::open(store.clone()).await.unwrap();
    for (number, data) in ["zero", "", "four"].into_iter().enumerate() {
        let block = Block::new(RAW, data);
        writer.put(block.clone()).await.unwrap();
        let options = BlockstoreOptions::new().presence(PresenceOptions::new());
        let blocks = options.open(store.clone()).await.unwrap();
        let (cid, size) = (block.cid(), Some(data.len() as u64));
        match number {
            0 => assert_eq!(blocks.get_range(cid, 1, 2).await.unwrap(), Some(Bytes::from("er"))),
            1 => assert_eq!(blocks.get(cid).await.unwrap().as_ref(), Some(block.data())),
            _ => assert_eq!(blocks.size(cid).await.unwrap(), size),
        }
        let reads = store.calls(Operation::Read);
        assert_eq!(blocks.size(cid).await.unwrap(), size);
        assert!(blocks.has(cid).await.unwrap());
        assert_eq!(store.calls(Operation::Read), reads);
    }
}

#[tokio::test]
async fn a_block_known_without_its_size_is_asked_for_it_once() {
    let store = counted();
    Blockstore::open(store.clone()).await.unwrap().put(block(1)).await.unwrap();
    let options = BlockstoreOptions::new().presence(PresenceOptions::new());
    let blocks = options.open(store.clone()).await.unwrap();
    let reads = store.calls(Operation::Read);
    for _ in 0..2 {
        assert!(blocks.has(block(1).cid()).await.unwrap());
    }
    assert_eq!(store.calls(Operation::Read) - reads, 1);
    for _ in 0..2 {
        assert_eq!(blocks.size(block(1).cid()).await.unwrap(), Some(7));
    }
    assert_eq!(store.calls(Operation::Read) - reads, 2);
}

#[tokio::test]
async fn the_cache_holds_no_more_than_it_may_and_is_right_all_the_same() {
    for most in [0, 1, 10, 100, 1000, 5000] {
        let store = counted();
        let presence = PresenceOptions::new().cached_blocks(most);
        let blocks = BlockstoreOptions::new().presence(presence).open(store.clone()).await.unwrap();
        blocks.put_batch((0..3000).map(block).collect()).await.unwrap();
        for round in 0..2 {
            for number in 0..6000 {
                let there = blocks.has(block(number).cid()).await.unwrap();
                assert_eq!(there, number < 3000, "{number} in round {round} of {most}");
            }
        }
        let stats = blocks.presence_stats().unwrap();
        assert!(stats.cached <= most as u64, "{stats:?} of {most}");
        assert!(most < 1000 || stats.cached > most as u64 / 2, "{stats:?} of {most}");
        assert!(stats.cache_bytes < 20_000 + 200 * most as u64, "{stats:?}");
        assert_eq!(store.count(Query::all()).await.unwrap(), 3000);
    }
}

#[tokio::test]
async fn statistics_count_what_was_answered_without_the_store() {
    let (blocks, _) = presence_over_counted().await;
    assert_eq!(blocks.presence_stats().unwrap(), Default::default());
    blocks.put(block(1)).await.unwrap();
    let before = blocks.presence_stats().unwrap();
    assert_eq!((before.cached, before.unknown), (1, 1), "the put asked whether it is there");
    for _ in 0..2 {
        blocks.has(block(1).cid()).await.unwrap();
        blocks.has(block(2).cid()).await.unwrap();
    }
    let stats = blocks.presence_stats().unwrap();
    assert_eq!((stats.present, stats.absent, stats.unknown, stats.cached), (2, 1, 2, 2));
    assert_eq!(stats.filter, None);
}

#[tokio::test]
async fn there_are_no_statistics_and_no_filter_without_presence() {
    let blocks = Blockstore::open(counted()).await.unwrap();
    assert_eq!(blocks.presence_stats(), None);
    let error = blocks.build_filter(|_| {}).await.unwrap_err();
    assert_eq!(error.kind(), datastore::ErrorKind::InvalidInput);
}

#[tokio::test]
async fn identity_cids_and_the_same_block_twice_are_deleted_in_one_stream() {
    let (blocks, store) = presence_over_counted().await;
    let identity = Block::with_hash(RAW, IDENTITY, "itself").unwrap();
    blocks.put_batch(vec![block(1), block(2)]).await.unwrap();
    let cids = [identity.cid(), block(1).cid(), identity.cid(), block(1).cid()].map(|cid| *cid);
    blocks.delete_many(futures::stream::iter(cids)).await.unwrap();
    assert!(blocks.has(identity.cid()).await.unwrap());
    assert!(!blocks.has(block(1).cid()).await.unwrap());
    let keys: Vec<_> = store.query_keys(Query::all()).try_collect().await.unwrap();
    assert_eq!(keys.len(), 1);
}
