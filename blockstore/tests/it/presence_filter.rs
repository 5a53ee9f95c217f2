//! The filter: from which listings it is made, what it answers, how large it is.

use std::pin::pin;
use std::sync::Arc;

use datastore::{
    DatastoreExt, ErrorKind, Fault, Injected, MemoryDatastore, Operation, Position, key,
};
use datastore_blocks::{Blockstore, BlockstoreOptions, PresenceOptions};
use futures::poll;

use crate::blocks_support::{block, counted, presence_over_counted, with_presence};
use crate::presence_stops::{Stops, When};

#[tokio::test]
async fn a_filter_answers_for_absent_blocks_in_place_of_the_store() {
    let (blocks, store) = presence_over_counted().await;
    blocks.put_batch((0..1000).map(block).collect()).await.unwrap();
    let filter = blocks.build_filter(|_| {}).await.unwrap();
    assert!((990..=1000).contains(&filter.blocks), "{filter:?}");
    let reads = store.calls(Operation::Read);
    for number in 1000..3000 {
        assert!(!blocks.has(block(number).cid()).await.unwrap());
    }
    for number in 0..1000 {
        assert!(blocks.has(block(number).cid()).await.unwrap());
    }
    // Made for a million: of 2,000 blocks none passes but by a chance of one in many billions.
    assert_eq!(store.calls(Operation::Read), reads);
    let filter = blocks.presence_stats().unwrap().filter.unwrap();
    assert_eq!(filter.ruled_out, 2000);
    assert_eq!(store.calls(Operation::Commit), 1);
}

#[tokio::test]
async fn no_filter_comes_from_a_listing_that_fails_at_any_page() {
    for failing in 0..4 {
        let (blocks, store) = presence_over_counted().await;
        blocks.put_batch((0..30).map(block).collect()).await.unwrap();
        let unavailable = Injected::Error(ErrorKind::Unavailable);
        store.inject(Operation::QueryPage, Position::Nth(failing), unavailable);
        store.inject(Operation::QueryPage, Position::From(0), Injected::ShortPage(10));
        let built = blocks.build_filter(|_| {}).await;
        assert_eq!(built.is_ok(), failing == 3, "three pages");
        assert_eq!(blocks.presence_stats().unwrap().filter.is_some(), failing == 3);
        for number in 0..30 {
            assert!(blocks.has(block(number).cid()).await.unwrap());
        }
    }
}

#[tokio::test]
async fn no_filter_comes_from_a_listing_that_is_dropped() {
    let store = Arc::new(Stops::new(Fault::new(MemoryDatastore::new())));
    let writer = Blockstore::open(store.clone()).await.unwrap();
    writer.put_batch((0..30).map(block).collect()).await.unwrap();
    let blocks = with_presence().open(store.clone()).await.unwrap();
    store.inner.inject(Operation::QueryPage, Position::From(0), Injected::ShortPage(10));
    for page in 0..4 {
        let mut seen = 0;
        {
            let mut build = pin!(blocks.build_filter(|found| seen = found));
            for _ in 0..page {
                let go_on = store.stop(Operation::QueryPage, When::After);
                assert!(poll!(&mut build).is_pending());
                drop(go_on);
            }
            let _stays = store.stop(Operation::QueryPage, When::Before);
            if page < 3 {
                assert!(poll!(&mut build).is_pending());
            }
        }
        assert_eq!(seen, if page < 3 { page * 10 } else { 20 });
        assert_eq!(blocks.presence_stats().unwrap().filter, None);
        for number in 0..30 {
            assert!(blocks.has(block(number).cid()).await.unwrap());
        }
    }
    blocks.build_filter(|_| {}).await.unwrap();
    assert!(blocks.has(block(29).cid()).await.unwrap());
}

#[tokio::test]
async fn the_filter_before_stays_in_use_until_the_new_one_is_complete() {
    let (blocks, store) = presence_over_counted().await;
    blocks.put(block(1)).await.unwrap();
    blocks.build_filter(|_| {}).await.unwrap();
    store.inject(Operation::QueryPage, Position::From(0), Injected::Error(ErrorKind::Unavailable));
    blocks.build_filter(|_| {}).await.unwrap_err();
    store.heal();
    let reads = store.calls(Operation::Read);
    assert!(!blocks.has(block(2).cid()).await.unwrap());
    blocks.put(block(3)).await.unwrap();
    assert!(blocks.has(block(3).cid()).await.unwrap());
    assert_eq!(store.calls(Operation::Read), reads, "a put of what is ruled out reads nothing");
}

#[tokio::test]
async fn a_filter_with_many_deletions_is_stale_until_it_is_built_again() {
    let (blocks, _) = presence_over_counted().await;
    blocks.put_batch((0..100).map(block).collect()).await.unwrap();
    assert!(!blocks.build_filter(|_| {}).await.unwrap().is_stale());
    for number in 0..30 {
        blocks.delete(block(number).cid()).await.unwrap();
        // Was never there, and is not counted.
        blocks.delete(block(number + 1000).cid()).await.unwrap();
    }
    let filter = blocks.presence_stats().unwrap().filter.unwrap();
    assert_eq!(filter.deleted, 30);
    assert!(filter.is_stale());
    let filter = blocks.build_filter(|_| {}).await.unwrap();
    assert_eq!((filter.blocks, filter.deleted, filter.is_stale()), (70, 0, false));
}

#[tokio::test]
async fn a_filter_is_made_larger_when_there_are_more_blocks_than_expected() {
    let store = counted();
    let presence = PresenceOptions::new().expected_blocks(10).bits_per_block(12).cached_blocks(0);
    let blocks = BlockstoreOptions::new().presence(presence).open(store.clone()).await.unwrap();
    blocks.put_batch((0..20_000).map(block).collect()).await.unwrap();
    let mut calls = Vec::new();
    let filter = blocks.build_filter(|found| calls.push(found)).await.unwrap();
    assert_eq!(calls.len(), 40_000, "counted, and then listed");
    assert_eq!((filter.made_for, filter.bytes), (25_000, 37_504));
    assert!(filter.false_positive_rate < 0.005, "{filter:?}");
    let mut passed = 0;
    let reads = store.calls(Operation::Read);
    for number in 100_000..120_000 {
        assert!(!blocks.has(block(number).cid()).await.unwrap());
        passed = store.calls(Operation::Read) - reads;
    }
    // About 20 are expected; 200 do not happen in the life of the universe.
    assert!(passed < 200, "{passed}");
    for number in 0..20_000 {
        assert!(blocks.has(block(number).cid()).await.unwrap());
    }

    blocks.put_batch((20_000..30_000).map(block).collect()).await.unwrap();
    assert!(blocks.presence_stats().unwrap().filter.unwrap().is_stale(), "more than made for");
    let mut calls = 0;
    let filter = blocks.build_filter(|_| calls += 1).await.unwrap();
    assert!(!filter.is_stale());
    assert_eq!(calls, 30_000, "the one before says how many to expect");
}

#[tokio::test]
async fn a_filter_takes_no_more_bytes_than_it_may() {
    let store = counted();
    for (most, expected) in [(0, 8), (1, 8), (64, 64), (1000, 1000), (1 << 20, 7504)] {
        let presence = PresenceOptions::new()
            .expected_blocks(10)
            .bits_per_block(12)
            .max_filter_bytes(most)
            .cached_blocks(0);
        let blocks = BlockstoreOptions::new().presence(presence).open(store.clone()).await.unwrap();
        blocks.put_batch((0..4000).map(block).collect()).await.unwrap();
        let filter = blocks.build_filter(|_| {}).await.unwrap();
        assert_eq!(filter.bytes, expected, "of {most}");
        for number in 0..5000 {
            assert_eq!(blocks.has(block(number).cid()).await.unwrap(), number < 4000, "{number}");
        }
    }
}

#[tokio::test]
async fn unparsable_keys_are_passed_over_when_a_filter_is_built() {
    for prefix in [Some(key!("/blocks")), None] {
        let store = counted();
        let options = with_presence().prefix(prefix);
        let blocks = options.open(store.clone()).await.unwrap();
        blocks.put(block(1)).await.unwrap();
        for foreign in [key!("/blocks/no base32"), key!("/blocks/AAAA/below"), key!("/other/AAAA")]
        {
            store.put(&foreign, "foreign").await.unwrap();
        }
        assert_eq!(blocks.build_filter(|_| {}).await.unwrap().blocks, 1);
        assert!(blocks.has(block(1).cid()).await.unwrap());
    }
}

#[tokio::test]
async fn builds_wait_for_each_other() {
    let store = Arc::new(Stops::new(MemoryDatastore::new()));
    let blocks = with_presence().open(store.clone()).await.unwrap();
    blocks.put(block(1)).await.unwrap();
    let go_on = store.stop(Operation::QueryPage, When::After);
    let (mut first, mut second) = (0, 0);
    {
        let mut one = pin!(blocks.build_filter(|found| first = found));
        let mut other = pin!(blocks.build_filter(|found| second = found));
        assert!(poll!(&mut one).is_pending());
        assert!(poll!(&mut other).is_pending());
        blocks.put(block(2)).await.unwrap();
        drop(go_on);
        let (one, other) = futures::join!(one, other);
        assert_eq!((one.unwrap().blocks, other.unwrap().blocks), (2, 2));
    }
    assert_eq!((first, second), (1, 2));
}
