//! Imports look for the blocks of one batch while the batch before is committed.

use std::io::{self, Cursor};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use datastore::{
    Datastore, Fault, Injected, MANY_OPS, MemoryDatastore, Operation, Position, TestClock,
};
use datastore_blocks::{Block, Blockstore, ImportOptions};
use futures::StreamExt;
use futures::executor::block_on;
use futures::future::join;
use tokio::task::yield_now;

use crate::car_support::{blocks_of_sizes, car_of, memory};

/// As many blocks as a batch holds, and some.
fn more_than_a_batch() -> Vec<Block> {
    blocks_of_sizes(vec![20; 9 * MANY_OPS])
}

#[test]
fn blocks_that_the_commit_under_way_writes_are_counted_and_not_written() {
    block_on(async {
        let blocks = more_than_a_batch();
        let file = car_of(&[&blocks[..], &blocks[..]].concat());
        let clock = TestClock::new();
        let store = Arc::new(Fault::with_clock(MemoryDatastore::new(), Arc::new(clock.clone())));
        let blockstore = Blockstore::open(Arc::clone(&store) as Arc<dyn Datastore>).await.unwrap();
        // More than are listed: each block is looked for.
        let others = blocks_of_sizes(vec![30; 9 * MANY_OPS]);
        blockstore.put_batch(others.clone()).await.unwrap();
        store.inject(Operation::Commit, Position::Nth(0), Injected::Delay(Duration::from_secs(1)));
        let read = store.calls(Operation::Read);
        let looked = || store.calls(Operation::Read) - read;
        let commit_ends = async {
            // The blocks of the first batch, and those of the second that are not in the first.
            for _ in 0..1_000_000 {
                if looked() >= blocks.len() as u64 {
                    break;
                }
                yield_now().await;
            }
            let looked = looked();
            clock.advance(Duration::from_secs(1));
            looked
        };
        let import = blockstore.import_car(Cursor::new(file), ImportOptions::new());
        let (imported, looked) = join(import, commit_ends).await;
        assert_eq!(looked, blocks.len() as u64, "while the first commit was under way");
        let stored = imported.unwrap().stored;
        assert_eq!(stored.written, blocks.len() as u64);
        assert_eq!(stored.present, blocks.len() as u64);
        assert_eq!(blockstore.get_all().count().await, blocks.len() + others.len());
    });
}

#[test]
fn a_block_that_is_deleted_after_its_batch_is_written_when_it_comes_again() {
    block_on(async {
        let blocks = more_than_a_batch();
        let first = car_of(&blocks);
        let file = car_of(&[&blocks[..], &blocks[..]].concat());
        let store = memory().await;
        let (pieces, source) = futures::channel::mpsc::unbounded::<io::Result<Bytes>>();
        let feed = async {
            let (now, later) = file.split_at(first.len());
            pieces.unbounded_send(Ok(Bytes::copy_from_slice(now))).unwrap();
            for _ in 0..1_000_000 {
                if store.has(blocks[0].cid()).await.unwrap() {
                    break;
                }
                yield_now().await;
            }
            store.delete(blocks[0].cid()).await.unwrap();
            pieces.unbounded_send(Ok(Bytes::copy_from_slice(later))).unwrap();
            drop(pieces);
        };
        let (imported, ()) =
            join(store.import_car_stream(source, ImportOptions::new()), feed).await;
        assert_eq!(imported.unwrap().stored.written, blocks.len() as u64 + 1);
        assert!(store.has(blocks[0].cid()).await.unwrap());
    });
}
