use std::collections::BTreeMap;
use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

/// Where time comes from; injected, so that tests step it.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time of day, for what is stored. It may step back or jump.
    fn now(&self) -> SystemTime;

    /// Time since an arbitrary moment, for what is measured. It never steps back.
    fn elapsed(&self) -> Duration;

    /// Completes when `duration` has passed on [`elapsed`](Self::elapsed). Dropping it cancels it.
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// The clock of the machine. Its sleeps need no runtime.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose [`elapsed`](Clock::elapsed) begins at zero.
    #[allow(clippy::disallowed_methods, reason = "this is the clock that the rule points to")]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the clock that the rule points to")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(futures_timer::Delay::new(duration))
    }
}

/// A clock that stands until a test steps it; clones are one clock.
///
/// # Examples
/// ```
/// use datastore::{Clock, TestClock};
/// use std::time::Duration;
///
/// let clock = TestClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(3600));
/// assert_eq!(clock.now().duration_since(before).unwrap().as_secs(), 3600);
/// ```
#[derive(Clone, Debug)]
pub struct TestClock(Arc<Mutex<TestTime>>);

#[derive(Debug)]
struct TestTime {
    now: SystemTime,
    elapsed: Duration,
    sleepers: BTreeMap<(Duration, u64), Waker>,
    next_sleeper: u64,
}

impl TestClock {
    /// A clock that shows 2026-01-01 00:00:00 UTC.
    pub fn new() -> Self {
        Self::at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600))
    }

    /// A clock that shows `now`.
    pub fn at(now: SystemTime) -> Self {
        let elapsed = Duration::ZERO;
        Self(Arc::new(Mutex::new(TestTime {
            now,
            elapsed,
            sleepers: BTreeMap::new(),
            next_sleeper: 0,
        })))
    }

    /// Lets `duration` pass, and wakes the sleeps that end by then.
    ///
    /// # Panics
    /// Past the last moment that the platform can name.
    pub fn advance(&self, duration: Duration) {
        let woken = {
            let mut time = self.time();
            time.now += duration;
            time.elapsed += duration;
            let due = (time.elapsed, u64::MAX);
            let still_asleep = time.sleepers.split_off(&due);
            std::mem::replace(&mut time.sleepers, still_asleep)
        };
        woken.into_values().for_each(Waker::wake);
    }

    /// Sets the time of day, forward or back, as an operator or NTP does: no time passes.
    pub fn set_now(&self, now: SystemTime) {
        self.time().now = now;
    }

    /// How many sleeps wait for the clock, for tests that advance it once they do.
    pub fn sleepers(&self) -> usize {
        self.time().sleepers.len()
    }

    fn time(&self) -> MutexGuard<'_, TestTime> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        self.time().now
    }

    fn elapsed(&self) -> Duration {
        self.time().elapsed
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let until = self.elapsed().saturating_add(duration);
        let id = {
            let mut time = self.time();
            time.next_sleeper += 1;
            time.next_sleeper
        };
        Box::pin(TestSleep { clock: self.clone(), place: (until, id) })
    }
}

struct TestSleep {
    clock: TestClock,
    place: (Duration, u64),
}

impl Future for TestSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut time = self.clock.time();
        if time.elapsed >= self.place.0 {
            return Poll::Ready(());
        }
        time.sleepers.insert(self.place, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for TestSleep {
    fn drop(&mut self) {
        self.clock.time().sleepers.remove(&self.place);
    }
}
