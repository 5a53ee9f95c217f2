use std::collections::VecDeque;
use std::hash::RandomState;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;

use super::changes::{Change, Changes};
use super::view::View;
use super::{PendingWrites, WriteBehindOptions};
use crate::{Batch, Durability, Error, Key, KeyRange, Page, Query, Result};

/// What is pending, who waits, and what is to be done next. Nothing in here waits: callers and the
/// writer change it under a lock, one step at a time.
///
/// Only the writer writes below, one thing at a time: a flush of all that is pending, or commits that go
/// through as they are. The latter begin once nothing is pending, and nothing becomes pending while they are
/// under way, so that every commit sees below what came before it, and nothing that came after.
#[derive(Debug)]
pub(super) struct State {
    pub(super) options: WriteBehindOptions,
    /// What no flush has begun to write.
    pub(super) waiting: Changes,
    /// Since when `waiting` holds something.
    pub(super) waiting_since: Duration,
    /// What the flush under way writes: pending until the store below acknowledged it.
    pub(super) flushing: Changes,
    /// Commits that are not admitted yet, in the order they came.
    pub(super) queue: VecDeque<Queued>,
    pub(super) next_id: u64,
    /// Who waits for a flush that has not begun.
    pub(super) waiters: Vec<Waiter>,
    /// The commits that go through at this moment.
    pub(super) passing: Vec<u64>,
    /// Whether one of them was dropped by its caller: what is issued from now on comes after it.
    pub(super) orphaned: bool,
    pub(super) settled: Vec<oneshot::Sender<()>>,
    /// Pages to be read while nothing is written below.
    pub(super) pages: Vec<PageJob>,
    pub(super) writes_begun: u64,
    pub(super) failures: u32,
    pub(super) retry_at: Duration,
    pub(super) last_error: Option<Arc<Error>>,
    pub(super) random: RandomState,
    pub(super) phase: Phase,
    pub(super) closers: Vec<oneshot::Sender<Result<()>>>,
    /// Why closing failed, until somebody was told.
    pub(super) close_error: Option<Arc<Error>>,
    pub(super) writer_runs: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Open,
    /// A last flush is tried once.
    Closing {
        tried: bool,
    },
    /// The handle is gone.
    Abandoned,
    Ended,
}

/// A commit, by the way it takes.
#[derive(Debug)]
pub(super) enum Work {
    /// Becomes pending.
    Hold { changes: Changes, synced: bool },
    /// Goes through as it is: it has conditions, or is larger than all that may be held.
    Pass(Batch),
}

#[derive(Debug)]
pub(super) struct Queued {
    pub(super) id: u64,
    pub(super) work: Work,
    /// Whether what is pending on other keys need not be written first: it was tried, in vain.
    pub(super) ready: bool,
    pub(super) reply: oneshot::Sender<Result<()>>,
}

#[derive(Debug)]
pub(super) struct Waiter {
    /// Of a synced commit, the keys that have to land; otherwise everything has to.
    pub(super) keys: Option<Vec<Key>>,
    pub(super) reply: oneshot::Sender<Result<()>>,
}

#[derive(Debug)]
pub(super) struct PageJob {
    pub(super) query: Query,
    pub(super) reply: oneshot::Sender<Result<Page>>,
}

impl State {
    pub(super) fn new(options: WriteBehindOptions) -> Self {
        Self {
            options,
            waiting: Changes::default(),
            waiting_since: Duration::ZERO,
            flushing: Changes::default(),
            queue: VecDeque::new(),
            next_id: 0,
            waiters: Vec::new(),
            passing: Vec::new(),
            orphaned: false,
            settled: Vec::new(),
            pages: Vec::new(),
            writes_begun: 0,
            failures: 0,
            retry_at: Duration::ZERO,
            last_error: None,
            random: RandomState::new(),
            phase: Phase::Open,
            closers: Vec::new(),
            close_error: None,
            writer_runs: false,
        }
    }

    /// What is pending for a key.
    pub(super) fn pending(&self, key: &Key) -> Option<&Change> {
        self.waiting.get(key).or_else(|| self.flushing.get(key))
    }

    pub(super) fn view(&self, query: &Query, range: &KeyRange) -> View {
        View::take(&self.waiting, &self.flushing, (query, range), self.writes_begun)
    }

    /// Whether nothing was begun to be written below since the view was taken.
    pub(super) fn is_current(&self, view: &View) -> bool {
        self.writes_begun == view.writes_begun
    }

    pub(super) fn counts(&self) -> PendingWrites {
        PendingWrites {
            keys: self.waiting.size_with(&self.flushing).0,
            bytes: self.waiting.bytes() + self.flushing.bytes(),
            failed_flushes: self.failures,
        }
    }

    pub(super) fn last_error(&self) -> Option<Arc<Error>> {
        self.last_error.clone()
    }

    pub(super) fn unwritten(&self) -> Batch {
        let mut all = self.flushing.clone();
        all.add_newer(self.waiting.clone());
        all.to_batch(Durability::Buffered)
    }

    pub(super) fn has_room(&self, changes: &Changes) -> bool {
        let (keys, bytes) = self.waiting.size_with(changes);
        self.passing.is_empty()
            && keys + self.flushing.len() <= self.options.max_keys
            && bytes + self.flushing.bytes() <= self.options.max_bytes
    }

    /// Adds to what is pending; says whether the writer has to look at the clock or the counts.
    pub(super) fn hold(&mut self, changes: Changes, now: Duration) -> bool {
        let (first, full) = (self.waiting.is_empty(), self.is_enough());
        if first {
            self.waiting_since = now;
        }
        self.waiting.add_newer(changes);
        first || (!full && self.is_enough())
    }

    pub(super) fn is_enough(&self) -> bool {
        self.waiting.len() >= self.options.flush_keys
            || self.waiting.bytes() >= self.options.flush_bytes
    }
}

/// Answers a caller, who may be gone.
pub(super) fn tell<T>(reply: oneshot::Sender<T>, answer: T) {
    let _ = reply.send(answer);
}

/// Adds one to those who wait. Of those who gave up, it keeps no more than a few times as many as wait.
pub(super) fn enlist<W, T>(
    waiting: &mut Vec<W>,
    one: W,
    reply: impl Fn(&W) -> &oneshot::Sender<T>,
) {
    if waiting.len() == waiting.capacity() {
        waiting.retain(|other| !reply(other).is_canceled());
        // The next look comes after as many more as were found: each costs a constant part of it.
        waiting.reserve(waiting.len() + 1);
    }
    waiting.push(one);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_gave_up_are_not_kept_and_those_who_wait_are() {
        let (mut waiting, mut patient) = (Vec::new(), Vec::new());
        for number in 0..100_000 {
            let (sender, receiver) = oneshot::channel::<()>();
            enlist(&mut waiting, sender, |sender| sender);
            if number % 1000 == 0 {
                patient.push(receiver);
            }
            assert!(waiting.len() <= 4 * (patient.len() + 1));
        }
        let still = waiting.iter().filter(|sender| !sender.is_canceled()).count();
        assert_eq!(still, patient.len());
    }
}
