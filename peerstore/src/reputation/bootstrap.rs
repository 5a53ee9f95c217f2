use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::SystemTime;

use libp2p_identity::PeerId;
use multiaddr::Multiaddr;

use super::network::Network;
use super::outcomes::Reputation;
use super::rank::Place;

/// A peer to begin with after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BootstrapCandidate {
    /// The peer.
    pub peer: PeerId,
    /// Those of its addresses at which anybody reaches it, without a relay.
    pub addresses: Vec<Multiaddr>,
    /// What became of requests to it.
    pub reputation: Reputation,
}

/// Chooses peers to begin with among those that are offered: proven, the best and most recent first, spread
/// over networks.
///
/// Networks take turns, the one with the best peer first, each with its best peer that is left: who holds one
/// network gets one place in a turn, however many peers he runs. A peer is of the network of its first public
/// IP address, so give addresses in order of confidence. A peer with relayed and private addresses alone is
/// none to begin with.
///
/// However many are offered, no more than the square of the wanted number are kept.
#[derive(Debug)]
pub(crate) struct Candidates {
    wanted: usize,
    now: SystemTime,
    networks: BTreeMap<Network, BTreeMap<Standing, BootstrapCandidate>>,
}

/// The order of candidates, whatever order they were offered in; the least is the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    place: Place,
    last_success: Reverse<Option<SystemTime>>,
    peer: PeerId,
}

impl Candidates {
    /// Will choose so many.
    pub(crate) fn new(wanted: usize, now: SystemTime) -> Self {
        Self { wanted, now, networks: BTreeMap::new() }
    }

    /// Offers a peer, once.
    pub(crate) fn offer<'a>(
        &mut self,
        peer: PeerId,
        reputation: &Reputation,
        addresses: impl IntoIterator<Item = &'a Multiaddr>,
    ) {
        if !reputation.is_proven() {
            return;
        }
        let place = Place::of(reputation, self.now);
        let standing = Standing { place, last_success: Reverse(reputation.last_success()), peer };
        let reached =
            addresses.into_iter().filter_map(|address| Some((Network::of(address)?, address)));
        let (networks, addresses): (Vec<_>, Vec<_>) = reached.unzip();
        // A name says less of where the peer is than an address beside it.
        let of_ip = networks.iter().find(|network| **network != Network::Named);
        let Some(network) = of_ip.or(networks.first()) else { return };

        let addresses = addresses.into_iter().cloned().collect();
        let candidate = BootstrapCandidate { peer, addresses, reputation: reputation.clone() };
        let of_network = self.networks.entry(*network).or_default();
        of_network.insert(standing, candidate);
        if of_network.len() > self.wanted {
            of_network.pop_last();
        }
        self.drop_worst_network();
    }

    /// Those that are chosen, the best of each turn first.
    pub(crate) fn choose(mut self) -> Vec<BootstrapCandidate> {
        let mut chosen = Vec::new();
        while chosen.len() < self.wanted {
            let turn = self.networks.values_mut().filter_map(BTreeMap::pop_first);
            let mut turn: Vec<_> = turn.collect();
            if turn.is_empty() {
                break;
            }
            turn.sort_unstable_by_key(|(standing, _)| *standing);
            chosen.extend(turn.into_iter().map(|(_, candidate)| candidate));
        }
        chosen.truncate(self.wanted);
        chosen
    }

    /// With more networks than wanted peers, the first turn is the last one, and the network whose best peer
    /// is the worst has no part in it: its other peers are of no use then or later.
    fn drop_worst_network(&mut self) {
        if self.networks.len() <= self.wanted {
            return;
        }
        let best = |peers: &BTreeMap<Standing, _>| peers.keys().next().copied();
        let worst = self.networks.iter().max_by_key(|(_, peers)| best(peers));
        if let Some((&worst, _)) = worst {
            self.networks.remove(&worst);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use datastore::{Clock, TestClock};
    use proptest::prelude::*;

    use super::*;

    fn peer(number: u8) -> PeerId {
        PeerId::from_bytes(&[0, 1, number]).unwrap()
    }

    fn addresses(texts: &[&str]) -> Vec<Multiaddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    /// With so many successes, the last of them so long ago.
    fn good(successes: u32, ago: Duration, now: SystemTime) -> Reputation {
        let mut reputation = Reputation::default();
        (0..successes).for_each(|_| reputation.succeeded(now - ago, None));
        reputation
    }

    fn chosen(candidates: Candidates) -> Vec<PeerId> {
        candidates.choose().iter().map(|candidate| candidate.peer).collect()
    }

    #[test]
    fn networks_take_turns() {
        let now = TestClock::new().now();
        let best_first = |number: u8| good(100 - u32::from(number), Duration::ZERO, now);
        let offered = [
            (1, "/ip4/5.6.0.1/tcp/1"),
            (2, "/ip4/5.6.0.2/tcp/1"),
            (3, "/ip4/5.6.255.3/tcp/1"),
            (4, "/ip4/5.7.0.1/tcp/1"),
            (5, "/ip6/2a00:1450::1/tcp/1"),
            (6, "/ip6/2a00:1450:ffff::1/tcp/1"),
            (7, "/ip6/2a00:1451::1/tcp/1"),
            (8, "/dns4/a.example/tcp/1"),
            (9, "/dns4/b.example/tcp/1"),
        ];
        for (wanted, expected) in [
            (9, &[1, 4, 5, 7, 8, 2, 6, 9, 3][..]),
            (6, &[1, 4, 5, 7, 8, 2]),
            (3, &[1, 4, 5]),
            (0, &[]),
        ] {
            let mut candidates = Candidates::new(wanted, now);
            for (number, address) in offered {
                candidates.offer(peer(number), &best_first(number), &addresses(&[address]));
            }
            let expected: Vec<PeerId> = expected.iter().map(|number| peer(*number)).collect();
            assert_eq!(chosen(candidates), expected);
        }
    }

    #[test]
    fn who_is_unproven_or_out_of_reach_is_no_candidate() {
        let now = TestClock::new().now();
        let relayed = "/ip4/5.6.7.8/tcp/1/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN/p2p-circuit";
        let mut failed = Reputation::default();
        failed.failed(now);
        let proven = good(1, Duration::ZERO, now);
        let mut candidates = Candidates::new(10, now);
        candidates.offer(peer(1), &failed, &addresses(&["/ip4/5.6.7.8/tcp/1"]));
        candidates.offer(peer(2), &Reputation::default(), &addresses(&["/ip4/5.6.7.8/tcp/1"]));
        candidates.offer(
            peer(3),
            &proven,
            &addresses(&[relayed, "/ip4/10.0.0.1/tcp/1", "/ip6/::1/tcp/1"]),
        );
        candidates.offer(peer(4), &proven, &[]);
        let some = addresses(&[
            "/ip4/127.0.0.1/tcp/1",
            relayed,
            "/dns4/a.example/tcp/1",
            "/ip4/5.6.7.8/tcp/1",
        ]);
        candidates.offer(peer(5), &proven, &some);
        let found = candidates.choose();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].peer, &found[0].reputation), (peer(5), &proven));
        assert_eq!(found[0].addresses, some[2..]);
    }

    #[test]
    fn a_name_hides_no_network() {
        let now = TestClock::new().now();
        let named = ["/dns4/a.example/tcp/1", "/ip4/5.6.0.1/tcp/1"];
        let beside = ["/ip4/5.6.0.2/tcp/1"];
        let elsewhere = ["/dns4/b.example/tcp/1", "/ip4/7.8.0.1/tcp/1"];
        let mut candidates = Candidates::new(3, now);
        candidates.offer(peer(1), &good(9, Duration::ZERO, now), &addresses(&named));
        candidates.offer(peer(2), &good(8, Duration::ZERO, now), &addresses(&beside));
        candidates.offer(peer(3), &good(7, Duration::ZERO, now), &addresses(&elsewhere));
        assert_eq!(chosen(candidates), [1, 3, 2].map(peer));
    }

    #[test]
    fn the_recent_go_before_those_of_old_and_the_backed_off_last() {
        let now = TestClock::new().now();
        let day = Duration::from_secs(86_400);
        let mut failing = good(50, Duration::ZERO, now);
        failing.failed(now);
        let mut candidates = Candidates::new(10, now);
        let same_network = addresses(&["/ip4/5.6.7.8/tcp/1"]);
        candidates.offer(peer(1), &failing, &same_network);
        // Their scores are one half by now; the later success tells them apart.
        candidates.offer(peer(2), &good(5, day * 3_000, now), &same_network);
        candidates.offer(peer(3), &good(5, day * 2_999, now), &same_network);
        candidates.offer(peer(4), &good(1, day, now), &same_network);
        candidates.offer(peer(5), &good(9, day * 9, now), &same_network);
        assert_eq!(chosen(candidates), [4, 5, 3, 2, 1].map(peer));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let now = TestClock::new().now();
        let proven = good(1, Duration::ZERO, now);
        let mut candidates = Candidates::new(3, now);
        for number in 0..=u8::MAX {
            for network in [5, 6, 7, 8, number] {
                let address = format!("/ip4/20.{network}.1.{number}/tcp/1");
                candidates.offer(peer(number), &proven, &addresses(&[&address]));
                assert!(candidates.networks.len() <= 3);
                assert!(candidates.networks.values().all(|peers| peers.len() <= 3));
            }
        }
    }

    proptest! {
        /// The model takes one after another: of those whose network was taken from least, the best.
        #[test]
        fn any_order_of_offers_gives_what_the_plain_rule_gives(
            offered in prop::collection::vec((0..4_u32, 0..3_u64, any::<bool>(), 0..6_u8), 0..25),
            wanted in 0..8_usize,
            rotation in 0..25_usize,
        ) {
            let now = TestClock::new().now();
            let mut peers: Vec<(PeerId, Reputation, u8)> = (0_u8..).zip(offered).map(|(number, offer)| {
                let (successes, hours, fails, network) = offer;
                let mut reputation = good(successes, Duration::from_secs(hours * 3_600), now);
                if fails {
                    reputation.failed(now);
                }
                (peer(number), reputation, network)
            }).collect();

            let mut left = peers.clone();
            left.retain(|(_, reputation, _)| reputation.successes() > 0);
            left.sort_by(|(a_peer, a, _), (b_peer, b, _)| {
                let backed_off = a.is_backed_off(now).cmp(&b.is_backed_off(now));
                backed_off
                    .then(b.score(now).total_cmp(&a.score(now)))
                    .then(b.last_success().cmp(&a.last_success()))
                    .then(a_peer.cmp(b_peer))
            });
            let mut taken = [0; 6];
            let mut expected = Vec::new();
            while expected.len() < wanted && !left.is_empty() {
                let least = left.iter().map(|(_, _, network)| taken[usize::from(*network)]).min().unwrap();
                let next = left.iter().position(|(_, _, network)| taken[usize::from(*network)] == least);
                let (peer, _, network) = left.remove(next.unwrap());
                taken[usize::from(network)] += 1;
                expected.push(peer);
            }

            let mid = rotation.min(peers.len());
            peers.rotate_left(mid);
            let mut candidates = Candidates::new(wanted, now);
            for (peer, reputation, network) in &peers {
                candidates.offer(*peer, reputation, &addresses(&[&format!("/ip4/20.{network}.0.1/tcp/1")]));
            }
            prop_assert_eq!(chosen(candidates), expected);
        }
    }
}
