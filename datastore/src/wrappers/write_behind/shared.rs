use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{Either, select};
use futures::task::AtomicWaker;

use super::WriteBehindOptions;
use super::calls::Handed;
use super::failures::no_room;
use super::state::{State, Work};
use super::steps::Next;
use crate::{Clock, Error, ErrorKind, Outcome, Page, Query, Result};

/// What the wrapper and its writer share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    clock: Arc<dyn Clock>,
    max_wait: Duration,
    woken: AtomicBool,
    writer: AtomicWaker,
}

impl Shared {
    pub(super) fn new(options: WriteBehindOptions, clock: Arc<dyn Clock>) -> Self {
        Self {
            max_wait: options.max_wait,
            state: Mutex::new(State::new(options)),
            clock,
            woken: AtomicBool::new(false),
            writer: AtomicWaker::new(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    pub(super) fn wake_writer(&self) {
        self.woken.store(true, Ordering::Release);
        self.writer.wake();
    }

    /// Hands a commit in and waits for what becomes of it.
    pub(super) async fn commit(&self, work: Work) -> Result<()> {
        let (handed, news) = self.state().hand_in(work, self.now())?;
        if news {
            self.wake_writer();
        }
        match handed {
            Handed::Done => Ok(()),
            Handed::Waits { id, queued, reply } => {
                let mut ticket = Ticket { shared: self, id, answered: false };
                let result = ticket.wait(queued, reply).await;
                ticket.answered = true;
                result
            }
        }
    }

    /// Writes below what is pending at the time of the call.
    pub(super) async fn flush(&self) -> Result<()> {
        let reply = self.state().ask_for_flush();
        let Some(reply) = reply else { return Ok(()) };
        self.wake_writer();
        answer(reply).await
    }

    /// Lets the writer read a page, between two writes.
    pub(super) async fn page_between_writes(&self, query: &Query) -> Result<Page> {
        let reply = self.state().ask_for_page(query.clone());
        self.wake_writer();
        answer(reply).await
    }

    /// Waits until commits that were dropped midway are over.
    pub(super) async fn settled(&self) {
        let unsettled = self.state().unsettled();
        if let Some(settled) = unsettled {
            // Without an answer there is no writer, and so no such commit.
            let _ = settled.await;
        }
    }

    pub(super) async fn close(&self) -> Result<()> {
        let reply = self.state().close();
        let Some(reply) = reply else { return Ok(()) };
        self.wake_writer();
        answer(reply).await
    }

    pub(super) fn abandon(&self) {
        self.state().abandon();
        self.wake_writer();
    }

    /// Waits until there is something for the writer to do.
    pub(super) async fn next(&self) -> Next {
        loop {
            let due = match self.state().next(self.now()) {
                Next::Wait(due) => due,
                next => return next,
            };
            let woken = poll_fn(|cx| {
                self.writer.register(cx.waker());
                let woken = self.woken.swap(false, Ordering::AcqRel);
                if woken { Poll::Ready(()) } else { Poll::Pending }
            });
            match due {
                None => woken.await,
                Some(due) => {
                    select(woken, pin!(self.sleep_until(due))).await;
                }
            }
        }
    }

    async fn sleep_until(&self, moment: Duration) {
        // Some clocks cannot name a moment that is too far away.
        const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
        while let left = moment.saturating_sub(self.now())
            && !left.is_zero()
        {
            self.clock.sleep(left.min(LONGEST)).await;
        }
    }
}

/// A commit that waits. Dropped before it is answered, its commit does not happen, if that can be helped.
struct Ticket<'s> {
    shared: &'s Shared,
    id: u64,
    answered: bool,
}

impl Ticket<'_> {
    async fn wait(&self, queued: bool, mut reply: oneshot::Receiver<Result<()>>) -> Result<()> {
        if !queued {
            return answer(reply).await;
        }
        let until = self.shared.now().saturating_add(self.shared.max_wait);
        match select(&mut reply, pin!(self.shared.sleep_until(until))).await {
            Either::Left((result, _)) => return result.unwrap_or_else(|_| Err(gone())),
            Either::Right(((), _)) => {}
        }
        let withdrawn = self.shared.state().withdraw(self.id);
        if withdrawn {
            self.shared.wake_writer();
            return Err(no_room(self.shared.state().last_error()));
        }
        answer(reply).await
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.shared.state().orphan(self.id);
            self.shared.wake_writer();
        }
    }
}

async fn answer<T>(reply: oneshot::Receiver<Result<T>>) -> Result<T> {
    reply.await.unwrap_or_else(|_| Err(gone()))
}

/// The writer ended without an answer: a defect.
fn gone() -> Error {
    Error::new(ErrorKind::Internal, "the writer is gone").with_outcome(Outcome::Unknown)
}
