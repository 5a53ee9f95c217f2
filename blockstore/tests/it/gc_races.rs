//! Orders of events that matter, each brought about by a store that waits at a chosen call.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use datastore::{
    Batch, Capabilities, CheckReport, Datastore, ErrorKind, Found, Key, MemoryDatastore, Op, Page,
    Query, Result, Want,
};
use datastore_blocks::{
    Block, Blockstore, DAG_CBOR, GcOptions, GcPhase, GcReport, PinMode, PinOptions, RAW,
};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::gc_support::{name, node, open, pin, stored};

/// A store whose first call that `meets` says so of waits until it is let go.
struct Halting {
    inner: MemoryDatastore,
    meets: Box<dyn Fn(Call<'_>) -> bool + Send + Sync>,
    met: AtomicBool,
    halted: Notify,
    go: Notify,
}

enum Call<'c> {
    Read(&'c Key),
    Page(&'c Query),
    Commit(&'c Batch),
}

impl std::fmt::Debug for Halting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Halting")
    }
}

impl Halting {
    fn at(meets: impl Fn(Call<'_>) -> bool + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryDatastore::new(),
            meets: Box::new(meets),
            met: AtomicBool::new(false),
            halted: Notify::new(),
            go: Notify::new(),
        })
    }

    async fn pass(&self, call: Call<'_>) {
        if (self.meets)(call) && !self.met.swap(true, Ordering::SeqCst) {
            self.halted.notify_one();
            self.go.notified().await;
        }
    }
}

#[async_trait]
impl Datastore for Halting {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        // What was found before the halt may have changed since; so it is with pages.
        let found = self.inner.read(key, want).await;
        self.pass(Call::Read(key)).await;
        found
    }
    async fn query_page(&self, query: &Query) -> Result<Page> {
        let page = self.inner.query_page(query).await;
        self.pass(Call::Page(query)).await;
        page
    }
    async fn commit(&self, batch: Batch) -> Result<()> {
        self.pass(Call::Commit(&batch)).await;
        self.inner.commit(batch).await
    }
    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        self.inner.snapshot().await
    }
    async fn sync(&self) -> Result<()> {
        self.inner.sync().await
    }
    async fn disk_usage(&self) -> Result<u64> {
        self.inner.disk_usage().await
    }
    async fn compact(&self) -> Result<()> {
        self.inner.compact().await
    }
    async fn check(&self) -> Result<CheckReport> {
        self.inner.check().await
    }
    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

fn is_below(key: &Key, prefix: &str) -> bool {
    key.as_bytes().starts_with(prefix.as_bytes())
}

fn deletes_blocks(batch: &Batch) -> bool {
    batch.ops.iter().any(|op| matches!(op, Op::Delete { key } if is_below(key, "/blocks/")))
}

/// A listing of blocks, as a sweep begins.
fn lists_blocks(query: &Query) -> bool {
    *query
        == Query {
            select: query.select,
            limit: query.limit,
            ..Query::descendants(datastore::key!("/blocks"))
        }
}

/// A listing of marks, as a page of blocks is held against them.
fn lists_marks(query: &Query) -> bool {
    matches!(&query.scope, datastore::Scope::Range(..))
}

fn collecting(blocks: &Blockstore) -> JoinHandle<GcReport> {
    let blocks = blocks.clone();
    tokio::spawn(async move { blocks.collect_garbage(GcOptions::new()).await.unwrap() })
}

/// Lets everything that can go on go on.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

async fn ready<F: Future>(future: F) -> F::Output {
    let mut future = Box::pin(future);
    for _ in 0..1000 {
        if let Some(output) = futures::FutureExt::now_or_never(&mut future) {
            return output;
        }
        tokio::task::yield_now().await;
    }
    panic!("it waits")
}

#[tokio::test]
async fn a_put_that_was_elided_between_the_listing_and_the_delete_keeps_its_block() {
    // Halted with the marks in hand that say that the block is garbage.
    let store = Halting::at(|call| matches!(call, Call::Page(query) if lists_marks(query)));
    let blocks = open(store.clone()).await;
    let (block, garbage) = (node(RAW, "block", &[]), node(RAW, "garbage", &[]));
    blocks.put_batch(vec![block.clone(), garbage]).await.unwrap();
    let run = collecting(&blocks);
    store.halted.notified().await;
    let stored_then = ready(blocks.put(block.clone())).await.unwrap();
    assert_eq!((stored_then.written, stored_then.present), (0, 1));
    store.go.notify_one();
    let report = run.await.unwrap();
    assert_eq!((report.kept, report.swept), (1, 1));
    assert_eq!(blocks.get(block.cid()).await.unwrap().as_ref(), Some(block.data()));
}

#[tokio::test]
async fn a_put_waits_while_its_block_is_being_deleted_and_then_writes_it() {
    let store = Halting::at(|call| matches!(call, Call::Commit(batch) if deletes_blocks(batch)));
    let blocks = open(store.clone()).await;
    let block = node(RAW, "block", &[]);
    blocks.put(block.clone()).await.unwrap();
    let run = collecting(&blocks);
    store.halted.notified().await;
    let (again, writer) = (block.clone(), blocks.clone());
    let put = tokio::spawn(async move { writer.put(again).await.unwrap() });
    settle().await;
    assert!(!put.is_finished());
    store.go.notify_one();
    assert_eq!(put.await.unwrap().written, 1);
    assert_eq!(run.await.unwrap().swept, 1);
    assert!(blocks.has(block.cid()).await.unwrap());
}

#[tokio::test]
async fn a_run_that_begins_waits_for_the_put_that_is_under_way() {
    let block = node(RAW, "block", &[]);
    let its = block.cid().hash().to_bytes();
    let its = datastore::key!("/blocks").child_encoded(its).unwrap();
    let reads = its.clone();
    // Halted once it is in, and has seen that the block is not there.
    let store = Halting::at(move |call| matches!(call, Call::Read(key) if *key == reads));
    let blocks = open(store.clone()).await;
    let (put, writer) = (block.clone(), blocks.clone());
    let put = tokio::spawn(async move { writer.put(put).await.unwrap() });
    store.halted.notified().await;
    let run = collecting(&blocks);
    settle().await;
    assert_eq!(blocks.unfinished_collection().await.unwrap(), None);
    store.go.notify_one();
    assert_eq!(put.await.unwrap().written, 1);
    // Put before the run began, and neither pinned nor held.
    assert_eq!(run.await.unwrap().swept, 1);
}

#[tokio::test]
async fn a_put_of_a_node_does_not_hide_from_the_walk_what_it_links_to() {
    // Halted while pins are read, when writers mark already.
    let pins = |query: &Query| {
        *query
            == Query {
                select: query.select,
                limit: query.limit,
                ..Query::descendants(datastore::key!("/block-pins"))
            }
    };
    let store = Halting::at(move |call| matches!(call, Call::Page(query) if pins(query)));
    let blocks = open(store.clone()).await;
    let leaf = node(RAW, "leaf", &[]);
    let middle = node(DAG_CBOR, "middle", &[*leaf.cid()]);
    let root = node(DAG_CBOR, "root", &[*middle.cid()]);
    blocks.put_batch(vec![leaf, middle.clone(), root.clone()]).await.unwrap();
    pin(&blocks, root.cid(), PinMode::Recursive).await;
    let run = collecting(&blocks);
    store.halted.notified().await;
    ready(blocks.put_batch(vec![root, middle])).await.unwrap();
    store.go.notify_one();
    assert_eq!(run.await.unwrap().kept, 3);
}

#[tokio::test]
async fn a_pin_during_the_sweep_keeps_all_that_it_reaches() {
    let store = Halting::at(|call| matches!(call, Call::Page(query) if lists_blocks(query)));
    let blocks = open(store.clone()).await;
    let leaf = node(RAW, "leaf", &[]);
    let middle = node(DAG_CBOR, "middle", &[*leaf.cid()]);
    let root = node(DAG_CBOR, "root", &[*middle.cid()]);
    let alone = node(DAG_CBOR, "alone", &[*root.cid()]);
    let unchecked = node(DAG_CBOR, "unchecked", &[]);
    let all = vec![
        leaf,
        middle,
        root.clone(),
        alone.clone(),
        unchecked.clone(),
        node(RAW, "garbage", &[]),
    ];
    blocks.put_batch(all).await.unwrap();
    let run = collecting(&blocks);
    store.halted.notified().await;
    assert_eq!(blocks.unfinished_collection().await.unwrap(), Some(GcPhase::Sweep));
    let pins = blocks.pins();
    ready(pins.pin_recursive(root.cid(), PinOptions::new())).await.unwrap();
    ready(pins.pin_direct(alone.cid(), PinOptions::new())).await.unwrap();
    ready(pins.pin_recursive(unchecked.cid(), PinOptions::new().check(false))).await.unwrap();
    store.go.notify_one();
    let report = run.await.unwrap();
    assert_eq!((report.kept, report.swept), (5, 1));
}

#[tokio::test]
async fn a_pin_whose_walk_began_before_the_run_hears_of_it() {
    let leaf = node(RAW, "leaf", &[]);
    let root = node(DAG_CBOR, "root", &[*leaf.cid()]);
    let row =
        datastore::key!("/block-pins/recursive").child_encoded(root.cid().to_bytes()).unwrap();
    // Halted when the walk has seen all.
    let leafs = datastore::key!("/blocks").child_encoded(leaf.cid().hash().to_bytes()).unwrap();
    let reads = std::sync::atomic::AtomicU32::new(0);
    let store = Halting::at(move |call| {
        // The put looks for it first, then the pin does.
        matches!(call, Call::Read(key) if *key == leafs)
            && reads.fetch_add(1, Ordering::SeqCst) == 1
    });
    let blocks = open(store.clone()).await;
    blocks.put_batch(vec![leaf.clone(), root.clone()]).await.unwrap();
    let (pinner, cid) = (blocks.clone(), *root.cid());
    let pinned =
        tokio::spawn(async move { pinner.pins().pin_recursive(&cid, PinOptions::new()).await });
    store.halted.notified().await;
    // A whole run passes, and deletes what the walk has seen.
    let report = collecting(&blocks).await.unwrap();
    assert_eq!(report.swept, 2);
    store.go.notify_one();
    let error = pinned.await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!datastore::DatastoreExt::has(&*store, &row).await.unwrap());
}

#[tokio::test]
async fn a_pin_whose_walk_outlasts_the_run_hears_of_what_it_deleted() {
    let leaf = node(RAW, "leaf", &[]);
    let root = node(DAG_CBOR, "root", &[*leaf.cid()]);
    // Halted when the walk has seen all, and marked nothing yet.
    let leafs = datastore::key!("/blocks").child_encoded(leaf.cid().hash().to_bytes()).unwrap();
    let reads = std::sync::atomic::AtomicU32::new(0);
    let store = Halting::at(move |call| {
        // The put looks for it first, then the pin does.
        matches!(call, Call::Read(key) if *key == leafs)
            && reads.fetch_add(1, Ordering::SeqCst) == 1
    });
    let blocks = open(store.clone()).await;
    blocks.put_batch(vec![leaf.clone(), root.clone()]).await.unwrap();
    // It is on when the pin begins, and waits.
    let hold = blocks.hold();
    let run = collecting(&blocks);
    settle().await;
    assert_eq!(blocks.unfinished_collection().await.unwrap(), Some(GcPhase::Roots));
    let (pinner, cid) = (blocks.clone(), *root.cid());
    let pinned =
        tokio::spawn(async move { pinner.pins().pin_recursive(&cid, PinOptions::new()).await });
    store.halted.notified().await;
    drop(hold);
    assert_eq!(run.await.unwrap().swept, 2);
    store.go.notify_one();
    assert_eq!(pinned.await.unwrap().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(blocks.pins().get(&cid).await.unwrap(), None);
}

#[tokio::test]
async fn a_run_waits_for_the_holds_that_were_there_and_for_no_later_ones() {
    let store = Arc::new(MemoryDatastore::new());
    let blocks = open(store.clone()).await;
    let leaf = node(RAW, "leaf", &[]);
    let root = node(DAG_CBOR, "root", &[*leaf.cid()]);
    let (first, second) = (blocks.hold(), blocks.hold());
    blocks.put(leaf.clone()).await.unwrap();
    let run = collecting(&blocks);
    settle().await;
    assert!(!run.is_finished());
    let later = blocks.hold();
    let other = node(RAW, "under the later hold", &[]);
    blocks.put(other.clone()).await.unwrap();
    drop(first);
    settle().await;
    assert!(!run.is_finished());
    blocks.put(root.clone()).await.unwrap();
    pin(&blocks, root.cid(), PinMode::Recursive).await;
    drop(second);
    let report = run.await.unwrap();
    assert_eq!((report.kept, report.swept), (3, 0));
    // Its blocks are not marked for another run: that one waits.
    let run = collecting(&blocks);
    settle().await;
    assert!(!run.is_finished());
    pin(&blocks, other.cid(), PinMode::Direct).await;
    drop(later);
    assert_eq!(run.await.unwrap().kept, 3);
}

#[tokio::test]
async fn a_second_call_is_refused_while_one_collects() {
    let store = Halting::at(|call| matches!(call, Call::Page(query) if lists_blocks(query)));
    let blocks = open(store.clone()).await;
    blocks.put(node(RAW, "garbage", &[])).await.unwrap();
    let run = collecting(&blocks);
    store.halted.notified().await;
    for dry in [false, true] {
        let options = GcOptions::new().dry_run(dry);
        let error = blocks.clone().collect_garbage(options).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
    let error = blocks.discard_collection().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    store.go.notify_one();
    assert_eq!(run.await.unwrap().swept, 1);
    blocks.collect_garbage(GcOptions::new()).await.unwrap();
}

#[tokio::test]
async fn what_is_unpinned_during_a_run_goes_with_the_next() {
    let store = Halting::at(|call| matches!(call, Call::Page(query) if lists_blocks(query)));
    let blocks = open(store.clone()).await;
    let leaf = node(RAW, "leaf", &[]);
    let root = node(DAG_CBOR, "root", &[*leaf.cid()]);
    blocks.put_batch(vec![leaf, root.clone()]).await.unwrap();
    pin(&blocks, root.cid(), PinMode::Recursive).await;
    let run = collecting(&blocks);
    store.halted.notified().await;
    ready(blocks.pins().unpin(root.cid())).await.unwrap();
    store.go.notify_one();
    assert_eq!(run.await.unwrap().kept, 2);
    assert_eq!(collecting(&blocks).await.unwrap().swept, 2);
}

#[tokio::test]
async fn a_run_whose_future_is_dropped_at_a_halt_is_resumed() {
    let store = Halting::at(|call| matches!(call, Call::Commit(batch) if deletes_blocks(batch)));
    let blocks = open(store.clone()).await;
    let garbage: Vec<Block> = (0..50).map(|at| node(RAW, &format!("{at}"), &[])).collect();
    blocks.put_batch(garbage.clone()).await.unwrap();
    let run = collecting(&blocks);
    store.halted.notified().await;
    run.abort();
    run.await.unwrap_err();
    // Puts are not held up, and mark.
    assert_eq!(ready(blocks.put(garbage[7].clone())).await.unwrap().present, 1);
    let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
    assert_eq!((report.kept, report.swept, report.resumed), (1, 49, true));
    assert_eq!(stored(&*store).await, [name(garbage[7].cid())].into());
}
