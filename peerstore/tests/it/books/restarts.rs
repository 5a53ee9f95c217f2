//! What a restart keeps, and what it must not make longer.

use datastore::{Batch, DatastoreExt, Query, key};
use futures::TryStreamExt;
use peerstore::AddressTtl;

use crate::support::{HOUR, MINUTE, World, addrs, keypair, peer, sorted};

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    for world in World::all() {
        let open = world.open().await;
        let rsa = peer(9);
        open.peers.addresses().add(&peer(1), &addrs(2), HOUR).await.unwrap();
        open.peers.addresses().add(&rsa, &addrs(1), AddressTtl::Permanent).await.unwrap();
        open.peers.protocols().add(&peer(1), &["/b/1", "/a/1"]).await.unwrap();
        open.peers.metadata().put_typed(&peer(1), "agent", &42_u64).await.unwrap();
        open.peers.tags().set(&peer(1), "keep", 50, None).await.unwrap();
        open.peers.reputation().succeeded(&peer(1), Some(MINUTE)).await.unwrap();
        open.close().await;
        let open = world.open().await;
        let found = open.peers.addresses().get(&peer(1)).await.unwrap();
        assert_eq!(sorted(found), sorted(addrs(2)));
        assert_eq!(open.peers.protocols().get(&peer(1)).await.unwrap(), ["/a/1", "/b/1"]);
        assert_eq!(
            open.peers.metadata().get_typed::<u64>(&peer(1), "agent").await.unwrap(),
            Some(42)
        );
        assert_eq!(open.peers.tags().get(&peer(1)).await.unwrap().len(), 1);
        let reputation = open.peers.reputation().get(&peer(1)).await.unwrap();
        assert_eq!(reputation.successes(), 1);
        world.clock.advance(HOUR);
        assert!(open.peers.addresses().get(&peer(1)).await.unwrap().is_empty());
        assert_eq!(open.peers.addresses().get(&rsa).await.unwrap().len(), 1);
        open.close().await;
    }
}

#[tokio::test]
async fn what_was_connected_when_the_process_ended_is_recently_connected() {
    for world in World::all() {
        let open = world.open().await;
        open.peers.addresses().connected(&peer(1), &addrs(1)).await.unwrap();
        open.close().await;
        world.clock.advance(HOUR);
        let open = world.open().await;
        assert_eq!(open.peers.addresses().get(&peer(1)).await.unwrap().len(), 1);
        let AddressTtl::For(recently) = AddressTtl::RECENTLY_CONNECTED else {
            panic!("a duration")
        };
        world.clock.advance(recently);
        assert!(open.peers.addresses().get(&peer(1)).await.unwrap().is_empty());
        open.peers.collect().await.unwrap();
        let rows = open.below().await.count(Query::descendants(key!("/peers/addrs")));
        assert_eq!(rows.await.unwrap(), 0);
        open.close().await;
    }
}

#[tokio::test]
async fn restarts_do_not_keep_what_was_connected() {
    for world in World::all() {
        let open = world.open().await;
        open.peers.addresses().connected(&peer(1), &addrs(1)).await.unwrap();
        open.close().await;
        // Each session is shorter than the time for which an address is recently connected.
        for _ in 0..6 {
            world.clock.advance(HOUR / 12);
            let open = world.open().await;
            open.peers.collect().await.unwrap();
            open.close().await;
        }
        let open = world.open().await;
        assert!(open.peers.addresses().get(&peer(1)).await.unwrap().is_empty());
        open.close().await;
    }
}

#[tokio::test]
async fn what_was_cleared_does_not_come_back() {
    for world in World::all() {
        let open = world.open().await;
        open.peers.addresses().add(&peer(1), &addrs(2), HOUR).await.unwrap();
        open.peers.protocols().add(&peer(1), &["/a"]).await.unwrap();
        open.peers.addresses().clear(&peer(1)).await.unwrap();
        open.peers.protocols().remove(&peer(1), &["/a"]).await.unwrap();
        open.close().await;
        let open = world.open().await;
        assert!(open.peers.addresses().get(&peer(1)).await.unwrap().is_empty());
        assert!(open.peers.peers().try_collect::<Vec<_>>().await.unwrap().is_empty());
        open.close().await;
    }
}

#[tokio::test]
async fn a_row_of_a_later_release_is_an_error_and_stays() {
    let world = World::fjall();
    let open = world.open().await;
    open.peers.addresses().add(&peer(1), &addrs(1), HOUR).await.unwrap();
    open.peers.addresses().add(&peer(2), &addrs(1), HOUR).await.unwrap();
    let rows = Query::descendants(key!("/peers/addrs"));
    let rows: Vec<_> = open.store.query(rows).try_collect().await.unwrap();
    // The version stands right behind the number of its field.
    let row = rows.iter().find(|row| row.key().to_string().ends_with(&text(1))).unwrap();
    let mut newer = row.value().unwrap().to_vec();
    assert_eq!(newer[1..3], [0, 1]);
    newer[2] = 2;
    open.store.commit(Batch::new().put(row.key().clone(), newer.clone())).await.unwrap();
    open.peers.close().await.unwrap();
    open.store.close().await.unwrap();
    drop(open);
    let open = world.open().await;
    let error = open.peers.addresses().get(&peer(1)).await.unwrap_err();
    assert_eq!(error.kind(), datastore::ErrorKind::Incompatible);
    let error = open.peers.addresses().add(&peer(1), &addrs(3), HOUR).await.unwrap_err();
    assert_eq!(error.kind(), datastore::ErrorKind::Incompatible);
    assert_eq!(open.peers.addresses().get(&peer(2)).await.unwrap().len(), 1);
    world.clock.advance(2 * HOUR);
    let report = open.peers.collect().await.unwrap();
    assert_eq!((report.removed, report.skipped), (1, 1));
    assert_eq!(open.store.get(row.key()).await.unwrap().unwrap(), newer);
    open.close().await;
}

#[tokio::test]
async fn a_damaged_row_goes_into_quarantine_and_hides_nothing() {
    for world in World::all() {
        let open = world.open().await;
        let foreign = key!("/peers/addrs/not-a-peer");
        let damaged = datastore::Key::new(format!("/peers/addrs/{}", text(1))).unwrap();
        open.peers.addresses().add(&peer(2), &addrs(1), HOUR).await.unwrap();
        open.below().await.put(&damaged, "garbage").await.unwrap();
        open.store.put(&foreign, "of somebody else").await.unwrap();
        assert!(open.peers.addresses().get(&peer(1)).await.unwrap().is_empty());
        let all = open.peers.peers().try_collect::<Vec<_>>().await.unwrap();
        assert_eq!(all, [peer(2)]);
        // A read of object storage leaves it to a change to set the row aside.
        open.peers.addresses().clear(&peer(1)).await.unwrap();
        let aside = datastore::Key::new(format!("/peers/quarantine/addrs/{}/1", text(1))).unwrap();
        assert_eq!(open.below().await.get(&aside).await.unwrap().as_deref(), Some(&b"garbage"[..]));
        assert!(!open.store.has(&damaged).await.unwrap());
        assert!(open.store.has(&foreign).await.unwrap());
        open.peers.addresses().add(&peer(1), &addrs(1), HOUR).await.unwrap();
        assert_eq!(open.peers.addresses().get(&peer(1)).await.unwrap().len(), 1);
        open.close().await;
    }
}

#[tokio::test]
async fn every_damaged_row_of_a_key_is_kept_apart_and_so_many_at_most() {
    for world in World::all() {
        let open = world.open().await;
        let row = |book: &str| datastore::Key::new(format!("/peers/{book}/{}", text(1))).unwrap();
        let aside = async |book: &str| {
            let below = row(&format!("quarantine/{book}"));
            let rows =
                open.below().await.query(Query::descendants(below)).try_collect::<Vec<_>>().await;
            let mut values: Vec<_> =
                rows.unwrap().iter().map(|row| row.value().unwrap().to_vec()).collect();
            values.sort();
            values
        };
        let damage = async |text: &str| {
            // The datastore is not written behind the back of a cache.
            let peers = peerstore::Peerstore::open_with(
                std::sync::Arc::clone(&open.store),
                std::sync::Arc::new(world.clock.clone()),
                world.options.clone(),
            );
            let peers = peers.await.unwrap();
            open.store.put(&row("addrs"), text.to_owned()).await.unwrap();
            open.store.put(&row("metadata").child("n").unwrap(), text.to_owned()).await.unwrap();
            peers.addresses().clear(&peer(1)).await.unwrap();
            peers.metadata().remove(&peer(1), "n").await.unwrap();
            peers.close().await.unwrap();
        };
        for text in ["one", "two", "one", "three"] {
            damage(text).await;
        }
        for book in ["addrs", "metadata"] {
            assert_eq!(aside(book).await, [&b"one"[..], b"three", b"two"], "{book}");
        }
        for n in 0..20 {
            damage(&format!("more {n}")).await;
        }
        assert_eq!(aside("addrs").await.len(), 8);
        assert!(aside("addrs").await.contains(&b"more 19".to_vec()));
        open.peers.forget(&peer(1)).await.unwrap();
        assert!(aside("addrs").await.is_empty() && aside("metadata").await.is_empty());
        open.close().await;
    }
}

/// The peer's part of a key: CIDv1, libp2p-key, base32.
fn text(n: u8) -> String {
    let cid = [&[0x01, 0x72][..], &keypair(n).public().to_peer_id().to_bytes()].concat();
    let digits = data_encoding::BASE32_NOPAD.encode(&cid).to_lowercase();
    format!("b{digits}")
}
