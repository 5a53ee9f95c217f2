use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;

use super::changes::{Change, Changes};
use super::failures::{self, refused_for_flush};
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
    options: WriteBehindOptions,
    /// What no flush has begun to write.
    waiting: Changes,
    /// Since when `waiting` holds something.
    waiting_since: Duration,
    /// What the flush under way writes: pending until the store below acknowledged it.
    flushing: Changes,
    /// Commits that are not admitted yet, in the order they came.
    queue: VecDeque<Queued>,
    next_id: u64,
    /// Who waits for a flush that has not begun.
    waiters: Vec<Waiter>,
    /// The commits that go through at this moment.
    passing: Vec<u64>,
    /// Whether one of them was dropped by its caller: what is issued from now on comes after it.
    orphaned: bool,
    settled: Vec<oneshot::Sender<()>>,
    /// Pages to be read while nothing is written below.
    pages: Vec<PageJob>,
    writes_begun: u64,
    failures: u32,
    retry_at: Duration,
    last_error: Option<Arc<Error>>,
    random: RandomState,
    phase: Phase,
    closers: Vec<oneshot::Sender<Result<()>>>,
    /// Why closing failed, until somebody was told.
    close_error: Option<Arc<Error>>,
    writer_runs: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
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
struct Queued {
    id: u64,
    work: Work,
    /// Whether what is pending on other keys need not be written first: it was tried, in vain.
    ready: bool,
    reply: oneshot::Sender<Result<()>>,
}

#[derive(Debug)]
pub(super) struct Waiter {
    /// Of a synced commit, the keys that have to land; otherwise everything has to.
    keys: Option<Vec<Key>>,
    reply: oneshot::Sender<Result<()>>,
}

/// A commit that is to go through.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) id: u64,
    pub(super) batch: Batch,
    pub(super) reply: oneshot::Sender<Result<()>>,
}

#[derive(Debug)]
pub(super) struct PageJob {
    pub(super) query: Query,
    pub(super) reply: oneshot::Sender<Result<Page>>,
}

#[derive(Debug)]
pub(super) struct Flush {
    pub(super) batch: Batch,
    waiters: Vec<Waiter>,
    /// Commits with lower numbers were in the queue when it began.
    next_id: u64,
}

/// What became of a commit that was handed in.
#[derive(Debug)]
pub(super) enum Handed {
    Done,
    Waits { id: u64, queued: bool, reply: oneshot::Receiver<Result<()>> },
}

/// What the writer is to do next.
#[derive(Debug)]
pub(super) enum Next {
    Flush(Flush),
    Pass(Vec<Pass>),
    Pages(Vec<PageJob>),
    Close,
    End,
    /// Nothing before this moment, if there is one, unless it is woken.
    Wait(Option<Duration>),
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

    // What callers do.

    /// Marks the writer as begun; `false` if it runs already or is not to run any more.
    pub(super) fn needs_writer(&self) -> bool {
        !self.writer_runs && self.phase == Phase::Open
    }

    pub(super) fn writer_began(&mut self) {
        self.writer_runs = true;
    }

    /// Takes a commit; says whether the writer has something new to look at.
    pub(super) fn hand_in(&mut self, work: Work, now: Duration) -> Result<(Handed, bool)> {
        if self.phase != Phase::Open {
            return Err(Error::closed());
        }
        match work {
            Work::Hold { changes, synced } if self.queue.is_empty() && self.has_room(&changes) => {
                let keys = synced.then(|| changes.keys().cloned().collect());
                let due = self.hold(changes, now);
                if keys.is_none() {
                    return Ok((Handed::Done, due));
                }
                let (id, (reply, receiver)) = (self.take_id(), oneshot::channel());
                self.waiters.push(Waiter { keys, reply });
                Ok((Handed::Waits { id, queued: false, reply: receiver }, true))
            }
            work => {
                let (id, (reply, receiver)) = (self.take_id(), oneshot::channel());
                self.queue.push_back(Queued { id, work, ready: false, reply });
                Ok((Handed::Waits { id, queued: true, reply: receiver }, true))
            }
        }
    }

    /// Takes a commit out of the queue; `false` if it is not there any more.
    pub(super) fn withdraw(&mut self, id: u64) -> bool {
        let place = self.queue.iter().position(|queued| queued.id == id);
        place.is_some_and(|place| self.queue.remove(place).is_some())
    }

    /// The caller of a commit is gone: either nothing of it happens, or it comes before all that is issued
    /// from now on.
    pub(super) fn orphan(&mut self, id: u64) {
        if !self.withdraw(id) && self.passing.contains(&id) {
            self.orphaned = true;
        }
    }

    /// What a call that was issued after a dropped commit waits for.
    pub(super) fn unsettled(&mut self) -> Option<oneshot::Receiver<()>> {
        self.orphaned.then(|| {
            let (sender, receiver) = oneshot::channel();
            self.settled.push(sender);
            receiver
        })
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

    pub(super) fn ask_for_page(&mut self, query: Query) -> oneshot::Receiver<Result<Page>> {
        let (reply, receiver) = oneshot::channel();
        match self.phase {
            Phase::Ended => tell(reply, Err(Error::closed())),
            _ => self.pages.push(PageJob { query, reply }),
        }
        receiver
    }

    /// Asks for a flush of what is pending; `None` if nothing is.
    pub(super) fn ask_for_flush(&mut self) -> Option<oneshot::Receiver<Result<()>>> {
        if self.waiting.is_empty() && self.flushing.is_empty() {
            return None;
        }
        let (reply, receiver) = oneshot::channel();
        match self.phase {
            Phase::Ended => tell(reply, Err(Error::closed())),
            _ => self.waiters.push(Waiter { keys: None, reply }),
        }
        Some(receiver)
    }

    /// Begins to close; `None` if there is nothing to wait for.
    pub(super) fn close(&mut self) -> Option<oneshot::Receiver<Result<()>>> {
        match self.phase {
            Phase::Open if !self.writer_runs => self.phase = Phase::Ended,
            Phase::Open => self.phase = Phase::Closing { tried: false },
            Phase::Closing { .. } | Phase::Abandoned | Phase::Ended => {}
        }
        for queued in self.queue.drain(..) {
            tell(queued.reply, Err(Error::closed()));
        }
        let (reply, receiver) = oneshot::channel();
        if self.phase == Phase::Ended {
            tell(reply, Err(failures::of_flush(&self.close_error.take()?)));
        } else {
            self.closers.push(reply);
        }
        Some(receiver)
    }

    pub(super) fn abandon(&mut self) {
        if self.phase != Phase::Ended {
            self.phase = Phase::Abandoned;
        }
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

    // What the writer does.

    /// What is to be done now. No flush and no commit is under way.
    pub(super) fn next(&mut self, now: Duration) -> Next {
        if self.phase == Phase::Abandoned {
            return Next::End;
        }
        if !self.pages.is_empty() {
            return Next::Pages(take(&mut self.pages));
        }
        self.admit(now);
        if self.waiting.is_empty() {
            for waiter in self.waiters.drain(..) {
                tell(waiter.reply, Ok(()));
            }
        }
        let passes = self.take_passes();
        if !passes.is_empty() {
            self.writes_begun += 1;
            return Next::Pass(passes);
        }
        match self.phase {
            Phase::Closing { tried } if tried || self.waiting.is_empty() => return Next::Close,
            _ if self.waiting.is_empty() => return Next::Wait(None),
            Phase::Closing { .. } => self.phase = Phase::Closing { tried: true },
            _ if self.is_asked_to_flush() => {}
            _ => {
                let due = self.flush_due();
                if due > now {
                    return Next::Wait(Some(due));
                }
            }
        }
        Next::Flush(self.begin_flush())
    }

    pub(super) fn end_flush(
        &mut self,
        flush: Flush,
        result: Result<()>,
        atomic: bool,
        now: Duration,
    ) {
        let Flush { batch: _, waiters, next_id } = flush;
        let Err(error) = result else {
            self.flushing = Changes::default();
            self.failures = 0;
            self.last_error = None;
            for waiter in waiters {
                tell(waiter.reply, Ok(()));
            }
            return;
        };
        if let Some(partial) = error.partial() {
            self.flushing.remove_landed(&partial.landed, &partial.failed);
        }
        let error = Arc::new(error);
        for Waiter { keys, reply } in waiters {
            let result = match keys {
                None => Err(failures::of_flush(&error)),
                Some(keys) if keys.iter().any(|key| self.flushing.get(key).is_some()) => {
                    Err(failures::of_synced(&error))
                }
                Some(_) => Ok(()),
            };
            tell(reply, result);
        }
        self.waiting.add_older(take(&mut self.flushing));
        self.failures = self.failures.saturating_add(1);
        let random = self.random.hash_one(self.writes_begun);
        let pause = self.options.backoff(self.failures, random);
        self.retry_at = now.saturating_add(pause);
        self.refuse_passes(&error, next_id, atomic);
        self.last_error = Some(error);
    }

    pub(super) fn end_pass(&mut self, id: u64) {
        self.passing.retain(|passing| *passing != id);
        if self.passing.is_empty() {
            self.orphaned = false;
            for sender in self.settled.drain(..) {
                tell(sender, ());
            }
        }
    }

    /// What closing comes to as far as it is known: an error if something was not written.
    pub(super) fn written(&self) -> Result<()> {
        match &self.last_error {
            Some(error) if !self.waiting.is_empty() => Err(failures::of_flush(error)),
            _ => Ok(()),
        }
    }

    /// The writer is gone.
    pub(super) fn end(&mut self, result: Result<()>) {
        self.phase = Phase::Ended;
        self.writer_runs = false;
        for page in self.pages.drain(..) {
            tell(page.reply, Err(Error::closed()));
        }
        for waiter in self.waiters.drain(..) {
            tell(waiter.reply, Err(Error::closed()));
        }
        let error = result.err().map(Arc::new);
        let mut told = false;
        for closer in self.closers.drain(..) {
            let result = error.as_ref().map_or(Ok(()), |error| Err(failures::of_flush(error)));
            told |= closer.send(result).is_ok();
        }
        self.close_error = error.filter(|_| !told);
    }

    fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    fn has_room(&self, changes: &Changes) -> bool {
        let (keys, bytes) = self.waiting.size_with(changes);
        self.passing.is_empty()
            && keys + self.flushing.len() <= self.options.max_keys
            && bytes + self.flushing.bytes() <= self.options.max_bytes
    }

    /// Adds to what is pending; says whether the writer has to look at the clock or the counts.
    fn hold(&mut self, changes: Changes, now: Duration) -> bool {
        let (first, full) = (self.waiting.is_empty(), self.is_enough());
        if first {
            self.waiting_since = now;
        }
        self.waiting.add_newer(changes);
        first || (!full && self.is_enough())
    }

    fn is_enough(&self) -> bool {
        self.waiting.len() >= self.options.flush_keys
            || self.waiting.bytes() >= self.options.flush_bytes
    }

    /// Takes from the queue what there is room for, up to a commit that goes through.
    fn admit(&mut self, now: Duration) {
        while let Some(Queued { work: Work::Hold { changes, .. }, .. }) = self.queue.front()
            && self.has_room(changes)
            && let Some(Queued { work: Work::Hold { changes, synced }, reply, .. }) =
                self.queue.pop_front()
        {
            let keys = synced.then(|| changes.keys().cloned().collect());
            self.hold(changes, now);
            match keys {
                None => tell(reply, Ok(())),
                keys => self.waiters.push(Waiter { keys, reply }),
            }
        }
    }

    fn take_passes(&mut self) -> Vec<Pass> {
        let mut passes = Vec::new();
        while let Some(Queued { work: Work::Pass(batch), ready, .. }) = self.queue.front()
            && (self.waiting.is_empty() || (*ready && self.is_elsewhere(batch)))
            && let Some(Queued { id, work: Work::Pass(batch), reply, .. }) = self.queue.pop_front()
        {
            self.passing.push(id);
            passes.push(Pass { id, batch, reply });
        }
        passes
    }

    /// Whether nothing is pending on the keys of a batch.
    fn is_elsewhere(&self, batch: &Batch) -> bool {
        let written = batch.ops.iter().map(crate::Op::key);
        let mut keys = written.chain(batch.conditions.iter().map(crate::Condition::key));
        keys.all(|key| self.waiting.get(key).is_none())
    }

    /// Whether somebody waits for a flush, so that it is tried whatever came of the one before.
    fn is_asked_to_flush(&self) -> bool {
        let passes = |queued: &Queued| matches!(queued.work, Work::Pass(_));
        !self.waiters.is_empty() || self.queue.front().is_some_and(passes)
    }

    fn flush_due(&self) -> Duration {
        if self.failures > 0 {
            self.retry_at
        } else if self.is_enough() || !self.queue.is_empty() {
            Duration::ZERO
        } else {
            self.waiting_since.saturating_add(self.options.flush_age)
        }
    }

    fn begin_flush(&mut self) -> Flush {
        self.flushing = take(&mut self.waiting);
        self.writes_begun += 1;
        let waiters = take(&mut self.waiters);
        let synced = waiters.iter().any(|waiter| waiter.keys.is_some());
        let durability = if synced { Durability::Synced } else { Durability::Buffered };
        Flush { batch: self.flushing.to_batch(durability), waiters, next_id: self.next_id }
    }

    /// Commits that waited for a flush that failed do not happen, but for those that it does not concern.
    fn refuse_passes(&mut self, error: &Arc<Error>, before: u64, atomic: bool) {
        for mut queued in take(&mut self.queue) {
            let failed = match &queued.work {
                Work::Pass(batch) if queued.id < before => {
                    queued.ready = !atomic && self.is_elsewhere(batch);
                    !queued.ready
                }
                Work::Pass(_) | Work::Hold { .. } => false,
            };
            if failed {
                tell(queued.reply, Err(refused_for_flush(error)));
            } else {
                self.queue.push_back(queued);
            }
        }
    }
}

/// Answers a caller, who may be gone.
pub(super) fn tell<T>(reply: oneshot::Sender<T>, answer: T) {
    let _ = reply.send(answer);
}
