//! Lifetimes at their ends, the longest ones, and clocks that step.

use std::time::Duration;

use datastore::{Clock, Expiry};
use futures::TryStreamExt;
use peerstore::{AddressTtl, PeerQuery};

use crate::support::{HOUR, MINUTE, Open, World, addrs, peer};

/// What go-libp2p calls permanent.
const GO_PERMANENT: Duration = Duration::from_nanos(i64::MAX as u64);

/// Whether each way of asking finds addresses of the peer.
async fn answers(open: &Open, n: u8) -> [bool; 5] {
    let (peers, id) = (&open.peers, peer(n));
    let mut query = PeerQuery::default();
    query.with_addresses = true;
    [
        !peers.addresses().get(&id).await.unwrap().is_empty(),
        peers.addresses().peers().try_collect::<Vec<_>>().await.unwrap().contains(&id),
        peers.page(&query).await.unwrap().peers.contains(&id),
        peers.has(&id).await.unwrap(),
        peers.peer(&id).await.unwrap().is_some(),
    ]
}

#[tokio::test]
async fn all_ways_to_ask_agree_at_the_instant_of_expiry() {
    for world in World::all() {
        let open = world.open().await;
        open.peers.addresses().add(&peer(1), &addrs(1), MINUTE).await.unwrap();
        open.peers.tags().set(&peer(2), "t", 1, Some(MINUTE)).await.unwrap();
        world.clock.advance(MINUTE - Duration::from_millis(1));
        assert_eq!(answers(&open, 1).await, [true; 5]);
        assert!(open.peers.tags().tag(&peer(2), "t").await.unwrap().is_some());
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(answers(&open, 1).await[..3], [false; 3]);
        assert_eq!(open.peers.peer(&peer(1)).await.unwrap(), None);
        assert!(open.peers.tags().tag(&peer(2), "t").await.unwrap().is_none());
        assert_eq!(open.peers.peer(&peer(2)).await.unwrap(), None);
        open.peers.collect().await.unwrap();
        assert_eq!(answers(&open, 1).await, [false; 5]);
        open.close().await;
    }
}

#[tokio::test]
async fn the_longest_lifetimes_do_not_end_and_none_is_none() {
    for world in World::all() {
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(4));
        book.add(&peer(1), &some[..1], Duration::MAX).await.unwrap();
        book.add(&peer(1), &some[1..2], GO_PERMANENT).await.unwrap();
        book.set(&peer(1), &some[2..3], Duration::MAX).await.unwrap();
        book.add(&peer(1), &some[3..], Duration::ZERO).await.unwrap();
        open.peers.tags().set(&peer(2), "ever", 1, Some(Duration::MAX)).await.unwrap();
        open.peers.tags().set(&peer(2), "never", 1, Some(Duration::ZERO)).await.unwrap();
        open.close().await;
        world.clock.advance(HOUR * 24 * 365 * 300);
        let open = world.open().await;
        open.peers.collect().await.unwrap();
        let left = open.peers.addresses().get(&peer(1)).await.unwrap();
        assert_eq!(left.len(), 3);
        for address in left.entries() {
            assert_eq!((address.ttl(), address.expiry()), (AddressTtl::Permanent, Expiry::NEVER));
        }
        let tags = open.peers.tags().get(&peer(2)).await.unwrap();
        assert_eq!(tags.iter().map(|(name, _)| &name[..]).collect::<Vec<_>>(), ["ever"]);
        open.close().await;
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_takes_nothing_away_and_brings_nothing_back_that_was_collected() {
    for world in World::all() {
        let open = world.open().await;
        let (book, begin) = (open.peers.addresses(), world.clock.now());
        book.add(&peer(1), &addrs(1), MINUTE).await.unwrap();
        book.add(&peer(2), &addrs(1), 2 * HOUR).await.unwrap();
        world.clock.advance(HOUR);
        open.peers.collect().await.unwrap();
        world.clock.set_now(begin - 24 * HOUR);
        assert!(book.get(&peer(1)).await.unwrap().is_empty());
        assert_eq!(book.get(&peer(2)).await.unwrap().len(), 1);
        book.add(&peer(3), &addrs(1), MINUTE).await.unwrap();
        assert_eq!(open.peers.collect().await.unwrap().removed, 0);
        world.clock.advance(MINUTE);
        assert!(book.get(&peer(3)).await.unwrap().is_empty(), "by the clock as it is now");
        world.clock.set_now(begin + 3 * HOUR);
        assert_eq!(open.peers.collect().await.unwrap().removed, 2);
        assert!(open.peers.peers().try_collect::<Vec<_>>().await.unwrap().is_empty());
        open.close().await;
    }
}
