use std::cmp::Reverse;
use std::time::{Duration, SystemTime};

use libp2p_identity::PeerId;

use super::outcomes::Reputation;

/// Sorts peers, best first: those that are backed off come last, a higher score comes first, and of equal
/// ones the lower latency. Peers of which all that is the same keep their order.
pub(crate) fn rank(peers: &mut [(PeerId, Reputation)], now: SystemTime) {
    peers.sort_by_cached_key(|(_, reputation)| Place::of(reputation, now));
}

/// Where a peer stands among others; the least is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    backed_off: bool,
    /// The bits of a number that is not negative, which are in the order of the numbers.
    score: Reverse<u64>,
    latency: Duration,
}

impl Place {
    pub(super) fn of(reputation: &Reputation, now: SystemTime) -> Self {
        Self {
            backed_off: reputation.is_backed_off(now),
            score: Reverse(reputation.score(now).to_bits()),
            latency: reputation.latency().unwrap_or(Duration::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use datastore::{Clock, TestClock};
    use proptest::prelude::*;

    use super::*;

    fn peer(number: u8) -> PeerId {
        PeerId::from_bytes(&[0, 1, number]).unwrap()
    }

    #[test]
    fn the_best_come_first_and_the_backed_off_last() {
        let clock = TestClock::new();
        let outcomes = |outcomes: &[bool], latency| {
            let mut reputation = Reputation::default();
            for success in outcomes {
                match success {
                    true => reputation.succeeded(clock.now(), latency),
                    false => reputation.failed(clock.now()),
                }
            }
            reputation
        };
        let ms = |millis| Some(Duration::from_millis(millis));
        let good_but_failing = outcomes(&[true, true, true, true, true, false], ms(1));
        let mut peers = vec![
            (peer(1), good_but_failing),
            (peer(2), outcomes(&[false, false, true], ms(1))),
            (peer(3), outcomes(&[], None)),
            (peer(4), outcomes(&[true], None)),
            (peer(5), outcomes(&[true], ms(20))),
            (peer(6), outcomes(&[], None)),
            (peer(7), outcomes(&[true], ms(10))),
            (peer(8), outcomes(&[true, true], ms(90))),
            (peer(9), outcomes(&[false], ms(1))),
        ];
        rank(&mut peers, clock.now());
        let order: Vec<PeerId> = peers.iter().map(|(peer, _)| *peer).collect();
        assert_eq!(order, [8, 7, 5, 4, 3, 6, 2, 1, 9].map(peer));

        clock.advance(Duration::from_secs(1));
        rank(&mut peers, clock.now());
        assert_eq!(peers[0].0, peer(1));
    }

    proptest! {
        #[test]
        fn ranking_again_changes_nothing_and_scores_fall(
            outcomes in prop::collection::vec(prop::collection::vec(any::<bool>(), 0..4), 0..20),
        ) {
            let clock = TestClock::new();
            let mut peers = Vec::new();
            for (number, outcomes) in (0_u8..).zip(outcomes) {
                let mut reputation = Reputation::default();
                for success in outcomes {
                    if success { reputation.succeeded(clock.now(), None) } else { reputation.failed(clock.now()) }
                }
                peers.push((peer(number), reputation));
            }
            rank(&mut peers, clock.now());
            for pair in peers.windows(2) {
                let worth = |(peer, reputation): &(PeerId, Reputation)| {
                    (!reputation.is_backed_off(clock.now()), reputation.score(clock.now()), Reverse(*peer))
                };
                prop_assert!(worth(&pair[0]) > worth(&pair[1]));
            }
            let ranked = peers.clone();
            rank(&mut peers, clock.now());
            prop_assert_eq!(peers, ranked);
        }
    }
}
