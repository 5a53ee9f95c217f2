//! Stores that only proven peers are written to.

use std::sync::Arc;

use datastore::{
    Datastore, DatastoreExt, ErrorKind, Fault, Injected, Key, MemoryDatastore, Operation, Position,
    Query, key,
};
use futures::TryStreamExt;
use multiaddr::Multiaddr;
use peerstore::{Peerstore, Persistence, VerifiedRecord};

use super::counted::{counted, keys_of, nth};
use crate::support::{HOUR, MINUTE, Open, World, addrs, keypair, peer, sorted};

fn proven_alone(world: World) -> World {
    world.with(|options| options.persistence = Persistence::Proven)
}

/// Something in every book.
async fn fill(open: &Open, n: u8, some: &[Multiaddr]) {
    let (peers, peer) = (&open.peers, peer(n));
    peers.addresses().add(&peer, some, HOUR).await.unwrap();
    let record = VerifiedRecord::seal(&keypair(n), 7, some).unwrap();
    peers.addresses().consume(record.envelope().clone(), HOUR).await.unwrap();
    peers.protocols().add(&peer, &["/a"]).await.unwrap();
    peers.tags().set(&peer, "t", 5, Some(2 * HOUR)).await.unwrap();
    peers.metadata().put_bytes(&peer, "agent", "kubo").await.unwrap();
    peers.metadata().put_bytes(&peer, "seen", "often").await.unwrap();
    peers.reputation().failed(&peer).await.unwrap();
}

async fn expect_all(open: &Open, n: u8, some: &[Multiaddr]) {
    let (peers, peer) = (&open.peers, peer(n));
    assert_eq!(sorted(peers.addresses().get(&peer).await.unwrap()), sorted(some.to_vec()));
    assert!(peers.addresses().record(&peer).await.unwrap().is_some());
    assert_eq!(peers.protocols().get(&peer).await.unwrap(), ["/a"]);
    assert_eq!(peers.tags().get(&peer).await.unwrap().len(), 1);
    assert_eq!(peers.metadata().all(&peer).await.unwrap().len(), 2);
    assert!(peers.reputation().get(&peer).await.unwrap().failures() > 0);
}

#[tokio::test]
async fn a_restart_keeps_all_of_the_proven_and_nothing_of_the_others() {
    for world in World::all().into_iter().map(proven_alone) {
        let (open, some) = (world.open().await, addrs(3));
        for n in 1..=4 {
            fill(&open, n, &some).await;
        }
        assert_eq!(
            keys_of(&**open.below().await, &peer(1)).await,
            [""; 0],
            "nothing is written yet"
        );
        open.peers.reputation().succeeded(&peer(1), None).await.unwrap();
        open.peers.reputation().succeeded(&peer(2), None).await.unwrap();
        open.peers.remove(&peer(2)).await.unwrap();
        for n in [1, 3, 4] {
            expect_all(&open, n, &some).await;
        }
        // Changes after the proof are written, too.
        let more = addrs(4);
        open.peers.addresses().add(&peer(1), &more, HOUR).await.unwrap();
        open.close().await;

        let open = world.open().await;
        let left: Vec<_> = open.peers.peers().try_collect().await.unwrap();
        assert_eq!(left, [peer(1)]);
        expect_all(&open, 1, &more).await;
        assert_eq!(open.peers.counts().await.unwrap(), counted(&**open.below().await).await);
        assert_eq!(keys_of(&**open.below().await, &peer(3)).await, [""; 0]);
        // An old record of the one that was proven once and then removed is still refused.
        let old = VerifiedRecord::seal(&keypair(2), 6, &some).unwrap();
        open.peers.addresses().consume(old.envelope().clone(), HOUR).await.unwrap();
        assert!(open.peers.addresses().get(&peer(2)).await.unwrap().is_empty());
        open.crash().await;

        let open = world.open().await;
        expect_all(&open, 1, &more).await;
        open.close().await;
    }
}

#[tokio::test]
async fn what_is_written_expires_with_and_without_the_option() {
    for (world, later) in
        World::all().into_iter().zip([Persistence::Proven, Persistence::All].into_iter().cycle())
    {
        let world = proven_alone(world);
        let (open, some) = (world.open().await, addrs(2));
        open.peers.addresses().add(&peer(1), &some, MINUTE).await.unwrap();
        open.peers.addresses().add(&peer(1), &some, HOUR).await.unwrap();
        open.peers.tags().set(&peer(1), "t", 5, Some(MINUTE)).await.unwrap();
        open.peers.reputation().succeeded(&peer(1), None).await.unwrap();
        open.close().await;
        let world = world.with(|options| options.persistence = later);
        let open = world.open().await;
        world.clock.advance(MINUTE);
        let report = open.peers.collect().await.unwrap();
        assert!(!has_below(&open, key!("/peers/tags")).await, "{later:?}: {report:?}");
        assert!(has_below(&open, key!("/peers/addrs")).await);
        world.clock.advance(HOUR);
        open.peers.collect().await.unwrap();
        assert!(!has_below(&open, key!("/peers/addrs")).await, "{later:?}");
        assert!(has_below(&open, key!("/peers/reputation")).await);
        open.close().await;
    }
}

async fn has_below(open: &Open, below: Key) -> bool {
    open.below().await.count(Query::descendants(below).limit(1)).await.unwrap() > 0
}

#[tokio::test]
async fn who_is_taken_away_leaves_nothing_behind() {
    for world in World::all().into_iter().map(proven_alone) {
        let world = world.with(|options| options.limits.peers = 2);
        let (open, some) = (world.open().await, addrs(1));
        for n in 1..=2 {
            open.peers.addresses().add(&peer(n), &some, HOUR).await.unwrap();
            open.peers.metadata().put_bytes(&peer(n), "a", "1").await.unwrap();
            open.peers.reputation().succeeded(&peer(n), None).await.unwrap();
            world.clock.advance(MINUTE);
        }
        open.peers.addresses().connected(&peer(3), &some).await.unwrap();
        assert_eq!(keys_of(&**open.below().await, &peer(1)).await, [""; 0]);
        assert!(!keys_of(&**open.below().await, &peer(2)).await.is_empty());
        open.peers.forget(&peer(2)).await.unwrap();
        assert_eq!(keys_of(&**open.below().await, &peer(2)).await, [""; 0]);
        // Of one that comes again, nothing is written until it answers again.
        open.peers.addresses().add(&peer(2), &some, HOUR).await.unwrap();
        assert_eq!(keys_of(&**open.below().await, &peer(2)).await, [""; 0]);
        assert_eq!(open.peers.addresses().get(&peer(2)).await.unwrap(), some);
        open.close().await;
    }
}

#[tokio::test]
async fn private_keys_and_the_nodes_own_record_are_always_written() {
    for world in World::all().into_iter().map(proven_alone) {
        let world = world.with(|options| options.private_keys_on_remote_stores = true);
        let open = world.open().await;
        open.peers.protocols().add(&peer(1), &["/a"]).await.unwrap();
        open.peers.keys().set_private(&peer(1), &keypair(1)).await.unwrap();
        let record = open.peers.own_record().seal(&keypair(1), &addrs(1)).await.unwrap();
        open.close().await;
        let open = world.open().await;
        assert!(open.peers.keys().private(&peer(1)).await.unwrap().is_some());
        assert_eq!(open.peers.protocols().get(&peer(1)).await.unwrap(), ["/a"]);
        let own = open.peers.own_record();
        assert_eq!(own.get(&peer(1)).await.unwrap().as_ref(), Some(record.envelope()));
        let next = own.seal(&keypair(1), &addrs(2)).await.unwrap();
        assert!(next.sequence() > record.sequence());
        open.close().await;
    }
}

#[tokio::test]
async fn what_memory_says_is_what_a_restart_says_whatever_becomes_of_commits() {
    let (world, some) = (proven_alone(World::memory()), addrs(2));
    let inner: Arc<dyn Datastore> = Arc::new(MemoryDatastore::new());
    let fault = Arc::new(Fault::new(Arc::clone(&inner)));
    let open = async || {
        let clock = Arc::new(world.clock.clone());
        Peerstore::open_with(fault.clone(), clock, world.options.clone()).await.unwrap()
    };
    let peers = open().await;
    peers.addresses().add(&peer(1), &some[..1], HOUR).await.unwrap();
    for injected in
        [Injected::Error(ErrorKind::Unavailable), Injected::LostReply(ErrorKind::Unavailable)]
    {
        fault.inject(Operation::Commit, Position::From(0), injected);
        peers.reputation().succeeded(&peer(1), None).await.unwrap_err();
        peers.addresses().add(&nth(9), &some, HOUR).await.unwrap();
        fault.heal();
        let stored = counted(&*inner).await.reputation;
        let successes = peers.reputation().get(&peer(1)).await.unwrap().successes();
        assert_eq!(successes, stored, "{injected:?}");
    }
    // The proof has landed: from now on all of the peer is written.
    peers.addresses().add(&peer(1), &some, HOUR).await.unwrap();
    drop(peers);
    let peers = open().await;
    assert_eq!(sorted(peers.addresses().get(&peer(1)).await.unwrap()), sorted(some));
    assert!(peers.addresses().get(&nth(9)).await.unwrap().is_empty());
}
