//! What a write-behind holds back, and when it lets go of it.

use std::sync::Arc;
use std::time::Duration;

use datastore::{
    Batch, Datastore, DatastoreExt, Durability, ErrorKind, Key, MemoryDatastore, Operation,
    Outcome, Query, Survives, WriteBehind, WriteBehindOptions, key,
};
use futures::executor::block_on;
use futures::future::join_all;

use crate::model::keys_of;
use crate::write_behind_below::{HOUR, Pause, Setup, patient, poll_once, wait_until};

const A: Key = key!("/a");
const B: Key = key!("/b");

#[test]
fn ten_thousand_updates_of_a_thousand_keys_are_a_thousand_writes() {
    let setup = Setup::new(WriteBehindOptions::default());
    let name = |number: usize| Key::new(format!("/key/{:03}", number % 1000)).unwrap();
    for number in 0..10_000 {
        block_on(setup.store.put(&name(number), number.to_string())).unwrap();
    }
    block_on(setup.store.close()).unwrap();
    let written: usize = setup.below().commits().iter().map(|batch| batch.ops.len()).sum();
    assert_eq!(written, 1000);
    for number in 9_000..10_000 {
        let value = block_on(setup.below().store.get(&name(number))).unwrap();
        assert_eq!(value.unwrap(), number.to_string());
    }
}

#[test]
fn what_is_written_is_read_and_not_yet_below() {
    let setup = Setup::new(patient());
    block_on(setup.store.put(&A, "value")).unwrap();
    block_on(setup.store.delete(&B)).unwrap();
    assert_eq!(block_on(setup.store.get(&A)).unwrap().unwrap(), "value");
    assert_eq!(block_on(setup.store.size(&A)).unwrap(), Some(5));
    assert_eq!(block_on(setup.store.get_range(&A, 1, 2)).unwrap().unwrap(), "al");
    assert!(block_on(setup.store.has(&A)).unwrap());
    assert!(!block_on(setup.store.has(&B)).unwrap());
    assert_eq!(setup.fault.calls(Operation::Read), 0);
    assert_eq!(setup.store.pending().keys, 2);
    assert_eq!(setup.store.pending().bytes, 2 + 5 + 2);
    assert_eq!(setup.below().commits(), []);
    assert!(block_on(setup.store.inner().get(&A)).unwrap().is_none());
}

#[test]
fn a_pending_delete_hides_what_is_below() {
    let setup = Setup::new(patient());
    block_on(setup.below().store.put(&A, "below")).unwrap();
    block_on(setup.store.delete(&A)).unwrap();
    assert_eq!(block_on(setup.store.get(&A)).unwrap(), None);
    assert_eq!(keys_of(&setup.store, Query::all()), []);
}

#[test]
fn a_flush_begins_once_enough_keys_are_pending() {
    let setup = Setup::new(WriteBehindOptions { flush_keys: 3, ..patient() });
    for _ in 0..10 {
        block_on(setup.store.commit(Batch::new().put(A, "1").delete(B))).unwrap();
    }
    assert_eq!(setup.store.pending().keys, 2);
    block_on(setup.store.put(&key!("/c"), "1")).unwrap();
    wait_until(|| setup.store.pending().keys == 0);
    assert_eq!(setup.below().commits().len(), 1);
    assert_eq!(setup.below().commits()[0].ops.len(), 3);
    assert_eq!(setup.below().commits()[0].durability, Durability::Buffered);
}

#[test]
fn a_flush_begins_once_enough_bytes_are_pending() {
    let setup = Setup::new(WriteBehindOptions { flush_bytes: 100, ..patient() });
    block_on(setup.store.put(&A, vec![1; 90])).unwrap();
    block_on(setup.store.put(&A, vec![2; 97])).unwrap();
    assert_eq!(setup.store.pending().bytes, 99);
    block_on(setup.store.put(&A, vec![3; 98])).unwrap();
    wait_until(|| setup.store.pending().keys == 0);
    assert_eq!(setup.below().commits(), [Batch::new().put(A, vec![3; 98])]);
}

#[test]
fn a_flush_begins_once_the_oldest_write_is_old_enough() {
    let age = Duration::from_secs(10);
    let setup = Setup::new(WriteBehindOptions { flush_age: age, ..patient() });
    for round in 1..4 {
        block_on(setup.store.put(&A, "old")).unwrap();
        wait_until(|| setup.clock.sleepers() == 1);
        setup.clock.advance(age - Duration::from_millis(1));
        block_on(setup.store.put(&B, "young")).unwrap();
        assert_eq!(setup.store.pending().keys, 2);
        setup.clock.advance(Duration::from_millis(1));
        wait_until(|| setup.store.pending().keys == 0);
        assert_eq!(setup.below().commits().len(), round);
    }
}

#[test]
fn no_age_is_too_great_for_the_clock_of_the_machine() {
    let options = WriteBehindOptions { max_keys: 1, ..patient() };
    let store = WriteBehind::with_options(MemoryDatastore::new(), options);
    block_on(store.put(&A, "1")).unwrap();
    block_on(store.put(&B, "2")).unwrap();
    block_on(store.close()).unwrap();
    assert_eq!(keys_of(store.inner(), Query::all()), [A, B]);
}

#[test]
fn a_sync_writes_and_syncs_below() {
    let setup = Setup::new(patient());
    block_on(setup.store.put(&A, "1")).unwrap();
    block_on(setup.store.sync()).unwrap();
    assert_eq!(setup.below().commits(), [Batch::new().put(A, "1")]);
    assert_eq!(setup.fault.calls(Operation::Sync), 1);
    block_on(setup.store.sync()).unwrap();
    assert_eq!((setup.below().commits().len(), setup.fault.calls(Operation::Sync)), (1, 2));
}

#[test]
fn a_flush_writes_and_does_not_sync() {
    let setup = Setup::new(patient());
    block_on(setup.store.put(&A, "1")).unwrap();
    block_on(setup.store.flush()).unwrap();
    assert_eq!(setup.below().commits(), [Batch::new().put(A, "1")]);
    assert_eq!(setup.fault.calls(Operation::Sync), 0);
}

#[test]
fn a_close_writes_and_syncs_and_leaves_the_store_below_open() {
    let setup = Setup::new(patient());
    block_on(setup.store.put(&A, "1")).unwrap();
    block_on(setup.store.close()).unwrap();
    assert_eq!(setup.below().commits(), [Batch::new().put(A, "1")]);
    assert_eq!(setup.fault.calls(Operation::Sync), 1);
    assert_eq!(setup.fault.calls(Operation::Close), 0);
    assert!(block_on(setup.fault.has(&A)).unwrap());
    // The test, and the wrapper itself: the writer let go of it.
    assert_eq!(Arc::strong_count(&setup.fault), 2);
    assert_eq!(block_on(setup.store.flush()).unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn a_close_that_was_dropped_goes_on() {
    let setup = Setup::new(patient());
    block_on(setup.store.put(&A, "1")).unwrap();
    setup.below().pause(Pause::BeforeCommit);
    let mut close = setup.store.close();
    assert!(poll_once(&mut close).is_pending());
    drop(close);
    setup.below().wait_for_paused(1);
    setup.below().go_on();
    block_on(setup.store.close()).unwrap();
    assert_eq!(setup.below().commits(), [Batch::new().put(A, "1")]);
}

#[test]
fn a_handle_that_is_dropped_loses_what_is_pending_and_lets_go_of_the_store_below() {
    let Setup { store, fault, clock } = Setup::new(WriteBehindOptions::default());
    block_on(store.put(&A, "1")).unwrap();
    wait_until(|| clock.sleepers() == 1);
    drop(store);
    wait_until(|| Arc::strong_count(&fault) == 1);
    clock.advance(HOUR);
    assert_eq!(fault.inner().commits(), []);
}

#[test]
fn without_a_commit_there_is_no_writer() {
    let setup = Setup::new(patient());
    assert_eq!(keys_of(&setup.store, Query::all()), []);
    block_on(setup.store.sync()).unwrap();
    assert_eq!(Arc::strong_count(&setup.fault), 2);
    block_on(setup.store.close()).unwrap();
}

#[test]
fn a_synced_commit_takes_along_what_was_pending_before_it() {
    let setup = Setup::new(patient());
    block_on(setup.store.put(&A, "1")).unwrap();
    block_on(setup.store.put(&B, "1")).unwrap();
    block_on(setup.store.commit(Batch::new().delete(B).synced())).unwrap();
    assert_eq!(setup.below().commits(), [Batch::new().put(A, "1").delete(B).synced()]);
    assert_eq!(setup.store.pending().keys, 0);
    // A batch without operations asks for durability alone, after what is pending.
    block_on(setup.store.put(&A, "2")).unwrap();
    block_on(setup.store.commit(Batch::new().synced())).unwrap();
    assert_eq!(setup.below().commits()[1..], [Batch::new().put(A, "2"), Batch::new().synced()]);
}

#[test]
fn synced_commits_that_wait_for_each_other_share_a_flush() {
    let setup = Setup::new(patient());
    setup.below().pause(Pause::BeforeCommit);
    let commit = |number: u8| {
        setup.store.commit(Batch::new().put(Key::from_segments([[number]]).unwrap(), "").synced())
    };
    let mut first = commit(b'0');
    assert!(poll_once(&mut first).is_pending());
    setup.below().wait_for_paused(1);
    let mut others: Vec<_> = (b'1'..=b'9').map(commit).collect();
    assert!(others.iter_mut().all(|commit| poll_once(commit).is_pending()));
    setup.below().go_on();
    block_on(join_all(others.into_iter().chain([first])))
        .into_iter()
        .for_each(|result| result.unwrap());
    let sizes: Vec<usize> = setup.below().commits().iter().map(|batch| batch.ops.len()).collect();
    assert_eq!(sizes, [1, 9]);
}

#[test]
fn what_looks_at_the_whole_store_below_finds_it_complete() {
    let setup = Setup::new(patient());
    block_on(setup.store.put(&A, "1")).unwrap();
    let snapshot = block_on(setup.store.snapshot()).unwrap();
    block_on(setup.store.put(&B, "1")).unwrap();
    assert_eq!(keys_of(&snapshot, Query::all()), [A]);
    assert_eq!(block_on(setup.store.check()).unwrap().entries, 2);
    block_on(setup.store.put(&key!("/c"), "1")).unwrap();
    // Of this store, the number of its commits.
    assert_eq!(block_on(setup.store.disk_usage()).unwrap(), 3);
    block_on(setup.store.delete(&A)).unwrap();
    block_on(setup.store.compact()).unwrap();
    assert_eq!(setup.below().commits().len(), 4);
    assert_eq!(setup.store.pending().keys, 0);
}

#[test]
fn what_the_store_below_cannot_hold_is_refused_at_once() {
    let setup = Setup::new(patient());
    let long = Key::from_segments([vec![b'a'; 100]]).unwrap();
    let refused = [
        (Batch::new().put(A, "1").delete(long), ErrorKind::InvalidKey),
        (Batch::new().put(A, "1").put(B, vec![0; 1_001]), ErrorKind::InvalidInput),
    ];
    for (batch, kind) in refused {
        let error = block_on(setup.store.commit(batch)).unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (kind, Some(Outcome::NotApplied)));
        assert!(error.key().is_some());
    }
    assert_eq!(setup.store.pending().keys, 0);
}

#[test]
fn a_small_part_of_a_large_buffer_is_held_without_the_rest() {
    let setup = Setup::new(patient());
    let buffer = bytes::Bytes::from(vec![7; 1 << 20]);
    block_on(setup.store.put(&A, buffer.slice(..10))).unwrap();
    assert!(buffer.is_unique());
}

#[test]
fn it_promises_what_the_store_below_does_but_for_buffered_commits() {
    let setup = Setup::new(patient());
    setup.below().state().durable = true;
    let below = setup.fault.capabilities();
    assert_eq!((below.buffered, below.synced), (Survives::Process, Survives::Power));
    let mut declared = setup.store.capabilities();
    assert_eq!(declared.buffered, Survives::Nothing);
    declared.buffered = below.buffered;
    assert_eq!(declared, below);
}

#[test]
fn a_flush_that_was_dropped_loses_nothing() {
    let setup = Setup::new(patient());
    for polls in 0..3 {
        block_on(setup.store.put(&A, polls.to_string())).unwrap();
        setup.below().pause(Pause::BeforeCommit);
        let mut sync = setup.store.sync();
        for _ in 0..polls {
            assert!(poll_once(&mut sync).is_pending());
            setup.below().wait_for_paused(1);
        }
        drop(sync);
        assert_eq!(block_on(setup.store.get(&A)).unwrap().unwrap(), polls.to_string());
        setup.below().go_on();
        block_on(setup.store.sync()).unwrap();
        assert_eq!(block_on(setup.fault.get(&A)).unwrap().unwrap(), polls.to_string());
    }
}
