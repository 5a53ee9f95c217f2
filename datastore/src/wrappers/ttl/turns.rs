#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::hash::BuildHasher;
use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use foldhash::quality::RandomState;

use super::slots::Slots;
use crate::Key;

/// Who is at which key: writers, who do not mind each other, or one who is alone there, who changes what it
/// read: the sweep, and who gives a value another expiry.
///
/// A key is known by its hash: two keys that share one exclude each other for no reason, and come to no harm.
///
/// A writer at one key is counted in the slot of the key, if it can be; all else is under the lock. No wake is lost:
/// who has to wait says so under the lock, and who leaves takes it and wakes all. A writer in a slot leaves without
/// it, unless it is waited for: that is said in the same word, in the step that finds the writer there. Who waits
/// holds nothing, so that giving up leaves nothing behind, and wakes nobody by looking again in vain, so that no two
/// keep each other going.
#[derive(Debug, Default)]
pub(super) struct Turns {
    hasher: RandomState,
    slots: Slots,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Those who are in no slot.
    writers: HashMap<u64, usize, RandomState>,
    alone: HashSet<u64, RandomState>,
    waiting: Vec<Waker>,
}

impl Turns {
    /// Begins to write these keys, once nobody is alone at one of them.
    pub(super) async fn writer<'k>(&self, keys: impl Iterator<Item = &'k Key>) -> WriterTurn<'_> {
        let mut keys = keys.map(|key| self.hash(key));
        let first = keys.next();
        let others: Vec<u64> = keys.filter(|key| Some(*key) != first).collect();
        if let Some(key) = first.filter(|key| others.is_empty() && self.slots.enter(*key)) {
            return WriterTurn { turns: self, place: Place::Slot(key) };
        }
        let keys: Vec<u64> = first.into_iter().chain(others).collect();
        poll_fn(|cx| {
            let mut state = self.state();
            if keys.iter().any(|key| state.alone.contains(key)) {
                state.waiting.push(cx.waker().clone());
                return Poll::Pending;
            }
            for key in &keys {
                *state.writers.entry(*key).or_default() += 1;
            }
            Poll::Ready(())
        })
        .await;
        WriterTurn { turns: self, place: Place::Keys(keys) }
    }

    /// Is alone at a key, once nobody else is there.
    pub(super) async fn alone(&self, key: &Key) -> LoneTurn<'_> {
        let mut turn = self.nowhere();
        poll_fn(|cx| {
            if turn.add_if(key, |state| state.waiting.push(cx.waker().clone())) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
        turn
    }

    /// Is alone at no key yet.
    pub(super) fn nowhere(&self) -> LoneTurn<'_> {
        LoneTurn { turns: self, keys: Vec::new() }
    }

    fn hash(&self, key: &Key) -> u64 {
        self.hasher.hash_one(key.as_bytes())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, change: impl FnOnce(&mut State)) {
        let waiting = {
            let mut state = self.state();
            change(&mut state);
            take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// The turn of a writer, while it is held.
#[derive(Debug)]
pub(super) struct WriterTurn<'t> {
    turns: &'t Turns,
    place: Place,
}

/// Where a writer is counted.
#[derive(Debug)]
enum Place {
    Slot(u64),
    Keys(Vec<u64>),
}

impl Drop for WriterTurn<'_> {
    fn drop(&mut self) {
        match &self.place {
            Place::Slot(key) => {
                if self.turns.slots.leave(*key) {
                    self.turns.leave(|_| {});
                }
            }
            Place::Keys(keys) => self.turns.leave(|state| {
                for key in keys {
                    if let Some(writers) = state.writers.get_mut(key) {
                        *writers -= 1;
                        if *writers == 0 {
                            state.writers.remove(key);
                        }
                    }
                }
            }),
        }
    }
}

/// The turn of one who is alone at some keys, while it is held.
#[derive(Debug)]
pub(super) struct LoneTurn<'t> {
    turns: &'t Turns,
    keys: Vec<u64>,
}

impl LoneTurn<'_> {
    /// Is alone at one more key, if nobody is there, this turn included; says whether it is.
    pub(super) fn add(&mut self, key: &Key) -> bool {
        self.add_if(key, |_| {})
    }

    fn add_if(&mut self, key: &Key, otherwise: impl FnOnce(&mut State)) -> bool {
        let key = self.turns.hash(key);
        let mut state = self.turns.state();
        let taken = state.writers.contains_key(&key) || state.alone.contains(&key);
        if taken || !self.turns.slots.close(key) {
            otherwise(&mut state);
            return false;
        }
        state.alone.insert(key);
        self.keys.push(key);
        true
    }
}

impl Drop for LoneTurn<'_> {
    fn drop(&mut self) {
        self.turns.leave(|state| {
            for key in &self.keys {
                state.alone.remove(key);
                self.turns.slots.open(*key);
            }
        });
    }
}
