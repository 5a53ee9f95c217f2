//! Read, change, commit under a condition.

use std::sync::Arc;

use bytes::Bytes;
use datastore::{
    Datastore, DatastoreExt, ErrorKind, Fault, Found, Injected, Key, MemoryDatastore, Operation,
    Outcome, Position, UPDATE_TRIES, key,
};
use futures::FutureExt;
use futures::executor::block_on;

const KEY: Key = key!("/counter");

fn add_one(old: Option<Bytes>) -> Option<Bytes> {
    let old: u64 = old.map_or(0, |old| std::str::from_utf8(&old).unwrap().parse().unwrap());
    Some((old + 1).to_string().into())
}

/// A write that finishes within one poll, for closures that cannot wait.
fn put_at_once(store: &impl Datastore, value: String) {
    store.put(&KEY, value).now_or_never().unwrap().unwrap();
}

#[test]
fn an_update_sees_and_changes_the_newest_value_however_often_others_win() {
    for others in [0, 1, 2, 50] {
        let store = MemoryDatastore::new();
        let mut rounds = 0;
        let new = block_on(store.update(&KEY, |old| {
            if rounds < others {
                rounds += 1;
                put_at_once(&store, (rounds * 100).to_string());
            }
            add_one(old)
        }));
        let counted = (others * 100 + 1).to_string();
        assert_eq!(new.unwrap().unwrap(), counted);
        assert_eq!(block_on(store.get_required(&KEY)).unwrap(), counted);
    }
}

#[test]
fn an_update_gives_up_in_the_end_and_has_changed_nothing() {
    let store = MemoryDatastore::new();
    let mut rounds = 0;
    let error = block_on(store.update(&KEY, |old| {
        rounds += 1;
        put_at_once(&store, format!("{rounds}0"));
        add_one(old)
    }))
    .unwrap_err();
    assert_eq!(rounds, UPDATE_TRIES);
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Conflict, Some(Outcome::NotApplied)));
    assert_eq!(block_on(store.get_required(&KEY)).unwrap(), format!("{UPDATE_TRIES}0"));
}

#[test]
fn an_update_creates_and_removes() {
    let store = MemoryDatastore::new();
    let set =
        |value: Option<&'static str>| block_on(store.update(&KEY, |_| value.map(Bytes::from)));
    assert_eq!(set(Some("a")).unwrap().unwrap(), "a");
    assert_eq!(block_on(store.get(&KEY)).unwrap().unwrap(), "a");
    assert_eq!(set(None).unwrap(), None);
    assert!(!block_on(store.has(&KEY)).unwrap());
}

#[test]
fn an_update_to_what_is_there_writes_nothing() {
    let store = Fault::new(MemoryDatastore::new());
    assert_eq!(block_on(store.update(&KEY, |old| old)).unwrap(), None);
    block_on(store.put(&KEY, "a")).unwrap();
    assert_eq!(block_on(store.update(&KEY, |old| old)).unwrap().unwrap(), "a");
    assert_eq!(store.calls(Operation::Commit), 1);
}

#[test]
fn an_update_tries_again_after_conflicts_and_after_nothing_else() {
    let store = Fault::new(MemoryDatastore::new());
    store.inject(Operation::Commit, Position::Nth(0), Injected::LostReply(ErrorKind::Unavailable));
    let error = block_on(store.update(&KEY, add_one)).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Some(Outcome::Unknown)));
    assert_eq!(store.calls(Operation::Commit), 1);
    store.inject(Operation::Read, Position::Nth(0), Injected::Error(ErrorKind::Corrupt));
    assert_eq!(block_on(store.update(&KEY, add_one)).unwrap_err().kind(), ErrorKind::Corrupt);
    assert_eq!(store.calls(Operation::Commit), 1);
}

#[test]
fn updates_of_many_threads_all_count() {
    let store = Arc::new(MemoryDatastore::new());
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || {
                for _ in 0..200 {
                    block_on(store.update(&KEY, add_one)).unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(block_on(store.get_required(&KEY)).unwrap(), "1600");
}

#[test]
fn a_version_is_the_value_if_it_was_read_whole_and_nothing_else_says_so() {
    let value = Bytes::from("abc");
    assert_eq!(Found::whole(value.clone()).version().unwrap().as_value(), Some(&value));
    assert_eq!(Found::part(value.slice(1..), 3).version(), None);
    assert_eq!(Found::sized(3).version(), None);
    assert_eq!(Found::exists().version(), None);
    let tag = datastore::Version::of_tag("etag");
    let tagged = Found::whole(value).with_version(tag.clone());
    assert_eq!(tagged.version(), Some(tag));
}
