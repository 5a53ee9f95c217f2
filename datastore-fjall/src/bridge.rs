//! The one place where blocking work leaves the executor: threads of its own, under any runtime or
//! none.
//!
//! A hop to a thread costs some ten times what a short operation of the engine does; so only what takes
//! long comes here, and a thread is made for each.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use datastore::{Error, ErrorKind, Outcome, Result};
use futures::channel::oneshot;
use parking_lot::{Condvar, Mutex};

use crate::errors;

/// Runs `work` on a thread of its own. Dropping the future stops waiting, not the work.
pub(crate) async fn on_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = oneshot::channel();
    spawn(name, move || {
        // Nobody waits any longer if it cannot be sent.
        let _ = sender.send(errors::guarded(work));
    })?;
    receiver.await.unwrap_or_else(|_| Err(ended()))
}

/// Runs `work` on a thread of its own. Dropping the future before the work began cancels it;
/// afterwards the drop waits for its end: so it happens before anything that follows the drop.
pub(crate) async fn on_thread_or_not_at_all<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (sender, receiver) = oneshot::channel();
    let stage = Arc::new(Shared::default());
    let work_stage = Arc::clone(&stage);
    spawn(name, move || {
        if !work_stage.begin() {
            return;
        }
        let result = errors::guarded(work);
        work_stage.end();
        let _ = sender.send(result);
    })?;
    Pending { receiver, stage }.await
}

/// Starts a thread that works until it is told to stop.
pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(format!("datastore:{name}")).spawn(work).map_err(|error| {
        Error::new(ErrorKind::Unavailable, "the system gives no thread")
            .with_outcome(Outcome::NotApplied)
            .with_source(error)
    })
}

struct Pending<T> {
    receiver: oneshot::Receiver<Result<T>>,
    stage: Arc<Shared>,
}

impl<T> Future for Pending<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let received = Pin::new(&mut self.receiver).poll(context);
        received.map(|result| result.unwrap_or_else(|_| Err(ended())))
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        self.stage.cancel_or_wait();
    }
}

#[derive(Default)]
struct Shared {
    stage: Mutex<Stage>,
    ended: Condvar,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Waiting,
    Cancelled,
    Working,
    Ended,
}

impl Shared {
    /// Whether the work may begin.
    fn begin(&self) -> bool {
        let mut stage = self.stage.lock();
        let waiting = *stage == Stage::Waiting;
        if waiting {
            *stage = Stage::Working;
        }
        waiting
    }

    fn end(&self) {
        *self.stage.lock() = Stage::Ended;
        self.ended.notify_all();
    }

    fn cancel_or_wait(&self) {
        let mut stage = self.stage.lock();
        if *stage == Stage::Waiting {
            *stage = Stage::Cancelled;
        }
        self.ended.wait_while(&mut stage, |stage| *stage == Stage::Working);
    }
}

fn ended() -> Error {
    Error::new(ErrorKind::Internal, "a thread of the store ended").with_outcome(Outcome::Unknown)
}
