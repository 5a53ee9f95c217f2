//! Peers of other implementations, taken into a peerstore: what it answers is what was read from their rows.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use datastore::{Clock, Expiry};
use futures::TryStreamExt;
use peerstore::interop::{
    ImportedAddress, ImportedEnvelope, ImportedPeer, ImportedTag, ImportedValue, to_go, to_js,
};
use peerstore::{
    AddressSource, AddressTtl, MetadataValue, PeerImportOptions, PeerOrder, PeerQuery,
    VerifiedRecord,
};

use crate::interop::fixture::{at_millis, at_secs, hex, import, live, load, rows};
use crate::support::{HOUR, MINUTE, SECOND, World, addrs, keypair, peer, sorted};

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
        let moment = now + Duration::from_secs(later);
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
        other.clock.set_now(world.clock.now() + MINUTE);
        let target = other.open().await;
        let report = target.peers.import(&exported, &PeerImportOptions::default()).await.unwrap();
        assert_eq!((report.addresses, report.expired), (4, 0));
        assert!(report.left_out.is_empty(), "{:?}", report.left_out);
        // Who said them is not told, and with it the order.
        let by_text = |peer: ImportedPeer| -> ImportedPeer {
            let mut peer = peer;
            peer.addresses.sort_by_key(|known| known.addr.to_string());
            peer
        };
        let twice = target.peers.export(&peer(1), false).await.unwrap().unwrap();
        assert_eq!(by_text(twice), by_text(exported));
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

/// An address of which this is said of its times.
fn timed(
    addr: &multiaddr::Multiaddr,
    ttl: Option<Duration>,
    expiry: Option<Expiry>,
    last_seen: Option<SystemTime>,
) -> ImportedAddress {
    let addr = addr.clone();
    ImportedAddress { addr, ttl, expiry, connected: false, certified: false, last_seen }
}

#[tokio::test]
async fn what_is_known_of_a_peer_stays() {
    for world in World::all() {
        let open = world.open().await;
        let (peers, id) = (&open.peers, peer(1));
        peers.metadata().put_bytes(&id, "known", "ours").await.unwrap();
        peers.tags().set(&id, "known", 3, None).await.unwrap();
        peers.tags().set(&id, "over", 3, Some(SECOND)).await.unwrap();
        world.clock.advance(SECOND);
        let mut theirs = ImportedPeer::new(id);
        for name in ["known", "new"] {
            let value = ImportedValue::Bytes("theirs".into());
            theirs.metadata.push((name.to_owned(), value));
        }
        for name in ["known", "over", "new"] {
            let expiry = Expiry::NEVER;
            theirs.tags.push(ImportedTag { name: name.to_owned(), value: 7, expiry });
        }
        let report = peers.import(&theirs, &PeerImportOptions::default()).await.unwrap();
        assert!(report.left_out.is_empty() && report.is_known, "{report:?}");
        let metadata = peers.metadata().all(&id).await.unwrap();
        let bytes = |text: &'static str| MetadataValue::Bytes(text.into());
        let expected = [("known".to_owned(), bytes("ours")), ("new".to_owned(), bytes("theirs"))];
        assert_eq!(metadata, expected);
        let tags = peers.tags().get(&id).await.unwrap();
        let tags: Vec<_> = tags.iter().map(|(name, tag)| (&name[..], tag.value())).collect();
        assert_eq!(tags, [("known", 3), ("new", 7), ("over", 7)]);
        open.close().await;
    }
}

#[tokio::test]
async fn an_address_of_a_row_stays_that_its_newer_record_does_not_list() {
    for world in World::all() {
        let open = world.open().await;
        let (book, some) = (open.peers.addresses(), addrs(3));
        let sealed = |sequence, addrs: &[multiaddr::Multiaddr]| {
            VerifiedRecord::seal(&keypair(1), sequence, addrs).unwrap()
        };
        book.consume(sealed(5, &some[..2]).envelope().clone(), HOUR).await.unwrap();
        let mut theirs = ImportedPeer::new(peer(1));
        let newer = sealed(6, &some[2..]);
        let bytes = newer.envelope().clone();
        theirs.envelope = Some(ImportedEnvelope { bytes, sequence: Some(6) });
        theirs.addresses = some[1..].iter().map(|addr| timed(addr, None, None, None)).collect();
        let report = open.peers.import(&theirs, &PeerImportOptions::default()).await.unwrap();
        assert_eq!((report.addresses, report.number_alone), (2, false), "{report:?}");
        let known = book.get(&peer(1)).await.unwrap();
        assert_eq!(sorted(known.clone()), sorted(some[1..].to_vec()));
        for address in known.entries() {
            assert_eq!(address.is_certified(), *address.addr() == some[2], "{address:?}");
        }
        assert_eq!(book.record(&peer(1)).await.unwrap().as_ref(), Some(newer.envelope()));
        open.close().await;
    }
}

/// The addresses of a peer with all that is said of them, in no order.
fn entries(peer: &ImportedPeer, now: SystemTime) -> BTreeSet<String> {
    let live = peer.addresses.iter().filter(|known| !known.expiry.unwrap().is_past(now));
    live.map(|known| format!("{:?} {known:?}", known.addr.to_string())).collect()
}

#[tokio::test]
async fn entries_come_out_as_go_and_js_wrote_them() {
    let go_now = at_secs(load("go/pstoreds.expected.json")["now_unix"].as_u64().unwrap());
    let js_now = load("js/peerstore.expected.json")["at_dump"]["now"].as_u64().unwrap();
    let sets = [
        (rows(&load("go/pstoreds.json")["entries"]), go_now),
        (rows(&load("js/peerstore.json")["rows"]), at_millis(js_now)),
    ];
    for (is_go, (original, now)) in [true, false].into_iter().zip(sets) {
        let world = World::fjall().with(|options| options.limits.addresses = 0);
        world.clock.set_now(now);
        let open = world.open().await;
        let (mut finite, mut seen) = (0, BTreeSet::new());
        for theirs in import(&original).peers {
            open.peers.import(&theirs, &PeerImportOptions::default()).await.unwrap();
            let Some(ours) = open.peers.export(&theirs.peer, false).await.unwrap() else {
                assert!(entries(&theirs, now).is_empty(), "{}", theirs.peer);
                continue;
            };
            let again = if is_go { to_go(&ours, now) } else { to_js(&ours, now) }.unwrap().rows;
            let again = again.into_iter().map(|(key, value)| (key.as_bytes().to_vec(), value));
            let mut again = import(&again.collect()).peers.remove(0);
            let mut expected = theirs.clone();
            for known in again.addresses.iter_mut().chain(&mut expected.addresses) {
                if known.connected {
                    // Recently connected now, and that in whole seconds.
                    let seen = known.last_seen.unwrap().duration_since(UNIX_EPOCH).unwrap();
                    known.last_seen = Some(at_secs(seen.as_secs()));
                    let expiry = known.expiry.unwrap().as_millis();
                    known.expiry = Some(Expiry::from_millis(expiry / 1000 * 1000));
                }
                // What certifies an address is the record.
                (known.connected, known.certified) = (false, false);
                finite += usize::from(known.expiry != Some(Expiry::NEVER));
            }
            assert_eq!(entries(&again, now), entries(&expected, now), "{}", theirs.peer);
            let last =
                expected.addresses.iter().filter(|known| !known.expiry.unwrap().is_past(now));
            if let Some(last) = last.filter_map(|known| known.last_seen).max() {
                seen.insert((std::cmp::Reverse(last.min(now)), theirs.peer.to_string()));
            }
        }
        assert!(finite > 20 && seen.len() > 3, "{finite} {seen:?}");
        // Those first that were heard of last.
        let mut query = PeerQuery::default();
        (query.order, query.with_addresses) = (PeerOrder::LastSeen, true);
        let listed = open.peers.page(&query).await.unwrap().peers;
        let places: Vec<_> = listed
            .iter()
            .filter_map(|id| seen.iter().find(|(_, peer)| *peer == id.to_string()))
            .map(|(last, _)| last)
            .collect();
        assert!(places.len() == seen.len() && places.is_sorted(), "{places:?}");
        open.close().await;
    }
}

#[tokio::test]
async fn times_that_cannot_be_are_clamped_and_the_expiry_stays() {
    let world = World::memory();
    let open = world.open().await;
    let (now, some) = (world.clock.now(), addrs(4));
    let end = Expiry::after(now, HOUR);
    let mut theirs = ImportedPeer::new(peer(1));
    theirs.updated = Some(now - MINUTE);
    theirs.addresses = vec![
        timed(&some[0], Some(2 * HOUR), Some(end), Some(now + HOUR)),
        timed(&some[1], Some(Duration::MAX), Some(end), Some(now - HOUR)),
        timed(&some[2], Some(Duration::ZERO), Some(end), None),
        timed(&some[3], None, None, None),
    ];
    let mut options = PeerImportOptions::default();
    options.ttl = 3 * HOUR;
    open.peers.import(&theirs, &options).await.unwrap();
    let known = open.peers.addresses().get(&peer(1)).await.unwrap();
    let of = |n: usize| {
        let address = known.entries().find(|known| *known.addr() == some[n]).unwrap();
        (address.ttl(), address.expiry(), address.last_seen().unwrap())
    };
    assert_eq!(of(0), (AddressTtl::For(2 * HOUR), end, now));
    let (ttl, expiry, seen) = of(1);
    assert!(ttl > AddressTtl::For(1000 * HOUR) && ttl < AddressTtl::Connected, "{ttl:?}");
    assert_eq!((expiry, seen), (end, now - HOUR));
    assert_eq!(of(2), (AddressTtl::For(HOUR), end, now - MINUTE));
    assert_eq!(of(3), (AddressTtl::For(3 * HOUR), Expiry::after(now, 3 * HOUR), now - MINUTE));
}

#[tokio::test]
async fn a_peer_of_which_nothing_is_to_be_kept_is_not_known() {
    for world in World::all() {
        let open = world.open().await;
        let (now, options) = (world.clock.now(), PeerImportOptions::default());
        let empty = ImportedPeer::new(peer(1));
        let mut key = ImportedPeer::new(peer(2));
        key.public_key = Some(keypair(2).public());
        let mut expired = ImportedPeer::new(peer(3));
        expired.addresses = vec![timed(&addrs(1)[0], None, Some(Expiry::at(now)), None)];
        for theirs in [&empty, &key, &expired] {
            let report = open.peers.import(theirs, &options).await.unwrap();
            assert!(!report.is_known && report.left_out.is_empty(), "{report:?}");
            assert!(!open.peers.has(&theirs.peer).await.unwrap());
        }
        assert_eq!(open.peers.keys().public(&peer(2)).await.unwrap(), key.public_key);
        // Of one that was known before, something is.
        open.peers.protocols().add(&peer(2), &["/a"]).await.unwrap();
        assert!(open.peers.import(&key, &options).await.unwrap().is_known);
        open.close().await;
    }
}

#[tokio::test]
async fn of_several_envelopes_the_newest_that_verifies_is_taken_whatever_their_rows_say() {
    let world = World::memory();
    let open = world.open().await;
    let sealed = |sequence| VerifiedRecord::seal(&keypair(1), sequence, &addrs(1)).unwrap();
    let stated = |record: &VerifiedRecord, sequence| {
        let mut theirs = ImportedPeer::new(peer(1));
        let bytes = record.envelope().clone();
        theirs.envelope = Some(ImportedEnvelope { bytes, sequence: Some(sequence) });
        theirs
    };
    let (four, five) = (sealed(4), sealed(5));
    let mut broken = stated(&five, 9);
    let mut bytes = five.envelope().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    broken.envelope.as_mut().unwrap().bytes = bytes.into();
    let mut theirs = broken;
    theirs.merge(stated(&four, 8));
    theirs.merge(stated(&five, 5));
    theirs.merge(stated(&four, 8));
    theirs.addresses = vec![timed(&addrs(1)[0], None, None, None)];
    assert_eq!(theirs.other_envelopes.len(), 2);
    let report = open.peers.import(&theirs, &PeerImportOptions::default()).await.unwrap();
    assert_eq!(report.left_out, ["the signed record: the signature does not verify"]);
    let kept = open.peers.addresses().record(&peer(1)).await.unwrap();
    assert_eq!(kept.as_ref(), Some(five.envelope()));
    for n in 10..30 {
        theirs.merge(stated(&sealed(n), n));
    }
    assert_eq!(theirs.other_envelopes.len(), 7, "each of them is verified");
}
