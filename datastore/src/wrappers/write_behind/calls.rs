//! What callers do to the state.

use std::time::Duration;

use futures::channel::oneshot;

use super::failures;
use super::state::{PageJob, Phase, Queued, State, Waiter, Work, enlist, tell};
use crate::{Error, Page, Query, Result};

/// What became of a commit that was handed in.
#[derive(Debug)]
pub(super) enum Handed {
    Done,
    Waits { id: u64, queued: bool, reply: oneshot::Receiver<Result<()>> },
}

impl State {
    /// Whether the writer is to be started.
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
                enlist(&mut self.waiters, Waiter { keys, reply }, |waiter| &waiter.reply);
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
            enlist(&mut self.settled, sender, |sender| sender);
            receiver
        })
    }

    pub(super) fn ask_for_page(&mut self, query: Query) -> oneshot::Receiver<Result<Page>> {
        let (reply, receiver) = oneshot::channel();
        match self.phase {
            Phase::Ended => tell(reply, Err(Error::closed())),
            _ => enlist(&mut self.pages, PageJob { query, reply }, |page| &page.reply),
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
            _ => enlist(&mut self.waiters, Waiter { keys: None, reply }, |waiter| &waiter.reply),
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
            tell(reply, Err(failures::of_close(&self.close_error.take()?)));
        } else {
            enlist(&mut self.closers, reply, |reply| reply);
        }
        Some(receiver)
    }

    pub(super) fn abandon(&mut self) {
        if self.phase != Phase::Ended {
            self.phase = Phase::Abandoned;
        }
    }

    fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }
}
