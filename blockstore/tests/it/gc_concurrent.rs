//! Threads that put, pin, unpin and delete while collections run, over a store in memory and one on disk.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cid::Cid;
use datastore::{Datastore, ErrorKind, Fault, Injected, MemoryDatastore, Operation, Position};
use datastore_blocks::{
    Block, Blockstore, BlockstoreOptions, DAG_CBOR, DAG_PB, GcOptions, GcPhase, PinOptions,
    PresenceOptions, RAW,
};
use datastore_fjall::FjallDatastore;
use futures::executor::block_on;

use crate::gc_support::{marks, node};

const WRITERS: usize = 4;
/// Rounds of a writer, at least.
const ROUNDS: usize = 40;
/// Pins of a writer, at most.
const PINS: usize = 12;
const RUNS: usize = 8;

/// A tree of a writer's own, with leaves that all writers share; parents last.
fn tree(writer: usize, round: usize) -> Vec<Block> {
    let leaf = |at: usize| node(RAW, &format!("leaf {}", at % 40), &[]);
    let mut all = Vec::new();
    let mut middles = Vec::new();
    for at in 0..3 {
        let leaves = [leaf(round + at), leaf(writer * 7 + at)];
        let cids = leaves.each_ref().map(|leaf| *leaf.cid());
        let middle = node(DAG_CBOR, &format!("middle {}", (round + at) % 20), &cids);
        middles.push(*middle.cid());
        all.extend(leaves);
        all.push(middle);
    }
    all.push(node(DAG_PB, &format!("root {writer} {round}"), &middles));
    all
}

/// What has to be there in the end.
#[derive(Default)]
struct Owed {
    /// Trees that are pinned.
    pinned: Vec<Vec<Block>>,
    /// Puts that were acknowledged while the last run was on.
    put: Vec<Block>,
}

fn write(
    blocks: &Blockstore,
    writer: usize,
    go_on: &AtomicBool,
    begun: &AtomicUsize,
    owed: &Mutex<Owed>,
) {
    let mut pinned: Vec<Vec<Block>> = Vec::new();
    let mut put_in = Vec::new();
    let mut round = 0;
    while go_on.load(Ordering::SeqCst) || round < ROUNDS {
        let all = tree(writer, round);
        let root = *all.last().unwrap().cid();
        match round % 4 {
            // Held: all of it is there when it is pinned.
            0 | 1 => {
                let hold = blocks.hold();
                for block in &all {
                    block_on(blocks.put(block.clone())).unwrap();
                }
                block_on(blocks.pins().pin_recursive(&root, PinOptions::new())).unwrap();
                drop(hold);
                pinned.push(all);
            }
            // Not held: a run may have taken some of it, which the pin says, unless it is whole for good.
            2 => {
                block_on(blocks.put_batch(all.clone())).unwrap();
                match block_on(blocks.pins().pin_recursive(&root, PinOptions::new())) {
                    Ok(()) => pinned.push(all),
                    Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound),
                }
            }
            _ => {
                let run = begun.load(Ordering::SeqCst);
                block_on(blocks.put_batch(all.clone())).unwrap();
                // Not before this run, and it was on.
                put_in.retain(|(before, _)| *before == run);
                put_in.push((run, all));
            }
        }
        if pinned.len() > PINS {
            let gone = pinned.remove(0);
            block_on(blocks.pins().unpin(gone.last().unwrap().cid())).unwrap();
        }
        // Of nobody else.
        let own = node(RAW, &format!("own {writer} {round}"), &[]);
        block_on(blocks.put(own.clone())).unwrap();
        block_on(blocks.delete(own.cid())).unwrap();
        round += 1;
    }
    let mut owed = owed.lock().unwrap();
    owed.pinned.extend(pinned);
    // The last run was on before the put began.
    let during = put_in.into_iter().filter(|(run, _)| *run == RUNS);
    owed.put.extend(during.flat_map(|(_, all)| all));
}

fn run_beside_writers(blocks: &Blockstore) {
    let (go_on, begun) = (AtomicBool::new(true), Arc::new(AtomicUsize::new(0)));
    let owed = Mutex::new(Owed::default());
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (go_on, begun, owed) = (&go_on, &begun, &owed);
            scope.spawn(move || write(blocks, writer, go_on, begun, owed));
        }
        for at in 0..RUNS {
            // It is on once it tells how far it is: the first commit went before.
            let count = Arc::clone(&begun);
            let first = AtomicBool::new(true);
            let options = GcOptions::new().progress(move |_| {
                if first.swap(false, Ordering::SeqCst) {
                    count.fetch_add(1, Ordering::SeqCst);
                }
                std::thread::yield_now();
            });
            block_on(blocks.collect_garbage(options)).unwrap();
            if at % 2 == 1 {
                block_on(blocks.collect_garbage(GcOptions::new().dry_run(true))).unwrap();
            }
        }
        go_on.store(false, Ordering::SeqCst);
    });
    let Owed { pinned, put } = owed.into_inner().unwrap();
    let owed: Vec<Block> = pinned.iter().flatten().cloned().chain(put).collect();
    assert!(owed.len() > 100);
    for block in &owed {
        assert_eq!(block_on(blocks.get(block.cid())).unwrap().as_ref(), Some(block.data()));
    }
    assert_eq!(block_on(marks(&**blocks.datastore())), []);
    // And nothing stands still: what is not pinned goes when all is quiet.
    let pinned: BTreeSet<Cid> = pinned.iter().flatten().map(|block| *block.cid()).collect();
    let report = block_on(blocks.collect_garbage(GcOptions::new())).unwrap();
    assert_eq!(report.kept, pinned.len() as u64);
    for cid in &pinned {
        assert!(block_on(blocks.has(cid)).unwrap());
    }
}

async fn opened(store: Arc<dyn Datastore>, presence: bool) -> Blockstore {
    let mut options = BlockstoreOptions::new();
    if presence {
        options = options.presence(PresenceOptions::new());
    }
    options.open(store).await.unwrap()
}

#[test]
fn collections_beside_writers_lose_nothing_in_memory() {
    for presence in [false, true] {
        let blocks = block_on(opened(Arc::new(MemoryDatastore::new()), presence));
        run_beside_writers(&blocks);
    }
}

#[test]
fn collections_beside_writers_lose_nothing_with_marks_elsewhere() {
    let options = BlockstoreOptions::new().marks(Arc::new(MemoryDatastore::new()));
    run_beside_writers(&block_on(options.open(Arc::new(MemoryDatastore::new()))).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn collections_beside_writers_lose_nothing_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    for presence in [false, true] {
        let path = dir.path().join(format!("{presence}"));
        let store = Arc::new(FjallDatastore::open(&path).await.unwrap());
        let blocks = opened(store.clone(), presence).await;
        tokio::task::spawn(async move { run_beside_writers(&blocks) }).await.unwrap();
        store.close().await.unwrap();
    }
}

#[tokio::test]
async fn an_unfinished_run_on_disk_is_gone_on_with_after_the_store_was_reopened() {
    let dir = tempfile::tempdir().unwrap();
    let (dag, mut kept);
    let garbage;
    {
        let store = Arc::new(FjallDatastore::open(dir.path()).await.unwrap());
        (dag, kept) = crate::gc_support::furnished(store.clone()).await;
        let faulty = Arc::new(Fault::new(Arc::clone(&store) as Arc<dyn Datastore>));
        faulty.inject(Operation::QueryPage, Position::From(0), Injected::ShortPage(3));
        let blocks = opened(faulty.clone(), false).await;
        garbage = (0..dag.blocks.len()).find(|at| !kept.contains(at)).unwrap();
        // Nothing is written any more once it has begun to sweep.
        let options = GcOptions::new().progress(move |at| {
            if at.phase == GcPhase::Sweep && at.swept > 0 {
                let failed = Injected::Error(ErrorKind::Unavailable);
                faulty.inject(Operation::Commit, Position::From(0), failed);
            }
        });
        blocks.collect_garbage(options).await.unwrap_err();
        assert_eq!(blocks.unfinished_collection().await.unwrap(), Some(GcPhase::Sweep));
        store.close().await.unwrap();
    }
    let store = Arc::new(FjallDatastore::open(dir.path()).await.unwrap());
    let blocks = opened(store.clone(), false).await;
    assert!(blocks.unfinished_collection().await.unwrap().is_some());
    blocks.put(dag.blocks[garbage].clone()).await.unwrap();
    kept.insert(garbage);
    let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
    assert!(report.resumed);
    assert_eq!(crate::gc_support::stored(&*store).await, dag.names(kept));
    assert_eq!(marks(&*store).await, []);
    store.close().await.unwrap();
}
