//! Commits that wait for room, and those that are larger than any.

use std::time::Duration;

use datastore::{
    Batch, Datastore, DatastoreExt, ErrorKind, Injected, Key, Operation, Outcome, Position, Query,
    WriteBehindOptions, key,
};
use futures::executor::block_on;
use futures::future::join_all;
use futures::{FutureExt, StreamExt, stream};

use crate::model::keys_of;
use crate::write_behind_below::{HOUR, Pause, Setup, patient, poll_once, wait_until};

const A: Key = key!("/a");
const B: Key = key!("/b");
const C: Key = key!("/c");

fn tight() -> WriteBehindOptions {
    WriteBehindOptions { max_keys: 2, max_bytes: 200, ..patient() }
}

/// A write-behind that is full, with a flush under way that waits.
fn full() -> Setup {
    let setup = Setup::new(tight());
    setup.below().pause(Pause::BeforeCommit);
    block_on(setup.store.commit(Batch::new().put(A, "1").put(B, "1"))).unwrap();
    // Dropped, it goes on all the same.
    assert!(poll_once(&mut Box::pin(setup.store.flush())).is_pending());
    setup.below().wait_for_paused(1);
    setup
}

#[test]
fn a_commit_waits_until_there_is_room() {
    let setup = full();
    let mut commit = setup.store.commit(Batch::new().put(C, "1"));
    assert!(poll_once(&mut commit).is_pending());
    assert!(!block_on(setup.store.has(&C)).unwrap());
    setup.below().go_on();
    block_on(commit).unwrap();
    assert!(block_on(setup.store.has(&C)).unwrap());
    assert_eq!(setup.below().commits(), [Batch::new().put(A, "1").put(B, "1")]);
}

#[test]
fn a_commit_that_fits_does_not_overtake_one_that_waits_for_room() {
    let setup = Setup::new(tight());
    setup.below().pause(Pause::BeforeCommit);
    block_on(setup.store.put(&A, "1")).unwrap();
    assert!(poll_once(&mut Box::pin(setup.store.flush())).is_pending());
    setup.below().wait_for_paused(1);
    let mut large = setup.store.commit(Batch::new().put(B, "first").put(C, "first"));
    assert!(poll_once(&mut large).is_pending());
    let mut small = setup.store.commit(Batch::new().put(C, "second"));
    assert!(poll_once(&mut small).is_pending());
    setup.below().go_on();
    block_on(large).unwrap();
    block_on(small).unwrap();
    assert_eq!(block_on(setup.store.get(&C)).unwrap().unwrap(), "second");
}

#[test]
fn a_full_store_flushes_without_being_asked() {
    let setup = Setup::new(tight());
    for number in 0..20_u8 {
        let name = Key::from_segments([[b'a' + number]]).unwrap();
        block_on(setup.store.put(&name, vec![number; 90])).unwrap();
        assert!(setup.store.pending().keys <= 2 && setup.store.pending().bytes <= 200);
    }
    block_on(setup.store.close()).unwrap();
    assert_eq!(keys_of(&setup.fault, Query::all()).len(), 20);
}

#[test]
fn a_write_of_a_key_that_is_pending_needs_no_room() {
    let setup = Setup::new(tight());
    block_on(setup.store.commit(Batch::new().put(A, vec![1; 90]).put(B, vec![1; 90]))).unwrap();
    for round in 2..9 {
        let commit = setup.store.commit(Batch::new().put(B, vec![round; 100]).delete(A));
        commit.now_or_never().unwrap().unwrap();
    }
    assert_eq!(setup.below().commits(), []);
}

#[test]
fn a_commit_that_was_dropped_while_it_waited_does_not_happen() {
    let setup = full();
    let mut dropped = setup.store.commit(Batch::new().put(C, "dropped"));
    assert!(poll_once(&mut dropped).is_pending());
    let mut other = setup.store.commit(Batch::new().put(key!("/d"), "1"));
    assert!(poll_once(&mut other).is_pending());
    drop(dropped);
    setup.below().go_on();
    block_on(other).unwrap();
    block_on(setup.store.close()).unwrap();
    assert_eq!(keys_of(&setup.fault, Query::all()), [A, B, key!("/d")]);
}

const MINUTE: Duration = Duration::from_secs(60);

/// A write-behind that cannot write, with room for one more key.
fn stuck() -> Setup {
    let max_wait = HOUR + 2 * MINUTE;
    let options = WriteBehindOptions { min_backoff: HOUR, max_backoff: HOUR, max_wait, ..tight() };
    let setup = Setup::new(options);
    let broken = Injected::Error(ErrorKind::Unavailable);
    setup.fault.inject(Operation::Commit, Position::From(0), broken);
    block_on(setup.store.put(&A, "1")).unwrap();
    assert!(block_on(setup.store.flush()).is_err());
    wait_until(|| setup.clock.sleepers() == 1);
    setup
}

/// Lets the writer try in vain while two commits wait; it does not look at them again for half an hour.
fn try_in_vain(setup: &Setup) {
    setup.clock.advance(HOUR);
    wait_until(|| setup.store.pending().failed_flushes == 2 && setup.clock.sleepers() == 3);
}

#[test]
fn a_commit_that_fits_goes_on_once_the_one_before_it_was_dropped() {
    let setup = stuck();
    let mut large = setup.store.commit(Batch::new().put(B, "1").put(C, "1"));
    assert!(poll_once(&mut large).is_pending());
    let mut small = setup.store.commit(Batch::new().put(C, "2"));
    assert!(poll_once(&mut small).is_pending());
    try_in_vain(&setup);
    drop(large);
    wait_until(|| setup.store.pending().keys == 2);
    block_on(small).unwrap();
    assert_eq!(setup.store.unwritten(), Batch::new().put(A, "1").put(C, "2"));
}

#[test]
fn a_commit_that_fits_goes_on_once_the_one_before_it_waited_for_too_long() {
    let setup = stuck();
    let mut large = setup.store.commit(Batch::new().put(B, "1").put(C, "1"));
    assert!(poll_once(&mut large).is_pending());
    setup.clock.advance(MINUTE);
    let mut small = setup.store.commit(Batch::new().put(C, "2"));
    assert!(poll_once(&mut small).is_pending());
    try_in_vain(&setup);
    setup.clock.advance(MINUTE);
    assert_eq!(block_on(large).unwrap_err().kind(), ErrorKind::Unavailable);
    wait_until(|| setup.store.pending().keys == 2);
    block_on(small).unwrap();
    assert_eq!(setup.store.unwritten(), Batch::new().put(A, "1").put(C, "2"));
}

#[test]
fn a_commit_that_nobody_polls_holds_up_no_other() {
    let setup = full();
    let mut unpolled = setup.store.commit(Batch::new().put(C, "1").put(A, "2"));
    assert!(poll_once(&mut unpolled).is_pending());
    let mut conditional = setup.store.commit(Batch::new().put(B, "2").absent(key!("/none")));
    assert!(poll_once(&mut conditional).is_pending());
    let last = setup.store.commit(Batch::new().put(key!("/d"), "1"));
    setup.below().go_on();
    block_on(last).unwrap();
    // All three happened, in the order they came, though two futures were not polled again.
    assert_eq!(block_on(setup.store.get(&B)).unwrap().unwrap(), "2");
    assert_eq!(block_on(setup.store.get(&A)).unwrap().unwrap(), "2");
    block_on(unpolled).unwrap();
    block_on(conditional).unwrap();
}

#[test]
fn a_stream_of_commits_may_commit_more_between_its_items() {
    let setup = Setup::new(tight());
    let names: Vec<Key> = (0..30).map(|n| Key::new(format!("/{n:02}")).unwrap()).collect();
    let updates = stream::iter(&names)
        .map(|name| setup.store.update(name, |_| Some("updated".into())))
        .buffer_unordered(8);
    let done = block_on(updates.fold(0, |done, result| {
        result.unwrap();
        setup.store.commit(Batch::new().put(A, "between").synced()).map(move |result| {
            result.unwrap();
            done + 1
        })
    }));
    assert_eq!(done, 30);
    block_on(setup.store.close()).unwrap();
    assert_eq!(keys_of(&setup.fault, Query::all()).len(), 31);
}

#[test]
fn a_batch_larger_than_all_that_may_be_held_goes_through_after_what_came_before() {
    let large = Batch::new().put(A, vec![1; 150]).put(B, vec![2; 150]);
    let many = Batch::new().put(A, "1").put(B, "2").delete(C);
    for batch in [large, many] {
        let setup = Setup::new(tight());
        block_on(setup.store.put(&A, "before")).unwrap();
        block_on(setup.store.commit(batch.clone())).unwrap();
        assert_eq!(setup.below().commits(), [Batch::new().put(A, "before"), batch]);
        assert_eq!(setup.store.pending().keys, 0);
    }
}

#[test]
fn batches_larger_than_all_that_may_be_held_pass_each_other() {
    let setup = Setup::new(WriteBehindOptions { max_keys: 1, ..patient() });
    let commits = (0..20).map(|number: usize| {
        let batch = Batch::new().put(A, number.to_string()).put(B, number.to_string());
        setup.store.commit(if number.is_multiple_of(2) { batch } else { batch.synced() })
    });
    for result in block_on(join_all(commits)) {
        result.unwrap();
    }
    assert_eq!(setup.below().commits().len(), 20);
    let [a, b] = [A, B].map(|key| block_on(setup.store.get(&key)).unwrap());
    assert_eq!(a, b);
}

#[test]
fn where_nothing_may_be_held_every_commit_goes_through() {
    let setup = Setup::new(WriteBehindOptions { max_keys: 0, ..patient() });
    block_on(setup.store.put(&A, "1")).unwrap();
    assert_eq!(setup.below().commits(), [Batch::new().put(A, "1")]);
}

#[test]
fn a_commit_waits_no_longer_than_it_may() {
    let max_wait = Duration::from_secs(5);
    let setup = Setup::new(WriteBehindOptions { max_wait, ..tight() });
    let broken = Injected::Error(ErrorKind::Unavailable);
    setup.fault.inject(Operation::Commit, Position::From(0), broken);
    block_on(setup.store.commit(Batch::new().put(A, "1").put(B, "1"))).unwrap();
    assert!(block_on(setup.store.flush()).is_err());
    // The writer waits for the next try.
    wait_until(|| setup.clock.sleepers() == 1);
    let mut commit = setup.store.commit(Batch::new().put(C, "1"));
    assert!(poll_once(&mut commit).is_pending());
    setup.clock.advance(max_wait - Duration::from_millis(1));
    assert!(poll_once(&mut commit).is_pending());
    setup.clock.advance(Duration::from_millis(1));
    let error = block_on(commit).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.outcome(), Some(Outcome::NotApplied));
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("injected"));
    setup.fault.heal();
    block_on(setup.store.close()).unwrap();
    assert_eq!(keys_of(&setup.fault, Query::all()), [A, B]);
}

#[test]
fn a_commit_that_waits_outlasts_failures_of_the_store_below() {
    let setup = Setup::new(tight());
    let broken = Injected::Error(ErrorKind::Unavailable);
    setup.fault.inject(Operation::Commit, Position::From(0), broken);
    block_on(setup.store.commit(Batch::new().put(A, "1").put(B, "1"))).unwrap();
    let mut commit = setup.store.commit(Batch::new().put(C, "1"));
    assert!(poll_once(&mut commit).is_pending());
    for failures in 1..4 {
        wait_until(|| setup.store.pending().failed_flushes >= failures);
        setup.clock.advance(HOUR);
    }
    setup.fault.heal();
    wait_until(|| {
        setup.clock.advance(HOUR);
        setup.store.pending().failed_flushes == 0
    });
    block_on(commit).unwrap();
    assert_eq!(setup.store.pending().keys, 1);
}

#[test]
fn a_commit_that_waits_is_refused_when_the_store_closes() {
    let setup = full();
    let mut commits = [Batch::new().put(C, "1"), Batch::new().put(C, "1").absent(C)]
        .map(|batch| setup.store.commit(batch));
    for commit in &mut commits {
        assert!(poll_once(commit).is_pending());
    }
    let mut close = setup.store.close();
    assert!(poll_once(&mut close).is_pending());
    for commit in commits {
        let error = block_on(commit).unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Closed, Some(Outcome::NotApplied)));
    }
    setup.below().go_on();
    block_on(close).unwrap();
    assert_eq!(keys_of(&setup.fault, Query::all()), [A, B]);
}

#[test]
fn callers_that_give_up_during_a_flush_leave_nothing_behind() {
    let setup = Setup::new(patient());
    setup.below().pause(Pause::BeforeCommit);
    block_on(setup.store.put(&A, "1")).unwrap();
    assert!(poll_once(&mut Box::pin(setup.store.flush())).is_pending());
    setup.below().wait_for_paused(1);
    let give_up = |times| {
        for _ in 0..times {
            let synced = Batch::new().put(B, "1").synced();
            assert!(poll_once(&mut setup.store.commit(synced)).is_pending());
            assert!(poll_once(&mut setup.store.sync()).is_pending());
        }
        format!("{:?}", setup.store).len()
    };
    let few = give_up(10);
    let many = give_up(1_000);
    assert!(many < 2 * few, "{many} characters describe it, and {few} before");
    setup.below().go_on();
    block_on(setup.store.close()).unwrap();
    assert_eq!(keys_of(&setup.fault, Query::all()), [A, B]);
}
