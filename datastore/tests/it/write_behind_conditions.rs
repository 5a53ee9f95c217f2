//! Commits with conditions, which go through to the store below.

use std::sync::Arc;

use datastore::{
    Batch, Datastore, DatastoreExt, ErrorKind, Found, Injected, Key, MemoryDatastore, Operation,
    Outcome, Position, TestClock, Want, WriteBehind, WriteBehindOptions, key,
};
use futures::executor::block_on;
use futures::future::join_all;

use crate::write_behind_below::{Pause, Setup, patient, poll_once};

const A: Key = key!("/a");
const B: Key = key!("/b");

fn tagged() -> Setup {
    let setup = Setup::new(patient());
    setup.below().state().tags = true;
    setup
}

#[test]
fn what_is_pending_is_written_before_a_commit_with_conditions() {
    let setup = Setup::new(patient());
    block_on(setup.store.put(&A, "1")).unwrap();
    let error = block_on(setup.store.commit(Batch::new().put(A, "2").absent(A))).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::Conflict, Some(Outcome::NotApplied)));
    block_on(setup.store.delete(&A)).unwrap();
    block_on(setup.store.commit(Batch::new().put(A, "2").absent(A))).unwrap();
    let expected =
        [Batch::new().put(A, "1"), Batch::new().delete(A), Batch::new().put(A, "2").absent(A)];
    // The conflict arrived below too, and was one there.
    let commits = setup.below().commits();
    assert_eq!([&commits[..1], &commits[2..]].concat(), expected);
}

#[test]
fn nothing_becomes_pending_while_a_commit_with_conditions_is_under_way() {
    let setup = Setup::new(patient());
    setup.below().pause(Pause::BeforeCommit);
    let mut conditional = setup.store.commit(Batch::new().put(B, "1").absent(A));
    assert!(poll_once(&mut conditional).is_pending());
    setup.below().wait_for_paused(1);
    let mut plain = setup.store.commit(Batch::new().put(A, "1"));
    assert!(poll_once(&mut plain).is_pending());
    assert!(!block_on(setup.store.has(&A)).unwrap());
    setup.below().go_on();
    block_on(conditional).unwrap();
    block_on(plain).unwrap();
    assert!(block_on(setup.store.has(&A)).unwrap());
}

#[test]
fn a_commit_with_conditions_does_not_overtake_one_that_waits() {
    let setup = Setup::new(WriteBehindOptions { max_keys: 1, ..patient() });
    setup.below().pause(Pause::BeforeCommit);
    block_on(setup.store.put(&A, "1")).unwrap();
    let mut waits = setup.store.commit(Batch::new().put(B, "1"));
    assert!(poll_once(&mut waits).is_pending());
    let mut conditional = setup.store.commit(Batch::new().put(A, "2").absent(B));
    assert!(poll_once(&mut conditional).is_pending());
    setup.below().wait_for_paused(1);
    setup.below().go_on();
    block_on(waits).unwrap();
    assert_eq!(block_on(conditional).unwrap_err().kind(), ErrorKind::Conflict);
}

#[test]
fn a_version_that_was_read_while_the_value_was_pending_holds_where_versions_are_tags() {
    let setup = tagged();
    block_on(setup.store.put(&A, "1")).unwrap();
    let read = || -> Found {
        let key = A;
        block_on(setup.store.read(&key, Want::Value)).unwrap().unwrap()
    };
    let pending = read();
    assert_eq!(pending.value().unwrap(), "1");
    let version = pending.version().unwrap();
    let put = |value: &'static str| Batch::new().put(A, value).unchanged(A, version.clone());
    block_on(setup.store.commit(put("2"))).unwrap();
    let error = block_on(setup.store.commit(put("3"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    // A tag that was read is passed on as it is, and says more than the value does.
    let tag = read().version().unwrap();
    assert!(tag.as_tag().is_some());
    block_on(setup.store.put(&A, "other")).unwrap();
    block_on(setup.store.put(&A, "2")).unwrap();
    let error = block_on(setup.store.commit(Batch::new().put(A, "4").unchanged(A, tag)));
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Conflict);
}

#[test]
fn a_pending_value_that_looks_like_what_is_stored_of_another_is_not_taken_for_it() {
    block_on(async {
        let stored = Arc::new(MemoryDatastore::new());
        let below = crate::ttl::over(Arc::clone(&stored), &TestClock::new()).await;
        let store = WriteBehind::with_options(below, patient());
        store.put(&A, "1").await.unwrap();
        store.flush().await.unwrap();
        let lookalike = stored.get(&A).await.unwrap().unwrap();
        store.put(&A, lookalike).await.unwrap();
        let version = store.read(&A, Want::Value).await.unwrap().unwrap().version().unwrap();
        store.put(&A, "1").await.unwrap();
        let error = store.commit(Batch::new().put(A, "2").unchanged(A, version)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Conflict);
    });
}

#[test]
fn updates_count_right_over_tags_and_over_values() {
    for setup in [tagged(), Setup::new(patient())] {
        let increment = |value: Option<bytes::Bytes>| {
            let number =
                value.map_or(0, |value| std::str::from_utf8(&value).unwrap().parse().unwrap());
            Some((number + 1_u32).to_string().into())
        };
        block_on(setup.store.put(&A, "100")).unwrap();
        let key = A;
        let updates = (0..20).map(|_| setup.store.update(&key, increment));
        for result in block_on(join_all(updates)) {
            result.unwrap();
        }
        assert_eq!(block_on(setup.store.get(&A)).unwrap().unwrap(), "120");
        assert_eq!(block_on(setup.fault.get(&A)).unwrap().unwrap(), "120");
    }
}

#[test]
fn a_commit_that_was_dropped_on_its_way_through_comes_before_what_follows() {
    let setup = Setup::new(patient());
    block_on(setup.below().store.put(&A, "old")).unwrap();
    setup.below().pause(Pause::BeforeCommit);
    let mut commit = setup.store.commit(Batch::new().put(A, "new").absent(B));
    assert!(poll_once(&mut commit).is_pending());
    setup.below().wait_for_paused(1);
    drop(commit);
    // It cannot be called back: what is issued from now on waits for it.
    let query = datastore::Query::all();
    let key = A;
    let (mut read, mut page) = (Box::pin(setup.store.get(&key)), setup.store.query_page(&query));
    let mut snapshot = setup.store.snapshot();
    let mut sync = setup.store.sync();
    assert!(poll_once(&mut read).is_pending());
    assert!(poll_once(&mut page).is_pending());
    assert!(poll_once(&mut snapshot).is_pending());
    assert!(poll_once(&mut sync).is_pending());
    setup.below().go_on();
    assert_eq!(block_on(read).unwrap().unwrap(), "new");
    assert_eq!(block_on(page).unwrap().entries[0].value().unwrap(), "new");
    assert_eq!(block_on(block_on(snapshot).unwrap().get(&A)).unwrap().unwrap(), "new");
    block_on(sync).unwrap();
}

#[test]
fn a_commit_that_was_dropped_before_its_turn_does_not_happen() {
    let setup = Setup::new(patient());
    block_on(setup.store.put(&A, "1")).unwrap();
    setup.below().pause(Pause::BeforeCommit);
    let mut commit = setup.store.commit(Batch::new().put(A, "2").absent(B));
    assert!(poll_once(&mut commit).is_pending());
    // What is pending is being written.
    setup.below().wait_for_paused(1);
    drop(commit);
    assert_eq!(block_on(setup.store.get(&A)).unwrap().unwrap(), "1");
    setup.below().go_on();
    block_on(setup.store.sync()).unwrap();
    assert_eq!(setup.below().commits(), [Batch::new().put(A, "1")]);
}

#[test]
fn a_commit_with_conditions_fails_if_what_is_pending_cannot_be_written() {
    let setup = Setup::new(patient());
    block_on(setup.store.put(&A, "1")).unwrap();
    let broken = Injected::Error(ErrorKind::Unavailable);
    setup.fault.inject(Operation::Commit, Position::Nth(0), broken);
    let error = block_on(setup.store.commit(Batch::new().put(B, "1").absent(B))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(error.outcome(), Some(Outcome::NotApplied));
    assert!(!block_on(setup.store.has(&B)).unwrap());
    block_on(setup.store.commit(Batch::new().put(B, "1").absent(B))).unwrap();
    assert_eq!(setup.store.pending().keys, 0);
}

#[test]
fn an_error_below_says_of_a_commit_with_conditions_what_it_says_there() {
    let setup = Setup::new(patient());
    let lost = Injected::LostReply(ErrorKind::Unavailable);
    for (injected, outcome) in
        [(Injected::Error(ErrorKind::Unavailable), Outcome::NotApplied), (lost, Outcome::Unknown)]
    {
        setup.fault.inject(Operation::Commit, Position::Nth(0), injected);
        let error = block_on(setup.store.commit(Batch::new().put(A, "1").absent(A))).unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Unavailable, Some(outcome)));
        assert_eq!(block_on(setup.store.has(&A)).unwrap(), outcome == Outcome::Unknown);
    }
}

#[test]
fn commits_with_conditions_are_under_way_together() {
    let setup = Setup::new(patient());
    setup.below().pause(Pause::BeforeCommit);
    let mut first = setup.store.commit(Batch::new().put(A, "1").absent(A));
    assert!(poll_once(&mut first).is_pending());
    setup.below().wait_for_paused(1);
    let mut others: Vec<_> = (0..5)
        .map(|number| {
            let name = Key::new(format!("/{number}")).unwrap();
            setup.store.commit(Batch::new().put(name.clone(), "1").absent(name))
        })
        .collect();
    assert!(others.iter_mut().all(|commit| poll_once(commit).is_pending()));
    setup.below().go_on_once();
    block_on(first).unwrap();
    setup.below().wait_for_paused(5);
    setup.below().go_on();
    for result in block_on(join_all(others)) {
        result.unwrap();
    }
}
