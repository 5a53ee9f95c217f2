//! DAGs that are wide, deep and tangled.

use std::sync::Arc;

use cid::Cid;
use datastore::{Fault, MemoryDatastore, Operation};
use datastore_blocks::{Block, Blockstore, DAG_CBOR, DAG_PB, GcOptions, PinMode, PinOptions, RAW};
use futures::stream;

use crate::gc_support::{node, open, pin};

async fn put_all(blocks: &Blockstore, all: Vec<Block>) {
    blocks.put_many(stream::iter(all)).await.unwrap();
}

#[tokio::test]
async fn a_node_with_forty_thousand_links_is_walked() {
    for codec in [RAW, DAG_CBOR] {
        let store = Arc::new(Fault::new(MemoryDatastore::new()));
        let blocks = open(store.clone()).await;
        let below: Vec<Block> = (0..40_000).map(|at| node(codec, &format!("{at}"), &[])).collect();
        let links: Vec<Cid> = below.iter().map(|block| *block.cid()).collect();
        let root = node(DAG_PB, "root", &links);
        put_all(&blocks, below).await;
        put_all(&blocks, vec![root.clone(), node(RAW, "garbage", &[])]).await;
        pin(&blocks, root.cid(), PinMode::Recursive).await;
        let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
        assert_eq!((report.marked, report.kept, report.swept), (40_001, 40_001, 1));
    }
}

#[tokio::test]
async fn a_chain_of_a_hundred_thousand_nodes_is_walked() {
    let store = Arc::new(Fault::new(MemoryDatastore::new()));
    let blocks = open(store.clone()).await;
    let mut chain = vec![node(DAG_CBOR, "end", &[])];
    for at in 1..100_000 {
        let below = *chain[at - 1].cid();
        chain.push(node(DAG_CBOR, &format!("{at}"), &[below]));
    }
    let top = *chain.last().unwrap().cid();
    put_all(&blocks, chain).await;
    blocks.pins().pin_recursive(&top, PinOptions::new().check(false)).await.unwrap();
    let before = store.calls(Operation::Commit);
    let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
    assert_eq!((report.marked, report.kept, report.swept), (100_000, 100_000, 0));
    // A commit for a thousand marks when they are made and when they are removed, and for a page of blocks.
    let commits = store.calls(Operation::Commit) - before;
    assert!(commits < 320, "{commits}");
}

#[tokio::test]
async fn a_ladder_with_two_to_the_forty_ways_is_walked_once() {
    let store = Arc::new(MemoryDatastore::new());
    let blocks = open(store.clone()).await;
    let mut all = vec![node(DAG_CBOR, "left", &[]), node(DAG_CBOR, "right", &[])];
    for rung in 0..40 {
        let below: Vec<Cid> = all[all.len() - 2..].iter().map(|block| *block.cid()).collect();
        all.push(node(DAG_PB, &format!("left {rung}"), &below));
        all.push(node(DAG_CBOR, &format!("right {rung}"), &below));
    }
    let top = *all.last().unwrap().cid();
    put_all(&blocks, all).await;
    pin(&blocks, &top, PinMode::Recursive).await;
    let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
    // The other one of the highest rung.
    assert_eq!((report.kept, report.swept), (81, 1));
}

#[tokio::test]
async fn more_nodes_wait_than_are_held_in_memory() {
    let store = Arc::new(MemoryDatastore::new());
    let blocks = open(store.clone()).await;
    let mut all = Vec::new();
    let mut tops = Vec::new();
    for at in 0..12_000 {
        let leaf = node(RAW, &format!("leaf {at}"), &[]);
        let middle = node(DAG_CBOR, &format!("middle {at}"), &[*leaf.cid()]);
        let top = node(DAG_CBOR, &format!("top {at}"), &[*middle.cid()]);
        tops.push(*top.cid());
        all.extend([leaf, middle, top]);
    }
    let root = node(DAG_CBOR, "root", &tops);
    all.push(root.clone());
    put_all(&blocks, all).await;
    pin(&blocks, root.cid(), PinMode::Recursive).await;
    let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
    assert_eq!((report.marked, report.kept, report.swept), (36_001, 36_001, 0));
}
