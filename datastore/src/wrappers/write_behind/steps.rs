//! What the writer does to the state.

use std::hash::BuildHasher;
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;

use super::changes::Changes;
use super::failures::{self, refused_for_flush};
use super::state::{PageJob, Phase, Queued, State, Waiter, Work, enlist, tell};
use crate::{Batch, Condition, Durability, Error, Op, Result};

/// What the writer is to do next.
#[derive(Debug)]
pub(super) enum Next {
    Flush(Batch, Flush),
    Pass(Vec<Pass>),
    Pages(Vec<PageJob>),
    Close,
    End,
    /// Nothing before this moment, if there is one, unless it is woken.
    Wait(Option<Duration>),
}

/// A flush under way.
#[derive(Debug)]
pub(super) struct Flush {
    waiters: Vec<Waiter>,
    /// Commits with lower numbers were in the queue when it began.
    next_id: u64,
}

/// A commit that is to go through.
#[derive(Debug)]
pub(super) struct Pass {
    pub(super) id: u64,
    pub(super) batch: Batch,
    pub(super) reply: oneshot::Sender<Result<()>>,
}

impl State {
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
        self.begin_flush()
    }

    pub(super) fn end_flush(
        &mut self,
        flush: Flush,
        result: Result<()>,
        atomic: bool,
        now: Duration,
    ) {
        let Flush { waiters, next_id } = flush;
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

    /// Why something is still pending, if it is.
    pub(super) fn unwritten_for(&self) -> Option<Arc<Error>> {
        self.last_error.clone().filter(|_| !self.waiting.is_empty())
    }

    /// The writer is gone; what kept it from making everything durable.
    pub(super) fn end(&mut self, error: Option<Arc<Error>>) {
        self.phase = Phase::Ended;
        self.writer_runs = false;
        for page in self.pages.drain(..) {
            tell(page.reply, Err(Error::closed()));
        }
        for waiter in self.waiters.drain(..) {
            tell(waiter.reply, Err(Error::closed()));
        }
        let mut told = false;
        for closer in self.closers.drain(..) {
            let result = error.as_ref().map_or(Ok(()), |error| Err(failures::of_close(error)));
            told |= closer.send(result).is_ok();
        }
        self.close_error = error.filter(|_| !told);
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
                keys => enlist(&mut self.waiters, Waiter { keys, reply }, |waiter| &waiter.reply),
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
        let written = batch.ops.iter().map(Op::key);
        let mut keys = written.chain(batch.conditions.iter().map(Condition::key));
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

    fn begin_flush(&mut self) -> Next {
        self.flushing = take(&mut self.waiting);
        self.writes_begun += 1;
        let waiters = take(&mut self.waiters);
        let synced = waiters.iter().any(|waiter| waiter.keys.is_some());
        let durability = if synced { Durability::Synced } else { Durability::Buffered };
        let batch = self.flushing.to_batch(durability);
        Next::Flush(batch, Flush { waiters, next_id: self.next_id })
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
