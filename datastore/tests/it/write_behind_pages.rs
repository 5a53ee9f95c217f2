//! Pages of what is pending over what is below.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use datastore::{
    Batch, Content, Datastore, DatastoreExt, Entry, Key, Op, Operation, Page, PageBuilder, Query,
    Select, key,
};
use futures::executor::block_on;
use proptest::prelude::*;

use crate::model::{expected, few_keys, keys_of, queries};
use crate::write_behind_below::{Pause, Setup, patient, poll_once, wait_until};

const A: Key = key!("/a");
const B: Key = key!("/b");
const C: Key = key!("/c");

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = (few_keys(), prop::option::of("[a-c]{0,3}")).prop_map(|(key, value)| match value {
        Some(value) => Op::Put { key, value: value.into() },
        None => Op::Delete { key },
    });
    prop::collection::vec(op, 0..25)
}

fn apply(model: &mut BTreeMap<Key, Bytes>, ops: &[Op]) {
    for op in ops {
        match op {
            Op::Put { key, value } => drop(model.insert(key.clone(), value.clone())),
            Op::Delete { key } => drop(model.remove(key)),
        }
    }
}

/// All pages of a query, and how many there were.
fn walked(store: &dyn Datastore, query: &Query) -> (Vec<(Key, Content)>, usize) {
    let (mut rows, mut pages) = (Vec::new(), 0);
    let mut next = Some(query.clone());
    while let Some(query) = next {
        let Page { entries, next: cursor } = block_on(store.query_page(&query)).unwrap();
        assert!(query.limit.is_none_or(|limit| entries.len() <= limit));
        pages += 1;
        rows.extend(entries.into_iter().map(Entry::into_parts));
        next = cursor.map(|cursor| query.resume(cursor));
    }
    (rows, pages)
}

proptest! {
    #[test]
    fn every_query_finds_what_a_store_without_a_delay_would(
        flushed in ops(),
        flushing in ops(),
        waiting in ops(),
        short in prop::option::of(1..4_usize),
        query in queries(),
        select in prop::sample::select(vec![Select::Keys, Select::Sizes, Select::Values]),
    ) {
        let setup = Setup::new(patient());
        let mut model = BTreeMap::new();
        for ops in [&flushed, &flushing, &waiting] {
            apply(&mut model, ops);
        }
        block_on(setup.store.commit(flushed.into_iter().collect())).unwrap();
        block_on(setup.store.flush()).unwrap();
        // One flush is under way, and more is pending behind it.
        block_on(setup.store.commit(flushing.iter().cloned().collect())).unwrap();
        setup.below().pause(Pause::BeforeCommit);
        let mut flush = Box::pin(setup.store.flush());
        if !flushing.is_empty() {
            prop_assert!(poll_once(&mut flush).is_pending());
            setup.below().wait_for_paused(1);
        }
        block_on(setup.store.commit(waiting.into_iter().collect())).unwrap();
        if let Some(entries) = short {
            let short = datastore::Injected::ShortPage(entries);
            setup.fault.inject(Operation::QueryPage, datastore::Position::Every(2), short);
        }
        let query = Query { select, ..query };
        let unlimited = Query { limit: None, ..query.clone() };
        let rows = |query: &Query| {
            let keys: BTreeSet<Key> = model.keys().cloned().collect();
            let row = |key: Key| {
                let value = model[&key].clone();
                let content = match select {
                    Select::Keys => Content::Nothing,
                    Select::Sizes => Content::Size(value.len() as u64),
                    Select::Values => Content::Value(value),
                };
                (key, content)
            };
            expected(&keys, query).into_iter().map(row).collect::<Vec<_>>()
        };
        let found = walked(&setup.store, &unlimited).0;
        prop_assert_eq!(found, rows(&unlimited));
        // Page by page, the limit is that of each of them.
        let found = walked(&setup.store, &query).0;
        let whole = if query.limit == Some(0) { &query } else { &unlimited };
        prop_assert_eq!(found, rows(whole));
        prop_assert_eq!(keys_of(&setup.store, query.clone()).len(), rows(&query).len());
        setup.below().go_on();
        block_on(setup.store.close()).unwrap();
        setup.fault.heal();
        prop_assert_eq!(walked(&setup.fault, &unlimited).0, rows(&unlimited));
    }
}

#[test]
fn a_key_that_is_flushed_while_a_page_is_read_is_listed_once() {
    for pause in [Pause::BeforePage, Pause::AfterPage] {
        for query in [Query::all(), Query::all().descending(), Query::all().limit(3)] {
            let setup = Setup::new(patient());
            block_on(setup.below().store.put(&B, "below")).unwrap();
            block_on(setup.store.commit(Batch::new().put(A, "1").put(B, "1").put(C, "1"))).unwrap();
            setup.below().pause(pause);
            let mut page = setup.store.query_page(&query);
            assert!(poll_once(&mut page).is_pending());
            block_on(setup.store.flush()).unwrap();
            assert_eq!(setup.store.pending().keys, 0);
            setup.below().go_on();
            let mut listed: Vec<Key> =
                block_on(page).unwrap().entries.into_iter().map(Entry::into_key).collect();
            listed.sort();
            assert_eq!(listed, [A, B, C], "{pause:?}, {query:?}");
        }
    }
}

#[test]
fn a_key_that_is_deleted_and_flushed_while_a_page_is_read_does_not_come_back() {
    for pause in [Pause::BeforePage, Pause::AfterPage] {
        let setup = Setup::new(patient());
        block_on(setup.below().store.put(&A, "below")).unwrap();
        block_on(setup.store.commit(Batch::new().delete(A).put(B, "1"))).unwrap();
        setup.below().pause(pause);
        let query = Query::all();
        let mut page = setup.store.query_page(&query);
        assert!(poll_once(&mut page).is_pending());
        block_on(setup.store.flush()).unwrap();
        setup.below().go_on();
        let listed = block_on(page).unwrap().entries;
        assert_eq!(listed.into_iter().map(Entry::into_key).collect::<Vec<_>>(), [B]);
    }
}

#[test]
fn a_page_shows_a_batch_whole_or_not_at_all_whatever_is_flushed_meanwhile() {
    for pause in [Pause::BeforePage, Pause::AfterPage] {
        let setup = Setup::new(patient());
        block_on(setup.store.commit(Batch::new().put(A, "old").put(B, "old"))).unwrap();
        block_on(setup.store.flush()).unwrap();
        // What is pending at first holds one of the two keys alone.
        block_on(setup.store.put(&B, "pending")).unwrap();
        setup.below().pause(pause);
        let query = Query::all();
        let mut page = setup.store.query_page(&query);
        assert!(poll_once(&mut page).is_pending());
        block_on(setup.store.commit(Batch::new().put(A, "new").put(B, "new"))).unwrap();
        block_on(setup.store.flush()).unwrap();
        setup.below().go_on();
        let page = block_on(page).unwrap();
        let values: Vec<_> = page.entries.iter().map(|entry| entry.value().unwrap()).collect();
        assert!(values == ["new", "new"] || values == ["old", "pending"], "{values:?}");
    }
}

#[test]
fn a_page_beside_one_flush_after_another_ends() {
    let setup = Setup::new(patient());
    block_on(setup.store.put(&A, "1")).unwrap();
    setup.below().pause(Pause::AfterPage);
    let query = Query::all();
    let mut page = setup.store.query_page(&query);
    assert!(poll_once(&mut page).is_pending());
    block_on(setup.store.flush()).unwrap();
    block_on(setup.store.put(&B, "1")).unwrap();
    setup.below().go_on();
    // The page is read by the writer now, and the next flush waits for it.
    setup.below().pause(Pause::AfterPage);
    assert!(poll_once(&mut page).is_pending());
    setup.below().wait_for_paused(1);
    let mut flush = Box::pin(setup.store.flush());
    assert!(poll_once(&mut flush).is_pending());
    block_on(setup.store.put(&C, "1")).unwrap();
    setup.below().go_on();
    let listed = block_on(page).unwrap().entries;
    assert_eq!(listed.into_iter().map(Entry::into_key).collect::<Vec<_>>(), [A, B]);
    block_on(flush).unwrap();
    wait_until(|| setup.store.pending().keys == 0);
}

#[test]
fn a_page_goes_no_further_than_the_pending_writes_that_it_looked_at() {
    let setup = Setup::new(patient());
    let count = 3 * PageBuilder::MAX_ENTRIES;
    let names: Vec<Key> =
        (0..count).map(|number| Key::new(format!("/{number:05}")).unwrap()).collect();
    // Deletes alone: pages may be empty, and none may end the listing early.
    let deletes = names.iter().fold(Batch::new(), |batch, key| batch.delete(key.clone()));
    block_on(setup.store.commit(deletes.put(key!("/z"), "1"))).unwrap();
    for query in [Query::all(), Query::all().descending(), Query::all().limit(1)] {
        assert_eq!(keys_of(&setup.store, query), [key!("/z")]);
    }
    // And puts alone.
    let puts = names.iter().fold(Batch::new(), |batch, key| batch.put(key.clone(), ""));
    block_on(setup.store.commit(puts)).unwrap();
    assert_eq!(keys_of(&setup.store, Query::all()).len(), count + 1);
    assert_eq!(keys_of(&setup.store, Query::all().descending()).len(), count + 1);
}

#[test]
fn pending_deletes_do_not_make_a_limited_listing_long() {
    let setup = Setup::new(patient());
    let names: Vec<Key> =
        (0..100).map(|number| Key::new(format!("/{number:03}")).unwrap()).collect();
    for name in &names {
        block_on(setup.below().store.put(name, "")).unwrap();
    }
    let deletes = names[..99].iter().fold(Batch::new(), |batch, key| batch.delete(key.clone()));
    block_on(setup.store.commit(deletes)).unwrap();
    let (rows, pages) = walked(&setup.store, &Query::all().keys_only().limit(1));
    assert_eq!((rows.len(), pages), (1, 1));
}

#[test]
fn an_error_of_a_page_below_is_an_error() {
    let setup = Setup::new(patient());
    block_on(setup.store.put(&A, "1")).unwrap();
    let broken = datastore::Injected::Error(datastore::ErrorKind::Unavailable);
    setup.fault.inject(Operation::QueryPage, datastore::Position::From(0), broken);
    let error = block_on(setup.store.query_page(&Query::all())).unwrap_err();
    assert_eq!(error.kind(), datastore::ErrorKind::Unavailable);
}

#[test]
fn a_value_that_is_flushed_while_it_is_read_is_found() {
    let setup = Setup::new(patient());
    block_on(setup.below().store.put(&A, "old")).unwrap();
    setup.below().pause(Pause::BeforeRead);
    let key = A;
    let mut read = Box::pin(setup.store.get(&key));
    assert!(poll_once(&mut read).is_pending());
    block_on(setup.store.put(&A, "new")).unwrap();
    block_on(setup.store.flush()).unwrap();
    setup.below().go_on();
    assert_eq!(block_on(read).unwrap().unwrap(), "new");
}
