//! What one peer may have, whichever way it comes in.

use datastore::{Clock, ErrorKind, Expiry};
use peerstore::interop::{ImportedAddress, ImportedPeer};
use peerstore::{PeerCopyOptions, PeerImportOptions, PeerUpdate, Peerstore, VerifiedRecord};

use crate::support::{HOUR, SECOND, World, addrs, keypair, peer};

/// A peer with a signed record of two addresses, in a peerstore that takes records of any length.
async fn with_record(sequence: u64) -> (Peerstore, VerifiedRecord) {
    let world = World::memory().with(|options| options.limits.envelope_bytes = 0);
    let peers = world.open().await.peers;
    let record = VerifiedRecord::seal(&keypair(1), sequence, &addrs(2)).unwrap();
    peers.addresses().consume(record.envelope().clone(), HOUR).await.unwrap();
    (peers, record)
}

/// Whether the peer has these addresses, and none of them is certified.
async fn has_uncertified(peers: &Peerstore) -> bool {
    let known = peers.addresses().get(&peer(1)).await.unwrap();
    let record = peers.addresses().record(&peer(1)).await.unwrap();
    record.is_none() && known.len() == 2 && known.entries().all(|known| !known.is_certified())
}

#[tokio::test]
async fn an_envelope_that_is_too_long_is_refused_whichever_way_it_comes() {
    let (from, record) = with_record(5).await;
    let len = record.envelope().len();
    let too_long = format!("the envelope has {len} bytes, more than the {} that", len - 1);
    let limited = || World::memory().with(|options| options.limits.envelope_bytes = len - 1);

    let world = limited();
    let open = world.open().await;
    let (peers, book, id) = (&open.peers, open.peers.addresses(), peer(1));
    let update = PeerUpdate::new().record(record.clone()).protocols(["/a"]);
    let refused = [
        book.consume(record.envelope().clone(), HOUR).await.unwrap_err(),
        book.consume_verified(&record, HOUR).await.unwrap_err(),
        peers.merge(&id, &update).await.unwrap_err(),
        peers.patch(&id, &update).await.unwrap_err(),
        peers.save(&id, &update).await.unwrap_err(),
    ];
    for error in refused {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().starts_with(&too_long), "{error}");
    }
    assert!(!peers.has(&id).await.unwrap());

    let theirs: ImportedPeer = from.export(&id, false).await.unwrap().unwrap();
    let report = peers.import(&theirs, &PeerImportOptions::default()).await.unwrap();
    assert_eq!(report.left_out.len(), 1);
    assert!(report.left_out[0].starts_with(&format!("the signed record: {too_long}")));
    assert!(has_uncertified(peers).await);

    let world = limited();
    let open = world.open().await;
    let mut left_out = Vec::new();
    let options = PeerCopyOptions::default();
    let copied =
        from.copy_to(&open.peers, &options, |copied| left_out.extend(copied.left_out.clone()));
    assert_eq!(copied.await.unwrap().left_out, 1);
    assert!(left_out[0].contains(&too_long), "{left_out:?}");
    assert!(has_uncertified(&open.peers).await);
}

#[tokio::test]
async fn a_record_that_is_kept_stays_when_the_limit_is_lowered() {
    let (from, record) = with_record(5).await;
    let world = World::memory();
    world.open().await.peers.addresses().consume_verified(&record, HOUR).await.unwrap();
    let world = world.with(|options| options.limits.envelope_bytes = 1);
    let open = world.open().await;
    let options = PeerCopyOptions::default();
    assert_eq!(from.copy_to(&open.peers, &options, |_| ()).await.unwrap().left_out, 0);
    let kept = open.peers.addresses().record(&peer(1)).await.unwrap();
    assert_eq!(kept.as_ref(), Some(record.envelope()));
}

#[tokio::test]
async fn addresses_over_the_limit_are_counted_and_those_stay_that_expire_last() {
    let world = World::memory().with(|options| options.limits.addresses = 3);
    let open = world.open().await;
    let known = addrs(10);
    let ends = |n: usize| Expiry::after(world.clock.now(), HOUR + SECOND * n as u32);
    let mut theirs = ImportedPeer::new(peer(1));
    theirs.addresses = known.iter().enumerate().map(|(n, addr)| until(addr, ends(n))).collect();
    let options = PeerImportOptions::default();
    let report = open.peers.import(&theirs, &options).await.unwrap();
    assert_eq!((report.addresses, report.over_limit), (3, 7));
    assert_eq!(report.left_out, ["7 addresses: one peer has at most 3"]);
    let kept = open.peers.addresses().get(&peer(1)).await.unwrap();
    assert!(known[7..].iter().all(|addr| kept.contains(addr)), "{kept:?}");

    // One that was known goes for one that lives longer.
    theirs.addresses = vec![until(&addrs(11)[10], ends(10))];
    let report = open.peers.import(&theirs, &options).await.unwrap();
    assert_eq!((report.addresses, report.over_limit), (3, 1));

    let wide = World::memory();
    let from = wide.open().await.peers;
    from.addresses().add(&peer(2), &addrs(5), HOUR).await.unwrap();
    let mut named = Vec::new();
    let progress = |copied: &peerstore::PeerCopied| named.extend(copied.left_out.clone());
    from.copy_to(&open.peers, &PeerCopyOptions::default(), progress).await.unwrap();
    assert_eq!(named, ["2 addresses: one peer has at most 3"]);
}

fn until(addr: &multiaddr::Multiaddr, expiry: Expiry) -> ImportedAddress {
    let (addr, expiry) = (addr.clone(), Some(expiry));
    let (connected, certified) = (false, false);
    ImportedAddress { addr, ttl: None, expiry, connected, certified, last_seen: None }
}

#[tokio::test]
async fn of_protocols_and_tags_those_that_fit_are_taken_and_the_others_named() {
    let from = World::memory().open().await.peers;
    from.protocols().add(&peer(1), &["/a", "/b", "/c", "/d"]).await.unwrap();
    for name in ["a", "b", "c"] {
        from.tags().set(&peer(1), name, 1, None).await.unwrap();
    }
    let limited = || {
        World::memory().with(|options| {
            (options.limits.protocols, options.limits.tags) = (3, 2);
        })
    };
    let mut theirs = from.export(&peer(1), false).await.unwrap().unwrap();
    theirs.protocols.insert(1, "/x".repeat(600));
    let open = limited().open().await;
    let report = open.peers.import(&theirs, &PeerImportOptions::default()).await.unwrap();
    let too_long = "the name of a protocol has at most 1024 bytes, not 1200";
    let [name, count, tag] = &report.left_out[..] else { panic!("{:?}", report.left_out) };
    assert_eq!(*name, format!("the protocol \"{}\"…: {too_long}", "/x".repeat(16)));
    assert_eq!(count, "1 protocols: one peer has at most 3");
    assert_eq!(tag, "tag \"c\": 3 tags for one peer, which has at most 2");
    assert_eq!(open.peers.protocols().get(&peer(1)).await.unwrap(), ["/a", "/b", "/c"]);

    let open = limited().open().await;
    let mut named = Vec::new();
    let progress = |copied: &peerstore::PeerCopied| named.extend(copied.left_out.clone());
    from.copy_to(&open.peers, &PeerCopyOptions::default(), progress).await.unwrap();
    assert_eq!(named, [count.clone(), tag.clone()]);
    assert_eq!(open.peers.protocols().get(&peer(1)).await.unwrap(), ["/a", "/b", "/c"]);
    assert_eq!(open.peers.tags().get(&peer(1)).await.unwrap().len(), 2);
}
