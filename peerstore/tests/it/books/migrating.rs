//! From a peerstore in memory into one that lasts: all that is known comes along, and nothing that is there goes.

use std::sync::Arc;
use std::time::Duration;

use datastore::{
    Clock, Datastore, ErrorKind, Fault, Injected, MemoryDatastore, Operation, Position,
};
use futures::TryStreamExt;
use libp2p_peer_store::memory_store::{Config, MemoryStore};
use peerstore::{
    AddressSource, AddressTtl, Consumed, MetadataValue, PeerCopied, PeerCopyOptions, Peerstore,
    VerifiedRecord,
};

use crate::support::{HOUR, MINUTE, World, addrs, hashed, keypair, peer, sorted};

fn quiet(_: &PeerCopied) {}

fn record(n: u8, sequence: u64, addrs: &[multiaddr::Multiaddr]) -> VerifiedRecord {
    VerifiedRecord::seal(&keypair(n), sequence, addrs).unwrap()
}

/// A peerstore in memory that knows something of each kind, none of it of now.
async fn in_memory(world: &World) -> Peerstore {
    let (peers, some) = (with_clock(world).await, addrs(6));
    let id = peer(1);
    peers.addresses().consume(record(1, 7, &some[..2]).envelope().clone(), HOUR).await.unwrap();
    peers.addresses().add_from(&id, &some[2..4], 2 * HOUR, AddressSource::Identify).await.unwrap();
    peers.addresses().add(&id, &some[4..5], AddressTtl::Permanent).await.unwrap();
    peers.addresses().succeeded(&id, &some[2]).await.unwrap();
    peers.addresses().failed(&id, &some[3]).await.unwrap();
    peers.protocols().add(&id, &["/a", "/b"]).await.unwrap();
    peers.metadata().put_typed(&id, "typed", &(1, "x")).await.unwrap();
    peers.metadata().put_bytes(&id, "a/b", "bytes").await.unwrap();
    peers.tags().set(&id, "t", 9, Some(HOUR)).await.unwrap();
    peers.tags().set(&id, "for good", 1, None).await.unwrap();
    for _ in 0..3 {
        peers.reputation().succeeded(&id, Some(MINUTE)).await.unwrap();
    }
    peers.reputation().failed(&id).await.unwrap();
    let (key, old) = hashed(2);
    peers.keys().set_public(&old, &key).await.unwrap();
    peers.addresses().connected(&peer(3), &some[5..]).await.unwrap();
    peers.keys().set_private(&peer(4), &keypair(4)).await.unwrap();
    // Of this one a number alone is left.
    peers.addresses().consume(record(5, 50, &some[..1]).envelope().clone(), HOUR).await.unwrap();
    peers.remove(&peer(5)).await.unwrap();
    world.clock.advance(10 * MINUTE);
    peers
}

async fn with_clock(world: &World) -> Peerstore {
    let clock = Arc::new(world.clock.clone());
    let store = Arc::new(MemoryDatastore::new());
    Peerstore::open_with(store, clock, world.options.clone()).await.unwrap()
}

#[tokio::test]
async fn all_that_is_known_is_known_there_after_a_restart_too() {
    for world in World::all() {
        let from = in_memory(&world).await;
        let to = world.open().await;
        let mut told = Vec::new();
        let progress = |copied: &PeerCopied| told.push(copied.clone());
        let options = PeerCopyOptions::default();
        let copied = from.copy_to(&to.peers, &options, progress).await.unwrap();
        assert_eq!((copied.peers, copied.own_records, copied.left_out), (4, 0, 1));
        assert_eq!(told.len(), 4);
        for PeerCopied { peer: id, left_out, .. } in &told {
            assert_eq!(left_out.len(), usize::from(*id == peer(4)), "{left_out:?}");
        }
        to.close().await;
        let to = world.open().await;
        for id in [peer(1), hashed(2).1] {
            let (ours, theirs) = (from.peer(&id).await.unwrap(), to.peers.peer(&id).await.unwrap());
            assert!(ours.is_some());
            assert_eq!(ours, theirs);
        }
        let known: Vec<_> = to.peers.peers().try_collect().await.unwrap();
        assert!(!known.contains(&peer(4)) && !known.contains(&peer(5)));

        // What was connected is recently connected.
        let book = to.peers.addresses();
        let recently = book.get(&peer(3)).await.unwrap();
        assert!(recently.entries().all(|address| !address.is_connected()) && recently.len() == 1);
        world.clock.advance(15 * MINUTE);
        assert!(book.get(&peer(3)).await.unwrap().is_empty());
        // Old records are too old there, too.
        for (n, sequence) in [(1, 6), (5, 49)] {
            let old = record(n, sequence, &addrs(1)).envelope().clone();
            assert_eq!(book.consume(old, HOUR).await.unwrap(), Consumed::Older, "{n}");
        }
        to.peers.collect().await.unwrap();
        world.clock.advance(2 * HOUR);
        to.peers.collect().await.unwrap();
        assert_eq!(book.get(&peer(1)).await.unwrap(), addrs(5)[4..]);
        to.close().await;
    }
}

#[tokio::test]
async fn of_what_has_expired_and_was_not_collected_the_number_of_a_record_alone_comes_along() {
    for world in World::all() {
        let (from, to) = (with_clock(&world).await, world.open().await);
        let last = record(1, 50, &addrs(1)).envelope().clone();
        from.addresses().consume(last, HOUR).await.unwrap();
        from.tags().set(&peer(2), "t", 1, Some(HOUR)).await.unwrap();
        world.clock.advance(HOUR);
        let copied = from.copy_to(&to.peers, &PeerCopyOptions::default(), quiet).await.unwrap();
        assert_eq!((copied.peers, copied.left_out), (0, 0));
        let older = record(1, 49, &addrs(1)).envelope().clone();
        let book = to.peers.addresses();
        assert_eq!(book.consume(older, HOUR).await.unwrap(), Consumed::Older);
        to.close().await;
    }
}

#[tokio::test]
async fn private_keys_come_along_if_they_are_asked_for() {
    for world in World::all() {
        let from = in_memory(&world).await;
        let to = world.open().await;
        let mut options = PeerCopyOptions::default();
        options.private_keys = true;
        let copied = from.copy_to(&to.peers, &options, quiet).await;
        if to.store.capabilities().atomic_batches {
            assert_eq!(copied.unwrap().left_out, 0);
            let key = to.peers.keys().private(&peer(4)).await.unwrap().unwrap();
            assert_eq!(key.public(), keypair(4).public());
        } else {
            assert_eq!(copied.unwrap_err().kind(), ErrorKind::PermissionDenied);
        }
        to.close().await;
    }
}

#[tokio::test]
async fn the_node_s_next_record_has_a_higher_number_there() {
    for world in World::all() {
        let (from, to) = (with_clock(&world).await, world.open().await);
        let (own, later) = (keypair(1), Duration::from_secs(86_400 * 365));
        world.clock.advance(later);
        let last = from.own_record().seal(&own, &addrs(1)).await.unwrap();
        world.clock.set_now(world.clock.now() - later);
        let first = to.peers.own_record().seal(&own, &addrs(2)).await.unwrap();
        assert!(first.sequence() < last.sequence());
        let options = PeerCopyOptions::default();
        let copied = from.copy_to(&to.peers, &options, quiet).await.unwrap();
        assert_eq!(copied.own_records, 1);
        let kept = to.peers.own_record().get(&peer(1)).await.unwrap();
        assert_eq!(kept.as_ref(), Some(last.envelope()));
        let next = to.peers.own_record().seal(&own, &addrs(3)).await.unwrap();
        assert!(next.sequence() > last.sequence());
        // An older one takes nothing back.
        assert_eq!(from.copy_to(&to.peers, &options, quiet).await.unwrap().own_records, 0);
        let kept = to.peers.own_record().get(&peer(1)).await.unwrap();
        assert_eq!(kept.as_ref(), Some(next.envelope()));
        to.close().await;
    }
}

#[tokio::test]
async fn what_is_known_there_stays() {
    for world in World::all() {
        let (from, to) = (in_memory(&world).await, world.open().await);
        let (id, some, there) = (peer(1), addrs(8), &to.peers);
        there.addresses().add(&id, &some[2..3], AddressTtl::Permanent).await.unwrap();
        there.addresses().add_from(&id, &some[4..5], MINUTE, AddressSource::Routing).await.unwrap();
        there
            .addresses()
            .consume(record(1, 8, &some[6..7]).envelope().clone(), HOUR)
            .await
            .unwrap();
        there.protocols().add(&id, &["/c"]).await.unwrap();
        there.metadata().put_bytes(&id, "a/b", "ours").await.unwrap();
        there.tags().set(&id, "t", 3, None).await.unwrap();
        there.reputation().failed(&id).await.unwrap();
        let reputation = there.reputation().get(&id).await.unwrap();
        let mut refused = Vec::new();
        let progress = |copied: &PeerCopied| {
            if copied.peer == id {
                refused.clone_from(&copied.left_out);
            }
        };
        from.copy_to(there, &PeerCopyOptions::default(), progress).await.unwrap();
        assert_eq!(refused.len(), 1, "an older record: {refused:?}");
        let now = there.peer(&id).await.unwrap().unwrap();
        let address = |n: usize| now.addresses.iter().find(|known| *known.addr() == some[n]);
        // Those that the older record alone says are gone with it.
        let kept = now.addresses.iter().map(|known| known.addr().clone());
        assert_eq!(sorted(kept), sorted([&some[2..5], &some[6..7]].concat()));
        assert_eq!(address(2).unwrap().ttl(), AddressTtl::Permanent);
        assert!(address(2).unwrap().last_success().is_some());
        assert_eq!(address(4).unwrap().ttl(), AddressTtl::Permanent);
        assert_eq!(address(4).unwrap().source(), AddressSource::User);
        assert!(address(6).unwrap().is_certified());
        assert_eq!(now.record.unwrap().sequence(), 8);
        assert_eq!(now.protocols, ["/a", "/b", "/c"]);
        let metadata =
            |name: &str| now.metadata.iter().find(|(known, _)| known == name).unwrap().1.clone();
        assert_eq!(metadata("a/b"), MetadataValue::Bytes("ours".into()));
        assert_eq!(metadata("typed").decode::<(u8, String)>().unwrap(), (1, "x".to_owned()));
        assert_eq!(there.tags().tag(&id, "t").await.unwrap().unwrap().value(), 3);
        assert_eq!(now.tags.len(), 2);
        assert_eq!(now.reputation, reputation);
        to.close().await;
    }
}

#[tokio::test]
async fn a_second_copy_changes_nothing_and_one_into_itself_neither() {
    let world = World::memory();
    let from = in_memory(&world).await;
    from.addresses().disconnected(&peer(3)).await.unwrap();
    let fault = Arc::new(Fault::new(Arc::new(MemoryDatastore::new()) as Arc<dyn Datastore>));
    let clock = Arc::new(world.clock.clone());
    let store: Arc<dyn Datastore> = Arc::clone(&fault) as _;
    let to = Peerstore::open_with(store, clock, world.options.clone()).await.unwrap();
    let options = PeerCopyOptions::default();
    from.copy_to(&to, &options, quiet).await.unwrap();
    fault.inject(Operation::Commit, Position::From(0), Injected::Error(ErrorKind::Internal));
    assert_eq!(from.copy_to(&to, &options, quiet).await.unwrap().peers, 4);
    to.copy_to(&to, &options, quiet).await.unwrap();
}

#[tokio::test]
async fn a_part_over_the_limits_there_is_left_out_and_named() {
    let world = World::memory().with(|options| {
        options.limits.protocols = 1;
        options.limits.addresses = 2;
    });
    let (from, to) = (in_memory(&World::memory()).await, world.open().await);
    let mut left_out = Vec::new();
    let progress = |copied: &PeerCopied| left_out.extend(copied.left_out.clone());
    from.copy_to(&to.peers, &PeerCopyOptions::default(), progress).await.unwrap();
    for part in ["1 protocols: ", "3 addresses: "] {
        assert!(left_out.iter().any(|why| why.starts_with(part)), "{left_out:?}");
    }
    let found = to.peers.peer(&peer(1)).await.unwrap().unwrap();
    assert_eq!((found.addresses.len(), found.protocols.len(), found.tags.len()), (2, 1, 2));
}

#[tokio::test]
async fn the_peers_of_rust_libp2p_s_store_come_along() {
    for world in World::all() {
        let to = world.open().await;
        let some = addrs(4);
        let mut theirs = MemoryStore::<u32>::new(Config::default());
        theirs.add_address(&peer(1), &some[0]);
        let own = some[1].clone().with_p2p(peer(1)).unwrap();
        theirs.add_address(&peer(1), &own);
        theirs.insert_custom_data(&peer(1), 7);
        theirs.insert_custom_data(&peer(2), 8);
        let foreign = some[2].clone().with_p2p(peer(1)).unwrap();
        theirs.add_address(&peer(3), &foreign);
        theirs.add_address(&peer(3), &some[3]);
        let heard = hear(&mut theirs, &some[2]);

        let custom = |_: &_, data: &u32| {
            Ok((*data == 7).then_some(("score".to_owned(), MetadataValue::typed(data)?)))
        };
        let mut told = Vec::new();
        let progress = |copied: &PeerCopied| told.push(copied.clone());
        let import = to.peers.import_memory_store(&theirs, HOUR, custom, progress);
        drop(theirs);
        let copied = import.await.unwrap();
        assert_eq!((copied.peers, copied.left_out), (3, 1));
        let refused: Vec<_> = told.iter().filter(|copied| !copied.left_out.is_empty()).collect();
        assert!(refused.len() == 1 && refused[0].peer == peer(3), "{refused:?}");

        let first = to.peers.peer(&peer(1)).await.unwrap().unwrap();
        for address in &first.addresses {
            let (ttl, source) = if *address.addr() == heard {
                (AddressTtl::from(HOUR), AddressSource::Routing)
            } else {
                (AddressTtl::Permanent, AddressSource::User)
            };
            assert_eq!((address.ttl(), address.source()), (ttl, source), "{}", address.addr());
        }
        let found = first.addresses.iter().map(|address| address.addr().clone());
        assert_eq!(sorted(found), sorted(some[..3].to_vec()));
        assert_eq!(first.metadata.len(), 1);
        assert_eq!(first.metadata[0].1.decode::<u32>().unwrap(), 7);
        assert_eq!(to.peers.peer(&peer(2)).await.unwrap(), None);
        assert_eq!(to.peers.addresses().get(&peer(3)).await.unwrap(), some[3..]);
        to.close().await;
    }
}

#[tokio::test]
async fn custom_data_that_is_refused_is_an_error_before_anything_is_taken_in() {
    let world = World::memory();
    let to = world.open().await;
    let mut theirs = MemoryStore::<u32>::new(Config::default());
    for n in 1..=9 {
        theirs.add_address(&peer(n), &addrs(1)[0]);
        theirs.insert_custom_data(&peer(n), u32::from(n));
    }
    let custom = |_: &_, data: &u32| match data {
        5 => Err(datastore::Error::new(ErrorKind::InvalidInput, "no")),
        _ => Ok(None),
    };
    let done = to.peers.import_memory_store(&theirs, HOUR, custom, quiet).await;
    assert_eq!(done.unwrap_err().kind(), ErrorKind::InvalidInput);
    assert!(to.peers.peers().try_collect::<Vec<_>>().await.unwrap().is_empty());
}

/// An address that the store has heard of from the swarm, and that is not permanent so.
fn hear(store: &mut MemoryStore<u32>, addr: &multiaddr::Multiaddr) -> multiaddr::Multiaddr {
    for (id, record) in store.record_iter_mut() {
        if *id == peer(1) {
            record.add_address(addr, false);
        }
    }
    addr.clone()
}
