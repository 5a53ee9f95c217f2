//! How many peers there are is known at all times, and counted only where it has to be.

use std::sync::Arc;

use datastore::{
    Datastore, DatastoreExt, ErrorKind, Fault, Injected, Key, MemoryDatastore, Operation, Position,
    ReadOnly, key,
};
use peerstore::{PeerCounts, Peerstore, VerifiedRecord};

use super::counted::{counted, hashed};
use crate::support::{HOUR, MINUTE, Open, World, addrs, keypair, peer};

const CENSUS: Key = key!("/peers/self/census");

/// Two peers in each book at least, one watermark.
async fn fill(open: &Open) {
    let some = addrs(2);
    for n in 1..=4 {
        open.peers.addresses().add(&peer(n), &some, HOUR).await.unwrap();
    }
    let record = VerifiedRecord::seal(&keypair(5), 1, &some).unwrap();
    open.peers.addresses().consume(record.envelope().clone(), HOUR).await.unwrap();
    open.peers.remove(&peer(5)).await.unwrap();
    for n in 1..=2 {
        open.peers.protocols().add(&peer(n), &["/a"]).await.unwrap();
        open.peers.tags().set(&peer(n), "t", 1, Some(MINUTE)).await.unwrap();
        open.peers.reputation().failed(&peer(n)).await.unwrap();
        open.peers.metadata().put_bytes(&peer(n), "a", "1").await.unwrap();
        open.peers.metadata().put_bytes(&peer(n), "b", "1").await.unwrap();
        open.peers.keys().set_private(&peer(n), &keypair(n)).await.unwrap();
        let (hashed, key) = hashed(n);
        open.peers.keys().set_public(&hashed, &key).await.unwrap();
    }
}

fn world_with_keys(world: World) -> World {
    world.with(|options| options.private_keys_on_remote_stores = true)
}

async fn expect(open: &Open, when: &str) -> PeerCounts {
    let counts = open.peers.counts().await.unwrap();
    assert_eq!(counts, counted(&**open.below().await).await, "{when}");
    counts
}

#[tokio::test]
async fn it_is_right_over_changes_collections_restarts_and_crashes() {
    for world in World::all().into_iter().map(world_with_keys) {
        let open = world.open().await;
        fill(&open).await;
        let counts = expect(&open, "filled").await;
        assert_eq!((counts.addresses, counts.watermarks, counts.metadata), (4, 1, 2));
        assert_eq!((counts.tags, counts.keys, counts.private_keys), (2, 2, 2));
        open.close().await;

        let open = world.open().await;
        assert_eq!(expect(&open, "after a restart").await, counts);
        open.peers.metadata().remove(&peer(1), "a").await.unwrap();
        assert_eq!(expect(&open, "one entry less").await, counts);
        open.peers.metadata().remove(&peer(1), "b").await.unwrap();
        assert_eq!(expect(&open, "none left").await.metadata, 1);
        open.peers.remove(&peer(2)).await.unwrap();
        open.peers.forget(&peer(5)).await.unwrap();
        let counts = expect(&open, "removed").await;
        assert_eq!((counts.addresses, counts.watermarks, counts.metadata), (3, 0, 0));
        world.clock.advance(MINUTE);
        open.peers.collect().await.unwrap();
        assert_eq!(expect(&open, "tags expired").await.tags, 0);
        open.crash().await;

        let open = world.open().await;
        expect(&open, "after a crash").await;
        world.clock.advance(HOUR);
        open.peers.collect().await.unwrap();
        assert_eq!(expect(&open, "all addresses expired").await.addresses, 0);
        open.close().await;
    }
}

#[tokio::test]
async fn it_is_written_at_the_end_taken_away_at_the_beginning_and_believed() {
    for world in World::all().into_iter().map(world_with_keys) {
        let open = world.open().await;
        fill(&open).await;
        assert!(!open.below().await.has(&CENSUS).await.unwrap());
        let counts = open.peers.counts().await.unwrap();
        open.close().await;

        let open = world.open().await;
        assert!(!open.below().await.has(&CENSUS).await.unwrap());
        // A row that it does not know of: what is asked for is not counted.
        let row = open.below().await.get(&key!("/peers/self/census")).await.unwrap();
        assert_eq!(row, None);
        open.below().await.put(&key!("/peers/protos/nobody"), "").await.unwrap();
        assert_eq!(open.peers.counts().await.unwrap(), counts);
        open.close().await;
    }
}

#[tokio::test]
async fn what_is_written_is_taken_for_true_and_what_is_damaged_is_counted_anew() {
    let world = World::memory();
    let open = world.open().await;
    open.peers.addresses().add(&peer(1), &addrs(1), HOUR).await.unwrap();
    let store = Arc::clone(&open.store);
    open.close().await;
    let written = store.get(&CENSUS).await.unwrap().unwrap();
    assert_eq!(&written[..5], b"\xa9\x00\x01\x01\x01", "one peer with addresses");

    let mut lie = written.to_vec();
    lie[4] = 7;
    store.put(&CENSUS, lie).await.unwrap();
    let open = world.open().await;
    assert_eq!(open.peers.counts().await.unwrap().addresses, 7);
    open.close().await;

    store.put(&CENSUS, "damaged").await.unwrap();
    let open = world.open().await;
    assert_eq!(open.peers.counts().await.unwrap().addresses, 1);
    open.close().await;
}

#[tokio::test]
async fn who_only_reads_leaves_it_where_it_is() {
    let world = World::memory();
    let open = world.open().await;
    open.peers.addresses().add(&peer(1), &addrs(1), HOUR).await.unwrap();
    let store = Arc::clone(&open.store);
    open.close().await;
    let reading = Arc::new(ReadOnly::new(Arc::clone(&store)));
    let peers = Peerstore::open(reading).await.unwrap();
    assert_eq!(peers.counts().await.unwrap().addresses, 1);
    peers.close().await.unwrap();
    assert!(store.has(&CENSUS).await.unwrap());
}

#[tokio::test]
async fn without_limits_nothing_is_counted_and_what_is_known_is_kept() {
    let world = World::memory();
    let store: Arc<dyn Datastore> = Arc::new(MemoryDatastore::new());
    let fault = Arc::new(Fault::new(Arc::clone(&store)));
    let mut options = world.options.clone();
    (options.limits.peers, options.limits.watermarks) = (0, 0);
    let clock = Arc::new(world.clock.clone());
    let below = Arc::clone(&fault) as Arc<dyn Datastore>;
    let peers = Peerstore::open_with(below, clock.clone(), options.clone()).await.unwrap();
    for n in 1..=9 {
        peers.addresses().add(&peer(n), &addrs(1), HOUR).await.unwrap();
    }
    assert_eq!(fault.calls(Operation::QueryPage), 0);
    peers.close().await.unwrap();
    assert!(!store.has(&CENSUS).await.unwrap());

    // Somebody counts: from then on it is known.
    let peers = Peerstore::open_with(fault.clone(), clock.clone(), options.clone()).await.unwrap();
    assert_eq!(peers.counts().await.unwrap().addresses, 9);
    peers.close().await.unwrap();
    let peers = Peerstore::open_with(fault.clone(), clock, options).await.unwrap();
    let before = fault.calls(Operation::QueryPage);
    peers.addresses().add(&peer(10), &addrs(1), HOUR).await.unwrap();
    assert_eq!(peers.counts().await.unwrap().addresses, 10);
    assert_eq!(fault.calls(Operation::QueryPage), before);
}

#[tokio::test]
async fn a_new_peer_costs_no_read_more_than_its_row() {
    let world = World::memory();
    let fault = Arc::new(Fault::new(MemoryDatastore::new()));
    let clock = Arc::new(world.clock.clone());
    let options = world.options.clone();
    let peers = Peerstore::open_with(fault.clone(), clock, options).await.unwrap();
    peers.addresses().add(&peer(1), &addrs(1), HOUR).await.unwrap();
    let calls =
        || [Operation::Read, Operation::QueryPage, Operation::Commit].map(|of| fault.calls(of));
    let before = calls();
    peers.addresses().add(&peer(2), &addrs(1), HOUR).await.unwrap();
    let spent: Vec<_> = calls().into_iter().zip(before).map(|(now, then)| now - then).collect();
    assert_eq!(spent, [1, 0, 1]);
}

#[tokio::test]
async fn damaged_rows_that_are_set_aside_are_counted_no_more() {
    for world in World::all() {
        let open = world.open().await;
        for n in 1..=2 {
            open.peers.addresses().add(&peer(n), &addrs(1), HOUR).await.unwrap();
            open.peers.protocols().add(&peer(n), &["/a"]).await.unwrap();
            open.peers.metadata().put_bytes(&peer(n), "a", "1").await.unwrap();
        }
        for key in super::counted::keys_of(&**open.below().await, &peer(1)).await {
            if !key.starts_with("/peers/expiry") {
                open.below().await.put(&key.parse().unwrap(), "damaged").await.unwrap();
            }
        }
        open.close().await;
        let open = world.open().await;
        assert_eq!(open.peers.counts().await.unwrap().addresses, 2);
        assert!(open.peers.addresses().get(&peer(1)).await.unwrap().is_empty());
        assert!(open.peers.protocols().get(&peer(1)).await.unwrap().is_empty());
        assert!(open.peers.metadata().all(&peer(1)).await.unwrap().is_empty());
        // Where a reader sets nothing aside, a writer does.
        open.peers.forget(&peer(1)).await.unwrap();
        let counts = expect(&open, "set aside").await;
        assert_eq!((counts.addresses, counts.protocols, counts.metadata), (1, 1, 1));
        open.close().await;
    }
}

#[tokio::test]
async fn a_commit_that_fails_or_may_have_landed_is_no_more_than_a_doubt() {
    let (world, some) = (World::memory(), addrs(1));
    let inner: Arc<dyn Datastore> = Arc::new(MemoryDatastore::new());
    let fault = Arc::new(Fault::new(Arc::clone(&inner)));
    let clock = Arc::new(world.clock.clone());
    let options = world.options.clone();
    let peers = Peerstore::open_with(fault.clone(), clock, options).await.unwrap();
    peers.addresses().add(&peer(1), &some, HOUR).await.unwrap();
    let faults =
        [Injected::Error(ErrorKind::Unavailable), Injected::LostReply(ErrorKind::Unavailable)];
    for (n, injected) in (2..).zip(faults.into_iter().cycle().take(8)) {
        fault.inject(Operation::Commit, Position::From(0), injected);
        peers.addresses().add(&peer(n), &some, HOUR).await.unwrap_err();
        peers.remove(&peer(1)).await.unwrap_err();
        fault.heal();
        // A commit of the same peer finds out what there is.
        if n % 4 < 2 {
            peers.addresses().add(&peer(n), &some, 2 * HOUR).await.unwrap();
        } else {
            peers.forget(&peer(n)).await.unwrap();
        }
        peers.addresses().add(&peer(1), &some, HOUR).await.unwrap();
        assert_eq!(peers.counts().await.unwrap(), counted(&*inner).await, "{n}: {injected:?}");
    }
    // One that nobody looks at again is counted with the rest, the next time.
    fault.inject(Operation::Commit, Position::From(0), Injected::LostReply(ErrorKind::Unavailable));
    peers.addresses().add(&peer(99), &some, HOUR).await.unwrap_err();
    fault.heal();
    peers.close().await.unwrap();
    assert!(!inner.has(&CENSUS).await.unwrap());
}
