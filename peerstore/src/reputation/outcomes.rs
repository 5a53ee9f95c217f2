use std::time::{Duration, SystemTime};

use datastore::Expiry;
use serde::Serialize;

use super::score::Weights;

/// What became of requests to a peer.
///
/// Times are whole milliseconds, as the clock showed them: one that was wrong then leaves them wrong.
/// Serialised, they are in milliseconds since 1970, and the latency in nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Reputation {
    pub(super) successes: u64,
    pub(super) failures: u64,
    pub(super) consecutive_failures: u64,
    #[serde(rename = "latency_ns")]
    pub(super) latency: Option<u64>,
    #[serde(rename = "last_success_ms")]
    pub(super) last_success: Option<u64>,
    #[serde(rename = "last_failure_ms")]
    pub(super) last_failure: Option<u64>,
    #[serde(rename = "first_seen_ms")]
    pub(super) first_seen: Option<u64>,
    #[serde(skip)]
    pub(super) weights: Weights,
}

/// One part in so many of each new latency goes into the mean: a smoothing of 0.1, as go-libp2p's.
const LATENCY_SMOOTHING: u128 = 10;

impl Reputation {
    /// The longest time for which a peer that fails is not asked.
    pub const MAX_BACKOFF: Duration = Duration::from_secs(300);

    /// Requests whose outcome is known.
    pub fn requests(&self) -> u64 {
        self.successes.saturating_add(self.failures)
    }

    /// Requests that the peer answered.
    pub fn successes(&self) -> u64 {
        self.successes
    }

    /// Requests that failed.
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Requests that failed since the last one that the peer answered.
    pub fn consecutive_failures(&self) -> u64 {
        self.consecutive_failures
    }

    /// How long the peer takes to answer: the exponentially weighted mean, of which each answer makes a tenth.
    /// `None` before the first.
    pub fn latency(&self) -> Option<Duration> {
        self.latency.map(Duration::from_nanos)
    }

    /// When the peer answered last.
    pub fn last_success(&self) -> Option<SystemTime> {
        time(self.last_success)
    }

    /// When a request failed last.
    pub fn last_failure(&self) -> Option<SystemTime> {
        time(self.last_failure)
    }

    /// When the outcome of a request was first noted.
    pub fn first_seen(&self) -> Option<SystemTime> {
        time(self.first_seen)
    }

    /// Whether the peer ever answered.
    pub fn is_proven(&self) -> bool {
        self.successes > 0
    }

    /// Until when it is of no use to ask the peer: 2^(n−1) seconds after the last of n failures in a row,
    /// [300 seconds](Self::MAX_BACKOFF) at most. `None` if the last request was answered.
    pub fn backoff_until(&self) -> Option<SystemTime> {
        let doublings = self.consecutive_failures.checked_sub(1)?;
        let doublings = u32::try_from(doublings).unwrap_or(u32::MAX);
        let seconds = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
        let backoff = Duration::from_secs(seconds).min(Self::MAX_BACKOFF);
        self.last_failure()?.checked_add(backoff)
    }

    /// Whether it is of no use to ask the peer `now`.
    ///
    /// A backoff that would last longer than the [longest](Self::MAX_BACKOFF) is none: the clock was set back
    /// since the peer failed.
    pub fn is_backed_off(&self, now: SystemTime) -> bool {
        let left = self.backoff_until().and_then(|until| until.duration_since(now).ok());
        left.is_some_and(|left| !left.is_zero() && left <= Self::MAX_BACKOFF)
    }

    /// The peer answered, after `latency` if that was measured.
    pub(crate) fn succeeded(&mut self, now: SystemTime, latency: Option<Duration>) {
        self.weights = self.weights_at(now).succeeded();
        self.successes = self.successes.saturating_add(1);
        self.consecutive_failures = 0;
        let now = Expiry::at(now).as_millis();
        self.last_success = Some(now);
        self.first_seen.get_or_insert(now);
        if let Some(latency) = latency {
            let latency = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
            self.latency = Some(self.latency.map_or(latency, |mean| smoothed(mean, latency)));
        }
    }

    /// Somebody else has measured how long the peer takes to answer. It says nothing if that is known.
    pub(crate) fn measured(&mut self, latency: Duration) {
        let latency = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.latency.get_or_insert(latency);
    }

    /// A request failed.
    pub(crate) fn failed(&mut self, now: SystemTime) {
        self.weights = self.weights_at(now).failed();
        self.failures = self.failures.saturating_add(1);
        self.consecutive_failures = self.consecutive_failures.saturating_add(1);
        let now = Expiry::at(now).as_millis();
        self.last_failure = Some(now);
        self.first_seen.get_or_insert(now);
    }

    /// When the last outcome was noted, in milliseconds since 1970.
    pub(super) fn last_outcome(&self) -> Option<u64> {
        if self.consecutive_failures > 0 { self.last_failure } else { self.last_success }
    }
}

fn smoothed(mean: u64, latency: u64) -> u64 {
    let sum = u128::from(mean) * (LATENCY_SMOOTHING - 1) + u128::from(latency);
    let rounded = (sum + LATENCY_SMOOTHING / 2) / LATENCY_SMOOTHING;
    // Always: it lies between the two.
    u64::try_from(rounded).unwrap_or(u64::MAX)
}

fn time(millis: Option<u64>) -> Option<SystemTime> {
    Expiry::from_millis(millis?).time()
}

#[cfg(test)]
mod tests {
    use datastore::{Clock, TestClock};
    use proptest::prelude::*;

    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn outcomes_are_counted_and_timed() {
        let clock = TestClock::new();
        let began = clock.now();
        let mut peer = Reputation::default();
        assert_eq!((peer.requests(), peer.first_seen(), peer.latency()), (0, None, None));

        peer.failed(clock.now());
        clock.advance(secs(10));
        peer.failed(clock.now());
        assert!(!peer.is_proven());
        assert_eq!(peer.consecutive_failures(), 2);

        clock.advance(secs(10));
        peer.succeeded(clock.now(), None);
        assert!(peer.is_proven());
        assert_eq!((peer.requests(), peer.successes(), peer.failures()), (3, 1, 2));
        assert_eq!(peer.consecutive_failures(), 0);
        assert_eq!(peer.first_seen(), Some(began));
        assert_eq!(peer.last_failure(), Some(began + secs(10)));
        assert_eq!(peer.last_success(), Some(began + secs(20)));
        assert_eq!(peer.latency(), None);
    }

    #[test]
    fn the_first_latency_is_the_mean_and_a_tenth_of_each_later_one_goes_in() {
        let mut peer = Reputation::default();
        let now = TestClock::new().now();
        for (latency, mean) in [(100, 100), (200, 110), (0, 99), (99, 99)] {
            peer.succeeded(now, Some(Duration::from_millis(latency)));
            assert_eq!(peer.latency(), Some(Duration::from_millis(mean)));
        }
        peer.succeeded(now, None);
        assert_eq!(peer.latency(), Some(Duration::from_millis(99)));
        peer.succeeded(now, Some(Duration::MAX));
        assert!(peer.latency() > Some(secs(1_000_000_000)));
    }

    #[test]
    fn the_mean_of_scattered_latencies_is_within_a_tenth_of_theirs() {
        let mut peer = Reputation::default();
        let now = TestClock::new().now();
        let scattered = [83, 104, 96, 117, 100, 91, 109, 98, 112, 90];
        for nanos in scattered.into_iter().cycle().take(1_000) {
            peer.succeeded(now, Some(Duration::from_nanos(nanos)));
            let mean = peer.latency().unwrap().as_nanos();
            assert!(peer.requests() < 10 || (90..=110).contains(&mean), "{mean}");
        }
    }

    #[test]
    fn a_backoff_doubles_up_to_300_seconds() {
        let clock = TestClock::new();
        let mut peer = Reputation::default();
        assert_eq!(peer.backoff_until(), None);
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            peer.failed(clock.now());
            assert_eq!(peer.backoff_until(), Some(clock.now() + secs(seconds)));
            assert!(peer.is_backed_off(clock.now()));
            clock.advance(secs(seconds) - Duration::from_millis(1));
            assert!(peer.is_backed_off(clock.now()));
            clock.advance(Duration::from_millis(1));
            assert!(!peer.is_backed_off(clock.now()));
        }
        peer.consecutive_failures = u64::MAX;
        assert_eq!(peer.backoff_until(), Some(peer.last_failure().unwrap() + secs(300)));
        peer.failed(clock.now());
        assert_eq!(peer.consecutive_failures(), u64::MAX);

        peer.succeeded(clock.now(), None);
        assert_eq!(peer.backoff_until(), None);
        assert!(!peer.is_backed_off(clock.now()));
    }

    #[test]
    fn a_clock_that_is_set_back_backs_nobody_off_for_long() {
        let clock = TestClock::new();
        let mut peer = Reputation::default();
        peer.failed(clock.now());
        assert!(peer.is_backed_off(clock.now() - secs(10)));
        assert!(!peer.is_backed_off(clock.now() - secs(300)));
        clock.set_now(clock.now() - secs(86_400));
        assert!(!peer.is_backed_off(clock.now()));
        peer.failed(clock.now());
        assert_eq!(peer.backoff_until(), Some(clock.now() + secs(2)));
    }

    #[test]
    fn times_that_no_clock_shows_are_harmless() {
        let mut peer = Reputation::default();
        peer.failed(SystemTime::UNIX_EPOCH - secs(5));
        assert_eq!(peer.last_failure(), Some(SystemTime::UNIX_EPOCH));
        peer.last_failure = Some(u64::MAX);
        assert_eq!((peer.last_failure(), peer.backoff_until()), (None, None));
        peer.last_failure = Some(u64::MAX - 1);
        assert!(!peer.is_backed_off(SystemTime::UNIX_EPOCH));
    }

    #[test]
    fn serialised_it_has_these_fields() {
        let mut peer = Reputation::default();
        peer.succeeded(SystemTime::UNIX_EPOCH + secs(1), Some(Duration::from_micros(2)));
        assert_eq!(
            serde_json::to_string(&peer).unwrap(),
            r#"{"successes":1,"failures":0,"consecutive_failures":0,"latency_ns":2000,"last_success_ms":1000,"last_failure_ms":null,"first_seen_ms":1000}"#,
        );
    }

    proptest! {
        #[test]
        fn the_mean_latency_is_the_closed_form(micros in prop::collection::vec(1_000..2_000_u64, 1..100)) {
            let mut peer = Reputation::default();
            for latency in &micros {
                peer.succeeded(SystemTime::UNIX_EPOCH, Some(Duration::from_micros(*latency)));
            }
            // The first has the weight 0.9^(n-1), the k-th 0.1 · 0.9^(n-k).
            let last = micros.len() as i32 - 1;
            let mut mean = micros[0] as f64 * 0.9_f64.powi(last);
            for (k, latency) in (0_i32..).zip(&micros).skip(1) {
                mean += *latency as f64 * 0.1 * 0.9_f64.powi(last - k);
            }
            let got = peer.latency().unwrap().as_nanos() as f64 / 1_000.0;
            prop_assert!((got - mean).abs() < 0.01 * mean, "{} is not {}", got, mean);
        }
    }
}
