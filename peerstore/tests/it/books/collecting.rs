//! Collections: what has expired goes, what is added meanwhile stays.

use std::sync::Arc;

use datastore::{Datastore, DatastoreExt, Fault, Operation, Position, Query, key};
use futures::TryStreamExt;
use futures::future::join;
use peerstore::{GcStrategy, PeerEvent, Peerstore, WriteBehindMode};

use super::events::drain;
use crate::support::{HOUR, MINUTE, World, addrs, keypair, peer, sorted};

#[tokio::test]
async fn what_has_expired_goes_part_by_part() {
    for world in World::all() {
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(4));
        for (n, addr) in (1..).zip(&some) {
            book.add(&peer(1), std::slice::from_ref(addr), HOUR * n).await.unwrap();
        }
        book.add(&peer(2), &some, HOUR * 2).await.unwrap();
        for (hour, (trimmed, removed)) in (1_u32..).zip([(1, 0), (1, 1), (1, 0), (0, 1)]) {
            world.clock.advance(HOUR);
            let report = open.peers.collect().await.unwrap();
            assert_eq!((report.trimmed, report.removed), (trimmed, removed), "hour {hour}");
            assert_eq!(open.peers.collect().await.unwrap().due, 0, "nothing is due twice");
        }
        let rows = open.below().await.query_keys(Query::descendants(key!("/peers/addrs")));
        assert!(rows.try_collect::<Vec<_>>().await.unwrap().is_empty());
        open.close().await;
    }
}

#[tokio::test]
async fn a_lifetime_that_grew_is_looked_at_again_when_it_ends() {
    for world in World::all() {
        let open = world.open().await;
        let book = open.peers.addresses();
        for _ in 0..10 {
            book.add(&peer(1), &addrs(3), HOUR).await.unwrap();
            world.clock.advance(MINUTE);
        }
        let entries = Query::descendants(key!("/peers/expiry"));
        assert!(
            open.below().await.count(entries).await.unwrap() <= 2,
            "one entry, and the sweep's own row"
        );
        world.clock.advance(HOUR - 10 * MINUTE);
        let report = open.peers.collect().await.unwrap();
        assert_eq!((report.postponed, report.removed), (1, 0));
        assert_eq!(book.get(&peer(1)).await.unwrap().len(), 3);
        world.clock.advance(9 * MINUTE);
        assert_eq!(open.peers.collect().await.unwrap().removed, 1);
        open.close().await;
    }
}

#[tokio::test]
async fn tags_and_addresses_expire_each_by_their_own_time() {
    for world in World::all() {
        let open = world.open().await;
        open.peers.addresses().add(&peer(1), &addrs(1), HOUR).await.unwrap();
        open.peers.tags().set(&peer(1), "soon", 1, Some(MINUTE)).await.unwrap();
        open.peers.tags().set(&peer(1), "late", 1, Some(2 * HOUR)).await.unwrap();
        world.clock.advance(MINUTE);
        assert_eq!(open.peers.tags().get(&peer(1)).await.unwrap().len(), 1);
        assert_eq!(open.peers.collect().await.unwrap().trimmed, 1);
        world.clock.advance(HOUR);
        assert_eq!(open.peers.collect().await.unwrap().removed, 1);
        assert!(open.peers.has(&peer(1)).await.unwrap());
        world.clock.advance(HOUR);
        assert_eq!(open.peers.collect().await.unwrap().removed, 1);
        assert!(!open.peers.has(&peer(1)).await.unwrap());
        open.close().await;
    }
}

#[tokio::test]
async fn who_loses_its_last_row_to_a_collection_is_told_removed() {
    for world in World::all() {
        let world = world.with(|options| options.gc.page = 1);
        let open = world.open().await;
        for n in 1..=4 {
            open.peers.addresses().add(&peer(n), &addrs(1), MINUTE).await.unwrap();
        }
        open.peers.tags().set(&peer(1), "t", 1, Some(HOUR)).await.unwrap();
        open.peers.metadata().put_bytes(&peer(2), "n", "x").await.unwrap();
        // A number is left of this one, which is nothing that is known of it.
        let record = peerstore::VerifiedRecord::seal(&keypair(3), 1, &addrs(1)).unwrap();
        open.peers.addresses().consume(record.envelope().clone(), MINUTE).await.unwrap();
        open.peers.addresses().add(&peer(4), &addrs(2)[1..], HOUR).await.unwrap();
        let mut events = open.peers.events().unwrap();
        let removed = async |events: &mut peerstore::PeerEvents| {
            open.peers.collect().await.unwrap();
            let told = drain(events).await.into_iter();
            let removed = told.filter_map(|event| match event {
                PeerEvent::Removed { peer } => Some(peer),
                _ => None,
            });
            removed.collect::<Vec<_>>()
        };
        world.clock.advance(MINUTE);
        assert_eq!(removed(&mut events).await, [peer(3)]);
        world.clock.advance(HOUR);
        let mut gone = removed(&mut events).await;
        gone.sort();
        let mut expected = [peer(1), peer(4)];
        expected.sort();
        assert_eq!(gone, expected);
        open.peers.metadata().remove(&peer(2), "n").await.unwrap();
        let told = drain(&mut events).await;
        assert_eq!(told.last(), Some(&PeerEvent::Removed { peer: peer(2) }));
        assert_eq!(told.len(), 2, "what it was comes first: {told:?}");
        open.close().await;
    }
}

#[tokio::test]
async fn an_add_that_races_a_collection_is_never_lost() {
    let world = World::memory();
    let store: Arc<dyn Datastore> = Arc::new(datastore::MemoryDatastore::new());
    for polls in 0..40 {
        let fault = Fault::new(Arc::clone(&store));
        fault.inject(
            Operation::Commit,
            Position::Every(2),
            datastore::Injected::Delay(MINUTE / 60_000),
        );
        let clock = Arc::new(world.clock.clone());
        let options = world.options.clone();
        let peers = Peerstore::open_with(Arc::new(fault), clock, options).await.unwrap();
        let book = peers.addresses();
        book.add(&peer(1), &addrs(2), MINUTE).await.unwrap();
        world.clock.advance(MINUTE);
        let added = async {
            for _ in 0..polls {
                tokio::task::yield_now().await;
            }
            book.add(&peer(1), &addrs(3), HOUR).await.unwrap();
        };
        let steps = async {
            for _ in 0..200 {
                tokio::task::yield_now().await;
                world.clock.advance(MINUTE / 60_000);
            }
        };
        let ((report, ()), ()) = join(join(peers.collect(), added), steps).await;
        assert!(report.unwrap().due >= 1);
        assert_eq!(sorted(book.get(&peer(1)).await.unwrap()), sorted(addrs(3)), "{polls}");
        peers.forget(&peer(1)).await.unwrap();
        peers.close().await.unwrap();
    }
}

#[tokio::test]
async fn the_background_collects_when_the_interval_is_over_and_stops_with_the_peerstore() {
    for world in World::all() {
        let world = world.with(|options| {
            options.gc.strategy = GcStrategy::Interval;
            options.gc.interval = HOUR;
            // So that nobody but the collection sleeps.
            options.write_behind.mode = WriteBehindMode::Off;
        });
        let open = world.open().await;
        open.peers.addresses().add(&peer(1), &addrs(1), MINUTE).await.unwrap();
        let rows = || open.store.count(Query::descendants(key!("/peers/addrs")));
        let asleep = async || {
            while world.clock.sleepers() == 0 {
                tokio::task::yield_now().await;
            }
        };
        asleep().await;
        // An interval and up to a tenth of it pass before the first.
        world.clock.advance(HOUR - MINUTE);
        asleep().await;
        assert_eq!((rows().await.unwrap(), open.peers.gc_stats().collections), (1, 0));
        world.clock.advance(HOUR);
        while rows().await.unwrap() > 0 {
            tokio::task::yield_now().await;
        }
        open.close().await;
        assert_eq!(world.clock.sleepers(), 0);
    }
}
