//! Imports look for the blocks that a store may hold, and for no others.

use std::io::Cursor;
use std::sync::Arc;

use datastore::{
    Datastore, ErrorKind, Fault, Injected, MANY_OPS, MemoryDatastore, Operation, Position,
};
use datastore_blocks::{Block, Blockstore, ImportOptions, Imported};
use futures::StreamExt;
use futures::executor::block_on;

use crate::car_support::{blocks_of_sizes, car_of};

/// As many as a batch holds.
const BATCH: usize = 8 * MANY_OPS;

/// A store whose calls are counted.
struct Store {
    fault: Arc<Fault<MemoryDatastore>>,
    blocks: Blockstore,
}

impl Store {
    async fn holding(blocks: &[Block]) -> Self {
        let fault = Arc::new(Fault::new(MemoryDatastore::new()));
        let store = Blockstore::open(Arc::clone(&fault) as Arc<dyn Datastore>).await.unwrap();
        store.put_batch(blocks.to_vec()).await.unwrap();
        Self { fault, blocks: store }
    }

    /// Imports a file of these; answers how many blocks were looked for.
    async fn import(&self, blocks: &[Block]) -> (Imported, u64) {
        let before = self.fault.calls(Operation::Read);
        let source = Cursor::new(car_of(blocks));
        let imported = self.blocks.import_car(source, ImportOptions::new()).await.unwrap();
        (imported, self.fault.calls(Operation::Read) - before)
    }
}

#[test]
fn nothing_is_looked_for_in_an_empty_store_but_what_comes_twice() {
    block_on(async {
        let store = Store::holding(&[]).await;
        let blocks = blocks_of_sizes(vec![20; 2 * BATCH + 500]);
        let again = &blocks[..100];
        let (imported, looks) = store.import(&[&blocks[..], again].concat()).await;
        assert_eq!((imported.stored.written, imported.stored.present), (blocks.len() as u64, 100));
        // The filter takes a few for blocks that may be there.
        assert!((100..150).contains(&looks), "{looks}");
        assert_eq!(store.blocks.get_all().count().await, blocks.len());
    });
}

#[test]
fn what_a_small_store_holds_is_looked_for_and_not_written() {
    block_on(async {
        let blocks = blocks_of_sizes(vec![20; 2 * BATCH]);
        // In both batches.
        let there: Vec<Block> = blocks.iter().step_by(20).cloned().collect();
        let store = Store::holding(&there).await;
        let (imported, looks) = store.import(&blocks).await;
        let Imported { stored, .. } = imported;
        assert_eq!(stored.present, there.len() as u64);
        assert_eq!(stored.written, (blocks.len() - there.len()) as u64);
        assert!(looks >= there.len() as u64 && looks < 2 * there.len() as u64, "{looks}");
    });
}

#[test]
fn a_store_of_more_blocks_than_a_batch_is_asked_for_each() {
    block_on(async {
        let others = blocks_of_sizes(vec![30; BATCH + 1]);
        let blocks = blocks_of_sizes(vec![20; BATCH + 500]);
        for (held, asked) in [(&others[..], blocks.len()), (&others[1..], 0)] {
            let store = Store::holding(held).await;
            let (imported, looks) = store.import(&blocks).await;
            assert_eq!(imported.stored.written, blocks.len() as u64);
            assert!(looks.abs_diff(asked as u64) < 50, "{looks} of {asked}");
        }
    });
}

#[test]
fn a_file_shorter_than_a_batch_lists_nothing() {
    block_on(async {
        let blocks = blocks_of_sizes(vec![20; BATCH - 1]);
        let store = Store::holding(&blocks[..10]).await;
        let pages = store.fault.calls(Operation::QueryPage);
        let (imported, looks) = store.import(&blocks).await;
        assert_eq!((imported.stored.present, looks), (10, blocks.len() as u64));
        assert_eq!(store.fault.calls(Operation::QueryPage), pages);
    });
}

#[test]
fn a_listing_that_fails_stops_the_import_before_it_stores_anything() {
    block_on(async {
        let store = Store::holding(&[]).await;
        store.fault.inject(
            Operation::QueryPage,
            Position::Nth(0),
            Injected::Error(ErrorKind::Unavailable),
        );
        let source = Cursor::new(car_of(&blocks_of_sizes(vec![20; BATCH])));
        let error = store.blocks.import_car(source, ImportOptions::new()).await.unwrap_err();
        assert_eq!((error.offset(), error.kept().blocks), (None, 0));
        assert_eq!(store.blocks.get_all().count().await, 0);
    });
}
