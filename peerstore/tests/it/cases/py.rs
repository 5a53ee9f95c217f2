//! The persistent peer store of py-libp2p.

use std::sync::Arc;

use datastore::{Clock, Datastore, MemoryDatastore, Namespace, key};
use futures::TryStreamExt;
use peerstore::{Peerstore, Reputation};

use crate::support::{HOUR, MINUTE, World, addrs, hashed, peer, sorted};

#[tokio::test]
async fn of_a_peer_that_is_not_there_every_verb_knows_nothing_and_leaves_nothing() {
    let (key, id) = hashed(1);
    for world in World::all() {
        let open = world.open().await;
        let (peers, addr) = (&open.peers, &addrs(1)[0]);
        assert!(peers.addresses().get(&id).await.unwrap().is_empty());
        assert_eq!(peers.addresses().record(&id).await.unwrap(), None);
        assert!(peers.protocols().get(&id).await.unwrap().is_empty());
        assert!(peers.protocols().supports(&id, &["/a"]).await.unwrap().is_empty());
        assert_eq!(peers.protocols().first_supported(&id, &["/a"]).await.unwrap(), None);
        assert_eq!(peers.keys().public(&id).await.unwrap(), None);
        assert!(peers.keys().private(&id).await.unwrap().is_none());
        assert_eq!(peers.metadata().get(&id, "n").await.unwrap(), None);
        assert!(peers.metadata().all(&id).await.unwrap().is_empty());
        assert!(peers.tags().get(&id).await.unwrap().is_empty());
        assert_eq!(peers.reputation().get(&id).await.unwrap(), Reputation::default());
        assert_eq!(peers.reputation().rank(&[id]).await.unwrap(), [id]);
        assert_eq!(peers.own_record().get(&id).await.unwrap(), None);
        assert_eq!(peers.export(&id, true).await.unwrap(), None);
        // Verbs that take away, or tell of what is there.
        peers.addresses().clear(&id).await.unwrap();
        peers.addresses().update(&id, HOUR, MINUTE).await.unwrap();
        peers.addresses().disconnected(&id).await.unwrap();
        peers.addresses().succeeded(&id, addr).await.unwrap();
        peers.addresses().failed(&id, addr).await.unwrap();
        peers.protocols().remove(&id, &["/a"]).await.unwrap();
        peers.metadata().remove(&id, "n").await.unwrap();
        peers.tags().remove(&id, "t").await.unwrap();
        peers.keys().remove(&id).await.unwrap();
        peers.remove(&id).await.unwrap();
        peers.forget(&id).await.unwrap();
        assert!(!peers.has(&id).await.unwrap());
        peers.keys().set_public(&id, &key).await.unwrap();
        assert!(peers.has(&id).await.unwrap());
        open.close().await;
    }
}

#[tokio::test]
async fn many_peers_and_what_is_changed_of_them_are_there_after_each_restart() {
    const PEERS: u8 = 12;
    for world in World::all() {
        for round in 1..=3_usize {
            let open = world.open().await;
            let (peers, text) = (&open.peers, round.to_string());
            for n in 1..=PEERS {
                let before = peers.addresses().get(&peer(n)).await.unwrap();
                assert_eq!(sorted(before), sorted(addrs(round - 1)), "peer {n}");
                peers.addresses().add(&peer(n), &addrs(round), 9 * HOUR).await.unwrap();
                peers.protocols().set(&peer(n), &[&text]).await.unwrap();
                peers.metadata().put_typed(&peer(n), "round", &round).await.unwrap();
                peers.reputation().succeeded(&peer(n), Some(MINUTE)).await.unwrap();
            }
            open.close().await;
            world.clock.advance(MINUTE);
        }
        let open = world.open().await;
        assert_eq!(
            open.peers.peers().try_collect::<Vec<_>>().await.unwrap().len(),
            usize::from(PEERS)
        );
        for n in 1..=PEERS {
            assert_eq!(open.peers.protocols().get(&peer(n)).await.unwrap(), ["3"]);
            let round = open.peers.metadata().get_typed::<usize>(&peer(n), "round").await;
            assert_eq!(round.unwrap(), Some(3));
            assert_eq!(open.peers.reputation().get(&peer(n)).await.unwrap().successes(), 3);
        }
        open.close().await;
    }
}

#[tokio::test]
async fn two_peerstores_in_two_places_know_nothing_of_each_other() {
    for (world, elsewhere) in World::all().into_iter().zip(World::all()) {
        let (open, far) = (world.open().await, elsewhere.open().await);
        let part = |prefix| {
            let part: Arc<dyn Datastore> =
                Arc::new(Namespace::new(Arc::clone(&open.store), prefix));
            let clock: Arc<dyn Clock> = Arc::new(world.clock.clone());
            Peerstore::open_with(part, clock, world.options.clone())
        };
        let (one, other) = (part(key!("/one")).await.unwrap(), part(key!("/other")).await.unwrap());
        let all = [&one, &other, &open.peers, &far.peers];
        for (n, peers) in (1..).zip(all) {
            peers.addresses().add(&peer(n), &addrs(n.into()), HOUR).await.unwrap();
            peers.addresses().add(&peer(9), &addrs(n.into()), HOUR).await.unwrap();
        }
        one.remove(&peer(9)).await.unwrap();
        for (n, peers) in (1..).zip(all) {
            for of in 1..=4 {
                assert_eq!(peers.has(&peer(of)).await.unwrap(), of == n, "{of} in {n}");
            }
            let shared = peers.addresses().get(&peer(9)).await.unwrap();
            assert_eq!(shared.len(), if n == 1 { 0 } else { n.into() });
        }
        one.close().await.unwrap();
        other.close().await.unwrap();
        open.close().await;
        far.close().await;
    }
}

#[tokio::test]
async fn memory_does_not_outlive_its_datastore() {
    for known in [true, false] {
        let store = Arc::new(MemoryDatastore::new());
        let peers = Peerstore::open(store.clone()).await.unwrap();
        if known {
            peers.protocols().add(&peer(1), &["/a"]).await.unwrap();
        }
        peers.close().await.unwrap();
        let again = Peerstore::open(store).await.unwrap();
        assert_eq!(again.has(&peer(1)).await.unwrap(), known);
        again.close().await.unwrap();
    }
}
