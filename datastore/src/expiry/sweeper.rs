use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use futures::FutureExt;
use futures::channel::oneshot;
use futures::executor::block_on;
use futures::future::{Either, Shared, poll_fn, select};
use futures::task::AtomicWaker;

use crate::{Clock, Error, ErrorKind, Outcome, Result};

/// Sweeps from time to time, on a thread of its own, which needs no runtime.
///
/// A sweep that fails is logged, and the next one comes when it would have come anyway. If the time of day has
/// jumped ahead of the time that passed, by more than [`MOST_AHEAD`](Self::MOST_AHEAD), one sweep is left out, and
/// that is logged: a clock that is set right again before the next one has then removed nothing.
pub struct ExpirySweeper {
    signal: Arc<Signal>,
    ended: Shared<oneshot::Receiver<()>>,
}

#[derive(Default)]
struct Signal {
    stopped: AtomicBool,
    thread: AtomicWaker,
}

impl ExpirySweeper {
    /// How far the time of day may go ahead of the time that passed between two sweeps.
    pub const MOST_AHEAD: Duration = Duration::from_secs(60 * 60);

    /// Begins. The first sweep comes after the first pause, which is `interval` and up to `jitter` more, at random,
    /// as are all others. `sweep` is called on the thread.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) if there is no thread to be had.
    pub fn start<F, Sweep>(
        name: &str,
        clock: Arc<dyn Clock>,
        (interval, jitter): (Duration, Duration),
        sweep: F,
    ) -> Result<Self>
    where
        F: FnMut() -> Sweep + Send + 'static,
        Sweep: Future<Output = Result<()>>,
    {
        let signal = Arc::new(Signal::default());
        let (ends, ended) = oneshot::channel();
        let pauses = Pauses { interval, jitter, random: RandomState::new(), count: 0 };
        let thread = {
            let signal = Arc::clone(&signal);
            move || {
                // What `sweep` holds is let go of before the end is told.
                block_on(run(&signal, &*clock, pauses, sweep));
                // Nobody may wait for it.
                let _ = ends.send(());
            }
        };
        std::thread::Builder::new().name(name.to_owned()).spawn(thread).map_err(|error| {
            Error::new(ErrorKind::Unavailable, "no thread to sweep with")
                .with_outcome(Outcome::NotApplied)
                .with_source(error)
        })?;
        Ok(Self { signal, ended: ended.shared() })
    }

    /// Stops, and waits for the sweep under way and for the thread to let go of all that it holds.
    pub async fn stop(&self) {
        self.signal.stop();
        // A thread that panicked has ended, too.
        let _ = self.ended.clone().await;
    }
}

impl Drop for ExpirySweeper {
    fn drop(&mut self) {
        self.signal.stop();
    }
}

impl fmt::Debug for ExpirySweeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stopped = self.signal.stopped.load(Ordering::Acquire);
        f.debug_struct("ExpirySweeper").field("stopped", &stopped).finish_non_exhaustive()
    }
}

impl Signal {
    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.thread.wake();
    }

    /// Waits until `pause` has passed; says whether it did, and nobody stopped it.
    async fn pause(&self, clock: &dyn Clock, pause: Duration) -> bool {
        let stopped = poll_fn(|cx| {
            self.thread.register(cx.waker());
            if self.stopped.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
        });
        let passed = pin!(sleep(clock, pause));
        matches!(select(stopped, passed).await, Either::Right(_))
    }
}

struct Pauses {
    interval: Duration,
    jitter: Duration,
    random: RandomState,
    count: u64,
}

impl Pauses {
    fn next(&mut self) -> Duration {
        self.count += 1;
        let most = u64::try_from(self.jitter.as_nanos()).unwrap_or(u64::MAX);
        let jitter = self.random.hash_one(self.count) % most.saturating_add(1);
        self.interval.saturating_add(Duration::from_nanos(jitter))
    }
}

async fn run<F, Sweep>(signal: &Signal, clock: &dyn Clock, mut pauses: Pauses, mut sweep: F)
where
    F: FnMut() -> Sweep,
    Sweep: Future<Output = Result<()>>,
{
    let mut seen = (clock.now(), clock.elapsed());
    while signal.pause(clock, pauses.next()).await {
        let ahead = ahead(clock, &mut seen);
        if ahead > ExpirySweeper::MOST_AHEAD {
            tracing::warn!(?ahead, "the clock jumped ahead: a sweep is left out");
            continue;
        }
        match AssertUnwindSafe(sweep()).catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(error)) if error.kind() == ErrorKind::Closed => {}
            Ok(Err(error)) => tracing::warn!(%error, "a sweep of what has expired failed"),
            Err(_) => tracing::error!("a sweep of what has expired panicked"),
        }
    }
}

/// How far the time of day went ahead of the time that passed, since it was asked last.
fn ahead(clock: &dyn Clock, seen: &mut (SystemTime, Duration)) -> Duration {
    let (now, elapsed) = (clock.now(), clock.elapsed());
    let by_day = now.duration_since(seen.0).unwrap_or_default();
    let passed = elapsed.saturating_sub(seen.1);
    *seen = (now, elapsed);
    by_day.saturating_sub(passed)
}

async fn sleep(clock: &dyn Clock, pause: Duration) {
    // Some clocks cannot name a moment that is too far away.
    const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
    let until = clock.elapsed().saturating_add(pause);
    while let left = until.saturating_sub(clock.elapsed())
        && !left.is_zero()
    {
        clock.sleep(left.min(LONGEST)).await;
    }
}
