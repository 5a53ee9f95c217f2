//! What a writer does, step by step, by its number and a seed; and what is known of its peers after so many steps.
//!
//! Each writer has peers of its own, and each step is about one of them and can be done again: a process that does
//! not know whether the last one did its step does it once more.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use libp2p_identity::{Keypair, PeerId};
use multiaddr::Multiaddr;
use peerstore::{Peerstore, VerifiedRecord};

use crate::random;

/// Peers of a writer.
const PEERS: u64 = 12;

/// Longer than any test runs.
const LONG: Duration = Duration::from_secs(30 * 86_400);

/// Gone before the next process looks.
const SHORT: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) enum Step {
    /// An address that stays; every other time it is one of before, which lives longer now.
    Add { peer: u64, addr: u64 },
    /// Addresses that end at once: what the sweeps are for.
    AddShort { peer: u64, addr: u64 },
    /// A signed record with a greater number than all before, and addresses of its own.
    Consume { peer: u64, sequence: u64 },
    /// A tag that ends at once.
    Tag { peer: u64 },
    /// All that is known, but for the number of the record.
    Remove { peer: u64 },
}

impl Step {
    /// The step with this number, from 1 on.
    pub(crate) fn of(seed: u64, writer: u64, number: u64) -> Self {
        let mut random = random::stream(&[seed, writer, number]);
        let peer = random.u64(..PEERS);
        match random.u64(..12) {
            0..=4 => Self::Add { peer, addr: random.u64(..20) },
            5 | 6 => Self::AddShort { peer, addr: random.u64(..20) },
            7..=9 => Self::Consume { peer, sequence: number },
            10 => Self::Tag { peer },
            _ => Self::Remove { peer },
        }
    }

    pub(crate) fn peer(&self) -> u64 {
        match self {
            Self::Add { peer, .. }
            | Self::AddShort { peer, .. }
            | Self::Consume { peer, .. }
            | Self::Tag { peer }
            | Self::Remove { peer } => *peer,
        }
    }

    /// Does the step.
    pub(crate) async fn run(&self, peers: &Peerstore, writer: u64) -> datastore::Result<()> {
        let keypair = keypair(writer, self.peer());
        let id = keypair.public().to_peer_id();
        match self {
            Self::Add { addr, .. } => {
                peers.addresses().add(&id, &[address("lasting", *addr)], LONG).await
            }
            Self::AddShort { addr, .. } => {
                peers.addresses().add(&id, &[address("short", *addr)], SHORT).await
            }
            Self::Consume { sequence, .. } => {
                let envelope = record(&keypair, *sequence).envelope().clone();
                peers.addresses().consume(envelope, LONG).await.map(drop)
            }
            Self::Tag { .. } => peers.tags().set(&id, "short", 1, Some(SHORT)).await,
            Self::Remove { .. } => peers.remove(&id).await,
        }
    }
}

/// What is known of a peer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    lasting: BTreeSet<u64>,
    /// Of the record whose addresses are there.
    record: Option<u64>,
    /// The greatest number that was ever taken.
    pub(crate) watermark: Option<u64>,
}

impl Known {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::Add { addr, .. } => drop(self.lasting.insert(*addr)),
            Step::Consume { sequence, .. } => {
                self.record = Some(*sequence);
                self.watermark = self.record;
            }
            Step::Remove { .. } => {
                self.lasting.clear();
                self.record = None;
            }
            Step::AddShort { .. } | Step::Tag { .. } => {}
        }
    }

    /// The addresses that have not ended.
    pub(crate) fn addresses(&self) -> BTreeSet<String> {
        let lasting = self.lasting.iter().map(|addr| address("lasting", *addr));
        let certified = self.record.map(certified);
        lasting.chain(certified.into_iter().flatten()).map(|addr| addr.to_string()).collect()
    }
}

/// What is known of each peer of a writer after so many steps.
pub(crate) fn after(seed: u64, writer: u64, steps: u64) -> BTreeMap<u64, Known> {
    let mut known: BTreeMap<u64, Known> = (0..PEERS).map(|peer| (peer, Known::default())).collect();
    for number in 1..=steps {
        let step = Step::of(seed, writer, number);
        known.get_mut(&step.peer()).unwrap().apply(&step);
    }
    known
}

pub(crate) fn keypair(writer: u64, peer: u64) -> Keypair {
    let mut secret = [7; 32];
    secret[..8].copy_from_slice(&(writer + 1).to_be_bytes());
    secret[8..16].copy_from_slice(&peer.to_be_bytes());
    Keypair::ed25519_from_bytes(secret).unwrap()
}

pub(crate) fn id(writer: u64, peer: u64) -> PeerId {
    keypair(writer, peer).public().to_peer_id()
}

/// The record of a peer with this number: what it says follows from that.
pub(crate) fn record(keypair: &Keypair, sequence: u64) -> VerifiedRecord {
    VerifiedRecord::seal(keypair, sequence, &certified(sequence)).unwrap()
}

fn certified(sequence: u64) -> Vec<Multiaddr> {
    vec![address("certified", sequence % 7), address("certified", 7 + sequence % 3)]
}

fn address(kind: &str, number: u64) -> Multiaddr {
    format!("/dns4/{kind}-{number}.example.com/tcp/4001").parse().unwrap()
}
