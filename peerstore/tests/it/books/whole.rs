//! All that is known of one peer, at one moment.

use std::time::Duration;

use datastore::Clock;
use futures::TryStreamExt;
use peerstore::{MetadataValue, PeerOrder, PeerQuery, PeerUpdate, VerifiedRecord};

use crate::support::{HOUR, MINUTE, Open, World, addrs, hashed, keypair, peer};

#[tokio::test]
async fn a_peer_has_what_each_book_has() {
    for world in World::all() {
        let world = world.with(|options| options.private_keys_on_remote_stores = true);
        let open = world.open().await;
        let id = peer(1);
        let (peers, record) =
            (&open.peers, VerifiedRecord::seal(&keypair(1), 5, &addrs(2)).unwrap());
        assert_eq!(
            peers.peer(&id).await.unwrap(),
            None,
            "a key in the id is nothing that is known"
        );
        peers.addresses().consume(record.envelope().clone(), HOUR).await.unwrap();
        peers.addresses().add(&id, &addrs(4), HOUR).await.unwrap();
        peers.protocols().add(&id, &["/b", "/a"]).await.unwrap();
        peers.metadata().put_typed(&id, "n", &7_u64).await.unwrap();
        peers.metadata().put_bytes(&id, "", "x").await.unwrap();
        peers.tags().set(&id, "t", 9, None).await.unwrap();
        peers.reputation().succeeded(&id, Some(HOUR)).await.unwrap();
        peers.keys().set_private(&id, &keypair(1)).await.unwrap();
        for _ in 0..2 {
            let found = peers.peer(&id).await.unwrap().unwrap();
            assert_eq!(found.id, id);
            assert_eq!(
                found.addresses,
                peers.addresses().get(&id).await.unwrap().entries().cloned().collect::<Vec<_>>()
            );
            assert_eq!(found.addresses.len(), 4);
            assert_eq!(found.record.as_ref(), Some(&record));
            assert_eq!(found.public_key, Some(keypair(1).public()));
            assert_eq!(found.protocols, ["/a", "/b"]);
            assert_eq!(found.metadata, peers.metadata().all(&id).await.unwrap());
            assert_eq!(found.metadata.len(), 2);
            assert_eq!(found.tags, peers.tags().get(&id).await.unwrap());
            assert_eq!(found.reputation, peers.reputation().get(&id).await.unwrap());
            assert!(found.has_private_key);
            let secret = keypair(1).try_into_ed25519().unwrap().secret();
            let secret = format!("{:?}", secret.as_ref());
            assert!(!format!("{found:?}").contains(secret.trim_matches(['[', ']'])));
        }
        open.close().await;
    }
}

#[tokio::test]
async fn each_thing_alone_makes_a_peer_known_and_what_has_expired_does_not() {
    for world in World::all() {
        let world = world.with(|options| options.private_keys_on_remote_stores = true);
        let open = world.open().await;
        let (key, old) = hashed(9);
        open.peers.addresses().add(&peer(1), &addrs(1), HOUR).await.unwrap();
        open.peers.tags().set(&peer(2), "t", 1, Some(HOUR)).await.unwrap();
        open.peers.protocols().add(&peer(3), &["/a"]).await.unwrap();
        open.peers.metadata().put_bytes(&peer(4), "n", "x").await.unwrap();
        open.peers.reputation().failed(&peer(5)).await.unwrap();
        open.peers.keys().set_private(&peer(6), &keypair(6)).await.unwrap();
        open.peers.keys().set_public(&old, &key).await.unwrap();
        let known = async |n| open.peers.peer(&peer(n)).await.unwrap().is_some();
        for n in 1..=6 {
            assert!(known(n).await, "{n}");
        }
        assert!(!known(7).await);
        let found = open.peers.peer(&old).await.unwrap().unwrap();
        assert_eq!((found.public_key, found.has_private_key), (Some(key), false));
        world.clock.advance(HOUR);
        assert!(!known(1).await && !known(2).await && known(3).await);
        open.close().await;
    }
}

/// What each way of asking says of whether the n-th peer is known.
async fn known(open: &Open, n: u8) -> [bool; 5] {
    let (peers, id) = (&open.peers, peer(n));
    let mut pages = Vec::new();
    for order in [PeerOrder::Key, PeerOrder::Score] {
        let mut query = PeerQuery::default();
        query.order = order;
        pages.push(peers.page(&query).await.unwrap().peers.contains(&id));
    }
    let listed: Vec<_> = peers.peers().try_collect().await.unwrap();
    let found = peers.peer(&id).await.unwrap().is_some();
    [peers.has(&id).await.unwrap(), found, listed.contains(&id), pages[0], pages[1]]
}

#[tokio::test]
async fn every_way_of_asking_says_the_same_of_a_peer_at_the_instant_at_which_the_last_of_it_expires()
 {
    for world in World::all() {
        let open = world.open().await;
        let peers = &open.peers;
        let record = VerifiedRecord::seal(&keypair(3), 5, &addrs(1)).unwrap();
        peers.addresses().add(&peer(1), &addrs(2), HOUR).await.unwrap();
        peers.tags().set(&peer(2), "t", 1, Some(HOUR)).await.unwrap();
        peers.addresses().consume(record.envelope().clone(), HOUR).await.unwrap();
        peers.addresses().add(&peer(4), &addrs(1), HOUR).await.unwrap();
        peers.tags().set(&peer(4), "t", 1, Some(2 * HOUR)).await.unwrap();
        peers.addresses().add(&peer(5), &addrs(1), 2 * HOUR).await.unwrap();
        peers.tags().set(&peer(5), "t", 1, Some(HOUR)).await.unwrap();
        peers.tags().set(&peer(6), "t", 1, Some(HOUR)).await.unwrap();
        peers.tags().set(&peer(6), "u", 1, Some(2 * HOUR)).await.unwrap();
        peers.addresses().add(&peer(7), &addrs(1), HOUR).await.unwrap();
        peers.protocols().add(&peer(7), &["/a"]).await.unwrap();
        peers.addresses().connected(&peer(8), &addrs(1)).await.unwrap();
        peers.addresses().disconnected(&peer(8)).await.unwrap();
        // When the last of each goes; that of the seventh stays.
        let hours = [(1, HOUR), (2, HOUR), (3, HOUR), (4, 2 * HOUR), (5, 2 * HOUR), (6, 2 * HOUR)];
        let ends = hours.into_iter().chain([(7, Duration::MAX), (8, 15 * MINUTE)]);
        let ends: Vec<_> = ends.collect();
        let began = world.clock.now();
        for moment in [15 * MINUTE, HOUR, 2 * HOUR] {
            for millis in [1, 0] {
                let to = began + moment - Duration::from_millis(millis);
                world.clock.advance(to.duration_since(world.clock.now()).unwrap());
                let passed = to.duration_since(began).unwrap();
                for (n, end) in &ends {
                    let told = known(&open, *n).await;
                    assert_eq!(told, [passed < *end; 5], "peer {n} after {passed:?}");
                }
            }
        }
        peers.collect().await.unwrap();
        for (n, end) in ends {
            assert_eq!(known(&open, n).await, [end == Duration::MAX; 5], "peer {n}, collected");
        }
        open.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_change_is_never_half_seen() {
    for world in World::all() {
        let open = world.open().await;
        // Over object storage a change is a request for each row, which may land one by one: what is read waits for
        // the change, and so sees none of them alone.
        let changes = if open.store.capabilities().atomic_batches { 300 } else { 60 };
        let id = peer(1);
        let update = |n: usize| {
            let text = n.to_string();
            let value = MetadataValue::Bytes(text.clone().into());
            let update = PeerUpdate::new().addresses(addrs(n + 1).split_off(n));
            let update = update.protocols([text.clone()]).metadata("n", value);
            update.tag(text, 1, None)
        };
        let writer = tokio::spawn({
            let peers = open.peers.clone();
            async move {
                for n in 0..changes {
                    peers.patch(&id, &update(n % 50)).await.unwrap();
                }
            }
        });
        let mut seen = 0;
        while !writer.is_finished() {
            let Some(found) = open.peers.peer(&id).await.unwrap() else { continue };
            let n: usize = found.protocols[0].parse().unwrap();
            let text = n.to_string();
            assert_eq!(found.addresses[0].addr(), &addrs(n + 1)[n]);
            assert_eq!(
                found.metadata,
                [("n".to_owned(), MetadataValue::Bytes(text.clone().into()))]
            );
            assert_eq!(found.tags[0].0, text);
            let counts = [found.addresses.len(), found.protocols.len(), found.tags.len()];
            assert_eq!(counts, [1; 3]);
            seen += 1;
        }
        writer.await.unwrap();
        assert!(seen > 0);
        open.close().await;
    }
}
