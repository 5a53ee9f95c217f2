//! The address books of go-libp2p, js-libp2p and py-libp2p, case by case.

use std::time::Duration;

use futures::TryStreamExt;
use peerstore::AddressTtl;

use crate::support::{HOUR, MINUTE, SECOND, World, addrs, peer, sorted};

#[tokio::test]
async fn what_is_added_is_there_and_once() {
    for world in World::all() {
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(3));
        for _ in 0..2 {
            book.add(&peer(1), &some[..1], HOUR).await.unwrap();
        }
        assert_eq!(sorted(book.get(&peer(1)).await.unwrap()), sorted(some[..1].to_vec()));
        for _ in 0..2 {
            book.add(&peer(1), &some, HOUR).await.unwrap();
        }
        assert_eq!(sorted(book.get(&peer(1)).await.unwrap()), sorted(some.clone()));
        assert!(book.get(&peer(2)).await.unwrap().is_empty());
        open.close().await;
    }
}

#[tokio::test]
async fn a_lifetime_grows_and_never_shrinks() {
    for world in World::all() {
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(2));
        book.add(&peer(1), &some[..1], SECOND).await.unwrap();
        book.add(&peer(1), &some[..1], HOUR).await.unwrap();
        book.add(&peer(1), &some[1..], HOUR).await.unwrap();
        book.add(&peer(1), &some[1..], SECOND).await.unwrap();
        world.clock.advance(MINUTE);
        assert_eq!(book.get(&peer(1)).await.unwrap().len(), 2);
        world.clock.advance(HOUR);
        assert!(book.get(&peer(1)).await.unwrap().is_empty());
        open.close().await;
    }
}

#[tokio::test]
async fn an_address_is_gone_at_the_moment_it_expires() {
    for world in World::all() {
        let open = world.open().await;
        let book = open.peers.addresses();
        book.add(&peer(1), &addrs(1), MINUTE).await.unwrap();
        world.clock.advance(MINUTE - Duration::from_millis(1));
        assert_eq!(book.get(&peer(1)).await.unwrap().len(), 1);
        assert_eq!(book.peers().try_collect::<Vec<_>>().await.unwrap(), [peer(1)]);
        world.clock.advance(Duration::from_millis(1));
        assert!(book.get(&peer(1)).await.unwrap().is_empty());
        assert!(book.peers().try_collect::<Vec<_>>().await.unwrap().is_empty());
        open.close().await;
    }
}

#[tokio::test]
async fn lifetimes_are_staggered_and_updated() {
    for world in World::all() {
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(4));
        book.update(&peer(1), HOUR, MINUTE).await.unwrap();
        book.set(&peer(1), &some[..1], HOUR).await.unwrap();
        book.set(&peer(1), &some[1..2], MINUTE).await.unwrap();
        book.set(&peer(1), &some[2..], 2 * HOUR).await.unwrap();
        // Only those that were given an hour.
        book.update(&peer(1), HOUR, SECOND).await.unwrap();
        world.clock.advance(SECOND);
        assert_eq!(sorted(book.get(&peer(1)).await.unwrap()), sorted(some[1..].to_vec()));
        book.update(&peer(1), MINUTE, Duration::ZERO).await.unwrap();
        assert_eq!(sorted(book.get(&peer(1)).await.unwrap()), sorted(some[2..].to_vec()));
        world.clock.advance(2 * HOUR);
        assert!(book.get(&peer(1)).await.unwrap().is_empty());
        open.close().await;
    }
}

#[tokio::test]
async fn a_lifetime_of_nothing_takes_away_what_is_there() {
    for world in World::all() {
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(100));
        book.add(&peer(1), &some[..50], HOUR).await.unwrap();
        book.set(&peer(1), &some[..2], Duration::ZERO).await.unwrap();
        assert_eq!(book.get(&peer(1)).await.unwrap().len(), 48);
        book.set(&peer(1), &some, Duration::ZERO).await.unwrap();
        assert!(book.get(&peer(1)).await.unwrap().is_empty());
        book.add(&peer(1), &some, Duration::ZERO).await.unwrap();
        assert!(book.get(&peer(1)).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn clearing_one_peer_leaves_the_others_alone() {
    for world in World::all() {
        let open = world.open().await;
        let book = open.peers.addresses();
        for n in 1..=3 {
            book.add(&peer(n), &addrs(usize::from(n)), HOUR).await.unwrap();
        }
        book.clear(&peer(2)).await.unwrap();
        let counts = [
            book.get(&peer(1)).await.unwrap().len(),
            book.get(&peer(2)).await.unwrap().len(),
            book.get(&peer(3)).await.unwrap().len(),
        ];
        assert_eq!(counts, [1, 0, 3]);
        let mut with = book.peers().try_collect::<Vec<_>>().await.unwrap();
        with.sort();
        let mut expected = [peer(1), peer(3)];
        expected.sort();
        assert_eq!(with, expected);
        open.close().await;
    }
}

#[tokio::test]
async fn the_peers_own_id_is_stripped_and_another_is_refused() {
    for world in World::all() {
        let open = world.open().await;
        let (book, plain) = (open.peers.addresses(), addrs(1));
        let own = plain[0].clone().with_p2p(peer(1)).unwrap();
        let foreign = plain[0].clone().with_p2p(peer(2)).unwrap();
        book.add(&peer(1), &[own, plain[0].clone(), foreign, multiaddr::Multiaddr::empty()], HOUR)
            .await
            .unwrap();
        assert_eq!(book.get(&peer(1)).await.unwrap(), plain);
        open.close().await;
    }
}

#[tokio::test]
async fn the_cap_spares_what_is_connected() {
    for world in World::all() {
        let world = world.with(|options| options.limits.addresses = 4);
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(10));
        book.connected(&peer(1), &some[..3]).await.unwrap();
        for (n, addr) in some[3..].iter().enumerate() {
            let ttl = HOUR + SECOND * u32::try_from(n).unwrap();
            book.add(&peer(1), std::slice::from_ref(addr), ttl).await.unwrap();
        }
        let kept = some[..3].iter().chain(&some[6..]).cloned();
        assert_eq!(sorted(book.get(&peer(1)).await.unwrap()), sorted(kept));
        open.close().await;
    }
}

#[tokio::test]
async fn what_was_connected_counts_down_from_the_disconnect() {
    for world in World::all() {
        let open = world.open().await;
        let book = open.peers.addresses();
        book.connected(&peer(1), &addrs(1)).await.unwrap();
        world.clock.advance(HOUR * 1000);
        open.peers.collect().await.unwrap();
        assert_eq!(book.get(&peer(1)).await.unwrap().len(), 1);
        book.disconnected(&peer(1)).await.unwrap();
        let AddressTtl::For(recently) = AddressTtl::RECENTLY_CONNECTED else {
            panic!("a duration")
        };
        world.clock.advance(recently - SECOND);
        assert_eq!(book.get(&peer(1)).await.unwrap().len(), 1);
        world.clock.advance(SECOND);
        assert!(book.get(&peer(1)).await.unwrap().is_empty());
        open.close().await;
    }
}
