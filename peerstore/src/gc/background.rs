use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use datastore::{Clock, Error, ErrorKind, Result};
use futures::channel::oneshot;
use futures::executor::block_on;
use futures::future::{Either, select};
use parking_lot::Mutex;

use super::collect;
use crate::access::Core;

/// The thread that collects from time to time. It ends when it is stopped, or when the peerstore is gone.
#[derive(Debug)]
pub(crate) struct Collector(Mutex<Option<Running>>);

#[derive(Debug)]
struct Running {
    // Dropped to stop it.
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Collector {
    /// A collector that never runs.
    pub(crate) fn none() -> Self {
        Self(Mutex::new(None))
    }

    pub(crate) fn start(core: &Arc<Core>) -> Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let (weak, clock) = (Arc::downgrade(core), Arc::clone(core.clock()));
        let interval = core.options().gc.interval;
        let jitter = core.session().id;
        let thread = thread::Builder::new()
            .name("peerstore-gc".to_owned())
            .spawn(move || run(&weak, &*clock, interval, jitter, stopped))
            .map_err(|error| {
                Error::new(ErrorKind::Internal, "no thread for the collection").with_source(error)
            })?;
        Ok(Self(Mutex::new(Some(Running { stop, thread }))))
    }

    /// Stops it, and waits for the page that it may be at.
    pub(crate) fn stop(&self) {
        if let Some(Running { stop, thread }) = self.0.lock().take() {
            drop(stop);
            // It may be the thread itself that drops the last handle.
            if thread.thread().id() != thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop();
    }
}

fn run(
    core: &Weak<Core>,
    clock: &dyn Clock,
    interval: Duration,
    mut jitter: u64,
    mut stopped: oneshot::Receiver<()>,
) {
    loop {
        let pause = clock.sleep(jittered(interval, &mut jitter));
        match block_on(select(pause, &mut stopped)) {
            Either::Left(_) => {}
            Either::Right(_) => return,
        }
        let Some(core) = core.upgrade() else { return };
        match block_on(select(Box::pin(collect(&core)), &mut stopped)) {
            Either::Left((Ok(report), _)) => tracing::debug!(?report, "collected what has expired"),
            Either::Left((Err(error), _)) => {
                tracing::warn!(%error, "the collection failed, and is tried again");
            }
            Either::Right(_) => return,
        }
    }
}

/// The interval, a tenth more or less, so that nodes that were started together do not collect together.
fn jittered(interval: Duration, state: &mut u64) -> Duration {
    // Xorshift, Marsaglia 2003.
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    let percent = u32::try_from(*state % 21).unwrap_or_default();
    interval.saturating_mul(90 + percent) / 100
}
