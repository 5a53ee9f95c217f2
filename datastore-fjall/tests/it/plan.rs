//! What the writers of the kill test write, each step a function of the seed, the writer and its
//! number; so that parent and child know, without telling each other, what must be there.

use std::collections::BTreeMap;

use bytes::Bytes;
use datastore::{Batch, Condition, Datastore, DatastoreExt, Key, Op, Query, Version, key};
use futures::TryStreamExt;

use crate::random;

pub(crate) const WRITERS: u64 = 4;

/// Keys of each writer, written over and over.
const SLOTS: u64 = 48;

/// Written by all: how many steps counted. Equal to the sum of what each says of itself.
pub(crate) const COUNTER: Key = key!("/counter");

/// What a writer does next.
pub(crate) struct Step {
    pub(crate) kind: Kind,
    pub(crate) synced: bool,
    /// For each slot that is written, whether it is put or deleted.
    writes: BTreeMap<usize, bool>,
    /// The slot that the condition is about.
    condition: usize,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Writes slots.
    Plain,
    /// Writes slots under a condition that holds.
    Allowed,
    /// Would write slots, under a condition that does not hold.
    Refused,
    /// Adds one to the counter of all and to its own, in one batch.
    Count,
}

/// A writer and what it has written.
#[derive(Clone)]
pub(crate) struct Writer {
    seed: u64,
    index: u64,
    /// Number of its last step.
    pub(crate) done: u64,
    /// For each slot that has a value, the step that put it.
    slots: Vec<Option<u64>>,
    /// How often it counted.
    pub(crate) counted: u64,
}

impl Writer {
    pub(crate) fn all(seed: u64) -> Vec<Self> {
        let writer = |index| {
            let slots = vec![None; SLOTS as usize];
            Self { seed, index, done: 0, slots, counted: 0 }
        };
        (0..WRITERS).map(writer).collect()
    }

    pub(crate) fn next_step(&self) -> Step {
        let mut random = random::stream(&[self.seed, self.index, self.done + 1]);
        let (kind, most) = match random.u64(..16) {
            0..=8 => (Kind::Plain, 1),
            9..=11 => (Kind::Plain, 24),
            12 => (Kind::Allowed, 8),
            13 => (Kind::Refused, 8),
            _ => (Kind::Count, 1),
        };
        let synced = random.u64(..64) == 0;
        let mut slot = || (random.u64(..SLOTS) as usize, random.u64(..4) > 0);
        let condition = slot().0;
        let size = 1 + slot().0 as u64 % most;
        Step { kind, synced, condition, writes: (0..size).map(|_| slot()).collect() }
    }

    /// What the next step commits; a count is committed on what it counts from instead.
    pub(crate) fn next_batch(&self, step: &Step) -> Batch {
        let number = self.done + 1;
        let mut batch: Batch = step
            .writes
            .iter()
            .map(|(slot, put)| match (self.slot_key(*slot), put) {
                (key, true) => Op::Put { key, value: self.value(number, *slot) },
                (key, false) => Op::Delete { key },
            })
            .collect();
        let key = self.slot_key(step.condition);
        let value = self.slots[step.condition].map(|number| self.value(number, step.condition));
        let unchanged = |value: Bytes| Condition::Unchanged(key.clone(), Version::of_value(value));
        batch.conditions.extend(match (step.kind, value) {
            (Kind::Plain | Kind::Count, _) => None,
            (Kind::Allowed, Some(value)) => Some(unchanged(value)),
            (Kind::Refused, None) => Some(unchanged("never written".into())),
            (Kind::Allowed, None) | (Kind::Refused, Some(_)) => Some(Condition::Absent(key)),
        });
        if step.synced { batch.synced() } else { batch }
    }

    /// Takes note that the next step is done.
    pub(crate) fn advance(&mut self, step: &Step) {
        self.done += 1;
        match step.kind {
            Kind::Plain | Kind::Allowed => {
                for (slot, put) in &step.writes {
                    self.slots[*slot] = put.then_some(self.done);
                }
            }
            Kind::Refused => {}
            Kind::Count => self.counted += 1,
        }
    }

    pub(crate) fn counter_key(&self) -> Key {
        self.key().child("counted").unwrap()
    }

    fn key(&self) -> Key {
        Key::from_segments([format!("writer{}", self.index)]).unwrap()
    }

    fn slot_key(&self, slot: usize) -> Key {
        self.key().child(format!("slot{slot:02}")).unwrap()
    }

    fn value(&self, number: u64, slot: usize) -> Bytes {
        let mut random = random::stream(&[self.seed, self.index, number, slot as u64]);
        let len = if random.u64(..200) == 0 { 70_000 } else { random.u64(..1200) };
        let name = format!("step {number} of writer {}: ", self.index).into_bytes();
        [name, random::bytes(&mut random, len)].concat().into()
    }

    /// All that the store must hold of this writer.
    fn expected(&self) -> BTreeMap<Key, Bytes> {
        let slots = self.slots.iter().enumerate();
        let slots = slots
            .filter_map(|(slot, number)| Some((self.slot_key(slot), self.value((*number)?, slot))));
        let counted = Some((self.counter_key(), self.counted.to_string().into()));
        slots.chain(counted.filter(|_| self.counted > 0)).collect()
    }

    /// Finds out whether the step that was under way has happened; tells what is wrong if what is
    /// there is neither.
    fn settle(&mut self, found: &BTreeMap<Key, Bytes>) -> Result<(), String> {
        let before = self.expected();
        if before == *found {
            return Ok(());
        }
        let step = self.next_step();
        let mut after = self.clone();
        after.advance(&step);
        if after.expected() == *found {
            *self = after;
            return Ok(());
        }
        let after = after.expected();
        let differing: Vec<&Key> = before
            .keys()
            .chain(found.keys())
            .filter(|key| found.get(*key) != before.get(*key))
            .collect();
        let torn = differing.iter().all(|key| found.get(*key) == after.get(*key));
        let what = if torn { "torn: part of an unacknowledged step" } else { "lost" };
        let shown: Vec<String> = differing
            .iter()
            .take(4)
            .map(|key| format!("{key}: {} for {}", name(found.get(*key)), name(before.get(*key))))
            .collect();
        Err(format!("{what}, writer {} after step {}: {shown:?}", self.index, self.done))
    }
}

/// The text before the random part of a value.
fn name(value: Option<&Bytes>) -> String {
    value.map_or("nothing".to_owned(), |value| {
        value.iter().take(40).take_while(|byte| byte.is_ascii()).map(|byte| *byte as char).collect()
    })
}

/// Holds the store against what the writers did. Each may have done one step more, wholly.
pub(crate) async fn settle(store: &impl Datastore, writers: &mut [Writer]) -> Result<(), String> {
    let entries = store.query(Query::all()).map_ok(|entry| {
        let value = entry.value().unwrap().clone();
        (entry.into_key(), value)
    });
    let mut found: BTreeMap<Key, Bytes> =
        entries.try_collect().await.map_err(|error| format!("{error:?}"))?;
    let counter = found.remove(&COUNTER).map_or(0, |value| number(&value));
    for writer in writers.iter_mut() {
        let above = writer.key();
        let (mine, others): (BTreeMap<_, _>, _) =
            found.into_iter().partition(|(key, _)| key.is_descendant_of(&above));
        found = others;
        writer.settle(&mine)?;
    }
    if !found.is_empty() {
        return Err(format!("never written: {:?}", found.keys()));
    }
    let counted: u64 = writers.iter().map(|writer| writer.counted).sum();
    if counter != counted {
        return Err(format!("torn: the counter is {counter}, the writers counted {counted}"));
    }
    Ok(())
}

pub(crate) fn number(value: &[u8]) -> u64 {
    std::str::from_utf8(value).unwrap().parse().unwrap()
}

/// The writers as text, for a child.
pub(crate) fn encode(writers: &[Writer]) -> String {
    let mut text = String::new();
    for Writer { seed, index, done, slots, counted } in writers {
        text.push_str(&format!("{seed} {index} {done} {counted}"));
        for slot in slots {
            text.push_str(&slot.map_or(" -".to_owned(), |number| format!(" {number}")));
        }
        text.push('\n');
    }
    text
}

pub(crate) fn decode(text: &str) -> Vec<Writer> {
    let decode_line = |line: &str| {
        let mut parts = line.split(' ');
        let mut number = || parts.next().unwrap().parse().unwrap();
        let (seed, index, done, counted) = (number(), number(), number(), number());
        let slots = parts.map(|part| part.parse().ok()).collect();
        Writer { seed, index, done, slots, counted }
    };
    text.lines().map(decode_line).collect()
}
