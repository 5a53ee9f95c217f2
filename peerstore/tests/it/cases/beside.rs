//! Rows of other implementations and damage among good rows; and ids and addresses in their unusual forms.

use datastore::{DatastoreExt, Key, Query};
use futures::TryStreamExt;
use multiaddr::Multiaddr;

use crate::interop::fixture::{load, rows};
use crate::support::{HOUR, World, addrs, hashed, peer};

#[tokio::test]
async fn a_relayed_address_is_kept_and_one_to_another_peer_is_not() {
    let through = |relay| -> Multiaddr {
        format!("/ip4/192.0.2.1/tcp/4001/p2p/{}/p2p-circuit", peer(relay)).parse().unwrap()
    };
    for world in World::all() {
        let open = world.open().await;
        let (book, id) = (open.peers.addresses(), peer(1));
        let to_self = through(2).with_p2p(id).unwrap();
        let to_other = through(2).with_p2p(peer(3)).unwrap();
        book.add(&id, &[to_self, to_other, through(2)], HOUR).await.unwrap();
        assert_eq!(book.get(&id).await.unwrap(), [through(2)]);
        // The relay of an address may be the peer itself; then the address says how to reach others.
        book.add(&peer(4), &[through(4)], HOUR).await.unwrap();
        open.close().await;
        let open = world.open().await;
        assert_eq!(open.peers.addresses().get(&id).await.unwrap(), [through(2)]);
        open.close().await;
    }
}

#[tokio::test]
async fn one_key_has_two_ids_and_they_are_two_peers() {
    let (key, old) = hashed(1);
    for world in World::all() {
        let open = world.open().await;
        let (peers, some) = (&open.peers, addrs(2));
        peers.keys().set_public(&old, &key).await.unwrap();
        peers.addresses().add(&old, &some[..1], HOUR).await.unwrap();
        peers.addresses().add(&peer(1), &some[1..], HOUR).await.unwrap();
        let with_id = [some[1].clone().with_p2p(peer(1)).unwrap()];
        peers.addresses().add(&old, &with_id, HOUR).await.unwrap();
        assert_eq!(peers.addresses().get(&old).await.unwrap(), some[..1]);
        assert_eq!(peers.keys().public(&peer(1)).await.unwrap(), Some(key.clone()));
        peers.remove(&old).await.unwrap();
        assert_eq!(peers.addresses().get(&peer(1)).await.unwrap(), some[1..]);
        open.close().await;
    }
}

#[tokio::test]
async fn rows_of_go_and_js_hide_no_peer_and_stay_as_they_are() {
    let theirs =
        [rows(&load("go/pstoreds.json")["entries"]), rows(&load("js/peerstore.json")["rows"])]
            .concat();
    for world in World::all() {
        let open = world.open().await;
        let mut foreign = Vec::new();
        for (key, value) in &theirs {
            let key = Key::from_bytes(key.clone().into()).unwrap();
            open.store.put(&key, value.clone()).await.unwrap();
            foreign.push((key, value.clone()));
        }
        for n in 1..=5 {
            open.peers.addresses().add(&peer(n), &addrs(2), HOUR).await.unwrap();
            open.peers.protocols().add(&peer(n), &["/a"]).await.unwrap();
        }
        let mut found: Vec<_> = open.peers.peers().try_collect().await.unwrap();
        let mut expected: Vec<_> = (1..=5).map(peer).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
        world.clock.advance(HOUR);
        open.peers.collect().await.unwrap();
        for (key, value) in foreign {
            let kept = open.below().await.get(&key).await.unwrap();
            assert_eq!(kept.as_deref(), Some(&value[..]), "{key}");
        }
        assert!(open.store.count(Query::all()).await.unwrap() > theirs.len() as u64);
        open.close().await;
    }
}
