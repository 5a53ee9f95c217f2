//! Whatever is done, what is counted is what there is, and no more than there may be.

use std::sync::Arc;
use std::time::Duration;

use datastore::{Datastore, ErrorKind, Fault, Injected, MemoryDatastore, Operation, Position};
use futures::executor::block_on;
use peerstore::{Peerstore, PeerstoreOptions, Persistence, VerifiedRecord};
use proptest::prelude::*;

use super::counted::{counted, hashed};
use crate::support::{HOUR, World, addrs, keypair, peer};

#[derive(Clone, Debug)]
enum Step {
    Add(u8, u8),
    Consume(u8, u8),
    Clear(u8),
    Protocols(u8, bool),
    Tag(u8, bool),
    Metadata(u8, u8, bool),
    Key(u8),
    Succeeded(u8),
    Failed(u8),
    Remove(u8),
    Forget(u8),
    Advance(u8),
    Collect,
    Close,
    Crash,
    /// The next commit fails, or does not answer.
    Fault(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let n = || 0..9_u8;
    let step = prop_oneof![
        6 => (n(), 1..60_u8).prop_map(|(n, minutes)| Step::Add(n, minutes)),
        4 => (n(), 1..60_u8).prop_map(|(n, minutes)| Step::Consume(n, minutes)),
        1 => n().prop_map(Step::Clear),
        2 => (n(), any::<bool>()).prop_map(|(n, any)| Step::Protocols(n, any)),
        2 => (n(), any::<bool>()).prop_map(|(n, any)| Step::Tag(n, any)),
        4 => (n(), 0..3_u8, any::<bool>()).prop_map(|(n, name, any)| Step::Metadata(n, name, any)),
        1 => n().prop_map(Step::Key),
        1 => n().prop_map(Step::Succeeded),
        1 => n().prop_map(Step::Failed),
        1 => n().prop_map(Step::Remove),
        1 => n().prop_map(Step::Forget),
        2 => (1..60_u8).prop_map(Step::Advance),
        2 => Just(Step::Collect),
        1 => Just(Step::Close),
        1 => Just(Step::Crash),
        1 => any::<bool>().prop_map(Step::Fault),
    ];
    prop::collection::vec(step, 1..60)
}

struct Run {
    world: World,
    inner: Arc<dyn Datastore>,
    fault: Arc<Fault<Arc<dyn Datastore>>>,
    peers: Peerstore,
    sequence: u64,
}

impl Run {
    async fn new(limits: (usize, usize), persistence: Persistence) -> Self {
        let world = World::memory().with(|options| {
            (options.limits.peers, options.limits.watermarks) = limits;
            options.persistence = persistence;
        });
        let inner: Arc<dyn Datastore> = Arc::new(MemoryDatastore::new());
        let fault = Arc::new(Fault::new(Arc::clone(&inner)));
        let peers = open(&world, &fault, &world.options).await;
        Self { world, inner, fault, peers, sequence: 1 }
    }

    async fn step(&mut self, step: &Step) {
        let (minutes, some) = (|n: u8| Duration::from_secs(60 * u64::from(n)), addrs(2));
        let peers = &self.peers;
        // What fails is tried no second time; what it has done is what the rows say.
        let _ = match *step {
            Step::Add(n, ttl) => peers.addresses().add(&peer(n), &some, minutes(ttl)).await,
            Step::Consume(n, ttl) => {
                self.sequence += 1;
                let record = VerifiedRecord::seal(&keypair(n), self.sequence, &some).unwrap();
                peers.addresses().consume_verified(&record, minutes(ttl)).await.map(drop)
            }
            Step::Clear(n) => peers.addresses().clear(&peer(n)).await,
            Step::Protocols(n, true) => peers.protocols().set(&peer(n), &["/a"]).await,
            Step::Protocols(n, false) => peers.protocols().remove(&peer(n), &["/a"]).await,
            Step::Tag(n, true) => peers.tags().set(&peer(n), "t", 1, Some(HOUR / 2)).await,
            Step::Tag(n, false) => peers.tags().remove(&peer(n), "t").await,
            Step::Metadata(n, name, true) => {
                peers.metadata().put_bytes(&peer(n), &name.to_string(), "value").await
            }
            Step::Metadata(n, name, false) => {
                peers.metadata().remove(&peer(n), &name.to_string()).await
            }
            Step::Key(n) => {
                let (hashed, key) = hashed(n);
                peers.keys().set_public(&hashed, &key).await
            }
            Step::Succeeded(n) => peers.reputation().succeeded(&peer(n), None).await,
            Step::Failed(n) => peers.reputation().failed(&peer(n)).await,
            Step::Remove(n) => peers.remove(&peer(n)).await,
            Step::Forget(n) => peers.forget(&peer(n)).await,
            Step::Advance(n) => {
                self.world.clock.advance(minutes(n));
                Ok(())
            }
            Step::Collect => peers.collect().await.map(drop),
            Step::Close => {
                self.fault.heal();
                peers.close().await.unwrap();
                self.peers = open(&self.world, &self.fault, &self.world.options).await;
                Ok(())
            }
            Step::Crash => {
                self.fault.heal();
                self.peers = open(&self.world, &self.fault, &self.world.options).await;
                Ok(())
            }
            Step::Fault(lost) => {
                let kind = ErrorKind::Unavailable;
                let injected = if lost { Injected::LostReply(kind) } else { Injected::Error(kind) };
                self.fault.heal();
                self.fault.inject(Operation::Commit, Position::Nth(0), injected);
                return;
            }
        };
        if !matches!(step, Step::Advance(_)) {
            self.fault.heal();
        }
    }

    /// Looks at each peer that a commit may have left in doubt.
    async fn settle(&self) {
        self.fault.heal();
        for n in 0..9 {
            self.peers.forget(&peer(n)).await.unwrap();
            self.peers.forget(&hashed(n).0).await.unwrap();
        }
    }
}

async fn open(
    world: &World,
    fault: &Arc<Fault<Arc<dyn Datastore>>>,
    options: &PeerstoreOptions,
) -> Peerstore {
    let clock = Arc::new(world.clock.clone());
    Peerstore::open_with(fault.clone(), clock, options.clone()).await.unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn what_is_counted_is_what_there_is(steps in steps(), peers in 0..6_usize, watermarks in 0..4_usize) {
        block_on(async {
            let mut run = Run::new((peers, watermarks), Persistence::All).await;
            let (mut in_doubt, mut has_failed) = (false, false);
            for step in &steps {
                run.step(step).await;
                has_failed |= matches!(step, Step::Fault(_));
                in_doubt = match step {
                    Step::Fault(_) => true,
                    Step::Close | Step::Crash => false,
                    _ => in_doubt,
                };
                let (counted, known) = (counted(&*run.inner).await, run.peers.counts().await.unwrap());
                if !in_doubt {
                    prop_assert_eq!(known, counted, "after {:?}", step);
                }
                for (stored, known, limit) in [
                    (counted.addresses, known.addresses, peers),
                    // Who makes room for peers takes away the watermarks afterwards that are too many.
                    (counted.watermarks, known.watermarks, if has_failed { 0 } else { watermarks }),
                    (counted.protocols, known.protocols, peers),
                    (counted.keys, known.keys, peers),
                    (counted.tags, known.tags, peers),
                    (counted.reputation, known.reputation, peers),
                    (counted.metadata, known.metadata, peers),
                ] {
                    prop_assert!(stored <= known, "{} of {} after {:?}", stored, known, step);
                    prop_assert!(limit == 0 || stored <= limit as u64, "{} after {:?}", stored, step);
                }
            }
            run.settle().await;
            prop_assert_eq!(run.peers.counts().await.unwrap(), counted(&*run.inner).await);
            Ok(())
        })?;
    }

    #[test]
    fn what_is_written_of_the_proven_is_what_is_known_of_them(steps in steps(), peers in 0..6_usize) {
        block_on(async {
            let mut run = Run::new((peers, 3), Persistence::Proven).await;
            for step in &steps {
                run.step(step).await;
            }
            run.fault.heal();
            let mut expected = Vec::new();
            for n in 0..9 {
                expected.push(of_a_proven_one(&run.peers, n).await);
            }
            run.step(&Step::Crash).await;
            for (n, expected) in (0..).zip(expected) {
                prop_assert_eq!(of_a_proven_one(&run.peers, n).await, expected, "{}", n);
            }
            Ok(())
        })?;
    }
}

/// All that is known of a peer, if it is proven.
async fn of_a_proven_one(peers: &Peerstore, n: u8) -> Option<String> {
    let peer = peer(n);
    let reputation = peers.reputation().get(&peer).await.unwrap();
    let proven = reputation.is_proven();
    let addresses = peers.addresses().get(&peer).await.unwrap();
    let addresses: Vec<_> = addresses.entries().cloned().collect();
    let record = peers.addresses().record(&peer).await.unwrap();
    let protocols = peers.protocols().get(&peer).await.unwrap();
    let tags = peers.tags().get(&peer).await.unwrap();
    let metadata = peers.metadata().all(&peer).await.unwrap();
    let all = (reputation, addresses, record, protocols, tags, metadata);
    proven.then(|| format!("{all:?}"))
}
