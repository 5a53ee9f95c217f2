#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

use std::iter::once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use futures::executor::block_on;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};

use super::{LoneTurn, Place, Turns, WriterTurn};
use crate::Key;

/// Keys that have one slot, and the hash of none is that of another.
fn neighbours(turns: &Turns, most: usize) -> Vec<Key> {
    let numbered = |number: u32| Key::new(format!("/{number}")).unwrap();
    let slot = |key: &Key| std::ptr::from_ref(turns.slots.slot(turns.hash(key)));
    let first = slot(&numbered(0));
    (0..).map(numbered).filter(|key| slot(key) == first).take(most).collect()
}

fn writer<'t>(turns: &'t Turns, keys: &[Key]) -> Option<WriterTurn<'t>> {
    turns.writer(keys.iter()).now_or_never()
}

fn alone<'t>(turns: &'t Turns, key: &Key) -> Option<LoneTurn<'t>> {
    turns.alone(key).now_or_never()
}

/// Whether nobody is at any of these keys, and the next writer is counted in its slot.
fn are_deserted(turns: &Turns, keys: &[Key]) -> bool {
    keys.iter().all(|key| {
        let in_slot = |turn: WriterTurn<'_>| matches!(turn.place, Place::Slot(_));
        alone(turns, key).is_some() && writer(turns, std::slice::from_ref(key)).is_some_and(in_slot)
    })
}

#[test]
fn writers_and_one_who_is_alone_exclude_each_other() {
    let turns = Turns::default();
    let keys = neighbours(&turns, 3);
    for written in [&keys[..1], &keys] {
        let (one, other) = (writer(&turns, written).unwrap(), writer(&turns, written).unwrap());
        assert!(alone(&turns, &keys[0]).is_none());
        drop(one);
        assert!(alone(&turns, &keys[0]).is_none());
        drop(other);
        let lone = alone(&turns, &keys[0]).unwrap();
        assert!(alone(&turns, &keys[0]).is_none());
        assert!(writer(&turns, written).is_none());
        drop(lone);
        assert!(writer(&turns, written).is_some());
        assert!(are_deserted(&turns, &keys));
    }
}

#[test]
fn keys_of_one_slot_do_not_exclude_each_other() {
    let turns = Turns::default();
    let keys = neighbours(&turns, 4);
    let first = writer(&turns, &keys[..1]).unwrap();
    let second = writer(&turns, &keys[1..2]).unwrap();
    assert!(matches!((&first.place, &second.place), (Place::Slot(_), Place::Keys(_))));
    let mut lone = alone(&turns, &keys[2]).unwrap();
    assert!(lone.add(&keys[3]));
    assert!(!lone.add(&keys[0]) && !lone.add(&keys[1]) && !lone.add(&keys[2]));
    drop(first);
    assert!(lone.add(&keys[0]));
    assert!(writer(&turns, &keys[..1]).is_none());
    assert!(writer(&turns, &keys[1..2]).is_some());
    drop((lone, second));
    assert!(are_deserted(&turns, &keys));
}

#[test]
fn more_writers_than_a_slot_counts_are_counted() {
    let turns = Turns::default();
    let keys = neighbours(&turns, 1);
    let mut writers: Vec<_> = (0..5000).map(|_| writer(&turns, &keys).unwrap()).collect();
    while let Some(writer) = writers.pop() {
        assert!(alone(&turns, &keys[0]).is_none());
        drop(writer);
    }
    assert!(are_deserted(&turns, &keys));
}

#[test]
fn the_last_writer_to_leave_wakes_who_waits_to_be_alone() {
    let turns = Turns::default();
    let keys = neighbours(&turns, 2);
    // In the slot, beside it, and among others.
    let crowd = || {
        let several: Vec<_> = (0..3).map(|_| writer(&turns, &keys[..1]).unwrap()).collect();
        several.into_iter().chain(writer(&turns, &keys))
    };
    for last in 0..4 {
        let mut writers: Vec<_> = crowd().collect();
        writers.swap(last, 3);
        let last = writers.pop().unwrap();
        // It asks nobody again who did not wake.
        let mut waiting = FuturesUnordered::from_iter([turns.alone(&keys[0])]);
        assert!(waiting.next().now_or_never().is_none());
        for writer in writers {
            drop(writer);
            assert!(waiting.next().now_or_never().is_none());
        }
        drop(last);
        assert!(waiting.next().now_or_never().flatten().is_some());
    }
    assert!(are_deserted(&turns, &keys));
}

#[test]
fn who_gives_up_waiting_leaves_nothing_behind() {
    let turns = Turns::default();
    let keys = neighbours(&turns, 1);
    let key = &keys[0];

    let here = writer(&turns, &keys).unwrap();
    let mut given_up = Box::pin(turns.alone(key));
    assert!((&mut given_up).now_or_never().is_none());
    let mut waiting = FuturesUnordered::from_iter([turns.alone(key)]);
    assert!(waiting.next().now_or_never().is_none());
    drop(here);
    drop(given_up);
    let lone = waiting.next().now_or_never().flatten().unwrap();

    let mut given_up = Box::pin(turns.writer(once(key)));
    assert!((&mut given_up).now_or_never().is_none());
    let mut waiting = FuturesUnordered::from_iter([turns.writer(once(key))]);
    assert!(waiting.next().now_or_never().is_none());
    drop(lone);
    drop(given_up);
    assert!(waiting.next().now_or_never().flatten().is_some());
    assert!(are_deserted(&turns, &keys));
}

/// Who has a turn at a key, by their own account.
#[derive(Default)]
struct Witness {
    writers: AtomicUsize,
    alone: AtomicUsize,
}

impl Witness {
    fn writes(&self) {
        self.writers.fetch_add(1, Ordering::SeqCst);
        assert_eq!(self.alone.load(Ordering::SeqCst), 0);
    }

    fn wrote(&self) {
        self.writers.fetch_sub(1, Ordering::SeqCst);
    }

    fn is_alone(&self) {
        assert_eq!(self.alone.fetch_add(1, Ordering::SeqCst), 0);
        assert_eq!(self.writers.load(Ordering::SeqCst), 0);
    }

    fn was_alone(&self) {
        self.alone.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn threads_exclude_each_other_and_none_waits_for_ever() {
    let turns = Turns::default();
    let keys = neighbours(&turns, 3);
    let witnesses: [Witness; 3] = Default::default();
    let (turns, places) = (&turns, keys.iter().zip(&witnesses).collect::<Vec<_>>());
    thread::scope(|scope| {
        for seed in 0..4_u64 {
            let (places, keys) = (&places, &keys);
            scope.spawn(move || {
                let mut random = seed;
                for _ in 0..200_000 {
                    random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let (key, witness) = places[(random >> 40) as usize % places.len()];
                    let dawdle = || {
                        if random >> 60 == 0 {
                            thread::yield_now();
                        }
                    };
                    match (random >> 50) % 8 {
                        0 => {
                            let turn = block_on(turns.alone(key));
                            witness.is_alone();
                            dawdle();
                            witness.was_alone();
                            drop(turn);
                        }
                        1 => {
                            let mut turn = turns.nowhere();
                            let added = places.iter().filter(|(key, _)| turn.add(key));
                            let added: Vec<_> = added.map(|(_, witness)| witness).collect();
                            added.iter().for_each(|witness| witness.is_alone());
                            dawdle();
                            added.iter().for_each(|witness| witness.was_alone());
                        }
                        2 => {
                            let turn = block_on(turns.writer(keys.iter()));
                            places.iter().for_each(|(_, witness)| witness.writes());
                            dawdle();
                            places.iter().for_each(|(_, witness)| witness.wrote());
                            drop(turn);
                        }
                        // Given up, if they have to wait.
                        3 => drop(turns.alone(key).now_or_never()),
                        4 => drop(turns.writer(once(key)).now_or_never()),
                        _ => {
                            let turn = block_on(turns.writer(once(key)));
                            witness.writes();
                            dawdle();
                            witness.wrote();
                            drop(turn);
                        }
                    }
                }
            });
        }
    });
    assert!(are_deserted(turns, &keys));
}
