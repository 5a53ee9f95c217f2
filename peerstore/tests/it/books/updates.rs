//! Merge, patch and save, as js-libp2p's peer store has them: each field by itself, all in one change.

use std::sync::Arc;

use datastore::{Datastore, ErrorKind, Fault, Injected, MemoryDatastore, Operation, Position};
use futures::future::try_join_all;
use peerstore::{
    AddressSource, AddressTtl, Consumed, MetadataValue, Peer, PeerEvent, PeerUpdate, Peerstore,
    VerifiedRecord,
};

use super::events::drain;
use crate::support::{HOUR, MINUTE, Open, World, addrs, hashed, keypair, peer, sorted};

fn bytes(text: &'static str) -> MetadataValue {
    MetadataValue::Bytes(text.into())
}

/// Something in each field.
fn full() -> PeerUpdate {
    let (key, _) = hashed(1);
    PeerUpdate::new()
        .addresses(addrs(2))
        .protocols(["/a", "/b"])
        .metadata("name", bytes("one"))
        .metadata("other", bytes("two"))
        .tag("keep", 50, None)
        .tag("soon", 1, Some(HOUR))
        .public_key(key)
}

async fn of(open: &Open) -> Peer {
    open.peers.peer(&hashed(1).1).await.unwrap().unwrap()
}

fn texts(peer: &Peer) -> Vec<String> {
    sorted(peer.addresses.iter().map(|address| address.addr().clone()))
}

fn tags(peer: &Peer) -> Vec<(&str, u8)> {
    peer.tags.iter().map(|(name, tag)| (&name[..], tag.value())).collect()
}

fn metadata(peer: &Peer) -> Vec<(&str, &[u8])> {
    peer.metadata.iter().map(|(name, value)| (&name[..], &value.as_bytes()[..])).collect()
}

#[tokio::test]
async fn merging_adds_to_what_is_there_and_takes_away_by_name() {
    for world in World::all() {
        let open = world.open().await;
        let id = hashed(1).1;
        open.peers.merge(&id, &full()).await.unwrap();
        let some = addrs(3);
        let update = PeerUpdate::new()
            .addresses(some[1..].to_vec())
            .protocols(["/c", "/a"])
            .metadata("name", bytes("new"))
            .metadata("third", bytes("3"))
            .without_metadata("other")
            .without_metadata("never was")
            .tag("more", 100, None)
            .tag("keep", 7, None)
            .without_tag("soon");
        assert_eq!(open.peers.merge(&id, &update).await.unwrap(), None);
        let now = of(&open).await;
        assert_eq!(texts(&now), sorted(some));
        assert_eq!(now.protocols, ["/a", "/b", "/c"]);
        assert_eq!(metadata(&now), [("name", &b"new"[..]), ("third", b"3")]);
        assert_eq!(tags(&now), [("keep", 7), ("more", 100)]);
        assert_eq!(now.public_key, Some(hashed(1).0));
        open.close().await;
    }
}

#[tokio::test]
async fn patching_replaces_a_field_that_is_given_and_leaves_all_others() {
    type Change = fn(&mut Peer, Peer);
    let fields: [(PeerUpdate, Change); 7] = [
        (PeerUpdate::new().addresses([addrs(5).remove(4)]), |of, by| of.addresses = by.addresses),
        (PeerUpdate::new().addresses([]), |of, _| of.addresses.clear()),
        (PeerUpdate::new().protocols(["/z"]), |of, _| of.protocols = vec!["/z".to_owned()]),
        (PeerUpdate::new().metadata("x", bytes("y")).without_metadata("name"), |of, _| {
            of.metadata = vec![("x".to_owned(), bytes("y"))];
        }),
        (PeerUpdate::new().no_metadata(), |of, _| of.metadata.clear()),
        (PeerUpdate::new().tag("t", 3, None).without_tag("keep"), |of, by| of.tags = by.tags),
        (PeerUpdate::new().no_tags(), |of, _| of.tags.clear()),
    ];
    for world in World::all() {
        let open = world.open().await;
        let id = hashed(1).1;
        for (place, (update, change)) in fields.iter().enumerate() {
            open.peers.save(&id, &full()).await.unwrap();
            let mut expected = of(&open).await;
            open.peers.patch(&id, update).await.unwrap();
            let found = of(&open).await;
            change(&mut expected, found.clone());
            assert_eq!(found, expected, "field {place}");
            if place == 0 {
                assert_eq!(texts(&found), sorted(addrs(5).split_off(4)));
            }
            if place == 5 {
                assert_eq!(tags(&found), [("t", 3)]);
            }
        }
        open.close().await;
    }
}

#[tokio::test]
async fn saving_replaces_everything_but_the_private_key_and_the_reputation() {
    for world in World::all() {
        let world = world.with(|options| options.private_keys_on_remote_stores = true);
        let open = world.open().await;
        let id = peer(1);
        let mut update = full();
        open.peers.save(&hashed(1).1, &update).await.unwrap();
        open.peers.save(&hashed(1).1, &PeerUpdate::new().protocols(["/only"])).await.unwrap();
        let saved = of(&open).await;
        assert_eq!((saved.public_key.clone(), saved.addresses.len()), (None, 0));
        assert!(saved.metadata.is_empty() && saved.tags.is_empty());
        assert_eq!(saved.protocols, ["/only"]);

        update = update.public_key(keypair(1).public());
        open.peers.save(&id, &update).await.unwrap();
        open.peers.keys().set_private(&id, &keypair(1)).await.unwrap();
        open.peers.reputation().failed(&id).await.unwrap();
        open.peers.save(&id, &PeerUpdate::new()).await.unwrap();
        let left = open.peers.peer(&id).await.unwrap().unwrap();
        assert!(left.has_private_key && left.reputation.failures() == 1);
        assert!(left.addresses.is_empty() && left.protocols.is_empty());
        open.close().await;
    }
}

#[tokio::test]
async fn an_update_is_one_change_and_an_identical_one_is_none() {
    for world in World::all() {
        let open = world.open().await;
        let id = hashed(1).1;
        let mut events = open.peers.events().unwrap();
        open.peers.merge(&id, &full()).await.unwrap();
        let told = drain(&mut events).await;
        let kinds: Vec<_> = told.iter().map(std::mem::discriminant).collect();
        assert_eq!(told.len(), 6, "{told:?}");
        assert_eq!(told[0], PeerEvent::Discovered { peer: id });
        assert_eq!(kinds[4], kinds[5], "two entries of metadata");
        open.peers.merge(&id, &full()).await.unwrap();
        open.peers.patch(&id, &full()).await.unwrap();
        open.peers.save(&id, &full()).await.unwrap();
        assert!(drain(&mut events).await.is_empty());
        let previous = vec!["/a".to_owned(), "/b".to_owned()];
        open.peers.patch(&id, &PeerUpdate::new().protocols(["/c"])).await.unwrap();
        let current = vec!["/c".to_owned()];
        let told = drain(&mut events).await;
        assert_eq!(told, [PeerEvent::Protocols { peer: id, previous, current }]);
        open.peers.save(&id, &PeerUpdate::new()).await.unwrap();
        let told = drain(&mut events).await;
        assert_eq!(told.last(), Some(&PeerEvent::Removed { peer: id }), "nothing is left");
        open.close().await;
    }
}

#[tokio::test]
async fn an_update_is_one_commit_and_an_identical_one_writes_nothing() {
    let world = World::memory();
    let fault = Arc::new(Fault::new(Arc::new(MemoryDatastore::new()) as Arc<dyn Datastore>));
    let clock = Arc::new(world.clock.clone());
    let store: Arc<dyn Datastore> = Arc::clone(&fault) as _;
    let peers = Peerstore::open_with(store, clock, world.options.clone()).await.unwrap();
    let id = hashed(1).1;
    // The second commit from here on fails, and so would a second one of the first update.
    fault.inject(Operation::Commit, Position::Nth(1), Injected::Error(ErrorKind::Unavailable));
    peers.merge(&id, &full()).await.unwrap();
    peers.merge(&id, &full()).await.unwrap();
    peers.patch(&id, &full()).await.unwrap();
    peers.save(&id, &full()).await.unwrap();
    let error = peers.save(&id, &PeerUpdate::new()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(peers.peer(&id).await.unwrap().unwrap().protocols, ["/a", "/b"]);
}

#[tokio::test]
async fn what_is_refused_in_part_is_refused_as_a_whole() {
    for world in World::all() {
        let world = world.with(|options| {
            options.limits.protocols = 2;
            options.limits.tags = 2;
            options.limits.metadata_bytes = 20;
        });
        let open = world.open().await;
        let id = hashed(1).1;
        open.peers.save(&id, &full()).await.unwrap();
        let before = of(&open).await;
        let long = MetadataValue::Bytes(vec![0; 20].into());
        for update in [
            full().protocols(["/c"]),
            full().tag("third", 1, None),
            full().tag("keep", 101, None),
            full().metadata("name", long),
            full().public_key(keypair(2).public()),
        ] {
            let update = update.addresses(addrs(9)).without_metadata("other");
            for done in [
                open.peers.merge(&id, &update).await,
                open.peers.patch(&id, &update).await,
                open.peers.save(&id, &update).await,
            ] {
                assert_eq!(done.unwrap_err().kind(), ErrorKind::InvalidInput, "{update:?}");
                assert_eq!(of(&open).await, before);
            }
        }
        open.close().await;
    }
}

#[tokio::test]
async fn metadata_is_measured_as_it_is_to_be() {
    for world in World::all() {
        let world = world.with(|options| options.limits.metadata_bytes = 12);
        let open = world.open().await;
        let id = peer(1);
        let sizes = |a, b| {
            let of = |len| MetadataValue::Bytes(vec![7; len].into());
            PeerUpdate::new().metadata("a", of(a)).metadata("b", of(b))
        };
        open.peers.merge(&id, &sizes(9, 1)).await.unwrap();
        open.peers.merge(&id, &sizes(1, 9)).await.unwrap();
        open.peers.patch(&id, &sizes(9, 1)).await.unwrap();
        assert!(open.peers.merge(&id, &sizes(9, 2)).await.is_err());
        let third = PeerUpdate::new().metadata("c", MetadataValue::Bytes(vec![7; 11].into()));
        assert!(open.peers.merge(&id, &third).await.is_err());
        open.peers.patch(&id, &third).await.unwrap();
        open.close().await;
    }
}

#[tokio::test]
async fn a_record_in_an_update_is_taken_by_the_rules_of_records() {
    for world in World::all() {
        let open = world.open().await;
        let (id, some) = (peer(1), addrs(6));
        let record =
            |sequence, addrs: &[_]| VerifiedRecord::seal(&keypair(1), sequence, addrs).unwrap();
        let all = async || sorted(open.peers.addresses().get(&id).await.unwrap());
        let (first, second) = (record(1, &some[..2]), record(2, &some[1..3]));

        // What identify brings: its list, and the record.
        let update = |record: &VerifiedRecord, addrs: &[multiaddr::Multiaddr]| {
            let update = PeerUpdate::new().addresses(addrs.to_vec()).record(record.clone());
            update.source(AddressSource::Identify).ttl(MINUTE)
        };
        let done = open.peers.merge(&id, &update(&first, &some[3..4])).await.unwrap();
        assert_eq!(done, Some(Consumed::Accepted));
        assert_eq!(all().await, sorted([&some[..2], &some[3..4]].concat()));

        // An address that the newer record does not have any more, and the list has.
        let done = open.peers.patch(&id, &update(&second, &some[..1])).await.unwrap();
        assert_eq!(done, Some(Consumed::Accepted));
        assert_eq!(all().await, sorted(some[..3].to_vec()));
        let found = open.peers.peer(&id).await.unwrap().unwrap();
        assert_eq!(found.record.as_ref(), Some(&second));
        for address in &found.addresses {
            assert_eq!(address.is_certified(), *address.addr() != some[0]);
            assert_eq!(address.ttl(), AddressTtl::from(MINUTE));
        }
        let again = open.peers.patch(&id, &update(&second, &some[..1])).await.unwrap();
        assert_eq!(again, Some(Consumed::Same));
        assert_eq!(open.peers.peer(&id).await.unwrap().unwrap(), found);

        // An old one is not taken; the rest is.
        let done = open.peers.merge(&id, &update(&first, &some[5..])).await.unwrap();
        assert_eq!(done, Some(Consumed::Older));
        assert_eq!(all().await, sorted([&some[..3], &some[5..]].concat()));
        assert_eq!(
            open.peers.addresses().record(&id).await.unwrap().as_ref(),
            Some(second.envelope())
        );

        // Saved without one, its number alone is left.
        open.peers.save(&id, &PeerUpdate::new().addresses(some[4..5].to_vec())).await.unwrap();
        assert_eq!(all().await, sorted(some[4..5].to_vec()));
        assert_eq!(open.peers.addresses().record(&id).await.unwrap(), None);
        let done = open.peers.merge(&id, &PeerUpdate::new().record(first)).await.unwrap();
        assert_eq!(done, Some(Consumed::Older));
        let done = open.peers.save(&id, &PeerUpdate::new().record(second)).await.unwrap();
        assert_eq!(done, Some(Consumed::Accepted));
        assert_eq!(all().await, sorted(some[1..3].to_vec()));
        open.close().await;
    }
}

#[tokio::test]
async fn what_the_user_said_no_other_source_takes_away() {
    for world in World::all() {
        let open = world.open().await;
        let (id, some) = (peer(1), addrs(3));
        open.peers.merge(&id, &PeerUpdate::new().addresses(some[..1].to_vec())).await.unwrap();
        let identify = |addrs: &[multiaddr::Multiaddr]| {
            PeerUpdate::new().source(AddressSource::Identify).addresses(addrs.to_vec())
        };
        open.peers.patch(&id, &identify(&some[1..2])).await.unwrap();
        open.peers.save(&id, &identify(&some[2..])).await.unwrap();
        let left = [&some[..1], &some[2..]].concat();
        assert_eq!(sorted(open.peers.addresses().get(&id).await.unwrap()), sorted(left));
        open.close().await;
    }
}

#[tokio::test]
async fn a_tag_of_an_update_lives_from_then_on() {
    for world in World::all() {
        let open = world.open().await;
        open.peers.merge(&hashed(1).1, &full()).await.unwrap();
        world.clock.advance(HOUR);
        assert_eq!(tags(&of(&open).await), [("keep", 50)]);
        open.close().await;
    }
}

#[tokio::test]
async fn a_hundred_merges_at_once_all_land() {
    for world in World::all() {
        let world = world.with(|options| options.limits.tags = 0);
        let open = world.open().await;
        let id = peer(1);
        let updates = (0..100_u8).map(|n| {
            let name = format!("{n:03}");
            let update = PeerUpdate::new().protocols([&name]).metadata(&name, bytes("x"));
            update.tag(name, n, None)
        });
        let updates: Vec<_> = updates.collect();
        try_join_all(updates.iter().map(|update| open.peers.merge(&id, update))).await.unwrap();
        let found = open.peers.peer(&id).await.unwrap().unwrap();
        let counts = (found.protocols.len(), found.metadata.len(), found.tags.len());
        assert_eq!(counts, (100, 100, 100));
        open.close().await;
    }
}
