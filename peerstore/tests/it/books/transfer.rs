//! Peers of other implementations, taken into a peerstore: what it answers is what was read from their rows.

use std::collections::BTreeSet;
use std::time::SystemTime;

use datastore::Clock;
use futures::TryStreamExt;
use peerstore::interop::{ImportedAddress, ImportedEnvelope, ImportedPeer};
use peerstore::{AddressSource, PeerImportOptions, VerifiedRecord};

use crate::interop::fixture::{at_secs, hex, import, live, load, rows};
use crate::support::{HOUR, SECOND, World, addrs, keypair, peer};

/// The peers of a fixture, and a world in which it is when the fixture was made.
fn go() -> (Vec<ImportedPeer>, SystemTime, World) {
    let peers = import(&rows(&load("go/pstoreds.json")["entries"])).peers;
    let now = at_secs(load("go/pstoreds.expected.json")["now_unix"].as_u64().unwrap());
    // What was connected when the rows were written counts against the cap now.
    let world = World::fjall().with(|options| options.limits.addresses = 0);
    world.clock.set_now(now);
    (peers, now, world)
}

#[tokio::test]
async fn addresses_of_go_peers_live_as_long_as_their_rows_say_over_restarts() {
    let (peers, now, world) = go();
    let open = world.open().await;
    for peer in &peers {
        open.peers.import(peer, &PeerImportOptions::default()).await.unwrap();
    }
    open.close().await;
    for later in [0, 35 * 60, 2 * 3600, 365 * 86_400] {
        let moment = now + std::time::Duration::from_secs(later);
        world.clock.set_now(moment);
        let open = world.open().await;
        for collected in [false, true] {
            for imported in &peers {
                let found = open.peers.addresses().get(&imported.peer).await.unwrap();
                let found: BTreeSet<_> = found.iter().map(ToString::to_string).collect();
                let expected: BTreeSet<_> = live(imported, moment).into_iter().collect();
                assert_eq!(found, expected, "{} after {later} s", imported.peer);
            }
            if !collected {
                open.peers.collect().await.unwrap();
            }
        }
        open.close().await;
    }
}

#[tokio::test]
async fn records_protocols_and_keys_of_go_peers_are_there_and_stay_verified() {
    let (peers, _, world) = go();
    let open = world.open().await;
    let mut records = 0;
    for imported in &peers {
        let mut options = PeerImportOptions::default();
        options.private_keys = true;
        let report = open.peers.import(imported, &options).await.unwrap();
        assert!(report.left_out.is_empty(), "{}: {:?}", imported.peer, report.left_out);
        let id = imported.peer;
        let mut protocols = imported.protocols.clone();
        protocols.sort();
        assert_eq!(open.peers.protocols().get(&id).await.unwrap(), protocols);
        if let Some(key) = &imported.public_key {
            assert_eq!(open.peers.keys().public(&id).await.unwrap().as_ref(), Some(key));
        }
        if let Some(key) = &imported.private_key {
            let kept = open.peers.keys().private(&id).await.unwrap().unwrap();
            assert_eq!(kept.public(), key.keypair().public());
        }
        if let Some(record) = open.peers.addresses().record(&id).await.unwrap() {
            records += 1;
            assert_eq!(record, imported.envelope.as_ref().unwrap().bytes);
            assert_eq!(VerifiedRecord::verify(record).unwrap().peer(), &id);
        }
    }
    assert!(records > 0);
    let again = open.peers.peers().try_collect::<Vec<_>>().await.unwrap();
    let known: BTreeSet<_> = peers.iter().map(|peer| peer.peer).collect();
    assert!(again.iter().all(|peer| known.contains(peer)));
    open.close().await;
}

#[tokio::test]
async fn what_is_exported_can_be_taken_in_elsewhere() {
    for world in World::all() {
        let open = world.open().await;
        let record = VerifiedRecord::seal(&keypair(1), 5, &addrs(2)).unwrap();
        open.peers.addresses().consume(record.envelope().clone(), HOUR).await.unwrap();
        open.peers.addresses().add(&peer(1), &addrs(4), 2 * HOUR).await.unwrap();
        open.peers.protocols().add(&peer(1), &["/a"]).await.unwrap();
        open.peers.metadata().put_typed(&peer(1), "n", &7_u64).await.unwrap();
        open.peers.metadata().put_bytes(&peer(1), "b", vec![0, 255]).await.unwrap();
        open.peers.tags().set(&peer(1), "t", 9, Some(HOUR)).await.unwrap();
        let exported = open.peers.export(&peer(1), false).await.unwrap().unwrap();
        assert!(exported.private_key.is_none());
        assert!(open.peers.export(&peer(2), false).await.unwrap().is_none());
        let other = World::memory();
        other.clock.set_now(world.clock.now());
        let target = other.open().await;
        let report = target.peers.import(&exported, &PeerImportOptions::default()).await.unwrap();
        assert_eq!((report.addresses, report.expired), (4, 0));
        assert!(report.left_out.is_empty(), "{:?}", report.left_out);
        let mut twice = target.peers.export(&peer(1), false).await.unwrap().unwrap();
        // Lifetimes are counted from when they are taken in; moments are what they were.
        let moments = |peer: &ImportedPeer| -> BTreeSet<_> {
            let addresses = peer.addresses.iter();
            addresses.map(|known| (known.addr.to_string(), known.expiry, known.certified)).collect()
        };
        assert_eq!(moments(&twice), moments(&exported));
        twice.addresses.clone_from(&exported.addresses);
        assert_eq!(twice, exported);
        open.close().await;
        target.close().await;
    }
}

#[tokio::test]
async fn a_record_that_does_not_verify_is_left_out_and_named() {
    let world = World::memory();
    let open = world.open().await;
    let record = VerifiedRecord::seal(&keypair(2), 5, &addrs(2)).unwrap();
    open.peers.addresses().consume(record.envelope().clone(), HOUR).await.unwrap();
    let mut exported = open.peers.export(&peer(2), false).await.unwrap().unwrap();
    exported.peer = peer(1);
    let report = open.peers.import(&exported, &PeerImportOptions::default()).await.unwrap();
    assert_eq!(report.left_out.len(), 1, "{:?}", report.left_out);
    assert!(open.peers.addresses().record(&peer(1)).await.unwrap().is_none());
    assert_eq!(open.peers.addresses().get(&peer(1)).await.unwrap().len(), 2);
    open.close().await;
}

#[tokio::test]
async fn what_was_connected_is_recently_connected_elsewhere() {
    let world = World::memory();
    let open = world.open().await;
    open.peers.addresses().connected(&peer(1), &addrs(1)).await.unwrap();
    let exported = open.peers.export(&peer(1), false).await.unwrap().unwrap();
    let other = World::memory();
    let target = other.open().await;
    target.peers.import(&exported, &PeerImportOptions::default()).await.unwrap();
    assert_eq!(target.peers.addresses().get(&peer(1)).await.unwrap().len(), 1);
    other.clock.advance(HOUR / 4);
    assert!(target.peers.addresses().get(&peer(1)).await.unwrap().is_empty());
    open.close().await;
    target.close().await;
}

#[tokio::test]
async fn a_latency_is_where_the_mean_begins_and_what_was_measured_here_stays() {
    for world in World::all() {
        let open = world.open().await;
        let mut theirs = ImportedPeer::new(peer(1));
        theirs.latency = Some(10 * SECOND);
        let report = open.peers.import(&theirs, &PeerImportOptions::default()).await.unwrap();
        assert!(report.left_out.is_empty(), "{:?}", report.left_out);
        open.close().await;
        let open = world.open().await;
        let book = open.peers.reputation();
        let known = book.get(&peer(1)).await.unwrap();
        assert_eq!((known.latency(), known.requests()), (Some(10 * SECOND), 0));
        let exported = open.peers.export(&peer(1), false).await.unwrap();
        assert_eq!(exported, Some(theirs.clone()));
        // A tenth of the new one, nine of what was there.
        book.succeeded(&peer(1), Some(20 * SECOND)).await.unwrap();
        open.peers.import(&theirs, &PeerImportOptions::default()).await.unwrap();
        assert_eq!(book.get(&peer(1)).await.unwrap().latency(), Some(11 * SECOND));
        open.close().await;
    }
}

#[tokio::test]
async fn a_record_without_addresses_keeps_its_number_and_the_report_says_so() {
    for world in World::all() {
        let open = world.open().await;
        let sealed = |sequence| VerifiedRecord::seal(&keypair(1), sequence, &addrs(2)).unwrap();
        let mut theirs = ImportedPeer::new(peer(1));
        let bytes = sealed(7).envelope().clone();
        theirs.envelope = Some(ImportedEnvelope { bytes, sequence: Some(7) });
        let report = open.peers.import(&theirs, &PeerImportOptions::default()).await.unwrap();
        assert!(report.number_alone && report.left_out.is_empty(), "{report:?}");
        assert!(!open.peers.has(&peer(1)).await.unwrap());
        let older =
            open.peers.addresses().consume(sealed(6).envelope().clone(), HOUR).await.unwrap();
        assert_eq!(older, peerstore::Consumed::Older);
        open.peers.addresses().add(&peer(1), &addrs(1), HOUR).await.unwrap();
        let report = open.peers.import(&theirs, &PeerImportOptions::default()).await.unwrap();
        assert!(!report.number_alone, "{report:?}");
        assert!(open.peers.addresses().record(&peer(1)).await.unwrap().is_some());
        open.close().await;
    }
}

#[tokio::test]
async fn py_s_own_record_is_verified_and_its_number_kept() {
    let world = World::memory();
    let open = world.open().await;
    let fixture = load("py/peerstore.json");
    let rows = fixture["backends"]["sqlite"]["rows"].as_array().unwrap();
    let rows = rows.iter().map(|row| (hex(&row[0]), hex(&row[1]))).collect();
    let mut alone = 0;
    for imported in import(&rows).peers {
        let report = open.peers.import(&imported, &PeerImportOptions::default()).await.unwrap();
        alone += usize::from(report.number_alone);
        let whys = report.left_out.iter();
        let whys: Vec<_> = whys.filter(|why| !why.starts_with("the private key: ")).collect();
        assert!(whys.is_empty(), "{}: {whys:?}", imported.peer);
        let known = open.peers.reputation().get(&imported.peer).await.unwrap();
        assert_eq!(known.latency(), imported.latency.filter(|latency| !latency.is_zero()));
    }
    assert_eq!(alone, 1, "that of the node itself, which stores no addresses of its own");
    open.close().await;
}

#[tokio::test]
async fn that_an_address_is_certified_is_believed_of_the_record_alone() {
    let world = World::memory();
    let open = world.open().await;
    let record = VerifiedRecord::seal(&keypair(1), 7, &addrs(1)).unwrap();
    let mut theirs = ImportedPeer::new(peer(1));
    theirs.envelope = Some(ImportedEnvelope { bytes: record.envelope().clone(), sequence: None });
    theirs.addresses = addrs(2)
        .into_iter()
        .map(|addr| ImportedAddress {
            addr,
            ttl: None,
            expiry: None,
            connected: false,
            certified: true,
            last_seen: None,
        })
        .collect();
    for _ in 0..2 {
        open.peers.import(&theirs, &PeerImportOptions::default()).await.unwrap();
        let known = open.peers.addresses().get(&peer(1)).await.unwrap();
        assert_eq!(known, addrs(2));
        for address in known.entries() {
            let listed = *address.addr() == addrs(1)[0];
            let source = if listed { AddressSource::Signed } else { AddressSource::Routing };
            assert_eq!((address.is_certified(), address.source()), (listed, source));
        }
    }
    open.close().await;
}
