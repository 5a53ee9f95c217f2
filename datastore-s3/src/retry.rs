use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use datastore::{Clock, Error, Outcome};

use crate::failure::Failure;

/// How a request that failed is tried again: after a random part of a time that doubles.
///
/// What is tried again: refusals for overload and failures of the server (5xx, 429, `SlowDown`), a
/// network that fails, answers that are cut short. Not what the server refuses for good; and a server that
/// cannot be connected to is given up after 3 s.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    retries: u32,
    first: Duration,
    longest: Duration,
    within: Duration,
}

impl Retry {
    /// Up to 8 times, after up to 100 ms at first and up to 10 s at last, for 60 s in all.
    pub fn new() -> Self {
        Self {
            retries: 8,
            first: Duration::from_millis(100),
            longest: Duration::from_secs(10),
            within: Duration::from_secs(60),
        }
    }

    /// Never: for a client that does it itself.
    pub fn never() -> Self {
        Self { retries: 0, ..Self::new() }
    }

    /// Most times that a request is tried again.
    #[must_use]
    pub fn retries(self, retries: u32) -> Self {
        Self { retries, ..self }
    }

    /// Up to how long to wait the first time, and up to how long at last.
    #[must_use]
    pub fn backoff(self, first: Duration, longest: Duration) -> Self {
        Self { first, longest, ..self }
    }

    /// For how long to go on; a request that is under way then is waited for.
    #[must_use]
    pub fn within(self, within: Duration) -> Self {
        Self { within, ..self }
    }

    /// Up to how long to wait after `failed` attempts.
    fn ceiling(&self, failed: u32) -> Duration {
        let doubled = 1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first.saturating_mul(doubled).min(self.longest)
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self::new()
    }
}

/// Tries requests as a [`Retry`] says.
#[derive(Clone, Debug)]
pub(crate) struct Retrier {
    retry: Retry,
    clock: Arc<dyn Clock>,
}

/// The last failure of a request that was given up.
#[derive(Clone, Debug)]
pub(crate) struct GivenUp {
    pub(crate) failure: Failure,
    /// What is known after all attempts: of one that may have been applied nothing is.
    pub(crate) outcome: Outcome,
}

impl GivenUp {
    /// Of a request that was not made, since another one had failed.
    pub(crate) fn untried() -> Self {
        Self { failure: Failure::Untried, outcome: Outcome::NotApplied }
    }

    pub(crate) fn is_untried(&self) -> bool {
        matches!(self.failure, Failure::Untried)
    }

    /// The error of an operation that failed so; `place` is the bucket.
    pub(crate) fn into_error(self, doing: &str, place: &str) -> Error {
        self.failure.into_error(doing, place)
    }

    /// The error of a write that failed so.
    pub(crate) fn into_write_error(self, doing: &str, place: &str) -> Error {
        let outcome = self.outcome;
        self.into_error(doing, place).with_outcome(outcome)
    }
}

impl Retrier {
    pub(crate) fn new(retry: Retry, clock: Arc<dyn Clock>) -> Self {
        Self { retry, clock }
    }

    /// Tries until it goes well, fails for good, or is out of patience. The attempt is told whether
    /// an earlier one may have been applied.
    pub(crate) async fn run<T, F>(&self, mut attempt: impl FnMut(bool) -> F) -> Result<T, GivenUp>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let began = self.clock.elapsed();
        let mut outcome = Outcome::NotApplied;
        let mut failed = 0;
        loop {
            let failure = match attempt(outcome == Outcome::Unknown).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => failure,
            };
            if failure.outcome() == Outcome::Unknown {
                outcome = Outcome::Unknown;
            }
            let within = if failure.is_unreachable() {
                self.retry.within.min(UNREACHABLE)
            } else {
                self.retry.within
            };
            let patient = self.clock.elapsed().saturating_sub(began) < within;
            if !failure.is_transient() || failed >= self.retry.retries || !patient {
                return Err(GivenUp { failure, outcome });
            }
            failed += 1;
            let pause = jittered(self.retry.ceiling(failed));
            tracing::debug!(%failure, failed, ?pause, "a request to object storage is tried again");
            self.clock.sleep(pause).await;
        }
    }

    /// Waits as after so many failed attempts; false if it is time to give up.
    pub(crate) async fn pause(&self, failed: u32, since: Duration) -> bool {
        if failed > self.retry.retries || since >= self.retry.within {
            return false;
        }
        self.clock.sleep(jittered(self.retry.ceiling(failed))).await;
        true
    }
}

/// How long to go on with a server that cannot be connected to: there may be none, and somebody waits.
const UNREACHABLE: Duration = Duration::from_secs(3);

/// Somewhere between nothing and `ceiling`, so that those who failed together do not come back together.
fn jittered(ceiling: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    ceiling.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use datastore::{Clock, Outcome, SystemClock, TestClock};
    use futures::executor::block_on;
    use object_store::client::HttpErrorKind;

    use super::*;
    use crate::refusal::Refusal;

    fn refused(status: u16, code: &str) -> Failure {
        Failure::Refused(Refusal { status, code: code.into(), ..Refusal::default() })
    }

    fn retrier(retries: u32) -> Retrier {
        let none = Duration::ZERO;
        Retrier::new(
            Retry::new().retries(retries).backoff(none, none),
            Arc::new(SystemClock::new()),
        )
    }

    /// Fails with these in turn, and answers how many attempts there were and what came of them.
    fn try_with(failures: &[Failure], retries: u32) -> (usize, Result<(), GivenUp>) {
        let attempts = Cell::new(0);
        let result = block_on(retrier(retries).run(|_| {
            let failure = failures.get(attempts.get()).cloned();
            attempts.set(attempts.get() + 1);
            async move { failure.map_or(Ok(()), Err) }
        }));
        (attempts.get(), result)
    }

    #[test]
    fn what_may_go_well_later_is_tried_again() {
        let reset = Failure::Transport { kind: HttpErrorKind::Interrupted, what: String::new() };
        for failure in [
            refused(503, "SlowDown"),
            refused(500, "InternalError"),
            refused(200, "InternalError"),
            refused(429, ""),
            refused(400, "RequestTimeout"),
            refused(403, "RequestTimeTooSkewed"),
            reset,
        ] {
            let (attempts, result) = try_with(&[failure.clone(), failure.clone()], 2);
            assert!(result.is_ok(), "{failure}");
            assert_eq!(attempts, 3, "{failure}");
        }
    }

    #[test]
    fn what_is_refused_for_good_is_not() {
        for failure in [
            refused(403, "AccessDenied"),
            refused(404, "NoSuchKey"),
            refused(412, "PreconditionFailed"),
            refused(501, "NotImplemented"),
            refused(400, "AuthorizationHeaderMalformed"),
        ] {
            let (attempts, result) = try_with(std::slice::from_ref(&failure), 2);
            assert_eq!(attempts, 1, "{failure}");
            assert_eq!(result.unwrap_err().outcome, Outcome::NotApplied, "{failure}");
        }
    }

    #[test]
    fn one_attempt_that_may_have_been_applied_leaves_it_unknown() {
        let (attempts, result) = try_with(&[refused(500, ""), refused(403, "AccessDenied")], 9);
        assert_eq!(attempts, 2);
        assert_eq!(result.unwrap_err().outcome, Outcome::Unknown);
    }

    #[test]
    fn patience_ends_by_count() {
        let failures = vec![refused(503, "SlowDown"); 10];
        let (attempts, result) = try_with(&failures, 3);
        assert_eq!(attempts, 4);
        assert_eq!(result.unwrap_err().outcome, Outcome::NotApplied);
    }

    #[test]
    fn patience_ends_by_time() {
        let clock = TestClock::new();
        let within = Duration::from_secs(5);
        let retry =
            Retry::new().retries(100).backoff(Duration::ZERO, Duration::ZERO).within(within);
        let retrier = Retrier::new(retry, Arc::new(clock.clone()));
        let began = clock.elapsed();
        let result: Result<(), _> = block_on(retrier.run(|_| {
            clock.advance(Duration::from_secs(2));
            async { Err(refused(503, "SlowDown")) }
        }));
        assert!(result.is_err());
        assert_eq!((clock.elapsed() - began).as_secs(), 6);
    }

    #[test]
    fn a_server_that_cannot_be_reached_is_given_up_sooner() {
        let clock = TestClock::new();
        let retry = Retry::new().retries(100).backoff(Duration::ZERO, Duration::ZERO);
        let retrier = Retrier::new(retry, Arc::new(clock.clone()));
        let began = clock.elapsed();
        let result: Result<(), _> = block_on(retrier.run(|_| {
            clock.advance(Duration::from_secs(1));
            async { Err(Failure::Transport { kind: HttpErrorKind::Connect, what: String::new() }) }
        }));
        assert_eq!(result.unwrap_err().outcome, Outcome::NotApplied);
        assert_eq!((clock.elapsed() - began).as_secs(), 3);
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let retry = Retry::new();
        let ceilings: Vec<_> = (1..=9).map(|failed| retry.ceiling(failed).as_millis()).collect();
        assert_eq!(ceilings, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(retry.ceiling(1000), Duration::from_secs(10));
    }
}
