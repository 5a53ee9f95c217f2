//! The expiry index: what is written, what is due, and how far a sweep has come.

use std::time::{Duration, SystemTime};

use datastore::{
    Batch, Clock, Datastore, DatastoreExt, Due, Expiry, ExpiryIndex, Fault, Injected, Key,
    MemoryDatastore, Op, Operation, Position, Query, TestClock, key,
};
use futures::TryStreamExt;
use futures::executor::block_on;

use crate::probe::Probe;

const PREFIX: Key = key!("/index");

async fn open(store: &impl Datastore) -> ExpiryIndex {
    ExpiryIndex::open(store, PREFIX).await.unwrap()
}

fn record(name: &str) -> Key {
    key!("/records").child(name).unwrap()
}

fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

fn expiry(millis: u64) -> Expiry {
    Expiry::from_millis(millis)
}

async fn write(store: &impl Datastore, index: &ExpiryIndex, name: &str, millis: u64) {
    let _writing = index.writing();
    let op = index.schedule(&record(name), None, expiry(millis)).unwrap();
    store.commit([op].into_iter().collect()).await.unwrap();
}

/// A round that settles all that it finds; answers what that was.
async fn settle(store: &impl Datastore, index: &ExpiryIndex, now: u64) -> Vec<(Key, u64)> {
    let mut round = index.round(at(now));
    let mut found = Vec::new();
    loop {
        let due = round.due(store, 2).await.unwrap();
        if due.is_empty() {
            break;
        }
        found.extend(due.iter().map(|due| (due.key().clone(), due.at().as_millis())));
        store.commit(due.iter().map(Due::settled).collect()).await.unwrap();
    }
    index.passed(store, round).await.unwrap();
    found
}

async fn rows(store: &impl Datastore) -> Vec<String> {
    let keys = store.query_keys(Query::descendants(PREFIX));
    keys.map_ok(|key| key.to_string()).try_collect().await.unwrap()
}

#[test]
fn an_entry_is_the_moment_in_hexadecimal_and_the_key() {
    block_on(async {
        let store = MemoryDatastore::new();
        let index = open(&store).await;
        write(&store, &index, "a", 1_767_225_600_000).await;
        assert_eq!(rows(&store).await, ["/index/0000019b76daa800/records/a"]);
        assert_eq!(
            store.get(&key!("/index/0000019b76daa800/records/a")).await.unwrap().unwrap(),
            ""
        );
        settle(&store, &index, 1_767_225_600_000).await;
        assert_eq!(rows(&store).await, ["/index/watermark"]);
        assert_eq!(
            store.get(&key!("/index/watermark")).await.unwrap().unwrap(),
            "0000019b76daa801"
        );
    });
}

#[test]
fn what_is_due_comes_soonest_first_and_not_before_its_moment() {
    block_on(async {
        let store = MemoryDatastore::new();
        let index = open(&store).await;
        for (name, millis) in [("c", 30), ("a", 20), ("b", 20), ("d", 41)] {
            write(&store, &index, name, millis).await;
        }
        assert_eq!(index.due(&store, at(19), 9).await.unwrap(), []);
        let due = index.due(&store, at(40), 9).await.unwrap();
        let due: Vec<_> = due.iter().map(|due| (due.key().clone(), due.at())).collect();
        let expected =
            [(record("a"), expiry(20)), (record("b"), expiry(20)), (record("c"), expiry(30))];
        assert_eq!(due, expected);
        assert_eq!(index.due(&store, at(40), 2).await.unwrap().len(), 2);
        assert_eq!(index.due(&store, at(40), 0).await.unwrap(), []);
    });
}

#[test]
fn a_record_that_lives_longer_needs_no_entry_and_one_that_lives_shorter_does() {
    block_on(async {
        let index = open(&MemoryDatastore::new()).await;
        let schedule = |before, millis| index.schedule(&record("a"), before, millis);
        assert_eq!(schedule(Some(expiry(50)), expiry(51)), None);
        assert_eq!(schedule(Some(expiry(50)), expiry(50)), None);
        assert!(schedule(Some(expiry(50)), expiry(49)).is_some());
        assert!(schedule(Some(Expiry::NEVER), expiry(50)).is_some());
        assert!(schedule(None, expiry(50)).is_some());
        assert_eq!(schedule(None, Expiry::NEVER), None);
        assert_eq!(schedule(Some(expiry(50)), Expiry::NEVER), None);
    });
}

#[test]
fn huge_ttls_are_never_and_one_of_nothing_is_now() {
    let now = TestClock::new().now();
    let go_permanent = Duration::from_nanos(i64::MAX as u64);
    for huge in [Duration::MAX, go_permanent, Duration::from_secs(u64::MAX / 1000)] {
        assert_eq!(Expiry::after(now, huge), Expiry::NEVER);
    }
    assert_ne!(Expiry::after(now, go_permanent - Duration::from_nanos(1)), Expiry::NEVER);
    assert!(Expiry::after(now, Duration::ZERO).is_past(now));
    assert!(!Expiry::after(now, Duration::from_nanos(1)).is_past(now));
}

#[test]
fn a_moved_entry_comes_at_its_new_moment() {
    block_on(async {
        let store = MemoryDatastore::new();
        let index = open(&store).await;
        write(&store, &index, "a", 10).await;
        write(&store, &index, "b", 10).await;
        let mut round = index.round(at(10));
        let due = round.due(&store, 9).await.unwrap();
        let moved = index.moved(&due[0], expiry(25));
        store.commit(moved.into_iter().collect()).await.unwrap();
        store.commit(index.moved(&due[1], Expiry::NEVER).into_iter().collect()).await.unwrap();
        index.passed(&store, round).await.unwrap();
        assert_eq!(settle(&store, &index, 24).await, []);
        assert_eq!(settle(&store, &index, 25).await, [(record("a"), 25)]);
        assert_eq!(settle(&store, &index, u64::MAX / 4).await, []);
    });
}

#[test]
fn an_entry_that_was_left_comes_again_and_so_do_those_after_it() {
    block_on(async {
        let store = MemoryDatastore::new();
        let index = open(&store).await;
        for (name, millis) in [("a", 10), ("b", 20), ("c", 30)] {
            write(&store, &index, name, millis).await;
        }
        let mut round = index.round(at(30));
        let due = round.due(&store, 9).await.unwrap();
        for due in &due {
            if *due.key() == record("b") {
                round.leave(due);
            } else {
                store.commit([due.settled()].into_iter().collect()).await.unwrap();
            }
        }
        assert!(round.is_complete());
        index.passed(&store, round).await.unwrap();
        let index = open(&store).await;
        assert_eq!(settle(&store, &index, 30).await, [(record("b"), 20)]);
    });
}

#[test]
fn all_entries_that_were_left_come_again_in_whatever_order() {
    for order in [[0, 1], [1, 0]] {
        block_on(async {
            let store = Fault::new(MemoryDatastore::new());
            let index = open(&store).await;
            write(&store, &index, "a", 10).await;
            write(&store, &index, "b", 20).await;
            for commits in [1, 0] {
                let before = store.calls(Operation::Commit);
                let mut round = index.round(at(30));
                let due = round.due(&store, 9).await.unwrap();
                order.into_iter().for_each(|which| round.leave(&due[which]));
                index.passed(&store, round).await.unwrap();
                // One that comes no further than the last has nothing to write.
                assert_eq!(store.calls(Operation::Commit) - before, commits);
            }
            let found = settle(&store, &index, 30).await;
            assert_eq!(found, [(record("a"), 10), (record("b"), 20)]);
        });
    }
}

#[test]
fn a_round_that_ends_early_passes_only_what_it_gave() {
    block_on(async {
        let store = MemoryDatastore::new();
        let index = open(&store).await;
        for (name, millis) in [("a", 10), ("b", 20), ("c", 20), ("d", 30)] {
            write(&store, &index, name, millis).await;
        }
        let mut round = index.round(at(30));
        let due = round.due(&store, 2).await.unwrap();
        store.commit(due.iter().map(Due::settled).collect()).await.unwrap();
        index.passed(&store, round).await.unwrap();
        let index = open(&store).await;
        assert_eq!(settle(&store, &index, 30).await, [(record("c"), 20), (record("d"), 30)]);
    });
}

#[test]
fn a_round_begins_where_the_one_before_ended_after_a_restart_too() {
    block_on(async {
        let store = Probe::default();
        let index = open(&store).await;
        write(&store, &index, "a", 10).await;
        settle(&store, &index, 15).await;
        for index in [index, open(&store).await] {
            store.queries.lock().unwrap().clear();
            assert_eq!(index.due(&store, at(20), 5).await.unwrap(), []);
            let from = store.queries.lock().unwrap()[0].key_range().unwrap();
            let first = std::ops::Bound::Included(&b"/index/0000000000000010"[..]);
            assert_eq!(from.start(), first);
        }
    });
}

#[test]
fn a_round_without_anything_due_writes_nothing_and_asks_once() {
    block_on(async {
        let store = Probe::default();
        let index = open(&store).await;
        write(&store, &index, "a", 100).await;
        store.batches.lock().unwrap().clear();
        for now in [20, 30, 99] {
            store.queries.lock().unwrap().clear();
            assert_eq!(settle(&store, &index, now).await, []);
            assert_eq!(store.queries.lock().unwrap().len(), 1);
        }
        assert_eq!(*store.batches.lock().unwrap(), []);
        assert_eq!(settle(&store, &index, 100).await.len(), 1);
    });
}

#[test]
fn a_write_that_is_overtaken_by_sweeps_is_found_by_the_next() {
    block_on(async {
        let store = MemoryDatastore::new();
        let index = open(&store).await;
        let writing = index.writing();
        let late = index.schedule(&record("late"), None, expiry(20)).unwrap();
        // Both sweeps have something to do, and could take the watermark past the late one.
        write(&store, &index, "a", 25).await;
        assert_eq!(settle(&store, &index, 30).await.len(), 1);
        write(&store, &index, "b", 35).await;
        assert_eq!(settle(&store, &index, 40).await.len(), 1);
        store.commit([late].into_iter().collect()).await.unwrap();
        drop(writing);
        let reopened = open(&store).await;
        assert_eq!(reopened.due(&store, at(40), 9).await.unwrap().len(), 1);
        assert_eq!(settle(&store, &index, 50).await, [(record("late"), 20)]);
    });
}

#[test]
fn a_round_that_ends_early_does_not_pass_a_write_that_it_overtook() {
    block_on(async {
        let store = MemoryDatastore::new();
        let index = open(&store).await;
        for (name, millis) in [("b", 10), ("c", 20), ("d", 30)] {
            write(&store, &index, name, millis).await;
        }
        let writing = index.writing();
        let entry = index.schedule(&record("a"), None, expiry(5)).unwrap();
        let mut round = index.round(at(40));
        let due = round.due(&store, 2).await.unwrap();
        store.commit(due.iter().map(Due::settled).collect()).await.unwrap();
        index.passed(&store, round).await.unwrap();
        store.commit([entry].into_iter().collect()).await.unwrap();
        drop(writing);
        let found = settle(&store, &index, 40).await;
        assert_eq!(found, [(record("a"), 5), (record("d"), 30)]);
    });
}

#[test]
fn writers_that_never_pause_do_not_keep_the_watermark_from_moving() {
    block_on(async {
        let store = MemoryDatastore::new();
        let index = open(&store).await;
        let mut writing = index.writing();
        for round in 1..10 {
            write(&store, &index, "a", round * 10).await;
            assert_eq!(settle(&store, &index, round * 10).await.len(), 1);
            // The next one begins before the last one has ended.
            let next = index.writing();
            drop(writing);
            writing = next;
        }
        let watermark = store.get(&key!("/index/watermark")).await.unwrap().unwrap();
        assert_eq!(watermark, format!("{:016x}", 81));
    });
}

#[test]
fn an_entry_is_not_put_where_a_sweep_has_been() {
    block_on(async {
        let store = MemoryDatastore::new();
        let index = open(&store).await;
        settle(&store, &index, 100).await;
        write(&store, &index, "a", 40).await;
        assert_eq!(settle(&store, &index, 100).await, []);
        assert_eq!(settle(&store, &index, 101).await, [(record("a"), 101)]);
        // A sweep may have taken the entry of what expired by then, and of nothing later.
        let again = |before| index.schedule(&record("a"), Some(expiry(before)), expiry(500));
        assert!(again(101).is_some());
        assert_eq!(again(102), None);
    });
}

#[test]
fn an_entry_is_not_moved_to_where_a_sweep_has_been() {
    block_on(async {
        let store = MemoryDatastore::new();
        let index = open(&store).await;
        write(&store, &index, "a", 10).await;
        let due = index.due(&store, at(10), 9).await.unwrap();
        let _later = index.round(at(100));
        store.commit(index.moved(&due[0], expiry(40)).into_iter().collect()).await.unwrap();
        assert_eq!(rows(&store).await, ["/index/0000000000000065/records/a"]);
    });
}

#[test]
fn a_clock_that_is_set_back_delays_and_loses_nothing() {
    block_on(async {
        let store = MemoryDatastore::new();
        let index = open(&store).await;
        write(&store, &index, "early", 900).await;
        write(&store, &index, "late", 2000).await;
        assert_eq!(settle(&store, &index, 1000).await.len(), 1);

        write(&store, &index, "between", 200).await;
        assert_eq!(settle(&store, &index, 100).await, []);
        assert_eq!(
            store.get(&key!("/index/watermark")).await.unwrap().unwrap(),
            format!("{:016x}", 101)
        );
        // From here on the index knows that the clock was set back.
        write(&store, &index, "after", 200).await;
        let index = open(&store).await;
        assert_eq!(settle(&store, &index, 200).await, [(record("after"), 200)]);
        let rest = [(record("between"), 1001), (record("late"), 2000)];
        assert_eq!(settle(&store, &index, 2000).await, rest);
    });
}

#[test]
fn a_writer_that_began_before_the_clock_was_set_back_is_not_passed() {
    block_on(async {
        let store = MemoryDatastore::new();
        let index = open(&store).await;
        settle(&store, &index, 1000).await;
        let writing = index.writing();
        settle(&store, &index, 100).await;
        let late = index.schedule(&record("late"), None, expiry(150)).unwrap();
        write(&store, &index, "a", 160).await;
        assert_eq!(settle(&store, &index, 200).await.len(), 1);
        store.commit([late].into_iter().collect()).await.unwrap();
        drop(writing);
        assert_eq!(settle(&store, &index, 300).await, [(record("late"), 150)]);
    });
}

#[test]
fn where_the_watermark_cannot_be_taken_back_places_stay_behind_it() {
    block_on(async {
        let store = Fault::new(MemoryDatastore::new());
        let index = open(&store).await;
        write(&store, &index, "a", 900).await;
        settle(&store, &index, 1000).await;
        store.inject(
            Operation::Commit,
            Position::Nth(0),
            Injected::Error(datastore::ErrorKind::Unavailable),
        );
        let round = index.round(at(100));
        index.passed(&store, round).await.unwrap_err();
        write(&store, &index, "b", 200).await;
        let reopened = open(&store).await;
        assert_eq!(settle(&store, &reopened, 1001).await, [(record("b"), 1001)]);
    });
}

#[test]
fn what_is_not_an_entry_is_passed_over() {
    block_on(async {
        let store = MemoryDatastore::new();
        let foreign = [
            "/index/0000000000000001",
            "/index/0000000000000001x/a",
            "/index/000000000000000A/a",
            "/index/000000000000/a",
            "/index/+00000000000000a/a",
            "/index/0000000000000004/a/b",
            "/index/zzz",
        ];
        for key in foreign {
            store.put(&Key::new(key).unwrap(), "").await.unwrap();
        }
        store.put(&key!("/index/watermark"), "soon").await.unwrap();
        let index = open(&store).await;
        write(&store, &index, "a", 5).await;
        let found = settle(&store, &index, 20).await;
        assert_eq!(found, [(key!("/a/b"), 4), (record("a"), 5)]);
        assert_eq!(rows(&store).await.len(), foreign.len());
        assert_eq!(settle(&store, &index, 30).await, []);
    });
}

#[test]
fn pages_of_any_size_make_one_round() {
    block_on(async {
        let store = Fault::new(MemoryDatastore::new());
        store.inject(Operation::QueryPage, Position::Every(1), Injected::ShortPage(1));
        let index = open(&store).await;
        for millis in 1..=7 {
            write(&store, &index, "a", millis).await;
        }
        let mut round = index.round(at(10));
        assert_eq!(round.due(&store, 3).await.unwrap().len(), 3);
        assert!(!round.is_complete());
        store.heal();
        store.inject(
            Operation::QueryPage,
            Position::Nth(0),
            Injected::Error(datastore::ErrorKind::Unavailable),
        );
        round.due(&store, 3).await.unwrap_err();
        assert_eq!(round.due(&store, 9).await.unwrap().len(), 4);
        assert!(round.is_complete());
        assert_eq!(round.due(&store, 9).await.unwrap(), []);
    });
}

#[test]
fn where_batches_are_not_atomic_every_round_begins_at_the_first_entry() {
    block_on(async {
        let store = Fault::new(MemoryDatastore::new());
        store.inject(Operation::Commit, Position::Nth(999), Injected::Torn(0));
        let index = open(&store).await;
        let late = index.schedule(&record("late"), None, expiry(20)).unwrap();
        write(&store, &index, "a", 10).await;
        assert_eq!(settle(&store, &index, 30).await.len(), 1);
        // Its future was dropped, it lands nevertheless.
        store.commit([late].into_iter().collect()).await.unwrap();
        assert!(!rows(&store).await.contains(&"/index/watermark".to_owned()));
        assert_eq!(settle(&store, &index, 30).await, [(record("late"), 20)]);
    });
}

#[test]
fn a_key_that_leaves_no_room_for_the_entry_gets_none() {
    block_on(async {
        let index = open(&MemoryDatastore::new()).await;
        let most = index.max_key_len(Key::MAX_LEN);
        let key = |len| Key::new([b"/".as_slice(), &vec![b'a'; len - 1]].concat()).unwrap();
        match index.schedule(&key(most), None, expiry(1)) {
            Some(Op::Put { key, .. }) => assert_eq!(key.as_bytes().len(), Key::MAX_LEN),
            other => panic!("{other:?}"),
        }
        assert_eq!(index.schedule(&key(most + 1), None, expiry(1)), None);
    });
}

#[test]
fn a_batch_with_a_record_and_its_entry_is_one_commit() {
    block_on(async {
        let store = Probe::default();
        let index = open(&store).await;
        let _writing = index.writing();
        let mut batch = Batch::new().put(record("a"), "value");
        batch.extend(index.schedule(&record("a"), None, expiry(7)));
        store.commit(batch).await.unwrap();
        assert_eq!(store.batches.lock().unwrap().len(), 1);
        assert_eq!(index.due(&store, at(7), 1).await.unwrap()[0].key(), &record("a"));
    });
}

#[test]
fn the_entry_of_a_record_that_goes_before_its_time_goes_with_it() {
    block_on(async {
        let store = MemoryDatastore::new();
        let index = open(&store).await;
        write(&store, &index, "a", 100).await;
        write(&store, &index, "b", 100).await;
        let gone = index.unschedule(&record("a"), expiry(100)).unwrap();
        store.commit([gone].into_iter().collect()).await.unwrap();
        assert_eq!(settle(&store, &index, 200).await, [(record("b"), 100)]);
        assert_eq!(index.unschedule(&record("a"), Expiry::NEVER), None);
    });
}
