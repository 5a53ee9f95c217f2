//! What is remembered when reads, puts, deletes and builds of filters meet at chosen moments.

use std::pin::pin;
use std::sync::Arc;

use datastore::{
    Batch, Datastore, DatastoreExt, ErrorKind, Fault, Key, MemoryDatastore, Operation, key,
};
use datastore_blocks::{Block, Blockstore};
use futures::poll;

use crate::blocks_support::{block, with_presence};
use crate::presence_stops::{Stops, When};

type Store = Arc<Stops<Fault<MemoryDatastore>>>;

async fn open() -> (Blockstore, Store) {
    let store = Arc::new(Stops::new(Fault::new(MemoryDatastore::new())));
    (with_presence().open(store.clone()).await.unwrap(), store)
}

fn key_of(block: &Block) -> Key {
    let name = data_encoding::BASE32_NOPAD.encode(&block.cid().hash().to_bytes());
    key!("/blocks").child(name).unwrap()
}

#[tokio::test]
async fn a_read_that_saw_nothing_before_a_put_does_not_hide_the_block() {
    let (blocks, store) = open().await;
    let block = block(1);
    let go_on = store.stop(Operation::Read, When::After);
    let mut early = pin!(blocks.has(block.cid()));
    assert!(poll!(&mut early).is_pending());
    blocks.put(block.clone()).await.unwrap();
    drop(go_on);
    assert!(!early.await.unwrap());
    assert!(blocks.has(block.cid()).await.unwrap());
    assert_eq!(blocks.get(block.cid()).await.unwrap().as_ref(), Some(block.data()));
}

#[tokio::test]
async fn a_read_that_saw_a_block_before_its_deletion_does_not_bring_it_back() {
    let (writer, store) = open().await;
    let block = block(1);
    writer.put(block.clone()).await.unwrap();
    // Another handle, that does not know of the block yet.
    let blocks = with_presence().open(store.clone()).await.unwrap();
    let go_on = store.stop(Operation::Read, When::After);
    let mut early = pin!(blocks.size(block.cid()));
    assert!(poll!(&mut early).is_pending());
    blocks.delete(block.cid()).await.unwrap();
    drop(go_on);
    assert_eq!(early.await.unwrap(), Some(7));
    assert!(!blocks.has(block.cid()).await.unwrap());
    assert_eq!(blocks.put(block.clone()).await.unwrap().written, 1, "a put is not elided");
    assert!(store.has(&key_of(&block)).await.unwrap());
}

#[tokio::test]
async fn what_is_seen_while_a_put_is_under_way_is_not_remembered() {
    let (blocks, store) = open().await;
    let block = block(1);
    let before = store.stop(Operation::Commit, When::Before);
    let _after = store.stop(Operation::Commit, When::After);
    {
        let mut put = pin!(blocks.put(block.clone()));
        assert!(poll!(&mut put).is_pending());
        assert!(!blocks.has(block.cid()).await.unwrap());
        drop(before);
        assert!(poll!(&mut put).is_pending(), "landed, and not acknowledged");
        assert!(blocks.has(block.cid()).await.unwrap());
    }
    // The put was dropped: nobody knows, so the store is asked.
    assert!(blocks.has(block.cid()).await.unwrap());
}

#[tokio::test]
async fn a_put_that_was_dropped_or_whose_reply_was_lost_is_asked_for_again() {
    let (blocks, store) = open().await;
    let block = block(1);
    assert!(!blocks.has(block.cid()).await.unwrap(), "and that is remembered");
    let _after = store.stop(Operation::Commit, When::After);
    {
        let mut put = pin!(blocks.put(block.clone()));
        assert!(poll!(&mut put).is_pending());
    }
    assert!(blocks.has(block.cid()).await.unwrap());
}

#[tokio::test]
async fn a_delete_that_was_dropped_is_asked_for_again() {
    let (blocks, store) = open().await;
    let block = block(1);
    blocks.put(block.clone()).await.unwrap();
    let _after = store.stop(Operation::Commit, When::After);
    {
        let mut delete = pin!(blocks.delete(block.cid()));
        assert!(poll!(&mut delete).is_pending());
    }
    assert!(!blocks.has(block.cid()).await.unwrap());
    assert_eq!(blocks.put(block).await.unwrap().written, 1);
}

#[tokio::test]
async fn of_a_put_and_a_delete_that_overlap_neither_is_believed() {
    let (blocks, store) = open().await;
    let block = block(1);
    let go_on = store.stop(Operation::Commit, When::After);
    let mut put = pin!(blocks.put(block.clone()));
    assert!(poll!(&mut put).is_pending(), "landed, and not acknowledged");
    blocks.delete(block.cid()).await.unwrap();
    drop(go_on);
    put.await.unwrap();
    assert!(!store.has(&key_of(&block)).await.unwrap());
    assert!(!blocks.has(block.cid()).await.unwrap());

    let go_on = store.stop(Operation::Commit, When::After);
    let mut delete = pin!(blocks.delete(block.cid()));
    assert!(poll!(&mut delete).is_pending());
    blocks.put(block.clone()).await.unwrap();
    drop(go_on);
    delete.await.unwrap();
    assert!(blocks.has(block.cid()).await.unwrap());
}

/// A store in which a write that was given up may land at any time.
async fn open_over_late_writes() -> (Blockstore, Store) {
    let store = Arc::new(Stops::new(Fault::new(MemoryDatastore::new())));
    let mut capabilities = store.capabilities();
    capabilities.atomic_batches = false;
    store.declare(capabilities);
    (with_presence().open(store.clone()).await.unwrap(), store)
}

#[tokio::test]
async fn a_delete_that_lands_late_is_seen() {
    let (blocks, store) = open_over_late_writes().await;
    let block = block(1);
    blocks.put(block.clone()).await.unwrap();
    let _never = store.stop(Operation::Commit, When::Before);
    {
        let mut delete = pin!(blocks.delete(block.cid()));
        assert!(poll!(&mut delete).is_pending());
    }
    assert!(blocks.has(block.cid()).await.unwrap());
    assert_eq!(blocks.put(block.clone()).await.unwrap().present, 1);
    store.inner.commit(Batch::new().delete(key_of(&block))).await.unwrap();
    assert!(!blocks.has(block.cid()).await.unwrap());
    assert_eq!(blocks.put(block.clone()).await.unwrap().written, 1);
    assert!(store.has(&key_of(&block)).await.unwrap());
}

#[tokio::test]
async fn many_writes_that_may_land_late_end_the_remembering() {
    let (blocks, store) = open_over_late_writes().await;
    let all: Vec<Block> = (0..90_000).map(block).collect();
    for some in all.chunks(1000) {
        let _never = store.stop(Operation::Commit, When::Before);
        let mut put = pin!(blocks.put_batch(some.to_vec()));
        assert!(poll!(&mut put).is_pending());
    }
    let reads = store.inner.calls(Operation::Read);
    for other in (1_000_000..1_000_100).map(block) {
        for _ in 0..2 {
            assert!(!blocks.has(other.cid()).await.unwrap());
        }
    }
    assert_eq!(store.inner.calls(Operation::Read) - reads, 200, "each is asked for each time");
    // Nobody knows any more what a listing might miss.
    let error = blocks.build_filter(|_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(blocks.presence_stats().unwrap().filter.is_none());
}

#[tokio::test]
async fn where_writes_do_not_land_late_one_that_was_dropped_is_remembered_once_seen() {
    let (blocks, store) = open().await;
    let block = block(1);
    let _never = store.stop(Operation::Commit, When::Before);
    {
        let mut put = pin!(blocks.put(block.clone()));
        assert!(poll!(&mut put).is_pending());
    }
    let reads = store.inner.calls(Operation::Read);
    for _ in 0..3 {
        assert!(!blocks.has(block.cid()).await.unwrap());
    }
    assert_eq!(store.inner.calls(Operation::Read) - reads, 1);
}

#[tokio::test]
async fn a_put_during_a_build_is_in_the_filter() {
    let (blocks, store) = open().await;
    let go_on = store.stop(Operation::QueryPage, When::After);
    let mut build = pin!(blocks.build_filter(|_| {}));
    assert!(poll!(&mut build).is_pending(), "the listing is over, the filter not in use");
    blocks.put(block(1)).await.unwrap();
    drop(go_on);
    build.await.unwrap();
    assert!(blocks.has(block(1).cid()).await.unwrap());
}

#[tokio::test]
async fn a_put_that_began_before_a_build_and_lands_after_it_is_in_the_filter() {
    let (blocks, store) = open().await;
    let before = store.stop(Operation::Commit, When::Before);
    let after = store.stop(Operation::Commit, When::After);
    let mut put = pin!(blocks.put(block(1)));
    assert!(poll!(&mut put).is_pending());
    blocks.build_filter(|_| {}).await.unwrap();
    drop(before);
    assert!(poll!(&mut put).is_pending(), "landed, and not acknowledged");
    assert!(blocks.has(block(1).cid()).await.unwrap(), "before it is acknowledged too");
    drop(after);
    put.await.unwrap();
    assert!(blocks.has(block(1).cid()).await.unwrap());
}

#[tokio::test]
async fn a_put_that_was_dropped_and_lands_after_a_build_is_in_the_filter() {
    let (blocks, store) = open_over_late_writes().await;
    let _never = store.stop(Operation::Commit, When::Before);
    {
        let mut put = pin!(blocks.put(block(1)));
        assert!(poll!(&mut put).is_pending());
    }
    blocks.build_filter(|_| {}).await.unwrap();
    assert!(!blocks.has(block(1).cid()).await.unwrap());
    store.inner.commit(Batch::new().put(key_of(&block(1)), "block 1")).await.unwrap();
    assert!(blocks.has(block(1).cid()).await.unwrap());
}

#[tokio::test]
async fn a_put_during_a_rebuild_is_in_both_filters() {
    let (blocks, store) = open().await;
    blocks.build_filter(|_| {}).await.unwrap();
    {
        let _go_on = store.stop(Operation::QueryPage, When::After);
        let mut build = pin!(blocks.build_filter(|_| {}));
        assert!(poll!(&mut build).is_pending());
        blocks.put(block(1)).await.unwrap();
        assert!(blocks.has(block(1).cid()).await.unwrap(), "by the filter in use");
    }
    // That build was dropped; the filter before it still knows the block.
    assert!(blocks.has(block(1).cid()).await.unwrap());
    assert_eq!(blocks.presence_stats().unwrap().filter.unwrap().blocks, 1);
}

#[tokio::test]
async fn a_block_that_is_deleted_and_put_again_behind_the_listing_is_in_the_filter() {
    let (blocks, store) = open().await;
    blocks.put(block(1)).await.unwrap();
    let go_on = store.stop(Operation::QueryPage, When::Before);
    let mut build = pin!(blocks.build_filter(|_| {}));
    assert!(poll!(&mut build).is_pending());
    blocks.delete(block(1).cid()).await.unwrap();
    let commit = store.stop(Operation::Commit, When::Before);
    let mut put = pin!(blocks.put(block(1)));
    assert!(poll!(&mut put).is_pending());
    drop(go_on);
    build.await.unwrap();
    drop(commit);
    put.await.unwrap();
    assert!(blocks.has(block(1).cid()).await.unwrap());
}
