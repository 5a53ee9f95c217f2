//! Copying and verifying.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use datastore::{
    Copied, Datastore, DatastoreExt, ErrorKind, Fault, Injected, Key, MemoryDatastore, Namespace,
    Operation, Position, Query, TestClock, copy, frozen, key, verify,
};
use futures::FutureExt;
use futures::executor::block_on;
use proptest::prelude::*;

use crate::model::{expected, few_keys, keys, keys_of, queries, store_of};
use crate::probe::Probe;

const NO_PROGRESS: fn(Copied) = |_| {};

fn is_missing(source: &MemoryDatastore, target: &MemoryDatastore, query: Query) -> bool {
    match block_on(verify(source, target, query, NO_PROGRESS)) {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt);
            true
        }
    }
}

proptest! {
    #[test]
    fn a_copy_holds_what_the_query_finds_and_verifies(
        source in prop::collection::btree_set(few_keys(), 0..30),
        others in prop::collection::btree_set(few_keys(), 0..30),
        query in queries(),
    ) {
        let from = Probe { inner: store_of(&source), page_of: Some(4), ..Probe::default() };
        let to = MemoryDatastore::new();
        for key in &others {
            block_on(to.put(key, "other")).unwrap();
        }
        let found = expected(&source, &query);
        let mut steps = Vec::new();
        let copied = block_on(copy(&from, &to, query.clone(), |sums| steps.push(sums))).unwrap();
        prop_assert_eq!(copied.entries, found.len() as u64);
        // The value of each key is the key.
        prop_assert_eq!(copied.bytes, found.iter().map(|k| 2 * k.as_bytes().len() as u64).sum::<u64>());
        prop_assert!(steps.iter().map(|sums| sums.entries).eq(1..=copied.entries));

        let both: BTreeSet<_> = others.iter().chain(&found).cloned().collect();
        prop_assert!(keys_of(&to, Query::all()).iter().eq(&both));
        let mut steps = 0;
        let verified = block_on(verify(&from, &to, query, |_| steps += 1)).unwrap();
        prop_assert_eq!(verified, copied);
        prop_assert_eq!(steps, copied.entries);
    }

    #[test]
    fn verifying_finds_whatever_is_missing(
        source in prop::collection::btree_set(few_keys(), 1..20),
        target in prop::collection::btree_set(few_keys(), 0..20),
        query in queries(),
    ) {
        let missing = expected(&source, &query).iter().any(|key| !target.contains(key));
        prop_assert_eq!(is_missing(&store_of(&source), &store_of(&target), query), missing);
    }
}

#[test]
fn verifying_finds_a_value_that_differs_and_names_its_key() {
    let (source, target) =
        (store_of(&keys(&["/a", "/b", "/c"])), store_of(&keys(&["/a", "/b", "/c"])));
    block_on(target.put(&key!("/b"), "/B")).unwrap();
    let error = block_on(verify(&source, &target, Query::all(), NO_PROGRESS)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.to_string().contains("/b differs"), "{error}");
}

#[test]
fn a_limit_is_not_used_up_by_what_only_the_target_has() {
    let (source, target) = (store_of(&keys(&["/b"])), store_of(&keys(&["/a", "/b"])));
    assert!(!is_missing(&source, &target, Query::all().limit(1)));
}

#[test]
fn copying_and_verifying_without_values_is_refused() {
    let store = store_of(&keys(&["/a"]));
    for query in [Query::all().keys_only(), Query::all().sizes_only()] {
        let empty = MemoryDatastore::new();
        let error = block_on(copy(&store, &empty, query.clone(), NO_PROGRESS)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(keys_of(&empty, Query::all()).is_empty());
        let error = block_on(verify(&store, &store, query, NO_PROGRESS)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_copy_that_failed_can_be_made_again() {
    let source =
        Probe { inner: store_of(&keys(&["/a", "/b", "/c"])), page_of: Some(1), ..Probe::default() };
    let source = Fault::new(source);
    source.inject(Operation::QueryPage, Position::Nth(2), Injected::Error(ErrorKind::Unavailable));
    let target = MemoryDatastore::new();
    let error = block_on(copy(&source, &target, Query::all(), NO_PROGRESS)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(block_on(copy(&source, &target, Query::all(), NO_PROGRESS)).unwrap().entries, 3);
    assert_eq!(block_on(verify(&source, &target, Query::all(), NO_PROGRESS)).unwrap().entries, 3);
}

#[test]
fn a_copy_that_is_dropped_midway_leaves_a_beginning_that_another_copy_completes() {
    let all = (0..2_500).map(|number| Key::new(format!("/copied/{number:04}")).unwrap()).collect();
    let source = Probe { inner: store_of(&all), page_of: Some(700), ..Probe::default() };
    for query in [Query::all(), Query::all().descending()] {
        let whole = expected(&all, &query);
        let mut left = BTreeSet::new();
        for polls in 0.. {
            // Each page of the source waits once, and so does each commit of the target.
            let clock = Arc::new(TestClock::new());
            let target = Fault::with_clock(MemoryDatastore::new(), clock.clone());
            let delay = Duration::from_secs(1);
            target.inject(Operation::Commit, Position::Every(1), Injected::Delay(delay));
            let mut copying = Box::pin(copy(&source, &target, query.clone(), NO_PROGRESS));
            let is_done = (0..polls).any(|_| {
                clock.advance(delay);
                copying.as_mut().now_or_never().is_some()
            });
            drop(copying);
            assert!(keys_of(&source, Query::all()).iter().eq(&all), "the source");
            let there = keys_of(target.inner(), query.clone());
            assert!(whole.starts_with(&there), "{} keys after {polls} polls", there.len());
            assert_eq!(is_done, there == whole, "{polls} polls");
            left.insert(there.len());

            target.heal();
            block_on(copy(&source, &target, query.clone(), NO_PROGRESS)).unwrap();
            let verified = block_on(verify(&source, &target, query.clone(), NO_PROGRESS)).unwrap();
            assert_eq!(verified.entries, 2_500);
            assert_eq!(keys_of(&target, Query::all()).len(), 2_500);
            if is_done {
                break;
            }
        }
        assert!(left.into_iter().eq([0, 1_000, 2_000, 2_500]), "dropped between all batches");
    }
}

#[test]
fn a_store_can_be_copied_below_itself_from_a_frozen_view() {
    let store: Arc<dyn Datastore> = Arc::new(store_of(&keys(&["/a", "/b/c"])));
    let below = Namespace::new(Arc::clone(&store), key!("/b"));
    let view = block_on(frozen(&store)).unwrap();
    block_on(copy(&view, &below, Query::all(), NO_PROGRESS)).unwrap();
    let all = keys(&["/a", "/b/c", "/b/a", "/b/b/c"]);
    assert!(keys_of(&store, Query::all()).iter().eq(&all));
}
