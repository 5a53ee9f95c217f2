//! Full books: who goes, and who stays.

use std::collections::BTreeSet;
use std::time::Duration;

use datastore::{DatastoreExt, ErrorKind, key};
use futures::TryStreamExt;
use libp2p_identity::PeerId;
use peerstore::{AddressTtl, PeerEvent, VerifiedRecord};

use super::counted::{counted, hashed, keys_of, nth};
use crate::support::{HOUR, MINUTE, Open, SECOND, World, addrs, keypair, peer};

fn of_at_most(world: World, peers: usize) -> World {
    world.with(|options| options.limits.peers = peers)
}

async fn known(open: &Open) -> BTreeSet<PeerId> {
    open.peers.peers().try_collect().await.unwrap()
}

#[tokio::test]
async fn the_least_valuable_goes_first_and_one_that_has_proven_itself_last() {
    for world in World::all() {
        let (world, some) = (of_at_most(world, 8), addrs(1));
        let open = world.open().await;
        let book = open.peers.addresses();
        // Each is worth more than the one before.
        book.add(&peer(1), &some, MINUTE).await.unwrap();
        book.add(&peer(2), &some, HOUR).await.unwrap();
        book.add(&peer(3), &some, MINUTE).await.unwrap();
        book.succeeded(&peer(3), &some[0]).await.unwrap();
        let record = VerifiedRecord::seal(&keypair(4), 1, &some).unwrap();
        book.consume(record.envelope().clone(), SECOND).await.unwrap();
        book.add(&peer(5), &some, SECOND).await.unwrap();
        open.peers.tags().set(&peer(5), "kept", 0, Some(MINUTE)).await.unwrap();
        book.add(&peer(6), &some, AddressTtl::Permanent).await.unwrap();
        book.add(&peer(7), &some, SECOND).await.unwrap();
        open.peers.reputation().succeeded(&peer(7), None).await.unwrap();
        book.add(&peer(8), &some, SECOND).await.unwrap();
        world.clock.advance(SECOND / 2);
        open.peers.reputation().succeeded(&peer(8), None).await.unwrap();
        // Connected ones never go, so that all others have to.
        for gone in 0..8 {
            book.connected(&peer(100 + gone), &some).await.unwrap();
            let left = (gone + 2..=8).chain(100..=100 + gone).map(peer);
            assert_eq!(known(&open).await, left.collect(), "{gone}");
        }
        book.connected(&peer(108), &some).await.unwrap();
        assert_eq!(known(&open).await, (100..=108).map(peer).collect());
        assert_eq!(open.peers.gc_stats().evicted_peers, 8);
        open.close().await;
    }
}

#[tokio::test]
async fn who_goes_leaves_nothing_in_any_book() {
    for world in World::all() {
        let world = of_at_most(world, 1).with(|options| {
            options.private_keys_on_remote_stores = true;
            options.watermark_ttl = HOUR;
        });
        let (open, some, victim) = (world.open().await, addrs(3), nth(1));
        open.peers.addresses().add(&victim, &some, HOUR).await.unwrap();
        open.peers.protocols().add(&victim, &["/a"]).await.unwrap();
        open.peers.tags().set(&victim, "t", 1, Some(HOUR)).await.unwrap();
        open.peers.reputation().failed(&victim).await.unwrap();
        for name in ["a", "", ".."] {
            open.peers.metadata().put_bytes(&victim, name, "value").await.unwrap();
        }
        assert!(keys_of(&**open.below().await, &victim).await.len() >= 9);
        let mut events = open.peers.events().unwrap();
        open.peers.protocols().add(&peer(2), &["/b"]).await.unwrap();
        assert_eq!(keys_of(&**open.below().await, &victim).await, [""; 0]);
        let told = [events.next().await.unwrap().unwrap(), events.next().await.unwrap().unwrap()];
        let removed = PeerEvent::Removed { peer: victim };
        assert_eq!(told, [removed, PeerEvent::Discovered { peer: peer(2) }]);

        let record = VerifiedRecord::seal(&keypair(3), 1, &some).unwrap();
        open.peers.addresses().consume(record.envelope().clone(), MINUTE).await.unwrap();
        open.peers.addresses().connected(&peer(4), &some).await.unwrap();
        let left = keys_of(&**open.below().await, &peer(3)).await;
        assert!(left.iter().any(|key| key.starts_with("/peers/addrs/")), "{left:?}");
        assert_eq!(left.len(), 2, "its watermark, and when it ends: {left:?}");
        open.close().await;
    }
}

#[tokio::test]
async fn every_book_has_the_limit() {
    for world in World::all() {
        let (world, some) = (of_at_most(world, 3), addrs(2));
        let open = world.open().await;
        for n in 1..=5 {
            open.peers.addresses().add(&peer(n), &some, HOUR).await.unwrap();
            open.peers.protocols().add(&peer(10 + n), &["/a"]).await.unwrap();
            open.peers.tags().set(&peer(20 + n), "t", 1, None).await.unwrap();
            open.peers.reputation().failed(&peer(30 + n)).await.unwrap();
            open.peers.metadata().put_bytes(&peer(40 + n), "a", "1").await.unwrap();
            open.peers.metadata().put_bytes(&peer(40 + n), "b", "2").await.unwrap();
            let (hashed, key) = hashed(n);
            open.peers.keys().set_public(&hashed, &key).await.unwrap();
            let (counts, n) = (counted(&**open.below().await).await, u64::from(n.min(3)));
            assert_eq!((counts.addresses, counts.protocols, counts.tags), (n, n, n));
            assert_eq!((counts.reputation, counts.metadata, counts.keys), (n, n, n));
            assert_eq!(open.peers.counts().await.unwrap(), counts);
        }
        open.close().await;
    }
}

#[tokio::test]
async fn changes_of_who_is_there_take_nobody_away() {
    for world in World::all() {
        let (world, some) = (of_at_most(world, 3), addrs(5));
        let open = world.open().await;
        for n in 1..=3 {
            open.peers.addresses().add(&peer(n), &some[..2], HOUR).await.unwrap();
            open.peers.protocols().add(&peer(n), &["/a"]).await.unwrap();
            open.peers.metadata().put_bytes(&peer(n), "a", "1").await.unwrap();
        }
        for n in 1..=3 {
            open.peers.addresses().add(&peer(n), &some, 2 * HOUR).await.unwrap();
            open.peers.protocols().set(&peer(n), &["/b", "/c"]).await.unwrap();
            open.peers.metadata().put_bytes(&peer(n), "a", "2").await.unwrap();
            open.peers.metadata().put_bytes(&peer(n), "b", "2").await.unwrap();
            open.peers.metadata().remove(&peer(n), "a").await.unwrap();
            open.peers.tags().set(&peer(n), "t", 1, None).await.unwrap();
        }
        assert_eq!(known(&open).await, (1..=3).map(peer).collect());
        assert_eq!(open.peers.gc_stats().evicted_peers, 0);
        assert_eq!(open.peers.counts().await.unwrap(), counted(&**open.below().await).await);
        open.close().await;
    }
}

#[tokio::test]
async fn one_whose_private_key_is_kept_never_goes() {
    for world in World::all() {
        let world =
            of_at_most(world, 1).with(|options| options.private_keys_on_remote_stores = true);
        let (open, some) = (world.open().await, addrs(1));
        open.peers.addresses().add(&peer(1), &some, HOUR).await.unwrap();
        open.peers.keys().set_private(&peer(1), &keypair(1)).await.unwrap();
        open.peers.addresses().add(&peer(2), &some, HOUR).await.unwrap();
        open.peers.addresses().add(&peer(3), &some, HOUR).await.unwrap();
        assert_eq!(known(&open).await, [peer(1), peer(3)].into());
        assert!(open.peers.keys().private(&peer(1)).await.unwrap().is_some());
        open.close().await;
    }
}

/// A store too large to be looked at as a whole.
#[tokio::test]
async fn of_very_many_peers_the_proven_the_connected_and_the_tagged_stay() {
    let world = of_at_most(World::memory(), 3000);
    let (open, some) = (world.open().await, addrs(1));
    let book = open.peers.addresses();
    let mut valuable = BTreeSet::new();
    for n in 0..9_000 {
        let peer = nth(n);
        book.add(&peer, &some, HOUR).await.unwrap();
        if n % 20 == 0 && valuable.len() < 300 {
            match n / 20 % 3 {
                0 => open.peers.reputation().succeeded(&peer, None).await.unwrap(),
                1 => book.connected(&peer, &some).await.unwrap(),
                _ => open.peers.tags().set(&peer, "t", 1, None).await.unwrap(),
            }
            valuable.insert(peer);
        }
        assert!(open.peers.counts().await.unwrap().addresses <= 3000, "{n}");
    }
    assert_eq!(valuable.len(), 300);
    let left = known(&open).await;
    assert!(valuable.is_subset(&left));
    assert_eq!(open.peers.counts().await.unwrap(), counted(&**open.below().await).await);
    assert!(left.len() > 2900, "no more than had to went: {} are left", left.len());
    open.close().await;
}

#[tokio::test]
async fn of_very_many_proven_peers_those_go_that_nobody_else_is_there_for() {
    let world = of_at_most(World::memory(), 2000);
    let (open, some) = (world.open().await, addrs(1));
    for n in 0..2000 {
        open.peers.addresses().add(&nth(n), &some, HOUR).await.unwrap();
        open.peers.reputation().succeeded(&nth(n), None).await.unwrap();
    }
    for n in 2000..2300 {
        open.peers.addresses().add(&nth(n), &some, HOUR).await.unwrap();
    }
    let counts = open.peers.counts().await.unwrap();
    assert!(counts.addresses <= 2000, "{counts:?}");
    assert!(counts.reputation >= 1980, "one percent went, for room: {counts:?}");
    open.close().await;
}

#[tokio::test]
async fn a_peer_that_a_later_release_wrote_stays_and_keeps_nobody_else() {
    for world in [of_at_most(World::memory(), 2), of_at_most(World::fjall(), 2)] {
        let (open, some) = (world.open().await, addrs(1));
        open.peers.protocols().add(&peer(1), &["/a"]).await.unwrap();
        let row = keys_of(&**open.below().await, &peer(1)).await.remove(0);
        let tags = row.replace("/peers/protos", "/peers/tags");
        open.below().await.put(&tags.parse().unwrap(), &b"\xa1\x00\x18\x63"[..]).await.unwrap();
        for n in 2..6 {
            open.peers.protocols().add(&peer(n), &["/a"]).await.unwrap();
            open.peers.addresses().add(&peer(n), &some, Duration::MAX).await.unwrap();
        }
        assert_eq!(open.peers.protocols().get(&peer(1)).await.unwrap(), ["/a"]);
        assert_eq!(counted(&**open.below().await).await.protocols, 2);
        open.close().await;
    }
}

#[tokio::test]
async fn entries_of_metadata_are_limited_however_small_they_are() {
    for world in World::all() {
        let world = world.with(|options| options.limits.metadata_entries = 3);
        let open = world.open().await;
        let book = open.peers.metadata();
        for name in ["", "a", "b"] {
            book.put_bytes(&peer(1), name, "").await.unwrap();
        }
        let refused = book.put_bytes(&peer(1), "c", "").await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        book.put_bytes(&peer(1), "a", "another value").await.unwrap();
        book.remove(&peer(1), "b").await.unwrap();
        book.put_bytes(&peer(1), "c", "").await.unwrap();
        assert_eq!(book.all(&peer(1)).await.unwrap().len(), 3);
        assert!(!open.below().await.has(&key!("/peers/quarantine")).await.unwrap());
        open.close().await;
    }
}
