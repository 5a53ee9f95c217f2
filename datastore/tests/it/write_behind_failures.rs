//! Flushes that fail: nothing is lost, and whoever waits is told.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use datastore::{
    Batch, Datastore, DatastoreExt, ErrorKind, Injected, Key, MemoryDatastore, Op, Operation,
    Outcome, Position, Query, WriteBehind, WriteBehindOptions, key,
};
use futures::executor::block_on;
use proptest::prelude::*;

use crate::model::keys_of;
use crate::write_behind_below::{HOUR, Pause, Setup, patient, poll_once, wait_until};

const A: Key = key!("/a");
const B: Key = key!("/b");
const C: Key = key!("/c");

const BROKEN: Injected = Injected::Error(ErrorKind::Unavailable);
const LOST: Injected = Injected::LostReply(ErrorKind::Unavailable);

fn break_commits(setup: &Setup, position: Position, injected: Injected) {
    setup.fault.inject(Operation::Commit, position, injected);
}

#[test]
fn a_failed_flush_keeps_everything_and_is_reported() {
    for injected in [BROKEN, LOST] {
        let setup = Setup::new(patient());
        block_on(setup.store.commit(Batch::new().put(A, "1").put(B, "1"))).unwrap();
        break_commits(&setup, Position::From(0), injected);
        let error = block_on(setup.store.sync()).unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::Unavailable, Some(Outcome::Unknown))
        );
        assert!(error.source().unwrap().to_string().contains("injected"));
        assert_eq!(setup.fault.calls(Operation::Sync), 0);
        assert_eq!(setup.store.pending().keys, 2);
        assert_eq!(setup.store.pending().failed_flushes, 1);
        let last = setup.store.last_flush_error().unwrap();
        assert_eq!(last.kind(), ErrorKind::Unavailable);
        assert_eq!(block_on(setup.store.get(&A)).unwrap().unwrap(), "1");
        assert_eq!(keys_of(&setup.store, Query::all()), [A, B]);
        // What is written meanwhile goes with it, and wins.
        block_on(setup.store.put(&A, "2")).unwrap();
        setup.fault.heal();
        block_on(setup.store.sync()).unwrap();
        let expected = Batch::new().put(A, "2").put(B, "1");
        assert_eq!(setup.below().commits().last(), Some(&expected));
        assert_eq!(setup.store.pending().failed_flushes, 0);
        assert!(setup.store.last_flush_error().is_none());
    }
}

#[test]
fn writes_beside_a_flush_that_fails_are_newer_than_what_it_brings_back() {
    let setup = Setup::new(patient());
    block_on(setup.store.commit(Batch::new().put(A, "old").put(B, "old").put(C, "old"))).unwrap();
    break_commits(&setup, Position::Nth(0), Injected::LostReply(ErrorKind::Unavailable));
    setup.below().pause(Pause::BeforeCommit);
    let mut flush = Box::pin(setup.store.flush());
    assert!(poll_once(&mut flush).is_pending());
    setup.below().wait_for_paused(1);
    block_on(setup.store.commit(Batch::new().put(A, "new").delete(B))).unwrap();
    setup.below().go_on();
    assert!(block_on(flush).is_err());
    assert_eq!(setup.store.unwritten(), Batch::new().put(A, "new").delete(B).put(C, "old"));
    block_on(setup.store.sync()).unwrap();
    assert_eq!(block_on(setup.fault.get(&A)).unwrap().unwrap(), "new");
    assert_eq!(keys_of(&setup.fault, Query::all()), [A, C]);
}

#[test]
fn a_flush_that_nobody_asked_for_is_tried_again_after_pauses_that_grow() {
    let (min_backoff, max_backoff) = (Duration::from_secs(8), Duration::from_secs(50));
    let options = WriteBehindOptions { flush_keys: 1, min_backoff, max_backoff, ..patient() };
    let setup = Setup::new(options);
    break_commits(&setup, Position::From(0), BROKEN);
    block_on(setup.store.put(&A, "1")).unwrap();
    for (failures, longest) in [(1, 8), (2, 16), (3, 32), (4, 50), (5, 50)] {
        wait_until(|| setup.store.pending().failed_flushes == failures);
        wait_until(|| setup.clock.sleepers() == 1);
        // Never before half of the pause, whatever is written meanwhile, and never after all of it.
        let half = Duration::from_secs(longest) / 2;
        setup.clock.advance(half - Duration::from_millis(1));
        block_on(setup.store.put(&B, failures.to_string())).unwrap();
        wait_until(|| setup.clock.sleepers() == 1);
        assert_eq!(setup.fault.calls(Operation::Commit), u64::from(failures));
        setup.clock.advance(half + Duration::from_millis(1));
    }
    setup.fault.heal();
    wait_until(|| {
        setup.clock.advance(HOUR);
        setup.store.pending().keys == 0
    });
    assert_eq!(setup.below().commits(), [Batch::new().put(A, "1").put(B, "5")]);
}

#[test]
fn pauses_after_failures_differ() {
    let failed_at = || {
        let options = WriteBehindOptions { flush_keys: 1, min_backoff: HOUR, ..patient() };
        let setup = Setup::new(WriteBehindOptions { max_backoff: HOUR, ..options });
        break_commits(&setup, Position::From(0), BROKEN);
        block_on(setup.store.put(&A, "1")).unwrap();
        wait_until(|| setup.clock.sleepers() == 1);
        let mut minutes = 0;
        while setup.fault.calls(Operation::Commit) == 1 {
            setup.clock.advance(Duration::from_secs(60));
            minutes += 1;
            wait_until(|| setup.clock.sleepers() == 1 || setup.fault.calls(Operation::Commit) == 2);
        }
        minutes
    };
    // One in 30 to the tenth that all are alike.
    let pauses: Vec<u32> = (0..11).map(|_| failed_at()).collect();
    assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{pauses:?}");
}

#[test]
fn of_a_flush_that_landed_in_part_the_rest_stays_pending() {
    let setup = Setup::new(patient());
    block_on(setup.store.commit(Batch::new().put(A, "1").put(B, "1").delete(C))).unwrap();
    break_commits(&setup, Position::Nth(0), Injected::Torn(1));
    let error = block_on(setup.store.sync()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PartialCommit);
    assert_eq!(error.partial().unwrap().failed, [B, C]);
    assert_eq!(setup.store.unwritten(), Batch::new().put(B, "1").delete(C));
    assert_eq!((setup.store.pending().keys, setup.store.pending().bytes), (2, 2 + 1 + 2));
    block_on(setup.store.sync()).unwrap();
    assert_eq!(
        setup.below().commits(),
        [Batch::new().put(A, "1"), Batch::new().put(B, "1").delete(C)]
    );
}

#[test]
fn a_synced_commit_that_landed_of_a_flush_that_did_not_is_acknowledged() {
    let setup = Setup::new(patient());
    block_on(setup.store.put(&B, "1")).unwrap();
    break_commits(&setup, Position::From(0), Injected::Torn(1));
    block_on(setup.store.commit(Batch::new().put(A, "1").synced())).unwrap();
    assert_eq!(setup.store.unwritten(), Batch::new().put(B, "1"));
    let error = block_on(setup.store.commit(Batch::new().put(A, "2").put(C, "2").synced()));
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.outcome(), Some(Outcome::Unknown));
}

#[test]
fn a_synced_commit_that_failed_is_pending() {
    let setup = Setup::new(patient());
    break_commits(&setup, Position::Nth(0), BROKEN);
    let error = block_on(setup.store.commit(Batch::new().put(A, "1").synced())).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Some(Outcome::Unknown)));
    assert_eq!(block_on(setup.store.get(&A)).unwrap().unwrap(), "1");
    block_on(setup.store.sync()).unwrap();
    assert!(block_on(setup.fault.has(&A)).unwrap());
}

#[test]
fn a_close_that_fails_leaves_what_was_not_written() {
    let setup = Setup::new(patient());
    block_on(setup.store.commit(Batch::new().put(A, "1").delete(B))).unwrap();
    break_commits(&setup, Position::From(0), BROKEN);
    let error = block_on(setup.store.close()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.source().unwrap().to_string().contains("injected"));
    assert_eq!(setup.fault.calls(Operation::Commit), 1);
    assert_eq!(block_on(setup.store.get(&A)).unwrap_err().kind(), ErrorKind::Closed);
    block_on(setup.store.close()).unwrap();
    assert_eq!(setup.store.unwritten(), Batch::new().put(A, "1").delete(B));
    assert_eq!(Arc::strong_count(&setup.fault), 2);
}

#[test]
fn a_close_whose_sync_fails_fails() {
    let setup = Setup::new(patient());
    block_on(setup.store.put(&A, "1")).unwrap();
    setup.fault.inject(Operation::Sync, Position::From(0), BROKEN);
    let error = block_on(setup.store.close()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(setup.store.unwritten(), Batch::new());
}

#[test]
fn the_error_of_a_close_that_was_dropped_reaches_the_next() {
    let setup = Setup::new(patient());
    block_on(setup.store.put(&A, "1")).unwrap();
    setup.below().pause(Pause::BeforeCommit);
    break_commits(&setup, Position::From(0), LOST);
    let mut close = setup.store.close();
    assert!(poll_once(&mut close).is_pending());
    drop(close);
    setup.below().wait_for_paused(1);
    setup.below().go_on();
    assert_eq!(block_on(setup.store.close()).unwrap_err().kind(), ErrorKind::Unavailable);
    block_on(setup.store.close()).unwrap();
}

#[test]
fn a_key_that_the_store_below_refuses_holds_up_no_other_where_batches_may_land_in_part() {
    let setup = Setup::new(patient());
    setup.below().state().best_effort = true;
    let names: Vec<Key> = (0..50).map(|n| Key::new(format!("/{n:02}")).unwrap()).collect();
    let refused = [names[7].clone(), names[8].clone(), names[41].clone()];
    setup.below().state().refused.extend(refused.clone());
    let puts = names.iter().fold(Batch::new(), |batch, key| batch.put(key.clone(), "1"));
    block_on(setup.store.commit(puts)).unwrap();
    let error = block_on(setup.store.sync()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PartialCommit);
    assert_eq!(error.partial().unwrap().failed, refused);
    assert_eq!(setup.store.pending().keys, 3);
    assert_eq!(keys_of(&setup.fault, Query::all()).len(), 47);
    assert_eq!(keys_of(&setup.store, Query::all()), names);
    // Later commits land, conditional and synced ones too, but for those on the refused keys.
    block_on(setup.store.commit(Batch::new().put(A, "1").synced())).unwrap();
    block_on(setup.store.commit(Batch::new().put(B, "1").absent(B))).unwrap();
    assert!(block_on(setup.fault.has(&A)).unwrap() && block_on(setup.fault.has(&B)).unwrap());
    let on_refused = Batch::new().put(names[7].clone(), "2").absent(names[7].clone());
    let error = block_on(setup.store.commit(on_refused)).unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome()),
        (ErrorKind::Unavailable, Some(Outcome::NotApplied))
    );
    let error = block_on(setup.store.close()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidKey);
    assert_eq!(setup.store.unwritten().ops.len(), 3);
}

#[test]
fn where_batches_are_atomic_a_flush_is_not_taken_apart() {
    let setup = Setup::new(patient());
    setup.below().state().refused.insert(B);
    block_on(setup.store.commit(Batch::new().put(A, "1").put(B, "1"))).unwrap();
    assert_eq!(block_on(setup.store.sync()).unwrap_err().kind(), ErrorKind::InvalidKey);
    assert_eq!(setup.below().commits(), []);
    assert_eq!(setup.store.pending().keys, 2);
}

#[test]
fn a_store_that_fails_between_refusals_keeps_what_it_did_not_take() {
    let setup = Setup::new(patient());
    setup.below().state().best_effort = true;
    setup.below().state().refused.insert(A);
    block_on(setup.store.commit(Batch::new().put(A, "1").put(B, "1").put(C, "1"))).unwrap();
    // The whole, the first half, and then no more.
    break_commits(&setup, Position::From(2), BROKEN);
    assert!(block_on(setup.store.sync()).is_err());
    assert_eq!(setup.store.pending().keys, 3);
    setup.fault.heal();
    assert!(block_on(setup.store.sync()).is_err());
    assert_eq!(setup.store.unwritten(), Batch::new().put(A, "1"));
}

#[test]
fn a_panic_below_is_a_failure() {
    let setup = Setup::new(patient());
    block_on(setup.store.put(&A, "1")).unwrap();
    setup.below().state().panics = true;
    let error = block_on(setup.store.sync()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    let conditional = block_on(setup.store.commit(Batch::new().put(B, "1").absent(B)));
    assert_eq!(conditional.unwrap_err().kind(), ErrorKind::Internal);
    setup.below().state().panics = false;
    block_on(setup.store.sync()).unwrap();
    assert!(block_on(setup.fault.has(&A)).unwrap());
}

#[test]
fn a_store_below_that_was_closed_is_an_error_and_not_a_hang() {
    let below = Arc::new(MemoryDatastore::new());
    let store = WriteBehind::new(Arc::clone(&below));
    block_on(store.put(&A, "1")).unwrap();
    block_on(below.close()).unwrap();
    assert_eq!(block_on(store.sync()).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(block_on(store.close()).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(store.unwritten(), Batch::new().put(A, "1"));
}

/// A step of a random history.
#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<(usize, Option<u8>)>, bool),
    /// Puts the number if the key has the value that was read.
    Swap(usize, u8),
    Sync,
    Break(Position, Injected),
    Heal,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let write = (0..5_usize, prop::option::of(any::<u8>()));
    let position = prop_oneof![
        (0..3_u64).prop_map(Position::Nth),
        (0..2_u64).prop_map(Position::From),
        (1..4_u64).prop_map(Position::Every),
    ];
    let injected = prop_oneof![Just(BROKEN), Just(LOST), (0..3_usize).prop_map(Injected::Torn)];
    let step = prop_oneof![
        6 => (prop::collection::vec(write, 1..4), any::<bool>())
            .prop_map(|(writes, synced)| Step::Commit(writes, synced)),
        3 => (0..5_usize, any::<u8>()).prop_map(|(key, value)| Step::Swap(key, value)),
        1 => Just(Step::Sync),
        2 => (position, injected).prop_map(|(position, injected)| Step::Break(position, injected)),
        1 => Just(Step::Heal),
    ];
    prop::collection::vec(step, 0..40)
}

proptest! {
    /// Whatever fails, what is read is what was written, and all of it is below in the end.
    #[test]
    fn nothing_is_lost_whatever_fails(steps in steps(), flush_keys in 1..5_usize) {
        let options = WriteBehindOptions { flush_keys, max_keys: 7, ..patient() };
        let setup = Setup::new(options);
        let keys: Vec<Key> = (0..5).map(|n| Key::new(format!("/{n}")).unwrap()).collect();
        let mut model: BTreeMap<Key, Bytes> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Commit(writes, synced) => {
                    let mut batch = Batch::new();
                    for (key, value) in writes {
                        let key = keys[key].clone();
                        batch = match value {
                            Some(value) => batch.put(key, vec![value]),
                            None => batch.delete(key),
                        };
                    }
                    for op in &batch.ops {
                        match op {
                            Op::Put { key, value } => {
                                drop(model.insert(key.clone(), value.clone()));
                            }
                            Op::Delete { key } => drop(model.remove(key)),
                        }
                    }
                    let result = block_on(setup.store.commit(if synced { batch.synced() } else { batch }));
                    // A synced commit that could not be made durable is pending all the same.
                    prop_assert!(synced || result.is_ok());
                }
                Step::Swap(key, value) => {
                    let key = &keys[key];
                    let swap = setup.store.update(key, |_| Some(vec![value].into()));
                    match block_on(swap) {
                        Ok(_) => drop(model.insert(key.clone(), vec![value].into())),
                        Err(error) if error.outcome() == Some(Outcome::NotApplied) => {}
                        // Which of the two it is, the store tells.
                        Err(_) => {
                            let found = block_on(setup.store.get(key)).unwrap();
                            let after = found.as_deref() == Some(&[value]);
                            prop_assert!(after || found.as_ref() == model.get(key));
                            if let Some(found) = found {
                                model.insert(key.clone(), found);
                            }
                        }
                    }
                }
                Step::Sync => drop(block_on(setup.store.sync())),
                Step::Break(position, injected) => break_commits(&setup, position, injected),
                Step::Heal => setup.fault.heal(),
            }
            for key in &keys {
                let found = block_on(setup.store.get(key)).unwrap();
                prop_assert_eq!(found.as_ref(), model.get(key));
            }
            let listed = keys_of(&setup.store, Query::all());
            prop_assert_eq!(listed, model.keys().cloned().collect::<Vec<_>>());
        }
        setup.fault.heal();
        block_on(setup.store.close()).unwrap();
        for key in &keys {
            let found = block_on(setup.fault.get(key)).unwrap();
            prop_assert_eq!(found.as_ref(), model.get(key));
        }
    }
}
