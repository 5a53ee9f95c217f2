//! Keys below a prefix.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use datastore::{
    Batch, Datastore, DatastoreExt, ErrorKind, Fault, Injected, Key, MemoryDatastore, Namespace,
    Operation, Outcome, Partial, Position, Query, Scope, key,
};
use futures::executor::block_on;
use proptest::prelude::*;

use crate::model::{expected, few_keys, keys, keys_of, queries, store_of};
use crate::probe::Probe;

proptest! {
    #[test]
    fn every_query_is_pushed_down_as_it_was_meant(
        keys in prop::collection::btree_set(few_keys(), 0..40),
        prefix in prop::sample::select(vec![key!("/a"), key!("/a/0"), key!("/a."), key!("/0/.a/a")]),
        inside in prop::collection::btree_set(few_keys(), 0..20),
        query in queries(),
        page_of in 1..6_usize,
    ) {
        // Some keys that happen to lie where they lie, and some that surely are below the prefix.
        let all: BTreeSet<Key> =
            keys.into_iter().chain(inside.iter().map(|key| prefix.join(key).unwrap())).collect();
        let below: BTreeSet<Key> = all.iter().filter_map(|key| prefix.strip_from(key)).collect();
        let inner = Probe { inner: store_of(&all), page_of: Some(page_of), ..Probe::default() };
        let store = Namespace::new(inner, prefix);
        prop_assert_eq!(keys_of(&store, query.clone()), expected(&below, &query));
        // The store below walks nothing outside: as many pages as there are entries to walk.
        let asked = store.inner().queries.lock().unwrap().len();
        let walked = expected(&below, &query).len();
        prop_assert!(asked <= walked.div_ceil(page_of) + 1, "{} pages for {}", asked, walked);
    }

    #[test]
    fn no_two_keys_meet(a in few_keys(), b in few_keys(), prefix in few_keys()) {
        let store = Namespace::new(MemoryDatastore::new(), prefix.clone());
        block_on(store.put(&a, "a")).unwrap();
        block_on(store.put(&b, "b")).unwrap();
        prop_assert_eq!(block_on(store.get_required(&b)).unwrap(), "b");
        prop_assert_eq!(block_on(store.get_required(&a)).unwrap() == "b", a == b);
        prop_assert!(block_on(store.inner().has(&prefix.join(&a).unwrap())).unwrap());
        prop_assert!(!block_on(store.inner().has(&prefix)).unwrap());
    }
}

const PREFIX: Key = key!("/ns");

/// `/a…` of this many bytes.
fn long(len: usize) -> Key {
    Key::new([b"/".as_slice(), &vec![b'a'; len - 1]].concat()).unwrap()
}

#[test]
fn a_key_that_would_be_too_long_below_is_refused_and_nothing_is_applied() {
    let store = Namespace::new(MemoryDatastore::new(), PREFIX);
    let fits = store.capabilities().max_key_len;
    assert_eq!(fits, Key::MAX_LEN - 3);
    block_on(store.put(&long(fits), "1")).unwrap();
    let too_long = long(fits + 1);
    for batch in [
        Batch::new().put(key!("/b"), "").put(too_long.clone(), ""),
        Batch::new().put(key!("/b"), "").delete(too_long.clone()),
        Batch::new().put(key!("/b"), "").absent(too_long.clone()),
    ] {
        let error = block_on(store.commit(batch)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidKey);
        assert_eq!(error.outcome(), Some(Outcome::NotApplied));
    }
    assert_eq!(block_on(store.get(&too_long)).unwrap_err().kind(), ErrorKind::InvalidKey);
    assert_eq!(keys_of(&store, Query::all()), [long(fits)]);
}

#[test]
fn cursors_and_bounds_that_would_be_too_long_below_keep_their_place() {
    let store = Namespace::new(MemoryDatastore::new(), PREFIX);
    let longest = store.capabilities().max_key_len;
    let there: BTreeSet<Key> = [key!("/Z"), long(5), long(longest), key!("/b")].into();
    for key in &there {
        block_on(store.put(key, "")).unwrap();
    }
    for cursor in [long(longest), long(longest + 1), long(Key::MAX_LEN)] {
        let bytes = cursor.to_bytes();
        let scopes = [
            Scope::All,
            Scope::Descendants(cursor.clone()),
            Scope::StartsWith(bytes.clone()),
            Scope::Range(Bound::Included(bytes.clone()), Bound::Unbounded),
            Scope::Range(Bound::Unbounded, Bound::Excluded(bytes)),
            Scope::Range(Bound::Included("/a".into()), Bound::Included("/az".into())),
        ];
        for scope in scopes {
            let query = Query { scope, ..Query::all() };
            let mut tried = vec![query.clone()];
            tried.push(query.clone().after(cursor.clone()));
            tried.push(query.clone().before(cursor.clone()));
            tried.push(query.clone().after(key!("/Z")).before(cursor.clone()));
            tried.push(query.after(cursor.clone()).before(key!("/c")));
            for query in tried {
                for query in [query.clone(), query.descending()] {
                    assert_eq!(keys_of(&store, query.clone()), expected(&there, &query));
                }
            }
        }
    }
}

#[test]
fn what_begins_as_the_prefix_does_lies_outside() {
    let store =
        Namespace::new(store_of(&keys(&["/ns", "/ns/a", "/ns0", "/nsa/a", "/ns."])), PREFIX);
    let there = keys(&["/a"]);
    for start in ["", "/", "/a", "0", "a", ".", "a/a", "ns"] {
        let query = Query::starts_with(start);
        assert_eq!(keys_of(&store, query.clone()), expected(&there, &query), "{start:?}");
        let query =
            Query { scope: Scope::Range(Bound::Included(start.into()), Bound::Unbounded), ..query };
        assert_eq!(keys_of(&store, query.clone()), expected(&there, &query), "from {start:?}");
        let query =
            Query { scope: Scope::Range(Bound::Unbounded, Bound::Included(start.into())), ..query };
        assert_eq!(keys_of(&store, query.clone()), expected(&there, &query), "to {start:?}");
    }
}

#[test]
fn pages_name_the_keys_of_this_store() {
    let store = Namespace::new(store_of(&keys(&["/ns/a", "/ns/b", "/x"])), PREFIX);
    let page = block_on(store.query_page(&Query::all().limit(1))).unwrap();
    assert_eq!(page.entries[0].key(), &key!("/a"));
    assert_eq!(page.next, Some(key!("/a")));
}

#[test]
fn conditions_and_partial_commits_name_the_keys_of_this_store() {
    let below = Fault::new(MemoryDatastore::new());
    below.inject(Operation::Commit, Position::Nth(0), Injected::Torn(1));
    let store = Namespace::new(below, PREFIX);
    let batch = Batch::new().put(key!("/a"), "1").put(key!("/b"), "2");
    let error = block_on(store.commit(batch)).unwrap_err();
    let partial = Partial { landed: vec![key!("/a")], failed: vec![key!("/b")] };
    assert_eq!(error.partial(), Some(&partial));
    let error = block_on(store.commit(Batch::new().absent(key!("/a")))).unwrap_err();
    assert_eq!((error.kind(), error.key()), (ErrorKind::Conflict, Some(&key!("/a"))));
    assert!(!error.to_string().contains("/ns"), "{error}");
    block_on(store.commit(Batch::new().absent(key!("/b")))).unwrap();
}

#[test]
fn a_snapshot_has_the_same_keys_and_closing_leaves_the_store_below_open() {
    let below = Arc::new(store_of(&keys(&["/ns/a", "/b"])));
    let store = Namespace::new(Arc::clone(&below), PREFIX);
    let view = block_on(store.snapshot()).unwrap();
    block_on(store.delete(&key!("/a"))).unwrap();
    assert_eq!(keys_of(&view, Query::all()), [key!("/a")]);
    block_on(store.close()).unwrap();
    block_on(store.close()).unwrap();
    assert_eq!(block_on(store.get(&key!("/a"))).unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(keys_of(&below, Query::all()), [key!("/b")]);
    assert_eq!(keys_of(&view, Query::all()), [key!("/a")]);
}

#[test]
fn namespaces_nest() {
    let outer = Namespace::new(MemoryDatastore::new(), key!("/a"));
    let inner = Namespace::new(outer, key!("/b"));
    block_on(inner.put(&key!("/c"), "1")).unwrap();
    assert_eq!(keys_of(inner.inner().inner(), Query::all()), [key!("/a/b/c")]);
    assert_eq!(keys_of(&inner, Query::starts_with("/c")), [key!("/c")]);
}
