//! Collections where what a pin reaches is missing or cannot be read.

use std::collections::BTreeSet;
use std::sync::Arc;

use cid::Cid;
use datastore::{
    DatastoreExt, Error, ErrorKind, Fault, Injected, MemoryDatastore, Operation, Position, key,
};
use datastore_blocks::{
    Block, BlockstoreOptions, DAG_CBOR, DAG_PB, GcOptions, PinMode, PinOptions, PresenceOptions,
    RAW,
};

use crate::gc_support::{Dag, furnished, marks, name, named, node, open, pin, rows, stored};

#[tokio::test]
async fn a_missing_node_stops_the_run_before_it_deletes_and_is_named() {
    let store = Arc::new(MemoryDatastore::new());
    let (dag, kept) = furnished(store.clone()).await;
    let blocks = open(store.clone()).await;
    let inner = |at: &&usize| dag.blocks[**at].cid().codec() != RAW;
    let gone = *kept.iter().rfind(|at| inner(at) && !dag.links[**at].is_empty()).unwrap();
    blocks.delete(dag.cid(gone)).await.unwrap();
    let before = rows(&*store).await;
    for dry in [true, false] {
        let options = GcOptions::new().dry_run(dry);
        let error = blocks.collect_garbage(options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(named(&error).contains(&dag.cid(gone).to_string()), "{error:?}");
        assert_eq!(rows(&*store).await, before);
        assert_eq!(blocks.unfinished_collection().await.unwrap(), None);
    }
    // Once it is there again, nothing is in the way.
    blocks.put(dag.blocks[gone].clone()).await.unwrap();
    blocks.collect_garbage(GcOptions::new()).await.unwrap();
    assert_eq!(stored(&*store).await, dag.names(kept));
}

/// Whether it says that nothing but missing blocks is in the way.
fn all_missing(error: &Error) -> bool {
    let source = std::error::Error::source(error).unwrap().downcast_ref::<Error>();
    source.unwrap().kind() == ErrorKind::NotFound
}

/// A node and its two leaves; garbage; a block of either kind to be pinned directly.
fn scene() -> [Block; 6] {
    let leaves = [node(RAW, "one", &[]), node(RAW, "two", &[])];
    let root = node(DAG_PB, "root", &[*leaves[0].cid(), *leaves[1].cid()]);
    let [one, two] = leaves;
    let alone = [node(RAW, "alone", &[]), node(DAG_CBOR, "alone", &[*two.cid()])];
    let [leaf_alone, node_alone] = alone;
    [root, one, two, node(RAW, "garbage", &[]), leaf_alone, node_alone]
}

#[tokio::test]
async fn a_missing_leaf_or_direct_pin_stops_the_run_before_it_deletes_and_is_named() {
    for gone in [1, 2, 4, 5] {
        for presence in [None, Some(PresenceOptions::new())] {
            let store = Arc::new(MemoryDatastore::new());
            let mut options = BlockstoreOptions::new();
            if let Some(presence) = presence {
                options = options.presence(presence);
            }
            let blocks = options.open(store.clone()).await.unwrap();
            let all = scene();
            blocks.put_batch(all.to_vec()).await.unwrap();
            pin(&blocks, all[0].cid(), PinMode::Recursive).await;
            pin(&blocks, all[4].cid(), PinMode::Direct).await;
            pin(&blocks, all[5].cid(), PinMode::Direct).await;
            blocks.delete(all[gone].cid()).await.unwrap();
            let before = rows(&*store).await;
            for dry in [true, false] {
                let options = GcOptions::new().dry_run(dry);
                let error = blocks.collect_garbage(options).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Corrupt);
                assert!(named(&error).contains(&all[gone].cid().to_string()), "{error:?}");
                assert!(all_missing(&error), "{error:?}");
                assert_eq!(rows(&*store).await, before);
            }
            let despite = GcOptions::new().despite_missing(true);
            let report = blocks.collect_garbage(despite).await.unwrap();
            assert_eq!((report.missing, report.kept, report.swept), (1, 4, 1));
        }
    }
}

#[tokio::test]
async fn a_missing_leaf_is_found_wherever_the_run_was_cut_off() {
    let mut cut_off = 0;
    loop {
        let store = Arc::new(Fault::new(MemoryDatastore::new()));
        let blocks = open(store.clone()).await;
        let all = scene();
        blocks.put_batch(all.to_vec()).await.unwrap();
        pin(&blocks, all[0].cid(), PinMode::Recursive).await;
        blocks.delete(all[2].cid()).await.unwrap();
        let failed = Injected::Error(ErrorKind::Unavailable);
        store.inject(Operation::Commit, Position::Nth(cut_off), failed);
        let first = blocks.collect_garbage(GcOptions::new()).await.unwrap_err();
        store.heal();
        // After the fault, nothing is remembered but what is in rows.
        let error = open(store.clone()).await.collect_garbage(GcOptions::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "after commit {cut_off}");
        assert!(named(&error).contains(&all[2].cid().to_string()), "{error:?}");
        assert_eq!(stored(&*store).await.len(), 5);
        if first.kind() == ErrorKind::Corrupt {
            break;
        }
        cut_off += 1;
    }
    assert!(cut_off >= 4, "{cut_off}");
}

#[tokio::test]
async fn a_run_that_passed_over_what_is_missing_is_not_gone_on_with_without_leave() {
    // A node, which is missed as it is walked, and a leaf.
    for gone in [0, 2] {
        let (mut cut_off, mut refused) = (0, 0);
        loop {
            let store = Arc::new(Fault::new(MemoryDatastore::new()));
            let blocks = open(store.clone()).await;
            let all = scene();
            blocks.put_batch(all.to_vec()).await.unwrap();
            pin(&blocks, all[0].cid(), PinMode::Recursive).await;
            blocks.delete(all[gone].cid()).await.unwrap();
            let before = stored(&*store).await;
            let failed = Injected::Error(ErrorKind::Unavailable);
            store.inject(Operation::Commit, Position::Nth(cut_off), failed);
            let despite = GcOptions::new().despite_missing(true);
            if blocks.collect_garbage(despite).await.is_ok() {
                break;
            }
            store.heal();
            // What was swept with leave stays so.
            if stored(&*store).await == before {
                let error = blocks.collect_garbage(GcOptions::new()).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::Corrupt, "after commit {cut_off}");
                assert!(named(&error).contains(&all[gone].cid().to_string()), "{error:?}");
                assert_eq!(stored(&*store).await, before);
                refused += 1;
            }
            cut_off += 1;
        }
        assert!(refused >= 4, "{refused} of {cut_off}");
    }
}

#[tokio::test]
async fn despite_a_missing_node_what_is_reached_without_it_stays() {
    let store = Arc::new(MemoryDatastore::new());
    let blocks = open(store.clone()).await;
    let mut dag = Dag::default();
    let (a, b) = (dag.add(RAW, vec![]), dag.add(RAW, vec![]));
    let gone = dag.add(DAG_CBOR, vec![a]);
    let root = dag.add(DAG_CBOR, vec![gone, b]);
    blocks.put_batch(dag.blocks.clone()).await.unwrap();
    pin(&blocks, dag.cid(root), PinMode::Recursive).await;
    blocks.delete(dag.cid(gone)).await.unwrap();
    let report = blocks.collect_garbage(GcOptions::new().despite_missing(true)).await.unwrap();
    assert_eq!((report.missing, report.kept, report.swept), (1, 2, 1));
    assert_eq!(stored(&*store).await, dag.names([root, b]));
}

#[tokio::test]
async fn a_block_that_cannot_be_read_stops_the_run_even_despite_missing_ones() {
    let garbled = Block::new(DAG_CBOR, &b"\xff\xff"[..]);
    let of_unknown_codec = Block::new(0x78, &b"git"[..]);
    for odd in [garbled, of_unknown_codec] {
        let store = Arc::new(MemoryDatastore::new());
        let blocks = open(store.clone()).await;
        let garbage = node(RAW, "garbage", &[]);
        let root = node(DAG_CBOR, "root", &[*odd.cid()]);
        blocks.put_batch(vec![odd.clone(), garbage, root.clone()]).await.unwrap();
        let unchecked = PinOptions::new().check(false);
        blocks.pins().pin_recursive(root.cid(), unchecked).await.unwrap();
        let options = GcOptions::new().despite_missing(true);
        let error = blocks.collect_garbage(options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(named(&error).contains(&odd.cid().to_string()), "{error:?}");
        assert!(!all_missing(&error), "{error:?}");
        assert_eq!(stored(&*store).await.len(), 3);
        // Pinned alone, it need not be understood.
        blocks.pins().unpin(root.cid()).await.unwrap();
        pin(&blocks, odd.cid(), PinMode::Direct).await;
        blocks.collect_garbage(GcOptions::new()).await.unwrap();
        assert_eq!(stored(&*store).await, BTreeSet::from([name(odd.cid())]));
    }
}

#[tokio::test]
async fn stored_bytes_that_have_another_digest_stop_the_run() {
    let store = Arc::new(MemoryDatastore::new());
    let blocks = open(store.clone()).await;
    let (leaf, other) = (node(RAW, "leaf", &[]), node(DAG_CBOR, "other", &[]));
    let root = node(DAG_CBOR, "root", &[*leaf.cid()]);
    blocks.put_batch(vec![leaf, root.clone()]).await.unwrap();
    pin(&blocks, root.cid(), PinMode::Recursive).await;
    let row = key!("/blocks").child_encoded(root.cid().hash().to_bytes()).unwrap();
    store.put(&row, other.data().clone()).await.unwrap();
    let error = blocks.collect_garbage(GcOptions::new()).await.unwrap_err();
    assert!(named(&error).contains(&root.cid().to_string()), "{error:?}");
    assert_eq!(stored(&*store).await.len(), 2);
}

#[tokio::test]
async fn a_pin_row_that_names_no_cid_stops_the_run() {
    let store = Arc::new(MemoryDatastore::new());
    let blocks = open(store.clone()).await;
    blocks.put(node(RAW, "garbage", &[])).await.unwrap();
    let odd = key!("/block-pins/recursive/AAAA");
    store.put(&odd, "").await.unwrap();
    let error = blocks.collect_garbage(GcOptions::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.key()), (ErrorKind::Corrupt, Some(&odd)));
    assert_eq!(stored(&*store).await.len(), 1);
    store.delete(&odd).await.unwrap();
    assert_eq!(blocks.collect_garbage(GcOptions::new()).await.unwrap().swept, 1);
}

#[tokio::test]
async fn many_missing_blocks_end_the_run_with_some_of_them_named() {
    for codec in [RAW, DAG_CBOR] {
        let store = Arc::new(MemoryDatastore::new());
        let blocks = open(store.clone()).await;
        let missing: Vec<Cid> =
            (0..5000).map(|at| *node(codec, &format!("gone {at}"), &[]).cid()).collect();
        let root = node(DAG_CBOR, "root", &missing);
        blocks.put(root.clone()).await.unwrap();
        let unchecked = PinOptions::new().check(false);
        blocks.pins().pin_recursive(root.cid(), unchecked).await.unwrap();
        let error = blocks.collect_garbage(GcOptions::new()).await.unwrap_err();
        let text = named(&error);
        let named = missing.iter().filter(|cid| text.contains(&cid.to_string())).count();
        assert!((100..200).contains(&named), "{named}");
        assert_eq!(marks(&*store).await, []);
    }
}
