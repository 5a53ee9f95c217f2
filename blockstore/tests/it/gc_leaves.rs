//! How a collection learns whether the leaves are there that pins reach.

use std::ops::Bound;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use datastore::{
    Batch, Capabilities, CheckReport, Datastore, ErrorKind, Fault, Found, Injected, Key,
    MemoryDatastore, Operation, Page, Position, Query, Result, Scope, Want,
};
use datastore_blocks::{
    Block, BlockstoreOptions, Cid, DAG_CBOR, GcOptions, GcPhase, PinMode, PinOptions, RAW,
};
use futures::poll;

use crate::gc_support::{name, named, node, open, pin};
use crate::presence_stops::{Stops, When};

#[tokio::test]
async fn leaves_cost_listings_and_not_a_request_each() {
    let (store, marks) = (Arc::new(Fault::new(MemoryDatastore::new())), MemoryDatastore::new());
    let blocks = BlockstoreOptions::new().marks(Arc::new(marks)).open(store.clone()).await.unwrap();
    let leaves: Vec<Block> = (0..5000).map(|at| node(RAW, &format!("{at}"), &[])).collect();
    let cids: Vec<Cid> = leaves.iter().map(|leaf| *leaf.cid()).collect();
    let nodes: Vec<Block> =
        cids.chunks(100).map(|some| node(DAG_CBOR, &some[0].to_string(), some)).collect();
    for block in leaves.into_iter().chain(nodes.iter().cloned()) {
        blocks.put(block).await.unwrap();
    }
    for node in &nodes {
        pin(&blocks, node.cid(), PinMode::Recursive).await;
    }
    let calls = || (store.calls(Operation::Read), store.calls(Operation::QueryPage));
    let before = calls();
    blocks.collect_garbage(GcOptions::new()).await.unwrap();
    let after = calls();
    let (reads, pages) = (after.0 - before.0, after.1 - before.1);
    assert!(reads < nodes.len() as u64 + 10, "{reads}: a read for each node");
    // To look for the leaves, two at most for each thousand of them; to sweep, one; a few of other rows.
    assert!(pages < 2 * 5 + 6 + 5, "{pages}");

    // Few among many blocks: no more than one each.
    for node in &nodes[1..] {
        blocks.pins().unpin(node.cid()).await.unwrap();
    }
    let few = node(DAG_CBOR, "few", &cids[..3]);
    blocks.put(few.clone()).await.unwrap();
    blocks.pins().unpin(nodes[0].cid()).await.unwrap();
    pin(&blocks, few.cid(), PinMode::Recursive).await;
    let before = store.calls(Operation::QueryPage);
    let dry = blocks.collect_garbage(GcOptions::new().dry_run(true)).await.unwrap();
    assert_eq!((dry.kept, dry.swept), (4, 5047));
    assert!(store.calls(Operation::QueryPage) - before < 3 + 6 + 5);
}

#[tokio::test]
async fn a_leaf_that_is_put_once_a_listing_has_passed_it_is_not_missing() {
    let store = Arc::new(Stops::new(MemoryDatastore::new()));
    let marks = Arc::new(MemoryDatastore::new());
    let blocks = BlockstoreOptions::new().marks(marks).open(store.clone()).await.unwrap();
    let leaf = node(RAW, "leaf", &[]);
    let root = node(DAG_CBOR, "root", &[*leaf.cid()]);
    blocks.put(root.clone()).await.unwrap();
    blocks.pins().pin_recursive(root.cid(), PinOptions::new().check(false)).await.unwrap();
    let stop = Arc::new(Mutex::new(None));
    let (stopped, below) = (Arc::clone(&stop), store.clone());
    let options = GcOptions::new().progress(move |at| {
        if at.phase == GcPhase::Leaves {
            let stop = || below.stop(Operation::QueryPage, When::After);
            stopped.lock().unwrap().get_or_insert_with(stop);
        }
    });
    let mut run = pin!(blocks.collect_garbage(options));
    assert!(poll!(&mut run).is_pending());
    blocks.put(leaf.clone()).await.unwrap();
    drop(stop.lock().unwrap().take().unwrap());
    let report = run.await.unwrap();
    assert_eq!((report.kept, report.missing), (2, 0));
}

#[tokio::test]
async fn a_run_that_is_cut_off_after_it_has_passed_a_missing_leaf_does_not_pass_over_it() {
    let mut leaves: Vec<Block> = (0..2500).map(|at| node(RAW, &format!("{at}"), &[])).collect();
    leaves.sort_by_key(|leaf| name(leaf.cid()));
    let links: Vec<Cid> = leaves.iter().map(|leaf| *leaf.cid()).collect();
    let root = node(DAG_CBOR, "root", &links);
    // Of the three pages of leaves, in the first and in the second.
    for gone in [7, 1500] {
        let mut cut_off = 0;
        loop {
            let store = Arc::new(Fault::new(MemoryDatastore::new()));
            let blocks = open(store.clone()).await;
            blocks.put_batch(leaves.clone()).await.unwrap();
            blocks.put(root.clone()).await.unwrap();
            pin(&blocks, root.cid(), PinMode::Recursive).await;
            blocks.delete(leaves[gone].cid()).await.unwrap();
            let failed = Injected::Error(ErrorKind::Unavailable);
            store.inject(Operation::QueryPage, Position::Nth(cut_off), failed);
            let first = blocks.collect_garbage(GcOptions::new()).await.unwrap_err();
            store.heal();
            let error = blocks.collect_garbage(GcOptions::new()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "after page {cut_off}");
            assert!(named(&error).contains(&leaves[gone].cid().to_string()), "{error:?}");
            if first.kind() == ErrorKind::Corrupt {
                break;
            }
            cut_off += 1;
        }
        assert!(cut_off >= 6, "{cut_off}");
    }
}

/// Answers each query that has no cursor with a page of nothing, and a cursor right before what it asks for.
#[derive(Debug)]
struct Hesitant(MemoryDatastore);

#[async_trait]
impl Datastore for Hesitant {
    async fn query_page(&self, query: &Query) -> Result<Page> {
        tokio::task::yield_now().await;
        match &query.scope {
            Scope::Range(Bound::Included(first), _) if query.after.is_none() => {
                let (last, head) = first.split_last().unwrap();
                let before = Key::new([head, &[last - 1][..]].concat())?;
                Ok(Page { next: Some(before), ..Page::default() })
            }
            _ => self.0.query_page(query).await,
        }
    }
    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        self.0.read(key, want).await
    }
    async fn commit(&self, batch: Batch) -> Result<()> {
        self.0.commit(batch).await
    }
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        self.0.snapshot().await
    }
    async fn sync(&self) -> Result<()> {
        self.0.sync().await
    }
    async fn disk_usage(&self) -> Result<u64> {
        self.0.disk_usage().await
    }
    async fn compact(&self) -> Result<()> {
        self.0.compact().await
    }
    async fn check(&self) -> Result<CheckReport> {
        self.0.check().await
    }
    async fn close(&self) -> Result<()> {
        self.0.close().await
    }
}

#[tokio::test]
async fn pages_of_nothing_before_the_first_leaf_are_gone_on_from() {
    let store = Arc::new(Hesitant(MemoryDatastore::new()));
    let blocks = open(store).await;
    let leaf = node(RAW, "leaf", &[]);
    let root = node(DAG_CBOR, "root", &[*leaf.cid()]);
    blocks.put_batch(vec![leaf, root.clone()]).await.unwrap();
    pin(&blocks, root.cid(), PinMode::Recursive).await;
    let collect = blocks.collect_garbage(GcOptions::new());
    let report = tokio::time::timeout(Duration::from_secs(30), collect).await.unwrap().unwrap();
    assert_eq!((report.kept, report.missing), (2, 0));
}
