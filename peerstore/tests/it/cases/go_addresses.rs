//! The address book and the metrics of go-libp2p.

use std::time::Duration;

use datastore::{DatastoreExt, Query};
use futures::{StreamExt, TryStreamExt};
use libp2p_identity::PeerId;
use multiaddr::Multiaddr;
use multihash::Multihash;
use peerstore::AddressTtl;

use crate::random;
use crate::support::{HOUR, SECOND, World, addrs, peer, sorted};

#[tokio::test]
async fn a_shorter_lifetime_that_ends_later_raises_the_end_alone() {
    for world in World::all() {
        let open = world.open().await;
        let (book, one) = (open.peers.addresses(), addrs(1));
        book.add(&peer(1), &one, 4 * SECOND).await.unwrap();
        world.clock.advance(2 * SECOND);
        book.add(&peer(1), &one, 3 * SECOND).await.unwrap();
        world.clock.advance(2 * SECOND);
        let left = book.get(&peer(1)).await.unwrap();
        assert_eq!(left.entries().next().unwrap().ttl(), AddressTtl::For(4 * SECOND));
        book.update(&peer(1), 3 * SECOND, Duration::ZERO).await.unwrap();
        assert_eq!(book.get(&peer(1)).await.unwrap(), one, "none was given three seconds");
        book.update(&peer(1), 4 * SECOND, Duration::ZERO).await.unwrap();
        assert!(book.get(&peer(1)).await.unwrap().is_empty());
        open.close().await;
    }
}

#[tokio::test]
async fn the_id_of_nothing_is_a_peer_like_any_other() {
    assert!(PeerId::from_bytes(&[]).is_err(), "no bytes are no id");
    let nobody = PeerId::from_multihash(Multihash::wrap(0, &[]).unwrap()).unwrap();
    for world in World::all() {
        let open = world.open().await;
        let some = addrs(5);
        open.peers.addresses().add(&nobody, &some, HOUR).await.unwrap();
        assert_eq!(open.peers.keys().public(&nobody).await.unwrap(), None);
        open.close().await;
        let open = world.open().await;
        let found = open.peers.addresses().get(&nobody).await.unwrap();
        assert_eq!(sorted(found), sorted(some));
        assert_eq!(open.peers.peers().try_collect::<Vec<_>>().await.unwrap(), [nobody]);
        open.close().await;
    }
}

#[tokio::test]
async fn no_addresses_and_empty_ones_are_taken_for_nothing_by_every_verb() {
    for world in World::all() {
        let open = world.open().await;
        let (book, id) = (open.peers.addresses(), peer(1));
        for nothing in [&[][..], &[Multiaddr::empty(), Multiaddr::empty()]] {
            book.add(&id, nothing, HOUR).await.unwrap();
            book.set(&id, nothing, HOUR).await.unwrap();
            book.set(&id, nothing, Duration::ZERO).await.unwrap();
            book.replace(&id, nothing, HOUR).await.unwrap();
            book.connected(&id, nothing).await.unwrap();
            book.disconnected(&id).await.unwrap();
        }
        book.succeeded(&id, &Multiaddr::empty()).await.unwrap();
        book.failed(&id, &Multiaddr::empty()).await.unwrap();
        assert!(book.get(&id).await.unwrap().is_empty());
        assert!(!open.peers.has(&id).await.unwrap());
        assert_eq!(open.below().await.count(Query::all()).await.unwrap(), 0, "nothing is written");
        // Nor do they take anything away that is there.
        book.add(&id, &addrs(2), HOUR).await.unwrap();
        book.add(&id, &[Multiaddr::empty()], HOUR).await.unwrap();
        book.set(&id, &[], Duration::ZERO).await.unwrap();
        assert_eq!(book.get(&id).await.unwrap().len(), 2);
        open.close().await;
    }
}

#[tokio::test]
async fn two_of_a_hundred_go_then_all_then_more_than_there_are() {
    for world in World::all() {
        let world = world.with(|options| options.limits.addresses = 0);
        let open = world.open().await;
        let (book, id, some) = (open.peers.addresses(), peer(1), addrs(120));
        book.set(&id, &some[..100], HOUR).await.unwrap();
        for _ in 0..2 {
            book.set(&id, &some[..2], Duration::ZERO).await.unwrap();
            let left = book.get(&id).await.unwrap();
            assert_eq!(sorted(left), sorted(some[2..100].to_vec()), "once more takes nothing");
        }
        book.set(&id, &some[..100], Duration::ZERO).await.unwrap();
        assert!(book.get(&id).await.unwrap().is_empty());
        book.set(&id, &some[..100], HOUR).await.unwrap();
        book.set(&id, &some, Duration::ZERO).await.unwrap();
        assert!(book.get(&id).await.unwrap().is_empty());
        assert!(!open.peers.has(&id).await.unwrap());
        open.close().await;
    }
}

#[tokio::test]
async fn what_has_expired_and_comes_again_is_as_new() {
    for world in World::all() {
        let open = world.open().await;
        let (book, one) = (open.peers.addresses(), addrs(1));
        book.add(&peer(1), &one, HOUR).await.unwrap();
        book.failed(&peer(1), &one[0]).await.unwrap();
        world.clock.advance(HOUR);
        book.add(&peer(1), &one, SECOND).await.unwrap();
        let again = book.get(&peer(1)).await.unwrap();
        let again = again.entries().next().unwrap();
        assert_eq!((again.ttl(), again.failures()), (AddressTtl::For(SECOND), 0));
        open.close().await;
    }
}

#[tokio::test]
async fn a_hundred_addresses_come_to_two_subscribers_and_to_none_that_is_gone() {
    for world in World::all() {
        let world = world.with(|options| options.limits.addresses = 0);
        let open = world.open().await;
        let (book, id, some) = (open.peers.addresses(), peer(1), addrs(100));
        book.add(&id, &some[..30], HOUR).await.unwrap();
        let mut streams = [book.stream(&id), book.stream(&id)];
        let mut cancelled = book.stream(&id);
        cancelled.next().await.unwrap().unwrap();
        for addr in some[30..60].chunks(1) {
            book.add(&id, addr, HOUR).await.unwrap();
        }
        drop(cancelled);
        for addr in some[60..].chunks(1) {
            book.add(&id, addr, HOUR).await.unwrap();
        }
        for stream in &mut streams {
            let seen: Vec<_> = stream.take(100).try_collect().await.unwrap();
            assert_eq!(sorted(seen), sorted(some.clone()));
        }
        open.close().await;
        for mut stream in streams {
            assert!(stream.next().await.is_none(), "nobody waits for what cannot come");
        }
    }
}

#[tokio::test]
async fn the_mean_of_latencies_is_within_a_tenth_of_them() {
    for world in World::all() {
        let open = world.open().await;
        let (book, mut random) = (open.peers.reputation(), random::stream(&[7]));
        assert_eq!(book.get(&peer(1)).await.unwrap().latency(), None);
        for _ in 0..200 {
            let millis = random.u64(80..=120);
            book.succeeded(&peer(1), Some(Duration::from_millis(millis))).await.unwrap();
        }
        open.close().await;
        let open = world.open().await;
        let mean = open.peers.reputation().get(&peer(1)).await.unwrap().latency().unwrap();
        assert!((90..=110).contains(&mean.as_millis()), "{mean:?}");
        open.close().await;
    }
}
