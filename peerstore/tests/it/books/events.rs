//! Events: previous and current, only on change, in order; a slow subscriber delays nobody.

use futures::future::poll_immediate;
use libp2p_identity::PeerId;
use peerstore::{MetadataValue, PeerEvent, PeerEvents, VerifiedRecord};

use crate::support::{HOUR, World, addrs, keypair, peer};

pub(crate) async fn drain(events: &mut PeerEvents) -> Vec<PeerEvent> {
    let mut all = Vec::new();
    while let Some(Some(event)) = poll_immediate(events.next()).await {
        all.push(event.unwrap());
    }
    all
}

#[tokio::test]
async fn each_change_is_told_once_with_what_was_and_what_is() {
    for world in World::all() {
        let open = world.open().await;
        let mut events = open.peers.events().unwrap();
        let (id, some) = (peer(1), addrs(2));
        open.peers.addresses().add(&id, &some[..1], HOUR).await.unwrap();
        assert_eq!(
            drain(&mut events).await,
            [
                PeerEvent::Discovered { peer: id },
                PeerEvent::Addresses { peer: id, previous: vec![], current: some[..1].to_vec() },
            ]
        );
        world.clock.advance(HOUR / 2);
        open.peers.addresses().add(&id, &some[..1], HOUR).await.unwrap();
        assert!(drain(&mut events).await.is_empty(), "a longer lifetime is no news");
        open.peers.protocols().set(&id, &["/b", "/a"]).await.unwrap();
        open.peers.protocols().set(&id, &["/a", "/b"]).await.unwrap();
        let current = vec!["/a".to_owned(), "/b".to_owned()];
        assert_eq!(
            drain(&mut events).await,
            [PeerEvent::Protocols { peer: id, previous: vec![], current }]
        );
        open.peers.metadata().put_bytes(&id, "k", "1").await.unwrap();
        open.peers.metadata().put_bytes(&id, "k", "1").await.unwrap();
        open.peers.metadata().put_bytes(&id, "k", "2").await.unwrap();
        let metadata =
            |previous: Option<&'static str>, current: &'static str| PeerEvent::Metadata {
                peer: id,
                name: "k".to_owned(),
                previous: previous.map(|text| MetadataValue::Bytes(text.into())),
                current: Some(MetadataValue::Bytes(current.into())),
            };
        assert_eq!(drain(&mut events).await, [metadata(None, "1"), metadata(Some("1"), "2")]);
        open.peers.remove(&id).await.unwrap();
        open.peers.remove(&id).await.unwrap();
        assert_eq!(drain(&mut events).await, [PeerEvent::Removed { peer: id }]);
        open.close().await;
        assert!(events.next().await.is_none());
    }
}

#[tokio::test]
async fn records_are_told_and_private_keys_are_not() {
    for world in World::all() {
        let world = world.with(|options| options.private_keys_on_remote_stores = true);
        let open = world.open().await;
        let mut events = open.peers.events().unwrap();
        let record = VerifiedRecord::seal(&keypair(1), 1, &addrs(1)).unwrap();
        open.peers.keys().set_private(&peer(1), &keypair(1)).await.unwrap();
        assert_eq!(drain(&mut events).await, [PeerEvent::Discovered { peer: peer(1) }]);
        open.peers.addresses().consume(record.envelope().clone(), HOUR).await.unwrap();
        let told = drain(&mut events).await;
        let envelope = Some(record.envelope().clone());
        assert!(told.contains(&PeerEvent::Record {
            peer: peer(1),
            previous: None,
            current: envelope
        }));
        let own = open.peers.own_record().seal(&keypair(2), &addrs(1)).await.unwrap();
        let current = Some(own.envelope().clone());
        assert_eq!(drain(&mut events).await, [PeerEvent::OwnRecord { previous: None, current }]);
        open.close().await;
    }
}

#[tokio::test]
async fn a_slow_subscriber_is_told_how_much_it_lost_and_delays_nobody() {
    for world in World::all() {
        let world = world.with(|options| options.event_capacity = 16);
        let open = world.open().await;
        let mut slow = open.peers.events().unwrap();
        for n in 0..100 {
            open.peers.addresses().add(&PeerId::random(), &addrs(n % 3 + 1), HOUR).await.unwrap();
        }
        let lagged = slow.next().await.unwrap().unwrap_err();
        assert_eq!(lagged.lost, 200 - 16);
        assert_eq!(drain(&mut slow).await.len(), 16);
        open.close().await;
    }
}

#[tokio::test]
async fn a_peer_of_which_a_number_alone_is_left_is_discovered_again() {
    for world in World::all() {
        let open = world.open().await;
        let record = VerifiedRecord::seal(&keypair(1), 1, &addrs(1)).unwrap();
        open.peers.addresses().consume(record.envelope().clone(), HOUR).await.unwrap();
        open.peers.remove(&peer(1)).await.unwrap();
        let mut events = open.peers.events().unwrap();
        open.peers.forget(&peer(1)).await.unwrap();
        assert!(drain(&mut events).await.is_empty(), "it was not known any more");
        open.peers.addresses().add(&peer(1), &addrs(1), HOUR).await.unwrap();
        assert_eq!(drain(&mut events).await[0], PeerEvent::Discovered { peer: peer(1) });
        open.close().await;
    }
}

#[tokio::test]
async fn a_peer_whose_end_was_not_told_yet_is_not_discovered_again() {
    for world in World::all() {
        let open = world.open().await;
        let mut events = open.peers.events().unwrap();
        open.peers.tags().set(&peer(1), "t", 1, Some(HOUR)).await.unwrap();
        assert_eq!(drain(&mut events).await, [PeerEvent::Discovered { peer: peer(1) }]);
        world.clock.advance(HOUR);
        assert!(!open.peers.has(&peer(1)).await.unwrap());
        open.peers.protocols().add(&peer(1), &["/a"]).await.unwrap();
        let told = drain(&mut events).await;
        assert!(matches!(&told[..], [PeerEvent::Protocols { .. }]), "{told:?}");
        open.peers.protocols().set::<&str>(&peer(1), &[]).await.unwrap();
        open.peers.collect().await.unwrap();
        let told = drain(&mut events).await;
        assert_eq!(told.last(), Some(&PeerEvent::Removed { peer: peer(1) }), "{told:?}");
        open.close().await;
    }
}
