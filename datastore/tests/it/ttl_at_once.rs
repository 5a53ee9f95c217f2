//! Calls of `Ttl` that wait for each other, or meet those of another handle.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use datastore::{Batch, Datastore, DatastoreExt, Injected, Key, Operation, Position, Query, key};
use futures::executor::block_on;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, poll};

use crate::ttl::over;
use crate::ttl_sweeps::{entries, faulty, make_best_effort, numbered};

const SECOND: Duration = Duration::from_secs(1);
const A: Key = key!("/a");

#[test]
fn who_waited_for_a_key_is_woken() {
    block_on(async {
        let (store, below, clock) = faulty().await;
        store.put_with_ttl(&A, "old", SECOND).await.unwrap();
        clock.advance(SECOND);
        below.inject(Operation::Commit, Position::Nth(0), Injected::Delay(SECOND));
        let mut sweep = pin!(store.sweep(9));
        assert!(poll!(&mut sweep).is_pending());
        // It asks nobody again who did not wake.
        let mut waiting = FuturesUnordered::from_iter([async { store.put(&A, "new").await }]);
        assert!(waiting.next().now_or_never().is_none());
        clock.advance(SECOND);
        sweep.await.unwrap();
        waiting.next().now_or_never().unwrap().unwrap().unwrap();
    });
}

#[test]
fn a_sweep_waits_for_the_one_before() {
    block_on(async {
        let (store, below, clock) = faulty().await;
        store.put_with_ttl(&A, "", SECOND).await.unwrap();
        clock.advance(SECOND);
        below.inject(Operation::Commit, Position::Nth(0), Injected::Delay(SECOND));
        let mut first = pin!(store.sweep(9));
        assert!(poll!(&mut first).is_pending());
        let before = below.calls(Operation::QueryPage);
        let mut second = pin!(store.sweep(9));
        assert!(poll!(&mut second).is_pending());
        assert_eq!(below.calls(Operation::QueryPage), before);
        clock.advance(SECOND);
        assert_eq!(first.await.unwrap().removed, 1);
        assert_eq!(second.await.unwrap().looked, 0);
    });
}

#[test]
fn what_another_handle_sweeps_meanwhile_is_absent_all_the_same() {
    block_on(async {
        let (store, below, clock) = faulty().await;
        let other = over(Arc::clone(&below), &clock).await;
        store.put_with_ttl(&A, "old", SECOND).await.unwrap();
        clock.advance(SECOND);
        below.inject(Operation::Commit, Position::Nth(0), Injected::Delay(SECOND));
        let mut write = pin!(async { store.commit(Batch::new().put(A, "new").absent(A)).await });
        assert!(poll!(&mut write).is_pending());
        assert_eq!(other.sweep(9).await.unwrap().removed, 1);
        clock.advance(SECOND);
        write.await.unwrap();
        assert_eq!(store.get(&A).await.unwrap().unwrap(), "new");
    });
}

#[test]
fn to_set_the_ttl_that_a_value_has_writes_nothing() {
    block_on(async {
        let (store, below, _) = faulty().await;
        let expiry = store.put_with_ttl(&A, "", SECOND).await.unwrap();
        let before = below.calls(Operation::Commit);
        assert_eq!(store.set_ttl(&A, SECOND).await.unwrap(), expiry);
        assert_eq!(below.calls(Operation::Commit), before);
    });
}

#[test]
fn what_threads_write_while_others_sweep_stays_and_is_swept_in_its_time() {
    let (store, below, clock) = block_on(faulty());
    // A sweep has nothing to rely on but that nobody else is at its keys.
    make_best_effort(&below);
    let (long, writers) = (SECOND * 1_000_000, AtomicUsize::new(2));
    thread::scope(|scope| {
        for writer in 0..2 {
            let (store, writers) = (&store, &writers);
            scope.spawn(move || {
                let _left = Left(writers);
                for round in 0..5000 {
                    let key = numbered(writer * 8 + round % 8);
                    let key = &key;
                    block_on(async {
                        let short = Duration::from_millis(1);
                        let known = store.put_with_ttl(key, "short", short).await.unwrap();
                        // By now it may be due, and a sweep be at it.
                        let written = match round % 3 {
                            0 => store.refresh(key, "long", known, long).await,
                            1 => store.put_with_ttl(key, "long", long).await,
                            _ => {
                                let batch = Batch::new().put(key.clone(), "long").delete(A);
                                store.commit_with_ttl(batch, long).await
                            }
                        };
                        written.unwrap();
                        assert_eq!(store.get(key).await.unwrap().unwrap(), "long");
                    });
                }
            });
        }
        scope.spawn(|| {
            while writers.load(Ordering::SeqCst) > 0 {
                clock.advance(Duration::from_millis(1));
                block_on(store.sweep(usize::MAX)).unwrap();
            }
        });
    });
    block_on(async {
        assert_eq!(store.count(Query::all()).await.unwrap(), 16);
        clock.advance(long);
        assert_eq!(store.sweep(usize::MAX).await.unwrap().removed, 16);
        assert_eq!(entries(&below).await, 0);
    });
}

/// Counts a thread out, also where it fails.
struct Left<'c>(&'c AtomicUsize);

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
