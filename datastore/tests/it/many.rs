//! Streams of reads and writes.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use datastore::{
    DatastoreExt, Error, ErrorKind, Fault, Injected, Key, MANY_BYTES, MANY_OPS, MANY_READS, Op,
    Operation, Position, Query,
};
use futures::executor::block_on;
use futures::{StreamExt, TryStreamExt, stream};
use proptest::prelude::*;

use crate::model::{keys, keys_of, store_of};
use crate::probe::Probe;

fn numbered(number: usize) -> Key {
    Key::new(format!("/{number:08}")).unwrap()
}

fn len(op: &Op) -> usize {
    match op {
        Op::Put { key, value } => key.as_bytes().len() + value.len(),
        Op::Delete { key } => key.as_bytes().len(),
    }
}

proptest! {
    #[test]
    fn batches_keep_the_order_and_their_bounds(
        sizes in prop::collection::vec(0..5 * MANY_BYTES / 4, 0..20),
        small in 0..3 * MANY_OPS,
    ) {
        let zeros = Bytes::from_static(&[0; 5 * MANY_BYTES / 4]);
        let sizes: Vec<usize> = sizes.into_iter().chain(std::iter::repeat_n(1, small)).collect();
        let store = Probe { discards: true, ..Probe::default() };
        let entries = sizes.iter().enumerate().map(|(n, size)| Ok((numbered(n), zeros.slice(..*size))));
        let written = block_on(store.put_many(stream::iter(entries))).unwrap();
        prop_assert_eq!(written, sizes.len() as u64);

        let batches = store.batches.lock().unwrap();
        let ops: Vec<&Op> = batches.iter().flat_map(|batch| &batch.ops).collect();
        prop_assert!(ops.iter().map(|op| op.key()).eq(&(0..sizes.len()).map(numbered).collect::<Vec<_>>()));
        for (n, batch) in batches.iter().enumerate() {
            let bytes: usize = batch.ops.iter().map(len).sum();
            prop_assert!((1..=MANY_OPS).contains(&batch.ops.len()));
            prop_assert!(bytes <= MANY_BYTES || batch.ops.len() == 1);
            // No batch ends before it must.
            if let Some(next) = batches.get(n + 1) {
                let full = batch.ops.len() == MANY_OPS || bytes + len(&next.ops[0]) > MANY_BYTES;
                prop_assert!(full, "{} operations, {} bytes", batch.ops.len(), bytes);
            }
        }
    }
}

#[test]
fn a_stream_that_fails_has_written_the_full_batches_before_it() {
    let store = Probe::default();
    let good = (0..MANY_OPS + 5).map(|n| Ok((numbered(n), Bytes::new())));
    let bad = Err(Error::new(ErrorKind::InvalidInput, "a line that cannot be read"));
    let error = block_on(store.put_many(stream::iter(good.chain([bad])))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(keys_of(&store, Query::all()).len(), MANY_OPS);
}

#[test]
fn a_commit_that_fails_ends_the_writing() {
    let store = Fault::new(Probe::default());
    store.inject(Operation::Commit, Position::Nth(1), Injected::Error(ErrorKind::Unavailable));
    let all = stream::iter((0..3 * MANY_OPS).map(|n| Ok((numbered(n), Bytes::new()))));
    assert_eq!(block_on(store.put_many(all)).unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(keys_of(&store, Query::all()).len(), MANY_OPS);
    assert_eq!(store.calls(Operation::Commit), 2);
}

#[test]
fn deletes_are_counted_whether_or_not_the_keys_are_there() {
    let store = Probe { inner: store_of(&keys(&["/a", "/b", "/c"])), ..Probe::default() };
    let named = keys(&["/a", "/c", "/d"]).into_iter().map(Ok);
    assert_eq!(block_on(store.delete_many(stream::iter(named))).unwrap(), 3);
    assert!(keys_of(&store, Query::all()).iter().eq(&keys(&["/b"])));
    assert_eq!(store.batches.lock().unwrap().len(), 1);
}

#[test]
fn nothing_to_write_commits_nothing() {
    let store = Probe::default();
    assert_eq!(block_on(store.put_many(stream::empty())).unwrap(), 0);
    assert!(store.batches.lock().unwrap().is_empty());
}

#[test]
fn many_values_come_in_the_order_of_their_keys_and_a_bounded_number_is_read_at_once() {
    let here: Vec<Key> = (0..100).filter(|n| n % 3 != 0).map(numbered).collect();
    let store = Probe { inner: store_of(&here), ..Probe::default() };
    let asked: Vec<Key> = (0..100).rev().map(numbered).collect();
    let found: Vec<(Key, Option<Bytes>)> =
        block_on(store.get_many(stream::iter(asked.clone()).map(Ok)).try_collect()).unwrap();
    assert!(found.iter().map(|(key, _)| key).eq(&asked));
    for (key, value) in found {
        assert_eq!(value, here.contains(&key).then(|| key.to_bytes()));
    }
    assert_eq!(store.most_reads.load(Ordering::SeqCst), MANY_READS);
}

#[test]
fn a_read_that_fails_fails_in_its_place() {
    let store = Fault::new(store_of(&keys(&["/a", "/b", "/c"])));
    store.inject(Operation::Read, Position::Nth(1), Injected::Error(ErrorKind::Corrupt));
    let asked = stream::iter(keys(&["/a", "/b", "/c"])).map(Ok);
    let found: Vec<_> = block_on(store.get_many(asked).collect());
    assert!(found[0].is_ok() && found[2].is_ok());
    assert_eq!(found[1].as_ref().unwrap_err().kind(), ErrorKind::Corrupt);
}
