//! Where a flush does not land whole, no record is there without its entry in the index, wherever it ends.

use std::collections::BTreeMap;

use datastore::{
    Batch, Datastore, DatastoreExt, ErrorKind, Injected, Key, Op, Operation, Position, Query,
    WriteBehindOptions, key,
};
use futures::TryStreamExt;
use futures::executor::block_on;

use crate::write_behind_below::{Setup, patient};

const INDEX: Key = key!("/index");

fn indexed() -> WriteBehindOptions {
    WriteBehindOptions { indexes: vec![INDEX], ..patient() }
}

/// Over a store whose batches land in part. Its batches come in the order of keys: what lies before the index
/// would land before it, and what lies behind it after it.
fn setup() -> Setup {
    let setup = Setup::new(indexed());
    setup.below().state().best_effort = true;
    setup
}

/// A record has the moment at which it ends as its value, and an entry with that moment, or one before.
fn entry(moment: u8, record: &Key) -> Key {
    INDEX.child(format!("{moment:03}")).unwrap().join(record).unwrap()
}

fn end(record: &Key, moment: u8) -> Op {
    Op::Put { key: record.clone(), value: moment.to_string().into() }
}

fn put(key: Key) -> Op {
    Op::Put { key, value: "".into() }
}

fn delete(key: &Key) -> Op {
    Op::Delete { key: key.clone() }
}

const EARLY: [Key; 3] = [key!("/a/0"), key!("/a/1"), key!("/a/2")];
const LATE: [Key; 3] = [key!("/z/0"), key!("/z/1"), key!("/z/2")];

fn records() -> impl Iterator<Item = Key> {
    EARLY.into_iter().chain(LATE)
}

/// What is below before, written past the write-behind.
fn begin(setup: &Setup) {
    for record in records().filter(|record| record.last_segment() != b"0") {
        let ops = vec![end(&record, 10), put(entry(10, &record))];
        block_on(setup.below().commit(Batch { ops, ..Batch::new() })).unwrap();
    }
}

/// Of three records each: one is new, one lives longer and has its entry moved, one is removed.
fn changes() -> Vec<Op> {
    let mut ops = Vec::new();
    for [new, moved, removed] in [EARLY, LATE] {
        ops.extend([put(entry(20, &new)), end(&new, 20)]);
        ops.extend([put(entry(30, &moved)), end(&moved, 30), delete(&entry(10, &moved))]);
        ops.extend([delete(&removed), delete(&entry(10, &removed))]);
    }
    ops
}

fn expected() -> BTreeMap<Key, String> {
    let mut expected = BTreeMap::new();
    for [new, moved, _] in [EARLY, LATE] {
        expected.insert(entry(20, &new), String::new());
        expected.insert(entry(30, &moved), String::new());
        expected.insert(new, "20".to_owned());
        expected.insert(moved, "30".to_owned());
    }
    expected
}

fn below(setup: &Setup) -> BTreeMap<Key, String> {
    let entries: Vec<_> = block_on(setup.below().store.query(Query::all()).try_collect()).unwrap();
    let text = |value: &bytes::Bytes| String::from_utf8(value.to_vec()).unwrap();
    entries.iter().map(|entry| (entry.key().clone(), text(entry.value().unwrap()))).collect()
}

#[track_caller]
fn check(setup: &Setup, context: &str) {
    let there = below(setup);
    for record in records() {
        let Some(ends) = there.get(&record) else { continue };
        let ends: u8 = ends.parse().unwrap();
        let found = (0..=ends).any(|moment| there.contains_key(&entry(moment, &record)));
        assert!(found, "{record} ends at {ends} and no entry finds it: {context}: {there:?}");
    }
}

#[test]
fn a_flush_that_ends_anywhere_leaves_no_record_without_its_entry() {
    let mut failures = 0;
    for commit in 0..4 {
        for landed in 0..8 {
            let setup = setup();
            begin(&setup);
            block_on(setup.store.commit(Batch { ops: changes(), ..Batch::new() })).unwrap();
            let torn = Injected::Torn(landed);
            setup.fault.inject(Operation::Commit, Position::Nth(commit), torn);
            let context = format!("commit {commit}, of which {landed} landed");
            failures += u32::from(block_on(setup.store.flush()).is_err());
            check(&setup, &context);
            setup.fault.heal();
            block_on(setup.store.flush()).unwrap();
            assert_eq!(below(&setup), expected(), "{context}");
        }
    }
    // Stages of four operations, four, two and four: each torn at each place but its end.
    assert_eq!(failures, 4 + 4 + 2 + 4);
}

#[test]
fn what_changes_between_two_tries_keeps_the_order() {
    for commit in 0..4 {
        for landed in 0..4 {
            let setup = setup();
            begin(&setup);
            for (number, op) in changes().into_iter().enumerate() {
                block_on(setup.store.commit(Batch { ops: vec![op], ..Batch::new() })).unwrap();
                if number % 3 == 2 {
                    let torn = Injected::Torn(landed);
                    setup.fault.inject(Operation::Commit, Position::Nth(commit), torn);
                    let _torn = block_on(setup.store.flush());
                    check(&setup, &format!("after {number}, commit {commit}, {landed} landed"));
                    setup.fault.heal();
                }
            }
            block_on(setup.store.flush()).unwrap();
            assert_eq!(below(&setup), expected());
        }
    }
}

#[test]
fn without_an_index_or_over_a_store_that_lands_whole_a_flush_is_one_commit() {
    for (options, best_effort) in [(patient(), true), (indexed(), false)] {
        let setup = Setup::new(options);
        setup.below().state().best_effort = best_effort;
        block_on(setup.store.commit(Batch { ops: changes(), ..Batch::new() })).unwrap();
        block_on(setup.store.flush()).unwrap();
        assert_eq!(setup.below().commits().len(), 1);
    }
}

#[test]
fn a_flush_that_is_synced_is_so_in_all_its_parts() {
    let setup = setup();
    block_on(setup.store.commit(Batch { ops: changes(), ..Batch::new() }.synced())).unwrap();
    let commits = setup.below().commits();
    assert_eq!(commits.len(), 4);
    assert!(commits.iter().all(|batch| batch.durability == datastore::Durability::Synced));
}

#[test]
fn a_record_that_is_refused_holds_up_nothing_and_an_entry_its_records() {
    let setup = setup();
    begin(&setup);
    let odd = key!("/odd");
    setup.below().state().refused.insert(odd.clone());
    block_on(setup.store.put(&odd, "1")).unwrap();
    block_on(setup.store.commit(Batch { ops: changes(), ..Batch::new() })).unwrap();
    let error = block_on(setup.store.flush()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PartialCommit);
    assert_eq!(error.partial().unwrap().failed, [odd]);
    assert_eq!((below(&setup), setup.store.pending().keys), (expected(), 1));

    let setup = self::setup();
    begin(&setup);
    let refused = entry(20, &EARLY[0]);
    setup.below().state().refused.insert(refused.clone());
    block_on(setup.store.commit(Batch { ops: changes(), ..Batch::new() })).unwrap();
    assert!(block_on(setup.store.flush()).is_err());
    check(&setup, "an entry is refused");
    assert!(!below(&setup).contains_key(&EARLY[0]));
    setup.below().state().refused.clear();
    block_on(setup.store.flush()).unwrap();
    assert_eq!(below(&setup), expected());
}
