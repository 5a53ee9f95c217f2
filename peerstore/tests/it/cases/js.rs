//! The peer store of js-libp2p.

use std::time::Duration;

use datastore::ErrorKind;
use futures::TryStreamExt;
use multiaddr::Multiaddr;
use peerstore::{
    AddressTtl, Consumed, MetadataValue, PeerEvent, PeerOrder, PeerQuery, PeerUpdate,
    VerifiedRecord,
};

use crate::books::events::drain;
use crate::support::{HOUR, MINUTE, World, addrs, keypair, peer};

#[tokio::test]
async fn nothing_is_in_a_new_peerstore() {
    for world in World::all() {
        let open = world.open().await;
        let (peers, id) = (&open.peers, peer(1));
        assert!(!peers.has(&id).await.unwrap());
        assert_eq!(peers.peer(&id).await.unwrap(), None);
        assert!(peers.peers().try_collect::<Vec<_>>().await.unwrap().is_empty());
        assert!(peers.addresses().peers().try_collect::<Vec<_>>().await.unwrap().is_empty());
        for order in [PeerOrder::Key, PeerOrder::Score, PeerOrder::LastSeen] {
            let mut query = PeerQuery::default();
            query.order = order;
            let page = peers.page(&query).await.unwrap();
            assert_eq!((page.peers, page.next), (vec![], None));
        }
        peers.protocols().add(&id, &["/a"]).await.unwrap();
        assert!(peers.has(&id).await.unwrap());
        for _ in 0..2 {
            peers.remove(&id).await.unwrap();
            assert!(!peers.has(&id).await.unwrap(), "once more is no error");
        }
        open.close().await;
    }
}

#[tokio::test]
async fn a_tag_has_a_value_of_up_to_a_hundred_and_a_time() {
    for world in World::all() {
        let open = world.open().await;
        let (tags, id) = (open.peers.tags(), peer(1));
        for value in [101, u8::MAX] {
            let error = tags.set(&id, "t", value, None).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
        assert!(!open.peers.has(&id).await.unwrap());
        tags.set(&id, "none", 0, None).await.unwrap();
        tags.set(&id, "most", 100, Some(MINUTE)).await.unwrap();
        let values = async || {
            let all = tags.get(&id).await.unwrap();
            all.into_iter().map(|(name, tag)| (name, tag.value())).collect::<Vec<_>>()
        };
        let both = [("most".to_owned(), 100), ("none".to_owned(), 0)];
        world.clock.advance(MINUTE - Duration::from_millis(1));
        assert_eq!(values().await, both);
        // Set again, it lives from then on, with the value that it was given then.
        tags.set(&id, "most", 7, Some(MINUTE)).await.unwrap();
        world.clock.advance(Duration::from_millis(1));
        assert_eq!(values().await, [("most".to_owned(), 7), both[1].clone()]);
        world.clock.advance(MINUTE);
        assert_eq!(values().await, both[1..]);
        tags.remove(&id, "none").await.unwrap();
        tags.remove(&id, "none").await.unwrap();
        assert_eq!(open.peers.peer(&id).await.unwrap(), None);
        open.peers.collect().await.unwrap();
        assert!(!open.peers.has(&id).await.unwrap());
        open.close().await;
    }
}

#[tokio::test]
async fn the_newest_record_is_kept_whatever_comes_in_which_way() {
    let record = |n, sequence, addrs: &[Multiaddr]| {
        VerifiedRecord::seal(&keypair(n), sequence, addrs).unwrap().envelope().clone()
    };
    for world in World::all() {
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(3));
        let (first, second) = (record(1, 1, &some[..1]), record(1, 2, &some[1..2]));
        assert_eq!(book.consume(first.clone(), HOUR).await.unwrap(), Consumed::Accepted);
        assert_eq!(book.record(&peer(1)).await.unwrap().as_ref(), Some(&first));
        assert_eq!(book.consume(second.clone(), HOUR).await.unwrap(), Consumed::Accepted);
        assert_eq!(book.consume(first, HOUR).await.unwrap(), Consumed::Older);
        // That of another signer, of a higher number, says nothing of this peer.
        let other = record(2, 3, &some[2..]);
        assert_eq!(book.consume(other.clone(), HOUR).await.unwrap(), Consumed::Accepted);
        assert_eq!(book.record(&peer(1)).await.unwrap(), Some(second));
        assert_eq!(book.record(&peer(2)).await.unwrap(), Some(other));
        assert_eq!(book.get(&peer(1)).await.unwrap(), some[1..2]);
        open.close().await;
    }
}

#[tokio::test]
async fn an_address_with_and_without_the_id_of_its_peer_is_one() {
    let plain = addrs(1);
    let with_id = [plain[0].clone().with_p2p(peer(1)).unwrap()];
    for world in World::all() {
        let open = world.open().await;
        for both in [[&plain[..], &with_id], [&with_id, &plain]] {
            let (peers, id) = (&open.peers, peer(1));
            let book = peers.addresses();
            // One after the other, together, in a record, and taken away by the other name.
            book.add(&id, both[0], HOUR).await.unwrap();
            book.add(&id, both[1], HOUR).await.unwrap();
            assert_eq!(book.get(&id).await.unwrap(), plain);
            let update = PeerUpdate::new().addresses([both[0][0].clone(), both[1][0].clone()]);
            peers.patch(&id, &update).await.unwrap();
            assert_eq!(book.get(&id).await.unwrap(), plain);
            book.set(&id, both[1], Duration::ZERO).await.unwrap();
            assert!(book.get(&id).await.unwrap().is_empty());
            let record = VerifiedRecord::seal(&keypair(1), 1, both[0]).unwrap();
            book.add(&id, both[1], HOUR).await.unwrap();
            book.consume(record.envelope().clone(), HOUR).await.unwrap();
            let left = book.get(&id).await.unwrap();
            assert_eq!(left, plain);
            assert!(left.entries().next().unwrap().is_certified());
            peers.forget(&id).await.unwrap();
        }
        open.close().await;
    }
}

#[tokio::test]
async fn a_peer_whose_addresses_have_expired_is_without_them_everywhere_and_may_come_again() {
    for world in World::all() {
        let open = world.open().await;
        let (peers, id, other) = (&open.peers, peer(1), peer(2));
        let update = PeerUpdate::new().addresses(addrs(2)).ttl(HOUR);
        let named = update.clone().metadata("name", MetadataValue::Bytes("x".into()));
        peers.save(&id, &named).await.unwrap();
        peers.save(&other, &update).await.unwrap();
        world.clock.advance(HOUR);
        // Of the one, its name is left; of the other, nothing.
        let left = peers.peer(&id).await.unwrap().unwrap();
        assert_eq!((left.addresses.len(), left.metadata.len()), (0, 1));
        assert_eq!(peers.peer(&other).await.unwrap(), None);
        assert!(peers.addresses().peers().try_collect::<Vec<_>>().await.unwrap().is_empty());
        peers.collect().await.unwrap();
        assert!(peers.has(&id).await.unwrap() && !peers.has(&other).await.unwrap());
        assert_eq!(peers.peers().try_collect::<Vec<_>>().await.unwrap(), [id]);
        // What comes again has its whole time, and no address of before.
        let again = PeerUpdate::new().addresses(addrs(3).split_off(2)).ttl(AddressTtl::TEMP);
        for id in [id, other] {
            peers.merge(&id, &again).await.unwrap();
            assert_eq!(peers.addresses().get(&id).await.unwrap(), addrs(3)[2..]);
        }
        world.clock.advance(2 * MINUTE);
        assert!(peers.addresses().get(&id).await.unwrap().is_empty());
        open.close().await;
    }
}

#[tokio::test]
async fn the_node_itself_is_not_removed() {
    for world in World::all() {
        let open = world.open().await;
        let (peers, id) = (&open.peers, peer(1));
        let mut events = peers.events().unwrap();
        let sealed = peers.own_record().seal(&keypair(1), &addrs(1)).await.unwrap();
        let current = Some(sealed.envelope().clone());
        assert_eq!(drain(&mut events).await, [PeerEvent::OwnRecord { previous: None, current }]);
        peers.protocols().add(&id, &["/a"]).await.unwrap();
        for done in [peers.remove(&id).await, peers.forget(&id).await] {
            assert_eq!(done.unwrap_err().kind(), ErrorKind::InvalidInput);
        }
        assert_eq!(peers.protocols().get(&id).await.unwrap(), ["/a"]);
        assert_eq!(peers.own_record().get(&id).await.unwrap().as_ref(), Some(sealed.envelope()));
        open.close().await;
    }
}
