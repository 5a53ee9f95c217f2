use std::time::{Duration, SystemTime};

use datastore::Expiry;

use super::outcomes::Reputation;

impl Reputation {
    /// In what time an outcome comes to count half as much.
    pub const HALF_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

    /// How good the peer is `now`: from 0, nothing is answered, to 1, everything is; 0.5 if nothing is known.
    ///
    /// With `s` successes and `f` failures, each counted as 2^(−age ÷ [half-life](Self::HALF_LIFE)), it is
    /// (s + 1) ÷ (s + f + 2), which is how likely the next request is answered (the rule of succession).
    /// While nothing happens it goes to 0.5. A clock that is set back makes nothing younger.
    pub fn score(&self, now: SystemTime) -> f64 {
        let left = self.left(now);
        let (good, bad) = (left * self.weights.good as f64, left * self.weights.bad as f64);
        let one = Weights::ONE as f64;
        (good + one) / (good + bad + 2.0 * one)
    }

    /// What outcomes weigh `now`.
    pub(super) fn weights_at(&self, now: SystemTime) -> Weights {
        let left = self.left(now);
        let decayed = |weight: u64| (weight as f64 * left).round() as u64;
        Weights { good: decayed(self.weights.good), bad: decayed(self.weights.bad) }
    }

    /// What share of the weights as of the last outcome is left `now`.
    fn left(&self, now: SystemTime) -> f64 {
        let last = self.last_outcome().unwrap_or(u64::MAX);
        let age = Expiry::at(now).as_millis().saturating_sub(last);
        (-(age as f64) / Self::HALF_LIFE.as_millis() as f64).exp2()
    }
}

/// What successes and failures weigh as of the last outcome, in millionths of one that is just noted: whole
/// numbers, so that a row read back is the row that was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Weights {
    pub(super) good: u64,
    pub(super) bad: u64,
}

impl Weights {
    const ONE: u64 = 1_000_000;

    pub(super) fn succeeded(self) -> Self {
        Self { good: self.good.saturating_add(Self::ONE), ..self }
    }

    pub(super) fn failed(self) -> Self {
        Self { bad: self.bad.saturating_add(Self::ONE), ..self }
    }
}

#[cfg(test)]
mod tests {
    use datastore::{Clock, TestClock};
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Reputation::HALF_LIFE;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-5
    }

    #[test]
    fn a_peer_of_which_nothing_is_known_is_at_one_half() {
        assert_eq!(Reputation::default().score(TestClock::new().now()), 0.5);
    }

    #[test]
    fn scores_follow_the_formula() {
        let clock = TestClock::new();
        let mut peer = Reputation::default();
        peer.succeeded(clock.now(), None);
        assert!(close(peer.score(clock.now()), 2.0 / 3.0));
        peer.succeeded(clock.now(), None);
        assert!(close(peer.score(clock.now()), 3.0 / 4.0));
        peer.failed(clock.now());
        assert!(close(peer.score(clock.now()), 3.0 / 5.0));
        clock.advance(DAY);
        assert!(close(peer.score(clock.now()), 2.0 / 3.5));
        // The old outcomes count half, the new one whole.
        peer.failed(clock.now());
        assert!(close(peer.score(clock.now()), 2.0 / 4.5));
        clock.advance(DAY * 10_000);
        assert_eq!(peer.score(clock.now()), 0.5);
    }

    #[test]
    fn what_lies_a_year_back_does_not_outweigh_today() {
        let clock = TestClock::new();
        let mut peer = Reputation::default();
        for _ in 0..10_000 {
            peer.succeeded(clock.now(), None);
        }
        clock.advance(DAY * 365);
        peer.failed(clock.now());
        assert!(close(peer.score(clock.now()), 1.0 / 3.0));
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nothing_younger() {
        let clock = TestClock::new();
        let mut peer = Reputation::default();
        peer.succeeded(clock.now(), None);
        let then = peer.score(clock.now());
        clock.set_now(clock.now() - DAY * 30);
        assert_eq!(peer.score(clock.now()), then);
        peer.succeeded(clock.now(), None);
        assert!(close(peer.score(clock.now()), 3.0 / 4.0));
    }

    /// What happened, and how many seconds before the next thing did.
    fn history() -> impl Strategy<Value = Vec<(bool, u64)>> {
        prop::collection::vec((any::<bool>(), 0..200_000_u64), 0..40)
    }

    proptest! {
        #[test]
        fn scores_are_those_of_every_outcome_decayed_by_itself(history in history(), later in 0..1_000_000_u64) {
            let clock = TestClock::new();
            let mut peer = Reputation::default();
            let mut times = Vec::new();
            for (success, gap) in history {
                if success { peer.succeeded(clock.now(), None) } else { peer.failed(clock.now()) }
                times.push((success, clock.now()));
                clock.advance(Duration::from_secs(gap));
            }
            clock.advance(Duration::from_secs(later));
            let (mut good, mut bad) = (0.0, 0.0);
            for (success, time) in times {
                let age = clock.now().duration_since(time).unwrap().as_secs_f64();
                *(if success { &mut good } else { &mut bad }) += 0.5_f64.powf(age / 86_400.0);
            }
            let expected = (good + 1.0) / (good + bad + 2.0);
            prop_assert!(close(peer.score(clock.now()), expected));
        }

        #[test]
        fn scores_are_bounded_and_go_to_one_half(
            history in history(), huge: u64, mut waits in prop::collection::vec(0..10_000_000_u64, 2..10),
        ) {
            let clock = TestClock::new();
            let mut peer = Reputation::default();
            for (success, gap) in history {
                if success { peer.succeeded(clock.now(), None) } else { peer.failed(clock.now()) }
                clock.advance(Duration::from_secs(gap));
            }
            if huge % 3 == 0 {
                peer.weights.good = huge;
            }
            waits.sort_unstable();
            let scores = waits.iter().map(|wait| peer.score(clock.now() + Duration::from_secs(*wait)));
            let scores: Vec<f64> = scores.collect();
            for pair in scores.windows(2) {
                prop_assert!((0.0..=1.0).contains(&pair[0]));
                prop_assert!((pair[1] - 0.5).abs() <= (pair[0] - 0.5).abs() + 1e-12);
                prop_assert!((pair[1] - 0.5) * (pair[0] - 0.5) >= 0.0);
            }
        }

        #[test]
        fn a_success_raises_the_score_and_a_failure_lowers_it(history in history()) {
            let clock = TestClock::new();
            let mut peer = Reputation::default();
            for (success, gap) in history {
                clock.advance(Duration::from_secs(gap));
                let before = peer.score(clock.now());
                if success { peer.succeeded(clock.now(), None) } else { peer.failed(clock.now()) }
                prop_assert_eq!(peer.score(clock.now()) > before, success);
            }
        }
    }
}
