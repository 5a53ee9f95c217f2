//! Copying and verifying.

use std::sync::Arc;

use datastore::{
    Copied, Datastore, DatastoreExt, ErrorKind, Fault, Injected, MemoryDatastore, Namespace,
    Operation, Position, Query, copy, frozen, key, verify,
};
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

        let both: std::collections::BTreeSet<_> = others.iter().chain(&found).cloned().collect();
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
fn a_store_can_be_copied_below_itself_from_a_frozen_view() {
    let store: Arc<dyn Datastore> = Arc::new(store_of(&keys(&["/a", "/b/c"])));
    let below = Namespace::new(Arc::clone(&store), key!("/b"));
    let view = block_on(frozen(&store)).unwrap();
    block_on(copy(&view, &below, Query::all(), NO_PROGRESS)).unwrap();
    let all = keys(&["/a", "/b/c", "/b/a", "/b/b/c"]);
    assert!(keys_of(&store, Query::all()).iter().eq(&all));
}
