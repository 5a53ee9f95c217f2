//! Filters, offsets, limits and sorting on streams, beside the same on lists.

use datastore::{
    DatastoreExt, Entry, EntryStreamExt, Error, ErrorKind, Key, MemoryDatastore, Query, Result,
};
use futures::executor::block_on;
use futures::{StreamExt, TryStreamExt, stream};
use proptest::prelude::*;

use crate::probe::Probe;

fn store_of(values: &[u8]) -> Probe {
    let store = MemoryDatastore::new();
    for (n, value) in values.iter().enumerate() {
        let key = Key::new(format!("/{n:03}")).unwrap();
        block_on(store.put(&key, vec![*value])).unwrap();
    }
    Probe { inner: store, page_of: Some(3), ..Probe::default() }
}

fn value(entry: &Entry) -> u8 {
    entry.value().unwrap()[0]
}

proptest! {
    #[test]
    fn adapters_do_to_streams_what_iterators_do_to_lists(
        values in prop::collection::vec(0..6_u8, 0..20),
        kept in 0..6_u8,
        offset in 0..25_usize,
        limit in 0..25_usize,
    ) {
        let store = store_of(&values);
        let stream = store
            .query(Query::all())
            .filter_entries(|entry| value(entry) <= kept)
            .skip_entries(offset)
            .limit_entries(limit);
        let found: Vec<Entry> = block_on(stream.try_collect()).unwrap();
        let found: Vec<u8> = found.iter().map(value).collect();
        let listed = values.iter().copied().filter(|value| *value <= kept);
        prop_assert_eq!(found, listed.skip(offset).take(limit).collect::<Vec<_>>());
    }

    #[test]
    fn sorting_is_stable_and_bounded(
        values in prop::collection::vec(0..4_u8, 0..20),
        most in 0..22_usize,
    ) {
        let store = store_of(&values);
        let by_value = |a: &Entry, b: &Entry| value(a).cmp(&value(b));
        let sorted = block_on(store.query(Query::all()).sorted_by(most, by_value));
        if values.len() > most {
            prop_assert_eq!(sorted.unwrap_err().kind(), ErrorKind::InvalidInput);
        } else {
            let sorted = sorted.unwrap();
            let places: Vec<_> = sorted.iter().map(|e| (value(e), e.key().clone())).collect();
            prop_assert!(places.is_sorted() && places.len() == values.len());
        }
    }
}

fn failing(after: usize) -> impl futures::Stream<Item = Result<Entry>> + Unpin + Send {
    let key = |n: usize| Key::new(format!("/{n}")).unwrap();
    let entry = move |n| Ok(Entry::new(key(n), datastore::Content::Nothing));
    let error = Err(Error::new(ErrorKind::Unavailable, "the disk is gone"));
    stream::iter((0..after).map(entry).chain([error]))
}

#[test]
fn errors_go_through_every_adapter() {
    let kind = |result: Result<Vec<Entry>>| result.unwrap_err().kind();
    let all = |stream| kind(block_on(stream));
    assert_eq!(all(failing(3).filter_entries(|_| false).try_collect()), ErrorKind::Unavailable);
    let skipped = failing(3).skip_entries(9).try_collect();
    assert_eq!(kind(block_on(skipped)), ErrorKind::Unavailable);
    let limited = failing(3).limit_entries(9).try_collect();
    assert_eq!(kind(block_on(limited)), ErrorKind::Unavailable);
    let sorted = failing(3).sorted_by(9, |_, _| std::cmp::Ordering::Equal);
    assert_eq!(kind(block_on(sorted)), ErrorKind::Unavailable);
}

#[test]
fn a_limit_that_is_reached_reads_no_further() {
    let store = store_of(&[0; 9]);
    let mut stream = store.query(Query::all()).limit_entries(3);
    for _ in 0..3 {
        assert!(block_on(stream.next()).unwrap().is_ok());
    }
    assert!(block_on(stream.next()).is_none() && block_on(stream.next()).is_none());
    assert_eq!(store.queries.lock().unwrap().len(), 1);
    assert!(block_on(failing(0).limit_entries(0).next()).is_none());
}
