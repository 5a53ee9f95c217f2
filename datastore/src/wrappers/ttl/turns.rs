use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::future::poll_fn;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use crate::Key;

/// Who is at which key: writers, who do not mind each other, or one who is alone there, who changes what it
/// read: the sweep, and who gives a value another expiry.
///
/// A key is known by its hash: two keys that share one exclude each other for no reason, and come to no harm.
#[derive(Debug, Default)]
pub(super) struct Turns {
    hasher: RandomState,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    writers: HashMap<u64, usize, BuildHasherDefault<Hashed>>,
    alone: HashSet<u64, BuildHasherDefault<Hashed>>,
    waiting: Vec<Waker>,
}

impl Turns {
    /// Begins to write these keys, once nobody is alone at one of them.
    pub(super) async fn writer<'k>(&self, keys: impl Iterator<Item = &'k Key>) -> WriterTurn<'_> {
        let mut keys = keys.map(|key| self.hash(key));
        // Most batches have one key, and no list has to be made.
        let keys = (keys.next(), keys.collect::<Vec<_>>());
        let all = || keys.0.iter().chain(&keys.1);
        poll_fn(|cx| {
            let mut state = self.state();
            if all().any(|key| state.alone.contains(key)) {
                state.waiting.push(cx.waker().clone());
                return Poll::Pending;
            }
            for key in all() {
                *state.writers.entry(*key).or_default() += 1;
            }
            Poll::Ready(())
        })
        .await;
        WriterTurn { turns: self, keys }
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
    keys: (Option<u64>, Vec<u64>),
}

impl Drop for WriterTurn<'_> {
    fn drop(&mut self) {
        let (first, others) = &self.keys;
        self.turns.leave(|state| {
            for key in first.iter().chain(others) {
                if let Some(writers) = state.writers.get_mut(key) {
                    *writers -= 1;
                    if *writers == 0 {
                        state.writers.remove(key);
                    }
                }
            }
        });
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
        if state.writers.contains_key(&key) || state.alone.contains(&key) {
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
            }
        });
    }
}

/// Finds hashes by themselves.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
