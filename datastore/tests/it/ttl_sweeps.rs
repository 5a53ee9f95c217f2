//! Sweeps of `Ttl`: what they remove, what comes between, and what a crash leaves.

use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use datastore::{
    Batch, Clock, Datastore, DatastoreExt, ErrorKind, Expiry, ExpirySweeper, Fault, Injected, Key,
    MemoryDatastore, Operation, Position, Query, TestClock, Ttl, TtlOptions, key,
};
use futures::executor::block_on;
use futures::{FutureExt, poll};

use crate::ttl::over;

const SECOND: Duration = Duration::from_secs(1);
const A: Key = key!("/a");

pub(crate) type Below = Arc<Fault<Arc<MemoryDatastore>>>;

/// A layer over a store that can be made to fail, and to wait on the same clock.
pub(crate) async fn faulty() -> (Ttl<Below>, Below, TestClock) {
    let clock = TestClock::new();
    let memory = Arc::new(MemoryDatastore::new());
    let below = Arc::new(Fault::with_clock(memory, Arc::new(clock.clone())));
    (over(Arc::clone(&below), &clock).await, below, clock)
}

/// While this rule is there, batches are not atomic; it never meets a call.
pub(crate) fn make_best_effort(below: &Below) {
    below.inject(Operation::Commit, Position::Nth(u64::MAX), Injected::Torn(0));
}

pub(crate) async fn entries(below: &Below) -> u64 {
    let index = key!("/.ttl/expiry");
    let watermark = u64::from(below.has(&index.child("watermark").unwrap()).await.unwrap());
    below.count(Query::descendants(index)).await.unwrap() - watermark
}

pub(crate) fn numbered(number: u64) -> Key {
    key!("/n").child(format!("{number:05}")).unwrap()
}

#[test]
fn a_sweep_removes_what_has_expired_and_nothing_else() {
    for best_effort in [false, true] {
        block_on(async {
            let (store, below, clock) = faulty().await;
            if best_effort {
                make_best_effort(&below);
            }
            for number in 0..1500 {
                let ttl = if number % 3 == 0 { SECOND } else { SECOND * 2 };
                store.put_with_ttl(&numbered(number), "value", ttl).await.unwrap();
            }
            store.put(&A, "for ever").await.unwrap();
            clock.advance(SECOND);
            let report = store.sweep(usize::MAX).await.unwrap();
            assert_eq!((report.removed, report.looked, report.complete), (500, 500, true));
            assert_eq!(store.count(Query::all()).await.unwrap(), 1001);
            assert_eq!(entries(&below).await, 1000);
            clock.advance(SECOND);
            assert_eq!(store.sweep(usize::MAX).await.unwrap().removed, 1000);
            assert_eq!(below.count(Query::descendants(key!("/n"))).await.unwrap(), 0);
            assert_eq!(entries(&below).await, 0);
            assert!(store.has(&A).await.unwrap());
        });
    }
}

#[test]
fn a_budget_bounds_a_sweep_and_the_next_one_goes_on() {
    block_on(async {
        let (store, below, clock) = faulty().await;
        for number in 0..10 {
            store.put_with_ttl(&numbered(number), "", SECOND).await.unwrap();
            clock.advance(Duration::from_millis(1));
        }
        clock.advance(SECOND);
        for (budget, removed, complete) in
            [(0, 0, false), (4, 4, false), (9, 6, true), (9, 0, true)]
        {
            let report = store.sweep(budget).await.unwrap();
            assert_eq!((report.removed, report.complete), (removed, complete));
        }
        assert_eq!(entries(&below).await, 0);
    });
}

#[test]
fn an_empty_sweep_is_one_query_and_writes_nothing() {
    block_on(async {
        let (store, below, clock) = faulty().await;
        store.put_with_ttl(&A, "", SECOND).await.unwrap();
        clock.advance(SECOND);
        store.sweep(9).await.unwrap();
        let before =
            [Operation::QueryPage, Operation::Read, Operation::Commit].map(|op| below.calls(op));
        assert!(store.sweep(9).await.unwrap().complete);
        let after =
            [Operation::QueryPage, Operation::Read, Operation::Commit].map(|op| below.calls(op));
        assert_eq!(after, [before[0] + 1, before[1], before[2]]);
    });
}

#[test]
fn a_write_that_comes_while_its_key_is_swept_waits_and_stays() {
    // Whether it is plain, refreshes a value with or without knowing its expiry, or is conditional.
    for kind in 0..4 {
        for (operation, best_effort) in
            [(Operation::Read, false), (Operation::Commit, false), (Operation::Commit, true)]
        {
            block_on(async {
                let (store, below, clock) = faulty().await;
                let known = store.put_with_ttl(&A, "old", SECOND).await.unwrap();
                clock.advance(SECOND);
                if best_effort {
                    make_best_effort(&below);
                }
                below.inject(operation, Position::Nth(0), Injected::Delay(SECOND));
                let mut sweep = pin!(store.sweep(9));
                assert!(poll!(&mut sweep).is_pending());
                let mut write = pin!(async {
                    match kind {
                        0 => store.put(&A, "new").await.map(|()| Expiry::NEVER),
                        1 => store.put_with_ttl(&A, "new", SECOND * 9).await,
                        2 => store.refresh(&A, "new", known, SECOND * 9).await,
                        _ => {
                            let batch = Batch::new().put(A, "new").absent(A);
                            store.commit(batch).await.map(|()| Expiry::NEVER)
                        }
                    }
                });
                assert!(poll!(&mut write).is_pending());
                // Keys that are not swept do not wait.
                store.put(&key!("/b"), "").now_or_never().unwrap().unwrap();
                clock.advance(SECOND);
                assert_eq!(sweep.await.unwrap().removed, 1);
                let expiry = write.await.unwrap();
                assert_eq!(store.get(&A).await.unwrap().unwrap(), "new");
                assert_eq!(store.expiration(&A).await.unwrap(), Some(expiry));
                clock.advance(SECOND * 9);
                store.sweep(9).await.unwrap();
                assert_eq!(below.has(&A).await.unwrap(), expiry == Expiry::NEVER);
                assert_eq!(entries(&below).await, 0);
            });
        }
    }
}

#[test]
fn a_sweep_that_comes_while_a_key_is_written_leaves_it() {
    for best_effort in [false, true] {
        block_on(async {
            let (store, below, clock) = faulty().await;
            let known = store.put_with_ttl(&A, "old", SECOND).await.unwrap();
            if best_effort {
                make_best_effort(&below);
            }
            below.inject(Operation::Commit, Position::Nth(0), Injected::Delay(SECOND));
            // The value has not expired yet, and its entry is the one that it will be found by.
            let mut write = pin!(async { store.refresh(&A, "new", known, SECOND * 9).await });
            assert!(poll!(&mut write).is_pending());
            clock.set_now(clock.now() + SECOND);
            let report = store.sweep(9).await.unwrap();
            assert_eq!((report.left, report.removed, report.looked), (1, 0, 1));
            clock.advance(SECOND);
            write.await.unwrap();
            assert_eq!(store.get(&A).await.unwrap().unwrap(), "new");
            assert_eq!(store.sweep(9).await.unwrap().moved, 1);
            clock.advance(SECOND * 9);
            assert_eq!(store.sweep(9).await.unwrap().removed, 1);
            assert_eq!(below.count(Query::all()).await.unwrap(), if best_effort { 1 } else { 2 });
        });
    }
}

#[test]
fn a_value_that_was_written_below_meanwhile_is_not_removed() {
    block_on(async {
        let (store, below, clock) = faulty().await;
        let other = over(Arc::clone(&below), &clock).await;
        store.put_with_ttl(&A, "old", SECOND).await.unwrap();
        store.put_with_ttl(&key!("/b"), "old", SECOND).await.unwrap();
        clock.advance(SECOND);
        below.inject(Operation::Commit, Position::Nth(0), Injected::Delay(SECOND));
        let mut sweep = pin!(store.sweep(9));
        assert!(poll!(&mut sweep).is_pending());
        // Another handle knows nothing of the turns of this one.
        other.put(&A, "new").await.unwrap();
        clock.advance(SECOND);
        let report = sweep.await.unwrap();
        assert_eq!((report.removed, report.left), (1, 1));
        assert_eq!(store.get(&A).await.unwrap().unwrap(), "new");
        assert_eq!(store.sweep(9).await.unwrap().dropped, 1);
    });
}

#[test]
fn a_value_that_expires_while_it_is_written_is_swept_all_the_same() {
    for sets_ttl in [false, true] {
        block_on(async {
            let (store, below, clock) = faulty().await;
            store.put(&A, "old").await.unwrap();
            below.inject(Operation::Commit, Position::Nth(0), Injected::Delay(SECOND));
            let mut write = pin!(async {
                if sets_ttl {
                    store.set_ttl(&A, SECOND).await
                } else {
                    store.put_with_ttl(&A, "new", SECOND).await
                }
            });
            assert!(poll!(&mut write).is_pending());
            // Sweeps go past the place of an entry that is still to come.
            clock.set_now(clock.now() + SECOND * 9);
            assert_eq!(store.sweep(9).await.unwrap().looked, 0);
            clock.advance(SECOND);
            write.await.unwrap();
            assert_eq!(store.sweep(9).await.unwrap().removed, 1);
            assert_eq!(below.count(Query::all()).await.unwrap(), 2);
        });
    }
}

#[test]
fn set_ttl_keeps_what_was_written_below_meanwhile() {
    block_on(async {
        let (store, below, clock) = faulty().await;
        let other = over(Arc::clone(&below), &clock).await;
        store.put(&A, "old").await.unwrap();
        below.inject(Operation::Commit, Position::Nth(0), Injected::Delay(SECOND));
        let mut set = pin!(async { store.set_ttl(&A, SECOND * 9).await });
        assert!(poll!(&mut set).is_pending());
        other.put(&A, "new").await.unwrap();
        clock.advance(SECOND);
        let expiry = set.await.unwrap();
        assert_eq!(store.get(&A).await.unwrap().unwrap(), "new");
        assert_eq!(entries(&below).await, 1);
        // The entry that there is will do for one that lives longer.
        clock.advance(SECOND);
        assert_ne!(store.set_ttl(&A, SECOND * 9).await.unwrap(), expiry);
        assert_eq!(entries(&below).await, 1);
        clock.advance(SECOND * 8);
        assert_eq!(store.sweep(9).await.unwrap().moved, 1);
    });
}

#[test]
fn set_ttl_loses_no_write_that_comes_meanwhile() {
    block_on(async {
        let (store, below, clock) = faulty().await;
        store.put(&A, "old").await.unwrap();
        below.inject(Operation::Commit, Position::Nth(0), Injected::Delay(SECOND));
        let mut set = pin!(async { store.set_ttl(&A, SECOND * 9).await });
        assert!(poll!(&mut set).is_pending());
        let mut write = pin!(async { store.put(&A, "new").await });
        assert!(poll!(&mut write).is_pending());
        clock.advance(SECOND);
        set.await.unwrap();
        write.await.unwrap();
        assert_eq!(store.get(&A).await.unwrap().unwrap(), "new");
        assert_eq!(store.expiration(&A).await.unwrap(), Some(Expiry::NEVER));
    });
}

#[test]
fn what_a_dropped_call_was_at_is_free_again() {
    block_on(async {
        let (store, below, clock) = faulty().await;
        store.put_with_ttl(&A, "old", SECOND * 2).await.unwrap();
        for operation in [Operation::Read, Operation::Commit] {
            below.inject(operation, Position::Nth(0), Injected::Delay(SECOND));
            {
                let mut set = pin!(async { store.set_ttl(&A, SECOND * 3).await });
                assert!(poll!(&mut set).is_pending());
                let mut write = pin!(async { store.put(&A, "waits").await });
                assert!(poll!(&mut write).is_pending());
            }
            store.put_with_ttl(&A, "new", SECOND).now_or_never().unwrap().unwrap();
            clock.advance(SECOND);
            assert_eq!(store.sweep(9).await.unwrap().removed, 1);
            store.put_with_ttl(&A, "old", SECOND * 2).await.unwrap();
        }
    });
}

#[test]
fn a_crash_between_two_batches_leaves_no_value_that_is_never_swept() {
    // Of every write and every sweep, the first, the second, … commit below does not happen, and the process
    // ends there.
    for lost in 0..8 {
        block_on(async {
            let (store, below, clock) = faulty().await;
            make_best_effort(&below);
            below.inject(
                Operation::Commit,
                Position::From(lost),
                Injected::Error(ErrorKind::Unavailable),
            );
            let work = async {
                store.put_with_ttl(&A, "1", SECOND).await?;
                store.put_with_ttl(&key!("/b"), "1", SECOND * 9).await?;
                store.set_ttl(&key!("/b"), SECOND).await?;
                clock.advance(SECOND);
                store.sweep(9).await
            };
            assert_eq!(work.await.is_ok(), lost == 8);
            below.heal();
            let store = over(Arc::clone(&below), &clock).await;
            make_best_effort(&below);
            clock.advance(SECOND * 9);
            store.sweep(9).await.unwrap();
            assert_eq!(below.count(Query::all()).await.unwrap(), 1, "after {lost} commits");
        });
    }
}

#[test]
fn a_torn_batch_leaves_no_value_that_is_never_swept() {
    for landed in 0..4 {
        block_on(async {
            let (store, below, clock) = faulty().await;
            below.inject(Operation::Commit, Position::Every(1), Injected::Torn(landed));
            let batch = (0..5).fold(Batch::new(), |batch, number| batch.put(numbered(number), ""));
            store.commit_with_ttl(batch, SECOND).await.unwrap_err();
            clock.advance(SECOND);
            while store.sweep(9).await.is_err() {
                // Each try lands as much of its batches, so that only a sweep that lands nothing stays.
                if landed == 0 {
                    break;
                }
            }
            below.heal();
            let store = over(Arc::clone(&below), &clock).await;
            store.sweep(9).await.unwrap();
            assert_eq!(below.count(Query::descendants(key!("/n"))).await.unwrap(), 0);
            assert_eq!(entries(&below).await, 0);
        });
    }
}

#[test]
fn a_sweep_that_fails_is_tried_again_from_where_it_was() {
    block_on(async {
        let (store, below, clock) = faulty().await;
        store.put_with_ttl(&A, "", SECOND).await.unwrap();
        clock.advance(SECOND);
        for operation in [Operation::QueryPage, Operation::Read, Operation::Commit] {
            below.inject(operation, Position::Nth(0), Injected::Error(ErrorKind::Unavailable));
            assert_eq!(store.sweep(9).await.unwrap_err().kind(), ErrorKind::Unavailable);
            below.heal();
        }
        assert_eq!(store.sweep(9).await.unwrap().removed, 1);
    });
}

#[test]
fn ten_refreshes_of_each_key_leave_one_entry_of_each() {
    block_on(async {
        let (store, below, clock) = faulty().await;
        for _ in 0..11 {
            for number in 0..100 {
                store.put_with_ttl(&numbered(number), "", SECOND * 60).await.unwrap();
            }
            clock.advance(SECOND * 7);
        }
        assert_eq!(entries(&below).await, 100);
        store.sweep(1000).await.unwrap();
        assert_eq!(entries(&below).await, 100);
        assert_eq!(store.count(Query::all()).await.unwrap(), 100);
    });
}

#[test]
fn the_background_sweeps_at_intervals_until_close() {
    block_on(async {
        let (below, clock) = (Arc::new(MemoryDatastore::new()), TestClock::new());
        let options = TtlOptions {
            sweep_interval: SECOND * 10,
            sweep_jitter: SECOND,
            ..TtlOptions::default()
        };
        let store =
            Ttl::with_clock(Arc::clone(&below), options, Arc::new(clock.clone())).await.unwrap();
        for _ in 0..3 {
            asleep(&clock);
            store.put_with_ttl(&A, "", SECOND).await.unwrap();
            clock.advance(SECOND * 11);
            asleep(&clock);
            assert!(!below.has(&A).await.unwrap());
        }
        store.put_with_ttl(&A, "", SECOND).await.unwrap();
        // Ahead of the time that passed: one sweep is left out, the next one comes.
        clock.set_now(clock.now() + SECOND * 100_000);
        clock.advance(SECOND * 11);
        asleep(&clock);
        assert!(below.has(&A).await.unwrap());
        clock.advance(SECOND * 11);
        asleep(&clock);
        assert!(!below.has(&A).await.unwrap());

        store.close().await.unwrap();
        assert_eq!(clock.sleepers(), 0);
        assert_eq!(Arc::strong_count(&below), 2);
        drop(store);
        assert_eq!(Arc::strong_count(&below), 1);
    });
}

#[test]
fn a_pause_is_the_interval_and_longer_by_chance() {
    // That the chance is less than a second does not happen: it is one of some centuries.
    for (jitter, swept) in [(Duration::ZERO, 1), (Duration::MAX, 0)] {
        let (clock, sweeps) = (TestClock::new(), Arc::new(AtomicUsize::new(0)));
        let sweep = {
            let sweeps = Arc::clone(&sweeps);
            move || {
                sweeps.fetch_add(1, Ordering::SeqCst);
                ready(Ok(()))
            }
        };
        let time = Arc::new(clock.clone());
        let sweeper = ExpirySweeper::start("sweeps", time, (SECOND * 10, jitter), sweep).unwrap();
        for (pause, sweeps_then) in [(SECOND * 9, 0), (SECOND, swept)] {
            asleep(&clock);
            clock.advance(pause);
            asleep(&clock);
            assert_eq!(sweeps.load(Ordering::SeqCst), sweeps_then);
        }
        block_on(sweeper.stop());
    }
}

#[test]
fn a_store_that_is_dropped_lets_go_of_what_is_below() {
    block_on(async {
        let below = Arc::new(MemoryDatastore::new());
        let store = Ttl::open(Arc::clone(&below)).await.unwrap();
        drop(store);
        until(|| Arc::strong_count(&below) == 1);
    });
}

/// Waits until the thread in the background waits for the clock again.
fn asleep(clock: &TestClock) {
    until(|| clock.sleepers() == 1);
}

fn until(holds: impl Fn() -> bool) {
    while !holds() {
        std::thread::yield_now();
    }
}
