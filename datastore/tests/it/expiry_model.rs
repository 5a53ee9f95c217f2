//! The expiry index against records that are kept in a map: none is forgotten, however writers, sweeps,
//! restarts and the clock come upon each other.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use datastore::{Datastore, Expiry, ExpiryIndex, ExpiryWriting, Key, MemoryDatastore, Op, key};
use futures::executor::block_on;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    /// Begins to write a record.
    Begin {
        name: u8,
        ttl: u64,
    },
    /// The oldest write that began is committed.
    Commit,
    Sweep {
        page: usize,
        most: usize,
    },
    Clock(i64),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..6_u8, 0..60_u64).prop_map(|(name, ttl)| Step::Begin { name, ttl }),
        4 => Just(Step::Commit),
        3 => (1..4_usize, 1..9_usize).prop_map(|(page, most)| Step::Sweep { page, most }),
        4 => (0..50_i64).prop_map(Step::Clock),
        1 => (-200..0_i64).prop_map(Step::Clock),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..80)
}

struct World {
    store: MemoryDatastore,
    now: u64,
    /// What the records say; a sweep takes away those that have expired.
    records: BTreeMap<Key, Expiry>,
}

struct Write<'i> {
    name: u8,
    expiry: Expiry,
    op: Option<Op>,
    _writing: ExpiryWriting<'i>,
}

impl World {
    async fn sweep(&mut self, index: &ExpiryIndex, busy: &[Key], (page, most): (usize, usize)) {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(self.now);
        let (mut round, mut looked) = (index.round(now), 0);
        while looked < most {
            let due = round.due(&self.store, page).await.unwrap();
            if due.is_empty() {
                break;
            }
            looked += due.len();
            for due in due {
                // A writer and the sweep are never at one record at a time.
                if busy.contains(due.key()) {
                    round.leave(&due);
                    continue;
                }
                let ops = match self.records.get(due.key()) {
                    Some(expiry) if !expiry.is_past(now) => index.moved(&due, *expiry),
                    _ => {
                        self.records.remove(due.key());
                        vec![due.settled()]
                    }
                };
                self.store.commit(ops.into_iter().collect()).await.unwrap();
            }
        }
        index.passed(&self.store, round).await.unwrap();
    }
}

fn record(name: u8) -> Key {
    key!("/record").child([b'a' + name]).unwrap()
}

async fn run(steps: &[Step]) {
    let mut world = World { store: MemoryDatastore::new(), now: 1000, records: BTreeMap::new() };
    let mut rest = steps;
    loop {
        let index = ExpiryIndex::open(&world.store, key!("/index")).await.unwrap();
        let mut writes: Vec<Write<'_>> = Vec::new();
        let until = rest.iter().position(|step| matches!(step, Step::Reopen));
        let (now, later) = rest.split_at(until.unwrap_or(rest.len()));
        for step in now {
            match *step {
                Step::Begin { name, ttl } => {
                    // One write of a record at a time, so that what it had is what it has.
                    if writes.iter().any(|write| write.name == name) {
                        continue;
                    }
                    let writing = index.writing();
                    let expiry = Expiry::from_millis(world.now + ttl);
                    let before = world.records.get(&record(name)).copied();
                    let op = index.schedule(&record(name), before, expiry);
                    writes.push(Write { name, expiry, op, _writing: writing });
                }
                Step::Commit => {
                    if !writes.is_empty() {
                        let Write { name, expiry, op, _writing } = writes.remove(0);
                        world.store.commit(op.into_iter().collect()).await.unwrap();
                        world.records.insert(record(name), expiry);
                    }
                }
                Step::Sweep { page, most } => {
                    let busy: Vec<Key> = writes.iter().map(|write| record(write.name)).collect();
                    world.sweep(&index, &busy, (page, most)).await;
                }
                Step::Clock(by) => world.now = world.now.saturating_add_signed(by),
                Step::Reopen => {}
            }
        }
        match later {
            // What was not committed when the process ended never was.
            [_, later @ ..] => rest = later,
            [] => break,
        }
    }
    // Later than every place that an entry can have.
    world.now = 10_000_000;
    let index = ExpiryIndex::open(&world.store, key!("/index")).await.unwrap();
    world.sweep(&index, &[], (2, usize::MAX)).await;
    assert_eq!(world.records, BTreeMap::new(), "a record that expired was not found");
}

proptest! {
    #[test]
    fn every_record_that_expires_is_found(steps in steps()) {
        block_on(run(&steps));
    }
}
