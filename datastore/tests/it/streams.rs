//! Streams over pages.

use datastore::{
    DatastoreExt, ErrorKind, Fault, Injected, Key, Operation, Position, Query, Select, key,
};
use futures::executor::block_on;
use futures::stream::FusedStream;
use futures::{StreamExt, TryStreamExt};
use proptest::prelude::*;

use crate::model::{expected, few_keys, keys, keys_of, queries, store_of};
use crate::probe::Probe;

proptest! {
    #[test]
    fn pages_of_any_size_make_the_same_stream(
        keys in prop::collection::btree_set(few_keys(), 0..30),
        query in queries(),
        page_of in 1..8_usize,
    ) {
        let store = Probe { inner: store_of(&keys), page_of: Some(page_of), ..Probe::default() };
        prop_assert_eq!(keys_of(&store, query.clone()), expected(&keys, &query));
        // Once the limit is reached the store is not asked again.
        let limit = query.limit.unwrap_or(usize::MAX);
        let asked = store.queries.lock().unwrap().len();
        prop_assert!(asked <= limit.div_ceil(page_of).max(1), "{} pages", asked);
    }

    #[test]
    fn pages_without_entries_end_nothing(
        visible in prop::collection::btree_set(few_keys(), 0..20),
        hidden in prop::collection::btree_set(few_keys(), 0..20),
        query in queries(),
        page_of in 1..4_usize,
    ) {
        let hidden: Vec<Key> = hidden.iter().map(|key| key.child("hidden").unwrap()).collect();
        let inner = store_of(visible.iter().chain(&hidden));
        let store = Probe { inner, page_of: Some(page_of), ..Probe::default() };
        prop_assert_eq!(keys_of(&store, query.clone()), expected(&visible, &query));
    }
}

#[test]
fn an_error_at_any_page_is_the_last_item() {
    let all = keys(&["/a", "/b", "/c", "/d", "/e"]);
    for failing in 0..5 {
        let inner = Probe { inner: store_of(&all), page_of: Some(1), ..Probe::default() };
        let store = Fault::new(inner);
        let error = Injected::Error(ErrorKind::Unavailable);
        store.inject(Operation::QueryPage, Position::Nth(failing), error);
        let mut stream = store.query(Query::all());
        block_on(async {
            for key in all.iter().take(failing as usize) {
                assert_eq!(stream.try_next().await.unwrap().unwrap().key(), key);
            }
            assert!(!stream.is_terminated());
            assert_eq!(stream.try_next().await.unwrap_err().kind(), ErrorKind::Unavailable);
            assert!(stream.is_terminated());
            assert!(stream.next().await.is_none() && stream.next().await.is_none());
        });
        drop(stream);
        assert_eq!(store.calls(Operation::QueryPage), failing + 1);
    }
}

#[test]
fn a_store_that_stays_where_it_is_is_not_asked_for_ever() {
    for query in [Query::all(), Query::all().descending()] {
        let inner = store_of(&keys(&["/a", "/b", "/c"]));
        let cursor = Some(key!("/b"));
        let store = Probe { inner, page_of: Some(2), cursor, ..Probe::default() };
        let error = block_on(store.query(query).try_collect::<Vec<_>>()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
        assert_eq!(store.queries.lock().unwrap().len(), 2);
    }
}

#[test]
fn a_stream_that_ended_asks_nothing_more() {
    let store = Probe { inner: store_of(&keys(&["/a"])), ..Probe::default() };
    let mut stream = store.query(Query::all());
    assert!(!stream.is_terminated());
    assert!(block_on(stream.next()).is_some());
    assert!(stream.is_terminated());
    assert!(block_on(stream.next()).is_none() && block_on(stream.next()).is_none());
    assert_eq!(store.queries.lock().unwrap().len(), 1);
}

#[test]
fn a_stream_asks_for_a_page_only_when_it_is_polled_and_drained() {
    let all = keys(&["/a", "/b", "/c", "/d"]);
    let store = Probe { inner: store_of(&all), page_of: Some(2), ..Probe::default() };
    let asked = || store.queries.lock().unwrap().len();
    let mut stream = store.query(Query::all());
    assert_eq!(asked(), 0);
    for pages in [1, 1, 2, 2] {
        assert!(block_on(stream.next()).is_some());
        assert_eq!(asked(), pages);
    }
}

#[test]
fn each_page_is_asked_for_what_is_left_of_the_limit() {
    let all = keys(&["/a", "/b", "/c", "/d", "/e", "/f"]);
    let store = Probe { inner: store_of(&all), page_of: Some(2), ..Probe::default() };
    assert_eq!(keys_of(&store, Query::all().limit(5)).len(), 5);
    let asked: Vec<_> = store.queries.lock().unwrap().iter().map(|query| query.limit).collect();
    assert_eq!(asked, [Some(5), Some(3), Some(1)]);
}

#[test]
fn keys_and_counts_do_not_ask_for_values() {
    let all = keys(&["/a", "/b", "/c"]);
    let store = Probe { inner: store_of(&all), page_of: Some(2), ..Probe::default() };
    assert_eq!(block_on(store.count(Query::all())).unwrap(), 3);
    assert_eq!(keys_of(&store, Query::all()).len(), 3);
    let mut stream = store.query_keys(Query::all());
    assert!(block_on(stream.by_ref().try_collect::<Vec<_>>()).unwrap().len() == 3);
    assert!(stream.is_terminated());
    let queries = store.queries.lock().unwrap();
    assert!(!queries.is_empty() && queries.iter().all(|query| query.select == Select::Keys));
}

#[test]
fn streams_can_be_sent_and_unpinned() {
    fn is_send_and_unpin<T: Send + Unpin>(stream: T) -> T {
        stream
    }
    let store = store_of(&keys(&["/a"]));
    drop(is_send_and_unpin(store.query(Query::all())));
    drop(is_send_and_unpin(store.query_keys(Query::all())));
}
