//! Changes that are gathered: seen at once, below later, and in an order that a crash forgives.

use std::sync::Arc;
use std::time::Duration;

use datastore::{
    Clock, Datastore, DatastoreExt, ErrorKind, Fault, Injected, MemoryDatastore, Operation,
    Position, Query, TestClock, key,
};
use futures::TryStreamExt;
use futures::future::poll_immediate;
use peerstore::{
    AddressTtl, GcStrategy, Peerstore, PeerstoreOptions, VerifiedRecord, WriteBehindMode,
};

use crate::support::{HOUR, MINUTE, SECOND, World, addrs, keypair, peer};

async fn rows(store: &Arc<dyn Datastore>) -> u64 {
    store.count(Query::descendants(key!("/peers/addrs"))).await.unwrap()
}

#[tokio::test]
async fn over_object_storage_changes_are_seen_at_once_and_below_after_a_flush() {
    let world = World::s3();
    let open = world.open().await;
    for n in 1..=20 {
        open.peers.addresses().add(&peer(n), &addrs(2), HOUR).await.unwrap();
    }
    assert_eq!(open.peers.addresses().get(&peer(7)).await.unwrap().len(), 2);
    assert_eq!(open.peers.peers().try_collect::<Vec<_>>().await.unwrap().len(), 20);
    assert_eq!(rows(&open.store).await, 0);
    // An entry of the index with each row.
    assert_eq!(open.peers.pending_writes().unwrap().keys, 40);
    open.peers.flush().await.unwrap();
    assert_eq!(rows(&open.store).await, 20);
    assert_eq!(open.peers.pending_writes().unwrap().keys, 0);
    open.peers.addresses().clear(&peer(7)).await.unwrap();
    open.close().await;
    let open = world.open().await;
    assert!(open.peers.addresses().get(&peer(7)).await.unwrap().is_empty());
    assert_eq!(open.peers.peers().try_collect::<Vec<_>>().await.unwrap().len(), 19);
    open.close().await;
}

#[tokio::test]
async fn what_gathers_is_for_the_options_and_the_store_to_say() {
    for (world, mode, gathers) in [
        (World::memory(), WriteBehindMode::Auto, false),
        (World::fjall(), WriteBehindMode::Auto, false),
        (World::s3(), WriteBehindMode::Auto, true),
        (World::fjall(), WriteBehindMode::On, true),
        (World::s3(), WriteBehindMode::Off, false),
    ] {
        let world = world.with(|options| options.write_behind.mode = mode);
        let open = world.open().await;
        open.peers.addresses().add(&peer(1), &addrs(1), HOUR).await.unwrap();
        assert_eq!(open.peers.pending_writes().is_some(), gathers);
        assert_eq!(rows(&open.store).await, u64::from(!gathers));
        assert_eq!(rows(open.below().await).await, 1);
        open.close().await;
    }
}

#[tokio::test]
async fn enough_rows_or_enough_time_begin_a_flush() {
    for by_age in [false, true] {
        let world = World::memory().with(|options| {
            options.write_behind.mode = WriteBehindMode::On;
            options.write_behind.dirty_rows = if by_age { 1_000 } else { 4 };
            options.write_behind.age = if by_age { SECOND } else { Duration::MAX };
        });
        let open = world.open().await;
        for n in [1, 2] {
            assert_eq!(rows(&open.store).await, 0);
            open.peers.addresses().add(&peer(n), &addrs(1), HOUR).await.unwrap();
        }
        if by_age {
            while world.clock.sleepers() == 0 {
                tokio::task::yield_now().await;
            }
            world.clock.advance(SECOND);
        }
        while rows(&open.store).await < 2 {
            tokio::task::yield_now().await;
        }
        open.close().await;
    }
}

#[tokio::test]
async fn a_record_that_the_node_seals_is_below_before_anybody_sees_it() {
    let world = World::s3();
    let open = world.open().await;
    open.peers.addresses().add(&peer(2), &addrs(1), HOUR).await.unwrap();
    let sealed = open.peers.own_record().seal(&keypair(1), &addrs(1)).await.unwrap();
    let own = open.store.query_keys(Query::descendants(key!("/peers/self")));
    assert_eq!(own.try_collect::<Vec<_>>().await.unwrap().len(), 1);
    drop(open);
    // Not closed: what the first process gathered is lost but for that.
    let open = world.open().await;
    let again = open.peers.own_record().seal(&keypair(1), &addrs(2)).await.unwrap();
    assert!(again.sequence() > sealed.sequence());
    open.close().await;
}

#[tokio::test]
async fn a_store_that_fails_loses_nothing_that_is_flushed_or_closed_later() {
    let below: Arc<Fault<MemoryDatastore>> = Arc::new(Fault::new(MemoryDatastore::new()));
    let peers = best_effort(&below, &TestClock::new(), WriteBehindMode::Auto).await;
    let broken = Injected::Error(ErrorKind::Unavailable);
    below.inject(Operation::Commit, Position::From(0), broken);
    peers.addresses().add(&peer(1), &addrs(1), HOUR).await.unwrap();
    assert_eq!(peers.flush().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(peers.pending_writes().unwrap().failed_flushes > 0);
    assert_eq!(peers.addresses().get(&peer(1)).await.unwrap().len(), 1);
    below.heal();
    peers.close().await.unwrap();
    assert_eq!(rows(&(below as Arc<dyn Datastore>)).await, 1);

    let below: Arc<Fault<MemoryDatastore>> = Arc::new(Fault::new(MemoryDatastore::new()));
    let peers = best_effort(&below, &TestClock::new(), WriteBehindMode::Auto).await;
    peers.addresses().add(&peer(1), &addrs(1), HOUR).await.unwrap();
    below.inject(Operation::Commit, Position::From(0), broken);
    assert_eq!(peers.close().await.unwrap_err().kind(), ErrorKind::Unavailable);
    let error = peers.addresses().get(&peer(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

/// A peerstore over a store whose batches land in part.
#[tokio::test]
async fn a_close_that_was_dropped_on_its_way_is_taken_up_by_the_next() {
    let slow = TestClock::new();
    let below = Fault::with_clock(MemoryDatastore::new(), Arc::new(slow.clone()));
    let below: Arc<Fault<MemoryDatastore>> = Arc::new(below);
    let peers = best_effort(&below, &TestClock::new(), WriteBehindMode::Auto).await;
    peers.addresses().add(&peer(1), &addrs(1), HOUR).await.unwrap();
    below.inject(Operation::Commit, Position::From(0), Injected::Delay(MINUTE));
    let mut close = Box::pin(peers.close());
    while slow.sleepers() == 0 {
        assert!(poll_immediate(&mut close).await.is_none());
        tokio::task::yield_now().await;
    }
    drop(close);
    assert_eq!(peers.has(&peer(1)).await.unwrap_err().kind(), ErrorKind::Closed);
    let store = Arc::clone(&below) as Arc<dyn Datastore>;
    assert_eq!(rows(&store).await, 0);
    let mut next = Box::pin(futures::future::join(peers.close(), peers.close()));
    loop {
        if let Some(ended) = poll_immediate(&mut next).await {
            assert!(matches!(ended, (Ok(()), Ok(()))), "{ended:?}");
            break;
        }
        slow.advance(MINUTE);
        tokio::task::yield_now().await;
    }
    assert_eq!(rows(&store).await, 1);
    assert_eq!(peers.pending_writes().unwrap().keys, 0);
}

async fn best_effort(
    below: &Arc<Fault<MemoryDatastore>>,
    clock: &TestClock,
    mode: WriteBehindMode,
) -> Peerstore {
    // While there is a rule by which batches may tear, they are not declared atomic.
    below.inject(Operation::Commit, Position::Nth(u64::MAX), Injected::Torn(0));
    let mut options = PeerstoreOptions::default();
    options.gc.strategy = GcStrategy::Manual;
    options.write_behind.mode = mode;
    options.write_behind.age = Duration::MAX;
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    Peerstore::open_with(Arc::clone(below) as Arc<dyn Datastore>, clock, options).await.unwrap()
}

/// What is there before the crash, all of it below.
async fn begin(peers: &Peerstore) {
    for n in 1..=4 {
        peers.addresses().add(&peer(n), &addrs(2), HOUR).await.unwrap();
        peers.tags().set(&peer(n), "t", 1, Some(2 * HOUR)).await.unwrap();
    }
    let record = VerifiedRecord::seal(&keypair(5), 1, &addrs(2)).unwrap();
    peers.addresses().consume(record.envelope().clone(), HOUR).await.unwrap();
    peers.addresses().add(&peer(6), &addrs(1), AddressTtl::Permanent).await.unwrap();
    peers.flush().await.unwrap();
}

/// Rows that are new, end sooner, later or at all, and go; a sweep that moves entries.
async fn change(peers: &Peerstore, clock: &TestClock) -> datastore::Result<()> {
    let addresses = peers.addresses();
    addresses.add(&peer(1), &addrs(3), 3 * HOUR).await?;
    clock.advance(HOUR);
    peers.collect().await?;
    addresses.add(&peer(7), &addrs(2), HOUR).await?;
    addresses.set(&peer(1), &addrs(3), MINUTE).await?;
    addresses.set(&peer(6), &addrs(1), HOUR).await?;
    peers.tags().set(&peer(2), "soon", 1, Some(MINUTE)).await?;
    peers.tags().remove(&peer(3), "t").await?;
    peers.forget(&peer(4)).await?;
    addresses.add(&peer(4), &addrs(1), HOUR).await?;
    let record = VerifiedRecord::seal(&keypair(5), 2, &addrs(3)).unwrap();
    addresses.consume(record.envelope().clone(), HOUR).await?;
    clock.advance(MINUTE);
    peers.collect().await?;
    peers.flush().await
}

/// All rows that end, once all of them have ended and were collected by the next process.
async fn left(below: &Arc<Fault<MemoryDatastore>>, clock: &TestClock) -> Vec<String> {
    clock.advance(1_000 * HOUR);
    let peers = best_effort(below, clock, WriteBehindMode::Off).await;
    peers.collect().await.unwrap();
    peers.close().await.unwrap();
    let mut left = Vec::new();
    for book in [key!("/peers/addrs"), key!("/peers/tags"), key!("/peers/expiry")] {
        let keys: Vec<_> = below.query_keys(Query::descendants(book)).try_collect().await.unwrap();
        left.extend(keys.iter().map(ToString::to_string));
    }
    left
}

#[tokio::test]
async fn a_crash_in_any_write_leaves_no_row_that_never_expires() {
    for mode in [WriteBehindMode::On, WriteBehindMode::Off] {
        let (mut torn, mut whole) = (0, 0);
        for commit in 0.. {
            let mut reached = false;
            for landed in 0..12 {
                let below = Arc::new(Fault::new(MemoryDatastore::new()));
                let clock = TestClock::new();
                let peers = best_effort(&below, &clock, mode).await;
                begin(&peers).await;
                let before = below.calls(Operation::Commit);
                below.inject(Operation::Commit, Position::Nth(commit), Injected::Torn(landed));
                // What comes after it does not come: the process ends there.
                let broken = Injected::Error(ErrorKind::Unavailable);
                below.inject(Operation::Commit, Position::From(commit + 1), broken);
                match change(&peers, &clock).await {
                    Ok(()) => whole += 1,
                    Err(_) => torn += 1,
                }
                reached |= below.calls(Operation::Commit) - before > commit;
                drop(peers);
                below.heal();
                let left = left(&below, &clock).await;
                let context = format!("{mode:?}: commit {commit}, of which {landed} landed");
                // What was for ever before stays so, if the crash came before that was changed.
                let forever: Vec<_> = left.iter().filter(|key| key.ends_with(&text(6))).collect();
                assert!(left.len() == forever.len() && left.len() <= 1, "{context}: {left:?}");
            }
            if !reached {
                break;
            }
        }
        assert!(torn > 20 && whole > 0, "{mode:?}: {torn} torn, {whole} whole");
    }
}

fn text(n: u8) -> String {
    let cid = [&[0x01, 0x72][..], &peer(n).to_bytes()].concat();
    format!("b{}", data_encoding::BASE32_NOPAD.encode(&cid).to_lowercase())
}
