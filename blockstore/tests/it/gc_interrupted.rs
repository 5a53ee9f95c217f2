//! Runs that end early, at every call and at every poll, and are gone on with.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use datastore::{
    Datastore, DatastoreExt, ErrorKind, Fault, Injected, MemoryDatastore, Operation, Position,
};
use datastore_blocks::{Blockstore, BlockstoreOptions, DAG_CBOR, GcOptions, GcPhase, PinMode, RAW};
use futures::task::noop_waker;

use crate::gc_support::{Dag, Name, furnished, marks, name, node, open, pin, rows, stored};

/// A furnished store with few rows a page, so that a run takes many steps.
async fn faulty() -> (Arc<Fault<MemoryDatastore>>, Dag, BTreeSet<usize>) {
    let store = Arc::new(Fault::new(MemoryDatastore::new()));
    let (dag, kept) = furnished(store.clone()).await;
    (store, dag, kept)
}

fn short_pages(store: &Fault<MemoryDatastore>) {
    store.inject(Operation::QueryPage, Position::From(0), Injected::ShortPage(3));
}

/// Puts some garbage again and pins some, between the end of a run and its resumption.
async fn meddle(blocks: &Blockstore, dag: &Dag, kept: &mut BTreeSet<usize>) {
    let still: BTreeSet<Name> = stored(&**blocks.datastore()).await;
    let there = |at: &usize| still.contains(&name(dag.cid(*at)));
    let garbage: Vec<usize> = (0..dag.blocks.len()).filter(|at| !kept.contains(at)).collect();
    if let Some(again) = garbage.first() {
        blocks.put(dag.blocks[*again].clone()).await.unwrap();
        kept.insert(*again);
    }
    let whole = |at: &&usize| dag.reached([**at]).iter().all(there);
    let inner = |at: &&usize| !dag.links[**at].is_empty();
    if let Some(root) = garbage.iter().filter(inner).find(whole) {
        pin(blocks, dag.cid(*root), PinMode::Recursive).await;
        kept.extend(dag.reached([*root]));
    }
    // And one that is new.
    blocks.put(node(RAW, "put in between", &[])).await.unwrap();
}

async fn assert_whole(store: &dyn Datastore, dag: &Dag, kept: &BTreeSet<usize>, context: &str) {
    let (found, expected) = (stored(store).await, dag.names(kept.iter().copied()));
    assert!(found.is_superset(&expected), "{context}: a live block is lost");
}

/// A run whose `nth` call of `operation` goes wrong, once for each `nth` until none does.
async fn interrupted_at_every(
    operation: Operation,
    injected: Injected,
    reopened: bool,
    meddled: bool,
) {
    for nth in 0.. {
        let (store, dag, mut kept) = faulty().await;
        let mut blocks = open(store.clone()).await;
        short_pages(&store);
        store.inject(operation, Position::Nth(nth), injected);
        // Where pages fail, this rule comes second.
        if operation == Operation::QueryPage {
            store.heal();
            store.inject(operation, Position::Nth(nth), injected);
            short_pages(&store);
        }
        let context = format!("{operation:?} {nth} {injected:?} {reopened} {meddled}");
        let first = blocks.collect_garbage(GcOptions::new()).await;
        store.heal();
        assert_whole(&*store, &dag, &kept, &context).await;
        if first.is_ok() {
            assert!(nth > 5, "{context}: few calls");
            return;
        }
        if reopened {
            blocks = open(store.clone()).await;
        }
        let unfinished = blocks.unfinished_collection().await.unwrap().is_some();
        if meddled {
            meddle(&blocks, &dag, &mut kept).await;
            assert_whole(&*store, &dag, &kept, &context).await;
        }
        let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
        assert_eq!(report.resumed, unfinished, "{context}");
        assert_eq!(marks(&*store).await, [], "{context}");
        if meddled {
            // What was put during an unfinished run stays; before a new one it need not.
            if unfinished {
                assert_whole(&*store, &dag, &kept, &context).await;
            }
        } else {
            assert_eq!(stored(&*store).await, dag.names(kept.clone()), "{context}");
            if report.resumed {
                assert_eq!(report.kept, kept.len() as u64, "{context}");
                assert_eq!(report.swept, (dag.blocks.len() - kept.len()) as u64, "{context}");
                assert_eq!(report.marked, kept.len() as u64 - 2, "{context}");
            }
        }
        // The next one finds nothing that is in the way, and takes what was only marked.
        blocks.collect_garbage(GcOptions::new()).await.unwrap();
        assert_eq!(marks(&*store).await, [], "{context}");
    }
}

#[tokio::test]
async fn a_failed_commit_anywhere_loses_no_live_block() {
    let failed = Injected::Error(ErrorKind::Unavailable);
    for (reopened, meddled) in [(false, false), (true, false), (false, true), (true, true)] {
        interrupted_at_every(Operation::Commit, failed, reopened, meddled).await;
    }
}

#[tokio::test]
async fn a_commit_whose_reply_is_lost_anywhere_loses_no_live_block() {
    let lost = Injected::LostReply(ErrorKind::Unavailable);
    for (reopened, meddled) in [(false, false), (true, false), (false, true), (true, true)] {
        interrupted_at_every(Operation::Commit, lost, reopened, meddled).await;
    }
}

#[tokio::test]
async fn a_batch_that_is_torn_anywhere_loses_no_live_block() {
    for landed in [0, 1, 2, 5] {
        for meddled in [false, true] {
            torn_at_every(landed, meddled).await;
        }
    }
}

/// As [`interrupted_at_every`], over a store whose batches may land in part; where a batch was no longer than
/// what lands of it, all of it did.
async fn torn_at_every(landed: usize, meddled: bool) {
    for nth in 0..40 {
        let (store, dag, mut kept) = faulty().await;
        // A rule that meets no call: it makes batches not atomic for the whole run.
        store.inject(Operation::Commit, Position::Every(0), Injected::Torn(0));
        let blocks = open(store.clone()).await;
        short_pages(&store);
        store.inject(Operation::Commit, Position::Nth(nth), Injected::Torn(landed));
        let context = format!("torn {nth} after {landed}, meddled {meddled}");
        let first = blocks.collect_garbage(GcOptions::new()).await;
        store.heal();
        store.inject(Operation::Commit, Position::Every(0), Injected::Torn(0));
        assert_whole(&*store, &dag, &kept, &context).await;
        if first.is_ok() {
            continue;
        }
        let blocks = open(store.clone()).await;
        let unfinished = blocks.unfinished_collection().await.unwrap().is_some();
        if meddled {
            meddle(&blocks, &dag, &mut kept).await;
        }
        blocks.collect_garbage(GcOptions::new()).await.unwrap();
        if unfinished || !meddled {
            assert_whole(&*store, &dag, &kept, &context).await;
        }
        assert_eq!(marks(&*store).await, [], "{context}");
    }
}

#[tokio::test]
async fn a_failed_read_or_listing_anywhere_loses_no_live_block() {
    let failed = Injected::Error(ErrorKind::Unavailable);
    for operation in [Operation::Read, Operation::QueryPage] {
        for meddled in [false, true] {
            interrupted_at_every(operation, failed, true, meddled).await;
        }
    }
}

#[tokio::test]
async fn a_run_that_fails_again_and_again_comes_to_its_end() {
    let (store, dag, kept) = faulty().await;
    let blocks = open(store.clone()).await;
    for nth in 1..100 {
        short_pages(&store);
        // Each time one commit more goes through.
        store.inject(
            Operation::Commit,
            Position::From(nth),
            Injected::Error(ErrorKind::Unavailable),
        );
        let done = blocks.collect_garbage(GcOptions::new()).await;
        store.heal();
        assert_whole(&*store, &dag, &kept, "again and again").await;
        if let Ok(report) = done {
            assert!(report.resumed && nth > 2);
            assert_eq!(stored(&*store).await, dag.names(kept));
            return;
        }
    }
    panic!("it never ended");
}

/// Is ready when it is polled again; unlike tokio's it asks for that at once.
async fn second_poll() {
    let mut polled = false;
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// A store that answers at the second poll.
#[derive(Debug)]
struct Slow(MemoryDatastore);

mod slow {
    use super::*;
    use async_trait::async_trait;
    use datastore::{Batch, Capabilities, CheckReport, Found, Key, Page, Query, Result, Want};

    #[async_trait]
    impl Datastore for Slow {
        fn capabilities(&self) -> Capabilities {
            self.0.capabilities()
        }
        async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
            second_poll().await;
            self.0.read(key, want).await
        }
        async fn query_page(&self, query: &Query) -> Result<Page> {
            second_poll().await;
            self.0.query_page(query).await
        }
        async fn commit(&self, batch: Batch) -> Result<()> {
            second_poll().await;
            self.0.commit(batch).await?;
            // Dropped here, it has happened and nobody knows.
            second_poll().await;
            Ok(())
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
}

#[tokio::test]
async fn a_run_may_be_dropped_at_every_poll() {
    for polls in 1..5000 {
        let store = Arc::new(Slow(MemoryDatastore::new()));
        let (dag, mut kept) = furnished(store.clone()).await;
        let blocks = open(store.clone()).await;
        let ended = {
            let mut run = pin!(blocks.collect_garbage(GcOptions::new()));
            let waker = noop_waker();
            let mut context = Context::from_waker(&waker);
            (0..polls).any(|_| matches!(run.as_mut().poll(&mut context), Poll::Ready(Ok(_))))
        };
        assert_whole(&*store, &dag, &kept, &format!("dropped after {polls}")).await;
        if ended {
            assert!(polls > 20, "{polls}");
            return;
        }
        let unfinished = blocks.unfinished_collection().await.unwrap().is_some();
        if polls % 2 == 0 {
            meddle(&blocks, &dag, &mut kept).await;
        }
        let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
        assert_eq!(report.resumed, unfinished, "{polls}");
        if unfinished {
            assert_whole(&*store, &dag, &kept, &format!("resumed after {polls}")).await;
        }
        assert_eq!(marks(&*store).await, []);
    }
    panic!("it never ended");
}

#[tokio::test]
async fn a_put_right_after_the_store_was_opened_marks_for_the_unfinished_run() {
    let (store, dag, kept) = faulty().await;
    let blocks = open(store.clone()).await;
    // Begun, pins read, walked: the commit that would sweep fails.
    store.inject(Operation::Commit, Position::Nth(4), Injected::Error(ErrorKind::Unavailable));
    blocks.collect_garbage(GcOptions::new()).await.unwrap_err();
    drop(blocks);
    let blocks = open(store.clone()).await;
    let garbage = (0..dag.blocks.len()).find(|at| !kept.contains(at)).unwrap();
    let before = rows(&*store).await.len();
    assert_eq!(blocks.put(dag.blocks[garbage].clone()).await.unwrap().present, 1);
    assert_eq!(rows(&*store).await.len(), before + 1);
    assert!(blocks.collect_garbage(GcOptions::new()).await.unwrap().resumed);
    assert!(blocks.has(dag.cid(garbage)).await.unwrap());
}

#[tokio::test]
async fn a_run_that_could_not_begin_leaves_nobody_marking() {
    let (store, dag, kept) = faulty().await;
    let blocks = open(store.clone()).await;
    store.inject(Operation::Commit, Position::Nth(0), Injected::Error(ErrorKind::Unavailable));
    blocks.collect_garbage(GcOptions::new()).await.unwrap_err();
    blocks.put(dag.blocks[0].clone()).await.unwrap();
    assert_eq!(marks(&*store).await, []);
    assert!(!blocks.collect_garbage(GcOptions::new()).await.unwrap().resumed);
    assert_eq!(stored(&*store).await, dag.names(kept));
}

#[tokio::test]
async fn a_run_whose_marks_are_being_removed_is_not_gone_on_with() {
    // More marks than go in one commit.
    let mut dag = Dag::default();
    let leaves: Vec<usize> = (0..1100).map(|_| dag.add(RAW, vec![])).collect();
    let root = dag.add(DAG_CBOR, leaves);
    dag.add(RAW, vec![]);
    let mut swept_by_then = false;
    for begun in 0.. {
        let failed = || Injected::Error(ErrorKind::Unavailable);
        let mut done = false;
        for removed in 0..4 {
            let store = Arc::new(Fault::new(MemoryDatastore::new()));
            // It does not know of the run that the other leaves.
            let (before, blocks) = (open(store.clone()).await, open(store.clone()).await);
            blocks.put_batch(dag.blocks.clone()).await.unwrap();
            pin(&blocks, dag.cid(root), PinMode::Recursive).await;
            store.inject(Operation::Commit, Position::Nth(begun), failed());
            done |= blocks.collect_garbage(GcOptions::new()).await.is_ok();
            store.heal();
            let phase = blocks.unfinished_collection().await.unwrap();
            swept_by_then |= phase == Some(GcPhase::Sweep);
            store.inject(Operation::Commit, Position::Nth(removed), failed());
            let _ = before.collect_garbage(GcOptions::new()).await;
            store.heal();
            open(store.clone()).await.collect_garbage(GcOptions::new()).await.unwrap();
            let context = format!("commit {begun}, then commit {removed}");
            assert_whole(&*store, &dag, &dag.reached([root]), &context).await;
        }
        if done {
            break;
        }
    }
    assert!(swept_by_then);
}

#[tokio::test]
async fn a_state_that_cannot_be_read_is_given_up_and_writers_do_not_mark() {
    for damage in [&b"\xff"[..], b""] {
        let (store, dag, kept) = faulty().await;
        let blocks = open(store.clone()).await;
        store.inject(Operation::Commit, Position::Nth(2), Injected::Error(ErrorKind::Unavailable));
        blocks.collect_garbage(GcOptions::new()).await.unwrap_err();
        store.put(&datastore::key!("/block-gc/state"), damage).await.unwrap();
        let blocks = open(store.clone()).await;
        assert_eq!(blocks.unfinished_collection().await.unwrap(), None);
        let before = rows(&*store).await;
        blocks.put(dag.blocks[0].clone()).await.unwrap();
        assert_eq!(rows(&*store).await, before);
        assert!(!blocks.collect_garbage(GcOptions::new()).await.unwrap().resumed);
        assert_eq!(stored(&*store).await, dag.names(kept));
    }
}

#[tokio::test]
async fn a_run_whose_marks_are_gone_starts_over() {
    let (store, dag, kept) = faulty().await;
    let blocks = open(store.clone()).await;
    store.inject(Operation::Commit, Position::Nth(4), Injected::Error(ErrorKind::Unavailable));
    blocks.collect_garbage(GcOptions::new()).await.unwrap_err();
    for key in marks(&*store).await {
        if key.segments().count() > 2 {
            store.delete(&key).await.unwrap();
        }
    }
    let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
    assert!(!report.resumed);
    assert_eq!(stored(&*store).await, dag.names(kept));
}

/// Marks in a store of their own.
#[derive(Debug)]
struct Apart {
    store: Arc<Fault<MemoryDatastore>>,
    scratch: Arc<Fault<MemoryDatastore>>,
}

impl Apart {
    async fn open(&self) -> Blockstore {
        let options = BlockstoreOptions::new().marks(self.scratch.clone());
        options.open(self.store.clone()).await.unwrap()
    }
}

async fn apart() -> (Apart, Dag, BTreeSet<usize>) {
    let (store, dag, kept) = faulty().await;
    (Apart { store, scratch: Arc::new(Fault::new(MemoryDatastore::new())) }, dag, kept)
}

#[tokio::test]
async fn with_marks_elsewhere_the_datastore_sees_its_state_and_nothing_else() {
    let (apart, dag, kept) = apart().await;
    let blocks = apart.open().await;
    let before = apart.store.calls(Operation::Commit);
    blocks.collect_garbage(GcOptions::new()).await.unwrap();
    // Begin, pins read, walked, leaves looked for, the one page swept, state removed; an empty removal asks for
    // no commit.
    assert_eq!(apart.store.calls(Operation::Commit) - before, 6);
    assert_eq!(stored(&*apart.store).await, dag.names(kept));
    assert!(rows(&*apart.scratch).await.is_empty());
    assert_eq!(marks(&*apart.store).await, []);
}

#[tokio::test]
async fn with_marks_elsewhere_a_failure_of_either_store_loses_no_live_block() {
    for of_scratch in [false, true] {
        for nth in 0.. {
            let (apart, dag, mut kept) = apart().await;
            let blocks = apart.open().await;
            let fails = if of_scratch { &apart.scratch } else { &apart.store };
            fails.inject(
                Operation::Commit,
                Position::Nth(nth),
                Injected::Error(ErrorKind::Unavailable),
            );
            let first = blocks.collect_garbage(GcOptions::new()).await;
            fails.heal();
            let context = format!("{of_scratch} {nth}");
            assert_whole(&*apart.store, &dag, &kept, &context).await;
            if first.is_ok() {
                assert!(nth > 3);
                break;
            }
            let blocks = apart.open().await;
            let unfinished = blocks.unfinished_collection().await.unwrap().is_some();
            meddle(&blocks, &dag, &mut kept).await;
            let report = blocks.collect_garbage(GcOptions::new()).await.unwrap();
            assert_eq!(report.resumed, unfinished, "{context}");
            if unfinished {
                assert_whole(&*apart.store, &dag, &kept, &context).await;
            }
            assert!(rows(&*apart.scratch).await.is_empty(), "{context}");
        }
    }
}

#[tokio::test]
async fn a_run_whose_other_store_is_lost_or_not_named_starts_over() {
    for named in [false, true] {
        let (mut apart, dag, kept) = apart().await;
        let blocks = apart.open().await;
        // Begun, pins read: what is to be swept does not get that far.
        apart.store.inject(
            Operation::Commit,
            Position::Nth(2),
            Injected::Error(ErrorKind::Unavailable),
        );
        blocks.collect_garbage(GcOptions::new()).await.unwrap_err();
        apart.store.heal();
        let lost =
            std::mem::replace(&mut apart.scratch, Arc::new(Fault::new(MemoryDatastore::new())));
        let other = if named { apart.open().await } else { open(apart.store.clone()).await };
        assert_eq!(other.unfinished_collection().await.unwrap(), None);
        let garbage = (0..dag.blocks.len()).find(|at| !kept.contains(at)).unwrap();
        other.put(dag.blocks[garbage].clone()).await.unwrap();
        // Found again, it is not gone on with: what was put meanwhile is not in it.
        apart.scratch = lost;
        let blocks = apart.open().await;
        assert!(!blocks.collect_garbage(GcOptions::new()).await.unwrap().resumed);
        assert_eq!(stored(&*apart.store).await, dag.names(kept));
        assert!(rows(&*apart.scratch).await.is_empty());
    }
}
