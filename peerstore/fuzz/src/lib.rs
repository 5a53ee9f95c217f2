//! What must hold of any bytes. The fuzz targets call these, and so do tests of the library, with its
//! fixtures and mutations of them. What must hold of its own rows is in the library, which alone can read them:
//! `peerstore::fuzzing`.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use datastore::{Datastore, DatastoreExt, MemoryDatastore, Query, TestClock, key};
use futures::TryStreamExt;
use futures::executor::block_on;
use libp2p_core::SignedEnvelope;
use libp2p_identity::Keypair;
use peerstore::interop::{Flavour, ImportedPeer, read_row, to_go, to_js};
use peerstore::{GcStrategy, PeerImportOptions, Peerstore, PeerstoreOptions, VerifiedRecord};

/// Whatever verifies is kept as it came, and says the same when it is read once more.
pub fn record_envelope(bytes: &[u8]) {
    let Ok(record) = VerifiedRecord::verify(bytes.to_vec()) else { return };
    assert_eq!(record.envelope(), bytes);
    assert_eq!(VerifiedRecord::verify(record.envelope().clone()), Ok(record));
}

/// Bytes that are signed, since no mutation finds a signature: they are a record of the signer or none, and
/// what is read of one can be sealed.
pub fn record_payload(bytes: &[u8]) {
    let signer = Keypair::ed25519_from_bytes([7; 32]).unwrap();
    let (domain, payload_type) = ("libp2p-peer-record".to_owned(), vec![3, 1]);
    let envelope = SignedEnvelope::new(&signer, domain, payload_type, bytes.to_vec()).unwrap();
    let Ok(record) = VerifiedRecord::verify(envelope.into_protobuf_encoding()) else { return };
    assert_eq!(*record.peer(), signer.public().to_peer_id());
    let sealed = VerifiedRecord::seal(&signer, record.sequence(), record.addresses()).unwrap();
    assert_eq!(sealed.addresses(), record.addresses());
    assert_eq!(VerifiedRecord::verify(sealed.envelope().clone()), Ok(sealed));
}

/// The first byte says how long the key is, and then come key and value: see [`import`].
pub fn import_row(bytes: &[u8]) {
    let Some((len, rest)) = bytes.split_first() else { return };
    let Some((key, value)) = rest.split_at_checked(usize::from(*len)) else { return };
    import(key, value);
}

/// A row of go, js or py is read or passed over, with reasons in words. What is read can be written for go and
/// js, and read again; it can be taken in by a peerstore, twice with the same outcome, and comes out.
pub fn import(key: &[u8], value: &[u8]) {
    let content = read_row(key, value);
    for reason in &content.skipped {
        assert!(!reason.to_string().is_empty());
    }
    let Some(peer) = content.peer else { return };
    assert!(Flavour::of(key).is_some());
    rewrite(&peer);
    block_on(take_in(&peer));
}

fn rewrite(peer: &ImportedPeer) {
    for exported in [to_go(peer, now()).unwrap(), to_js(peer, now()).unwrap()] {
        for (key, value) in exported.rows {
            let again = read_row(key.as_bytes(), &value);
            assert_eq!(again.skipped, [], "{key}");
            assert_eq!(again.peer.unwrap().peer, peer.peer);
        }
    }
}

async fn take_in(peer: &ImportedPeer) {
    let store = Arc::new(MemoryDatastore::new());
    let mut options = PeerstoreOptions::default();
    options.gc.strategy = GcStrategy::Manual;
    let clock = Arc::new(TestClock::at(now()));
    let below: Arc<dyn Datastore> = store.clone();
    let peers = Peerstore::open_with(below, clock, options).await.unwrap();
    let mut taking = PeerImportOptions::default();
    taking.private_keys = true;
    peers.import(peer, &taking).await.unwrap();
    let rows = async || {
        let rows = store.query(Query::descendants(key!("/peers")));
        rows.try_collect::<Vec<_>>().await.unwrap()
    };
    let first = rows().await;
    peers.import(peer, &taking).await.unwrap();
    assert_eq!(rows().await, first);
    if let Some(known) = peers.export(&peer.peer, true).await.unwrap() {
        rewrite(&known);
    }
    peers.collect().await.unwrap();
    peers.close().await.unwrap();
}

/// A second at which the fixtures are young.
fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_767_225_600)
}
