//! What there is, by the rows of the datastore alone.

use std::collections::BTreeSet;

use datastore::{Datastore, DatastoreExt, Key, Query, key};
use futures::TryStreamExt;
use libp2p_identity::{PeerId, PublicKey};
use multihash::Multihash;
use peerstore::PeerCounts;
use sha2::{Digest, Sha256};

use crate::support::keypair;

/// Peers that have a row, book by book.
pub(super) async fn counted(store: &dyn Datastore) -> PeerCounts {
    let mut counts = PeerCounts::default();
    let mut rows = store.query(Query::descendants(key!("/peers/addrs")));
    while let Some(row) = rows.try_next().await.unwrap() {
        // A map of two fields, the version and a watermark.
        match row.value().unwrap().starts_with(&[0xa2, 0x00, 0x01, 0x04]) {
            true => counts.watermarks += 1,
            false => counts.addresses += 1,
        }
    }
    counts.protocols = peers_below(store, key!("/peers/protos")).await;
    counts.keys = peers_below(store, key!("/peers/keys")).await;
    counts.private_keys = peers_below(store, key!("/peers/private-keys")).await;
    counts.tags = peers_below(store, key!("/peers/tags")).await;
    counts.reputation = peers_below(store, key!("/peers/reputation")).await;
    counts.metadata = peers_below(store, key!("/peers/metadata")).await;
    counts
}

async fn peers_below(store: &dyn Datastore, book: Key) -> u64 {
    let keys = store.query_keys(Query::descendants(book.clone()));
    let keys: Vec<Key> = keys.try_collect().await.unwrap();
    let peer = |key: &Key| book.strip_from(key).unwrap().first_segment().to_vec();
    keys.iter().map(peer).collect::<BTreeSet<_>>().len() as u64
}

/// Every key that names a peer.
pub(super) async fn keys_of(store: &dyn Datastore, peer: &PeerId) -> Vec<String> {
    let keys: Vec<Key> = store.query_keys(Query::all().keys_only()).try_collect().await.unwrap();
    let cid = [&[0x01, 0x72][..], &peer.to_bytes()].concat();
    let text = data_encoding::BASE32_NOPAD.encode(&cid).to_lowercase();
    keys.iter().map(ToString::to_string).filter(|key| key.contains(&text)).collect()
}

/// One of very many peers.
pub(super) fn nth(n: u32) -> PeerId {
    let mut digest = [0; 32];
    digest[..4].copy_from_slice(&n.wrapping_mul(0x9E37_79B1).to_be_bytes());
    digest[4..8].copy_from_slice(&n.to_be_bytes());
    PeerId::from_multihash(Multihash::wrap(0x12, &digest).unwrap()).unwrap()
}

/// A peer whose id does not hold its key, and the key.
pub(super) fn hashed(n: u8) -> (PeerId, PublicKey) {
    let key = keypair(n).public();
    let digest = Sha256::digest(key.encode_protobuf());
    (PeerId::from_multihash(Multihash::wrap(0x12, &digest).unwrap()).unwrap(), key)
}
