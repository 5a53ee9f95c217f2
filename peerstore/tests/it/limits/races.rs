//! Limits while many write at once.

use std::sync::Arc;
use std::time::Duration;

use datastore::{
    Datastore, DatastoreExt, Fault, Injected, MemoryDatastore, Operation, Position, Query, key,
};
use futures::FutureExt;
use futures::future::{FusedFuture, join_all, poll_immediate};
use peerstore::Peerstore;

use super::counted::{counted, nth};
use crate::support::{HOUR, World, addrs, peer};

async fn opened(limit: usize, store: Arc<dyn Datastore>, world: &World) -> Peerstore {
    let mut options = world.options.clone();
    options.limits.peers = limit;
    Peerstore::open_with(store, Arc::new(world.clock.clone()), options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_book_is_ever_over_its_limit() {
    for limit in [1, 20, 1500] {
        let (world, store) = (World::memory(), Arc::new(MemoryDatastore::new()));
        let peers = opened(limit, store.clone(), &world).await;
        let writers = (0..8_u32).map(|writer| {
            let (peers, store) = (peers.clone(), Arc::clone(&store));
            tokio::spawn(async move {
                for n in 0..400 {
                    let peer = nth(writer * 1000 + n);
                    peers.addresses().add(&peer, &addrs(1), HOUR).await.unwrap();
                    if n % 8 == 0 {
                        let rows = Query::descendants(key!("/peers/addrs")).keys_only();
                        let rows = store.count(rows).await.unwrap();
                        assert!(rows <= limit as u64, "{rows} rows, at most {limit}");
                    }
                }
            })
        });
        for writer in join_all(writers.collect::<Vec<_>>()).await {
            writer.unwrap();
        }
        let counts = peers.counts().await.unwrap();
        assert_eq!(counts, counted(&*store).await);
        assert!(counts.addresses * 100 >= limit as u64 * 98, "{counts:?}: it stays full");
        peers.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_added_to_a_peer_that_stays_is_there() {
    let (world, store) = (World::memory(), Arc::new(MemoryDatastore::new()));
    let peers = opened(40, store.clone(), &world).await;
    let flood = |from: u32| {
        let peers = peers.clone();
        tokio::spawn(async move {
            for n in 0..1500 {
                peers.addresses().add(&nth(from + n), &addrs(1), HOUR).await.unwrap();
                if n % 100 == 0 {
                    peers.collect().await.unwrap();
                }
            }
        })
    };
    let proves = (0..20_u8).map(|n| {
        let peers = peers.clone();
        tokio::spawn(async move {
            for round in 1..=5 {
                peers.reputation().succeeded(&peer(n), None).await.unwrap();
                peers.addresses().add(&peer(n), &addrs(round), HOUR).await.unwrap();
                peers.tags().set(&peer(n), "t", 1, None).await.unwrap();
            }
        })
    });
    let tasks: Vec<_> = proves.chain([flood(0), flood(10_000)]).collect();
    for task in join_all(tasks).await {
        task.unwrap();
    }
    for n in 0..20 {
        assert_eq!(peers.addresses().get(&peer(n)).await.unwrap().len(), 5);
        assert_eq!(peers.tags().get(&peer(n)).await.unwrap().len(), 1);
        assert_eq!(peers.reputation().get(&peer(n)).await.unwrap().successes(), 5);
    }
    assert_eq!(peers.counts().await.unwrap(), counted(&*store).await);
}

/// Whoever makes room may be dropped at any moment.
#[tokio::test]
async fn a_change_that_is_given_up_leaves_the_sums_right_and_holds_nobody_up() {
    for polls in 0..30 {
        let world = World::memory();
        let inner = Arc::new(MemoryDatastore::new());
        let clock = Arc::new(world.clock.clone());
        let fault = Arc::new(Fault::with_clock(inner.clone() as Arc<dyn Datastore>, clock));
        let peers = opened(3, fault.clone(), &world).await;
        for n in 0..3 {
            peers.addresses().add(&peer(n), &addrs(1), HOUR).await.unwrap();
        }
        let delay = Injected::Delay(Duration::from_millis(1));
        for operation in [Operation::Commit, Operation::QueryPage, Operation::Read] {
            fault.inject(operation, Position::From(0), delay);
        }
        let (book, some) = (peers.addresses(), addrs(1));
        let (late, ended) = (peer(10), peer(11));
        let mut given_up = Box::pin(book.add(&late, &some, HOUR).fuse());
        let mut waits = Box::pin(book.add(&ended, &some, HOUR).fuse());
        for _ in 0..polls {
            let _ = poll_immediate(&mut given_up).await;
            let _ = poll_immediate(&mut waits).await;
            world.clock.advance(Duration::from_millis(1));
        }
        drop(given_up);
        fault.heal();
        while !waits.is_terminated() {
            let _ = poll_immediate(&mut waits).await;
            world.clock.advance(Duration::from_millis(1));
        }
        drop(waits);
        for n in 20..40 {
            book.add(&peer(n), &some, HOUR).await.unwrap();
            book.add(&late, &some, HOUR).await.unwrap();
            assert!(counted(&*inner).await.addresses <= 3);
        }
        // A change of each peer that was in doubt says what there is.
        for n in (0..3).chain([10, 11]) {
            peers.forget(&peer(n)).await.unwrap();
        }
        assert_eq!(peers.counts().await.unwrap(), counted(&*inner).await, "after {polls} polls");
    }
}

#[tokio::test]
async fn who_waits_for_room_waits_for_nobody_who_waits() {
    // All peers that could go are being changed by who waits for room, too: then the limit gives way.
    let (world, store) = (World::memory(), Arc::new(MemoryDatastore::new()));
    let peers = opened(2, store.clone(), &world).await;
    for n in 1..=2 {
        peers.addresses().add(&peer(n), &addrs(1), HOUR).await.unwrap();
        peers.protocols().add(&peer(n + 10), &["/a"]).await.unwrap();
    }
    let add = async |n: u8| match n % 2 {
        0 => peers.protocols().add(&peer(n / 2 + 1), &["/a"]).await,
        _ => peers.addresses().add(&peer(n / 2 + 11), &addrs(1), HOUR).await,
    };
    for done in join_all((0..4).map(add)).await {
        done.unwrap();
    }
    assert_eq!(peers.counts().await.unwrap(), counted(&*store).await);
}
