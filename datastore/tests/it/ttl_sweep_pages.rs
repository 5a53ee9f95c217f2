//! How a sweep of `Ttl` goes through much that is due: in the order of the keys, page by page, with little in memory.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use datastore::{
    Batch, Datastore, DatastoreExt, ErrorKind, Injected, Key, MANY_OPS, Op, Operation, Position,
    Query, TestClock, key,
};
use futures::executor::block_on;
use futures::poll;

use crate::probe::Probe;
use crate::ttl::over;
use crate::ttl_sweeps::{Below, faulty, numbered};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn what_is_due_is_removed_in_the_order_of_the_keys_whenever_it_expired() {
    block_on(async {
        let (below, clock) = (Arc::new(Probe::default()), TestClock::new());
        let store = over(Arc::clone(&below), &clock).await;
        let most = 2 * MANY_OPS as u64;
        for number in 0..most {
            // What comes last in the order of the keys expires first.
            let ttl = Duration::from_millis(2 * most - number);
            store.put_with_ttl(&numbered(number), "", ttl).await.unwrap();
        }
        clock.advance(SECOND * 9);
        below.batches.lock().unwrap().clear();
        assert_eq!(store.sweep(usize::MAX).await.unwrap().removed, most);
        let batches = below.batches.lock().unwrap();
        assert!(batches.iter().all(|batch| batch.ops.len() <= MANY_OPS));
        let removed: Vec<Key> =
            batches.iter().flat_map(|batch| &batch.ops).map(Op::key).cloned().collect();
        let removed: Vec<Key> =
            removed.into_iter().filter(|key| key!("/n").is_ancestor_of(key)).collect();
        assert_eq!(removed, (0..most).map(numbered).collect::<Vec<_>>());
    });
}

/// How many pages of the index a sweep of these values has read when it removes the first of them.
async fn pages_before_the_first_removal(values: impl Iterator<Item = Key>) -> u64 {
    let (store, below, clock) = faulty().await;
    let batch = values.fold(Batch::new(), |batch, key| batch.put(key, ""));
    store.commit_with_ttl(batch, SECOND).await.unwrap();
    clock.advance(SECOND);
    let before = below.calls(Operation::QueryPage);
    below.inject(Operation::Commit, Position::Nth(0), Injected::Delay(SECOND));
    let mut sweep = pin!(store.sweep(usize::MAX));
    assert!(poll!(&mut sweep).is_pending());
    below.calls(Operation::QueryPage) - before
}

#[test]
fn a_sweep_holds_a_bounded_number_of_entries_and_of_bytes() {
    block_on(async {
        assert_eq!(pages_before_the_first_removal((0..10_600).map(numbered)).await, 20);
        let long = |number| numbered(number).child("l".repeat(7_000)).unwrap();
        assert_eq!(pages_before_the_first_removal((0..1_600).map(long)).await, 2);
    });
}

#[test]
fn a_close_ends_a_sweep_after_the_page_that_it_is_at() {
    block_on(async {
        let (store, below, clock) = faulty().await;
        let most = 2 * MANY_OPS as u64;
        for number in 0..most {
            store.put_with_ttl(&numbered(number), "", SECOND).await.unwrap();
        }
        clock.advance(SECOND);
        below.inject(Operation::Commit, Position::Nth(0), Injected::Delay(SECOND));
        let mut sweep = pin!(store.sweep(usize::MAX));
        assert!(poll!(&mut sweep).is_pending());
        store.close().await.unwrap();
        clock.advance(SECOND);
        assert_eq!(sweep.await.unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(values(&below).await, most - MANY_OPS as u64 / 2);
    });
}

async fn values(below: &Below) -> u64 {
    below.count(Query::descendants(key!("/n"))).await.unwrap()
}
