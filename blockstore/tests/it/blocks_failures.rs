//! What becomes of blocks when the store below fails, at every position.

use datastore::{DatastoreExt, ErrorKind, Injected, Operation, Position, key};
use datastore_blocks::{Block, Blockstore, ListOptions, RAW};
use futures::{StreamExt, stream};

use crate::blocks_support::{block, counted, presence_over_counted, rows};

#[tokio::test]
async fn an_error_in_a_listing_is_its_last_item() {
    let store = counted();
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    blocks.put_batch((0..30).map(block).collect()).await.unwrap();
    for failing in 0..3 {
        store.heal();
        // Each page is cut short, but for the one that fails: of several rules the first one counts.
        store.inject(
            Operation::QueryPage,
            Position::Nth(failing),
            Injected::Error(ErrorKind::Unavailable),
        );
        store.inject(Operation::QueryPage, Position::From(0), Injected::ShortPage(10));
        let items: Vec<_> = blocks.list(ListOptions::default()).collect().await;
        assert_eq!(items.len() as u64, failing * 10 + 1);
        let error = items.last().unwrap().as_ref().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        let items: Vec<_> = blocks.get_all().collect().await;
        assert!(items.iter().all(Result::is_ok), "the rule is spent");
    }
}

/// Twelve blocks of 1 MiB: three commits.
fn large() -> Vec<Block> {
    (0..12_u8).map(|fill| Block::new(RAW, vec![fill; 1 << 20])).collect()
}

async fn put_many_under(
    presence: bool,
    operation: Operation,
    position: u64,
    injected: Injected,
) -> Result<(), datastore::Error> {
    let (blocks, store) = if presence {
        presence_over_counted().await
    } else {
        let store = counted();
        (Blockstore::open(store.clone()).await.unwrap(), store)
    };
    store.inject(operation, Position::Nth(position), injected);
    let outcome = blocks.put_many(stream::iter(large())).await;
    store.heal();
    for block in large() {
        let key = rows_key(&block);
        let there = store.inner().get(&key).await.unwrap();
        assert_eq!(blocks.has(block.cid()).await.unwrap(), there.is_some());
        assert_eq!(blocks.get(block.cid()).await.unwrap(), there);
    }
    let stored = blocks.put_many(stream::iter(large())).await.unwrap();
    assert_eq!(stored.written + stored.present, 12);
    assert_eq!(rows(&*store).await.len(), 12, "trying again completes it");
    outcome.map(drop)
}

fn rows_key(block: &Block) -> datastore::Key {
    let name = data_encoding::BASE32_NOPAD.encode(&block.cid().hash().to_bytes());
    key!("/blocks").child(name).unwrap()
}

#[tokio::test]
async fn a_commit_that_fails_at_any_position_of_a_stream_leaves_what_came_before() {
    for presence in [false, true] {
        for position in 0..3 {
            for injected in [
                Injected::Error(ErrorKind::Unavailable),
                Injected::LostReply(ErrorKind::Unavailable),
            ] {
                let outcome = put_many_under(presence, Operation::Commit, position, injected).await;
                assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unavailable);
            }
        }
        let injected = Injected::Error(ErrorKind::Unavailable);
        put_many_under(presence, Operation::Commit, 3, injected).await.unwrap();
    }
}

#[tokio::test]
async fn a_read_that_fails_at_any_position_of_a_stream_is_an_error() {
    for presence in [false, true] {
        let injected = Injected::Error(ErrorKind::Unavailable);
        for position in [0, 1, 5, 11] {
            let outcome = put_many_under(presence, Operation::Read, position, injected).await;
            assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Unavailable, "{position}");
        }
    }
}

#[tokio::test]
async fn every_read_passes_an_error_on() {
    let (blocks, store) = presence_over_counted().await;
    let cid = *block(1).cid();
    store.inject(Operation::Read, Position::From(0), Injected::Error(ErrorKind::Unavailable));
    let kind = Some(ErrorKind::Unavailable);
    assert_eq!(blocks.get(&cid).await.err().map(|error| error.kind()), kind);
    assert_eq!(blocks.get_range(&cid, 0, 1).await.err().map(|error| error.kind()), kind);
    assert_eq!(blocks.has(&cid).await.err().map(|error| error.kind()), kind);
    assert_eq!(blocks.size(&cid).await.err().map(|error| error.kind()), kind);
    assert_eq!(blocks.put(block(1)).await.err().map(|error| error.kind()), kind);
    store.heal();
    assert!(!blocks.has(&cid).await.unwrap(), "an error is no answer to remember");
}
