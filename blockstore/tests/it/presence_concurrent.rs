//! Many readers, writers and builders of filters at a time: what was acknowledged is what is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use datastore::{DatastoreExt, MemoryDatastore, Query};
use datastore_blocks::{Blockstore, BlockstoreOptions, PresenceOptions};
use futures::TryStreamExt;

use crate::blocks_support::{block, listed};
use crate::presence_stops::Stops;

const WRITERS: u64 = 4;
const BLOCKS_OF_EACH: u64 = 8;
const READERS: u64 = 3;
const ROUNDS: u64 = 1500;

/// What the last acknowledged write of a block was: `2n` that the n-th write is acknowledged, `2n + 1` that
/// the next one is under way. Odd writes put, even ones delete.
#[derive(Default)]
struct Acknowledged(AtomicU64);

impl Acknowledged {
    fn begin(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn end(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn load(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// Whether the block must be there; `None` while nobody can say.
    fn must_be(state: u64) -> Option<bool> {
        state.is_multiple_of(2).then_some((state / 2) % 2 == 1)
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

async fn write(blocks: Blockstore, states: Arc<Vec<Acknowledged>>, writer: u64) {
    let mut random = Random(writer + 1);
    for _ in 0..ROUNDS {
        // Each block has one writer, so that what is acknowledged is what must be answered.
        let count = 1 + random.below(3);
        let first = random.below(BLOCKS_OF_EACH);
        let own = (0..count).map(|next| writer * BLOCKS_OF_EACH + (first + next) % BLOCKS_OF_EACH);
        let puts = |number: &u64| (states[*number as usize].load() / 2).is_multiple_of(2);
        let (new, old): (Vec<u64>, Vec<u64>) = own.partition(puts);
        for number in new.iter().chain(&old) {
            states[*number as usize].begin();
        }
        blocks.put_batch(new.iter().map(|number| block(*number)).collect()).await.unwrap();
        for number in &new {
            states[*number as usize].end();
        }
        for number in &old {
            blocks.delete(block(*number).cid()).await.unwrap();
            states[*number as usize].end();
        }
    }
}

async fn read(
    blocks: Blockstore,
    states: Arc<Vec<Acknowledged>>,
    done: Arc<AtomicBool>,
    seed: u64,
) {
    let mut random = Random(seed);
    while !done.load(Ordering::SeqCst) {
        let number = random.below(WRITERS * BLOCKS_OF_EACH);
        let (block, state) = (block(number), &states[number as usize]);
        let before = state.load();
        let there = match random.below(3) {
            0 => blocks.has(block.cid()).await.unwrap(),
            1 => blocks.size(block.cid()).await.unwrap().is_some(),
            _ => blocks.get(block.cid()).await.unwrap().is_some(),
        };
        if state.load() == before
            && let Some(must_be) = Acknowledged::must_be(before)
        {
            assert_eq!(there, must_be, "block {number} after write {}", before / 2);
        }
    }
}

async fn run(presence: PresenceOptions, build: bool) {
    let store = Arc::new(Stops::that_yields(MemoryDatastore::new()));
    let blocks = BlockstoreOptions::new().presence(presence).open(store.clone()).await.unwrap();
    let count = WRITERS * BLOCKS_OF_EACH;
    let states: Arc<Vec<_>> = Arc::new((0..count).map(|_| Acknowledged::default()).collect());
    let done = Arc::new(AtomicBool::new(false));

    let writers = (0..WRITERS).map(|w| tokio::spawn(write(blocks.clone(), states.clone(), w)));
    let writers: Vec<_> = writers.collect();
    let read = |seed| read(blocks.clone(), states.clone(), done.clone(), seed);
    let mut others: Vec<_> = (0..READERS).map(|reader| tokio::spawn(read(reader + 77))).collect();
    if build {
        let (blocks, done) = (blocks.clone(), done.clone());
        others.push(tokio::spawn(async move {
            while !done.load(Ordering::SeqCst) {
                blocks.build_filter(|_| {}).await.unwrap();
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    for other in others {
        other.await.unwrap();
    }
    let mut there = 0;
    for (number, state) in states.iter().enumerate() {
        let must_be = Acknowledged::must_be(state.load()).unwrap();
        assert_eq!(blocks.has(block(number as u64).cid()).await.unwrap(), must_be);
        there += u64::from(must_be);
    }
    assert_eq!(store.count(Query::all()).await.unwrap(), there);
    assert_eq!(listed(&blocks).await.len() as u64, there);
    let _: Vec<_> = blocks.get_all().try_collect().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_acknowledged_write_is_what_a_cache_answers() {
    run(PresenceOptions::new(), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_acknowledged_write_is_what_a_cache_that_overflows_answers() {
    run(PresenceOptions::new().cached_blocks(10), false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_acknowledged_write_is_what_filters_answer_while_they_are_built_again_and_again() {
    run(PresenceOptions::new().cached_blocks(0).expected_blocks(64), true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_acknowledged_write_is_what_cache_and_filter_answer_together() {
    run(PresenceOptions::new().expected_blocks(16).bits_per_block(4), true).await;
}
