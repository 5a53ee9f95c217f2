//! What one peer may have, whichever way it comes in.

use datastore::ErrorKind;
use peerstore::interop::ImportedPeer;
use peerstore::{PeerCopyOptions, PeerImportOptions, PeerUpdate, Peerstore, VerifiedRecord};

use crate::support::{HOUR, World, addrs, keypair, peer};

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
