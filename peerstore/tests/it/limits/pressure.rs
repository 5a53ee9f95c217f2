//! Collections that come when enough was written.

use datastore::{DatastoreExt, Query, key};
use peerstore::{GcStats, GcStrategy, WriteBehindMode};

use super::counted::nth;
use crate::support::{MINUTE, Open, SECOND, World, addrs, peer};

fn worlds(pressure: u64, limit: usize) -> impl Iterator<Item = World> {
    World::all().into_iter().map(move |world| {
        world.with(|options| {
            options.gc.strategy = GcStrategy::Pressure;
            options.gc.pressure = pressure;
            options.limits.peers = limit;
            // So that nobody but the collection sleeps.
            options.write_behind.mode = WriteBehindMode::Off;
        })
    })
}

/// Lets the thread in the background look once more, and says what it has done by then.
async fn looked_again(world: &World, open: &Open) -> GcStats {
    while world.clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    world.clock.advance(SECOND);
    // It sleeps again once it has looked.
    while world.clock.sleepers() == 0 {
        tokio::task::yield_now().await;
    }
    open.peers.gc_stats()
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_collected_once_enough_was_written() {
    for world in worlds(5, 0) {
        let open = world.open().await;
        for n in 0..4 {
            open.peers.addresses().add(&peer(n), &addrs(1), SECOND / 2).await.unwrap();
        }
        assert_eq!(looked_again(&world, &open).await.collections, 0);
        open.peers.addresses().add(&peer(9), &addrs(1), MINUTE).await.unwrap();
        let stats = looked_again(&world, &open).await;
        assert_eq!((stats.collections, stats.collected.removed), (1, 4));
        assert_eq!(looked_again(&world, &open).await.collections, 1);
        let rows = Query::descendants(key!("/peers/addrs"));
        assert_eq!(open.below().await.count(rows).await.unwrap(), 1);
        open.close().await;
        assert_eq!(world.clock.sleepers(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_collected_when_a_book_is_nearly_full() {
    for world in worlds(u64::MAX, 20) {
        let open = world.open().await;
        for n in 0..18 {
            open.peers.addresses().add(&nth(n), &addrs(1), SECOND / 2).await.unwrap();
        }
        assert_eq!(looked_again(&world, &open).await.collections, 0);
        open.peers.addresses().add(&nth(18), &addrs(1), SECOND * 2).await.unwrap();
        let stats = looked_again(&world, &open).await;
        assert_eq!((stats.collections, stats.collected.removed), (1, 18));
        open.close().await;
    }
}

#[tokio::test]
async fn statistics_are_of_all_collections_since_it_was_opened() {
    for world in World::all() {
        let open = world.open().await;
        assert_eq!(open.peers.gc_stats(), GcStats::default());
        for n in 0..4 {
            open.peers.addresses().add(&peer(n), &addrs(1), MINUTE).await.unwrap();
            open.peers.addresses().add(&peer(n), &addrs(2), 3 * MINUTE).await.unwrap();
        }
        for _ in 0..3 {
            world.clock.advance(MINUTE);
            open.peers.collect().await.unwrap();
        }
        let stats = open.peers.gc_stats();
        assert_eq!(stats.collections, 3);
        assert_eq!((stats.collected.removed, stats.evicted_peers), (4, 0));
        assert!(stats.collected.due >= 4 && stats.collected.skipped == 0);
        open.close().await;
    }
}
