use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use cid::Cid;
use datastore::{
    Batch, Datastore, DatastoreExt, ErrorKind, Fault, Injected, MemoryDatastore, Operation,
    Position, key,
};
use datastore_blocks::{
    Block, BlockstoreOptions, DAG_CBOR, DAG_PB, GcOptions, GcPhase, IDENTITY, PinMode,
    PresenceOptions, RAW,
};
use futures::FutureExt;

use crate::gc_support::{Dag, furnished, marks, name, node, open, pin, rows, stored};

#[tokio::test]
async fn what_no_pin_reaches_goes_and_all_else_stays() {
    let store = Arc::new(MemoryDatastore::new());
    let (dag, kept) = furnished(store.clone()).await;
    let blocks = open(store.clone()).await;
    let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();

    assert_eq!(stored(&*store).await, dag.names(kept.clone()));
    let bytes = |of: &mut dyn Iterator<Item = usize>| -> u64 {
        of.map(|at| dag.blocks[at].data().len() as u64).sum()
    };
    let garbage: Vec<usize> = (0..dag.blocks.len()).filter(|at| !kept.contains(at)).collect();
    assert_eq!(report.kept, kept.len() as u64);
    assert_eq!(report.kept_bytes, bytes(&mut kept.iter().copied()));
    assert_eq!(report.swept, garbage.len() as u64);
    assert_eq!(report.swept_bytes, bytes(&mut garbage.into_iter()));
    // Pinned directly: two that no walk reaches.
    assert_eq!(report.marked, kept.len() as u64 - 2);
    assert_eq!((report.missing, report.unknown, report.resumed), (0, 0, false));
    assert_eq!(marks(&*store).await, []);
    assert_eq!(blocks.unfinished_collection().await.unwrap(), None);
}

#[tokio::test]
async fn without_pins_everything_goes() {
    let store = Arc::new(MemoryDatastore::new());
    let blocks = open(store.clone()).await;
    let some: Vec<Block> = (0..2500).map(|at| node(RAW, &format!("{at}"), &[])).collect();
    blocks.put_batch(some).await.unwrap();
    let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
    assert_eq!((report.swept, report.kept), (2500, 0));
    assert!(rows(&*store).await.is_empty());
}

#[tokio::test]
async fn a_pin_keeps_the_block_under_either_version_and_any_codec() {
    let store = Arc::new(MemoryDatastore::new());
    let blocks = open(store.clone()).await;
    let leaf = node(RAW, "leaf", &[]);
    let root = node(DAG_PB, "root", &[*leaf.cid()]);
    blocks.put_batch(vec![leaf.clone(), root.clone()]).await.unwrap();
    // As raw it has no links, as dag-pb it has one: both ways it is pinned.
    pin(&blocks, &Cid::new_v1(RAW, *root.cid().hash()), PinMode::Recursive).await;
    blocks.collect_garbage(GcOptions::new().dry_run(true)).await.unwrap();
    pin(&blocks, &Cid::new_v0(*root.cid().hash()).unwrap(), PinMode::Recursive).await;
    let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
    assert_eq!((report.kept, report.swept), (2, 0));
    blocks.pins().unpin(root.cid()).await.unwrap();
    let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
    assert_eq!((report.kept, report.swept), (1, 1));
    assert_eq!(stored(&*store).await, BTreeSet::from([name(root.cid())]));
}

#[tokio::test]
async fn a_direct_pin_of_a_node_does_not_hide_what_another_pin_reaches_through_it() {
    let store = Arc::new(MemoryDatastore::new());
    let blocks = open(store.clone()).await;
    let leaf = node(RAW, "leaf", &[]);
    let middle = node(DAG_CBOR, "middle", &[*leaf.cid()]);
    let root = node(DAG_CBOR, "root", &[*middle.cid()]);
    blocks.put_batch(vec![leaf, middle.clone(), root.clone()]).await.unwrap();
    pin(&blocks, middle.cid(), PinMode::Direct).await;
    pin(&blocks, root.cid(), PinMode::Recursive).await;
    assert_eq!(blocks.collect_garbage(GcOptions::new()).await.unwrap().kept, 3);
}

#[tokio::test]
async fn identity_cids_are_walked_and_stored_nowhere() {
    let store = Arc::new(MemoryDatastore::new());
    let blocks = open(store.clone()).await;
    let (leaf, garbage) = (node(RAW, "leaf", &[]), node(RAW, "garbage", &[]));
    let inline = node(DAG_CBOR, "i", &[*leaf.cid()]);
    let inline = Block::with_hash(DAG_CBOR, IDENTITY, inline.data().clone()).unwrap();
    let root = node(DAG_CBOR, "root", &[*inline.cid()]);
    blocks.put_batch(vec![leaf.clone(), garbage, inline, root.clone()]).await.unwrap();
    pin(&blocks, root.cid(), PinMode::Recursive).await;
    let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
    assert_eq!((report.kept, report.swept), (2, 1));
    assert_eq!(stored(&*store).await, BTreeSet::from([name(leaf.cid()), name(root.cid())]));
}

#[tokio::test]
async fn rows_among_the_blocks_that_are_none_stay() {
    let store = Arc::new(MemoryDatastore::new());
    let blocks = open(store.clone()).await;
    blocks.put(node(RAW, "garbage", &[])).await.unwrap();
    let odd = [key!("/blocks/README"), key!("/blocks/AAAA/below"), key!("/blocks/0")];
    for key in &odd {
        store.commit(Batch::new().put(key.clone(), "not a block")).await.unwrap();
    }
    let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
    assert_eq!((report.swept, report.unknown), (1, 3));
    assert!(odd.iter().all(|key| store.has(key).now_or_never().unwrap().unwrap()));
}

#[tokio::test]
async fn blocks_at_the_top_are_collected_and_other_rows_there_are_not() {
    let store = Arc::new(MemoryDatastore::new());
    let blocks = BlockstoreOptions::new().prefix(None).open(store.clone()).await.unwrap();
    let (kept, garbage) = (node(RAW, "kept", &[]), node(RAW, "garbage", &[]));
    blocks.put_batch(vec![kept.clone(), garbage.clone()]).await.unwrap();
    pin(&blocks, kept.cid(), PinMode::Recursive).await;
    store.put(&key!("/peers/somebody"), "else").await.unwrap();
    let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
    assert_eq!((report.kept, report.swept), (1, 1));
    assert!(blocks.has(kept.cid()).await.unwrap() && !blocks.has(garbage.cid()).await.unwrap());
    assert!(store.has(&key!("/peers/somebody")).await.unwrap());
}

#[tokio::test]
async fn codecs_go_with_their_blocks_and_presence_caches_hear_of_it() {
    let store = Arc::new(MemoryDatastore::new());
    let options = BlockstoreOptions::new().keep_codecs(true).presence(PresenceOptions::new());
    let blocks = options.open(store.clone()).await.unwrap();
    let (kept, garbage) = (node(DAG_CBOR, "kept", &[]), node(DAG_CBOR, "garbage", &[]));
    blocks.put_batch(vec![kept.clone(), garbage.clone()]).await.unwrap();
    assert!(blocks.has(garbage.cid()).await.unwrap());
    pin(&blocks, kept.cid(), PinMode::Recursive).await;
    blocks.collect_garbage(GcOptions::new()).await.unwrap();
    assert!(!blocks.has(garbage.cid()).await.unwrap());
    assert!(blocks.has(kept.cid()).await.unwrap());
    let left = rows(&*store).await;
    let codecs = left.keys().filter(|key| key.first_segment() == b"block-codecs");
    assert_eq!((codecs.count(), left.len()), (1, 3));
    // Nothing that is remembered keeps it from being written again.
    assert_eq!(blocks.put(garbage.clone()).await.unwrap().written, 1);
    assert_eq!(blocks.get(garbage.cid()).await.unwrap().as_ref(), Some(garbage.data()));
}

#[tokio::test]
async fn codecs_that_were_kept_go_with_their_blocks_whoever_deletes_them() {
    let store = Arc::new(Fault::new(MemoryDatastore::new()));
    let keeping = BlockstoreOptions::new().keep_codecs(true).open(store.clone()).await.unwrap();
    let all: Vec<Block> = (0..5).map(|at| node(DAG_CBOR, &format!("{at}"), &[])).collect();
    keeping.put_batch(all.clone()).await.unwrap();
    let codecs = || async {
        let rows = rows(&*store).await;
        rows.keys().filter(|key| key.first_segment() == b"block-codecs").count()
    };
    let blocks = open(store.clone()).await;
    assert_eq!(codecs().await, 5);
    blocks.delete(all[0].cid()).await.unwrap();
    assert_eq!(codecs().await, 4);
    pin(&blocks, all[1].cid(), PinMode::Recursive).await;
    blocks.collect_garbage(GcOptions::new()).await.unwrap();
    assert_eq!(codecs().await, 1);
    blocks.delete(all[1].cid()).await.unwrap();
    assert_eq!(codecs().await, 0);
}

#[tokio::test]
async fn where_no_codecs_are_kept_deletes_look_for_them_once() {
    let store = Arc::new(Fault::new(MemoryDatastore::new()));
    let blocks = open(store.clone()).await;
    let all: Vec<Block> = (0..5).map(|at| node(RAW, &format!("{at}"), &[])).collect();
    blocks.put_batch(all.clone()).await.unwrap();
    let before = store.calls(Operation::QueryPage);
    for block in &all {
        blocks.delete(block.cid()).await.unwrap();
    }
    assert_eq!(store.calls(Operation::QueryPage) - before, 1);
}

#[tokio::test]
async fn a_dry_run_counts_and_leaves_the_store_as_it_was() {
    let store = Arc::new(MemoryDatastore::new());
    let (dag, kept) = furnished(store.clone()).await;
    let blocks = open(store.clone()).await;
    let before = rows(&*store).await;
    let dry = blocks.collect_garbage(GcOptions::new().dry_run(true)).await.unwrap();
    assert_eq!(rows(&*store).await, before);
    assert_eq!(dry.swept, (dag.blocks.len() - kept.len()) as u64);
    // And a run says the same.
    assert_eq!(blocks.collect_garbage(GcOptions::new()).await.unwrap(), dry);
}

#[tokio::test]
async fn a_dry_run_leaves_an_unfinished_run_alone() {
    let store = Arc::new(Fault::new(MemoryDatastore::new()));
    let (dag, kept) = furnished(store.clone()).await;
    // The other one does not know of the run.
    let (other, blocks) = (open(store.clone()).await, open(store.clone()).await);
    // Its first commit begins the run, the second one fails.
    store.inject(Operation::Commit, Position::Nth(1), Injected::Error(ErrorKind::Unavailable));
    blocks.collect_garbage(GcOptions::new()).await.unwrap_err();
    let before = rows(&*store).await;
    assert_eq!(blocks.unfinished_collection().await.unwrap(), Some(GcPhase::Roots));
    for blocks in [&blocks, &other] {
        let dry = blocks.collect_garbage(GcOptions::new().dry_run(true)).await.unwrap();
        assert_eq!(dry.kept, kept.len() as u64);
        assert_eq!(rows(&*store).await, before);
    }
    let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
    assert!(report.resumed);
    assert_eq!(stored(&*store).await, dag.names(kept));
}

#[tokio::test]
async fn rows_of_a_dry_run_that_was_dropped_go_with_the_next() {
    let store = Arc::new(Fault::new(MemoryDatastore::new()));
    furnished(store.clone()).await;
    let blocks = open(store.clone()).await;
    let before = rows(&*store).await;
    // All fails from the second commit on, the tidying as well.
    store.inject(Operation::Commit, Position::From(2), Injected::Error(ErrorKind::Unavailable));
    blocks.collect_garbage(GcOptions::new().dry_run(true)).await.unwrap_err();
    store.heal();
    assert_ne!(rows(&*store).await, before);
    blocks.collect_garbage(GcOptions::new().dry_run(true)).await.unwrap();
    assert_eq!(rows(&*store).await, before);
}

#[tokio::test]
async fn a_run_that_is_discarded_leaves_no_rows_and_writers_mark_no_more() {
    let store = Arc::new(Fault::new(MemoryDatastore::new()));
    let (dag, kept) = furnished(store.clone()).await;
    let blocks = open(store.clone()).await;
    assert!(!blocks.discard_collection().await.unwrap());
    let before = rows(&*store).await;
    store.inject(Operation::Commit, Position::Nth(2), Injected::Error(ErrorKind::Unavailable));
    blocks.collect_garbage(GcOptions::new()).await.unwrap_err();
    assert_ne!(rows(&*store).await, before);
    assert!(blocks.discard_collection().await.unwrap());
    assert_eq!(rows(&*store).await, before);
    blocks.put(dag.blocks[0].clone()).await.unwrap();
    assert_eq!(rows(&*store).await, before);
    assert!(!blocks.collect_garbage(GcOptions::new()).await.unwrap().resumed);
    assert_eq!(stored(&*store).await, dag.names(kept));
}

#[tokio::test]
async fn progress_goes_from_roots_to_clean_and_ends_with_what_the_report_says() {
    let store = Arc::new(MemoryDatastore::new());
    furnished(store.clone()).await;
    let blocks = open(store).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&seen);
    let options = GcOptions::new().progress(move |at| sink.lock().unwrap().push(*at));
    let report = blocks.collect_garbage(options).await.unwrap();
    let seen = seen.lock().unwrap();
    let mut phases: Vec<GcPhase> = seen.iter().map(|at| at.phase).collect();
    phases.dedup();
    let [roots, mark, leaves] = [GcPhase::Roots, GcPhase::Mark, GcPhase::Leaves];
    assert_eq!(phases, [roots, mark, leaves, GcPhase::Sweep, GcPhase::Clean]);
    let last = seen.last().unwrap();
    assert_eq!(
        (last.marked, last.kept, last.swept, last.swept_bytes),
        (report.marked, report.kept, report.swept, report.swept_bytes)
    );
}

#[tokio::test]
async fn pins_beyond_a_page_are_all_read() {
    let store = Arc::new(MemoryDatastore::new());
    let blocks = open(store.clone()).await;
    let mut dag = Dag::default();
    let mut pins = BTreeMap::new();
    for at in 0..2600 {
        let leaf = dag.add(RAW, vec![]);
        let root = dag.add(DAG_CBOR, vec![leaf]);
        match at % 3 {
            0 => pins.insert(root, PinMode::Recursive),
            1 => pins.insert(root, PinMode::Direct),
            _ => None,
        };
    }
    blocks.put_batch(dag.blocks.clone()).await.unwrap();
    for (at, mode) in &pins {
        pin(&blocks, dag.cid(*at), *mode).await;
    }
    blocks.collect_garbage(GcOptions::new()).await.unwrap();
    assert_eq!(stored(&*store).await, dag.names(dag.kept(&pins)));
}
