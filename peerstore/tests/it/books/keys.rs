//! Keys: whose they are is checked, and a private one goes nowhere by itself.

use datastore::ErrorKind;

use crate::support::{World, hashed, keypair, peer};

#[tokio::test]
async fn a_key_in_the_id_is_known_and_not_stored() {
    for world in World::all() {
        let open = world.open().await;
        let key = keypair(1).public();
        assert_eq!(open.peers.keys().public(&peer(1)).await.unwrap(), Some(key.clone()));
        open.peers.keys().set_public(&peer(1), &key).await.unwrap();
        assert!(!open.peers.has(&peer(1)).await.unwrap());
        open.close().await;
    }
}

#[tokio::test]
async fn a_key_that_is_not_the_peers_is_refused() {
    for world in World::all() {
        let open = world.open().await;
        let keys = open.peers.keys();
        let error = keys.set_public(&peer(1), &keypair(2).public()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let error = keys.set_private(&peer(1), &keypair(2)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(keys.private(&peer(1)).await.unwrap().is_none());
        open.close().await;
    }
}

#[tokio::test]
async fn an_ed25519_key_may_be_that_of_a_hashed_id() {
    for world in World::all() {
        let (key, hashed) = hashed(3);
        let open = world.open().await;
        let keys = open.peers.keys();
        assert_eq!(keys.public(&hashed).await.unwrap(), None);
        assert!(keys.set_public(&hashed, &keypair(4).public()).await.is_err());
        keys.set_public(&hashed, &key).await.unwrap();
        open.close().await;
        let open = world.open().await;
        assert_eq!(open.peers.keys().public(&hashed).await.unwrap(), Some(key));
        open.peers.keys().remove(&hashed).await.unwrap();
        assert_eq!(open.peers.keys().public(&hashed).await.unwrap(), None);
        assert!(!open.peers.has(&hashed).await.unwrap());
        open.close().await;
    }
}

#[tokio::test]
async fn a_private_key_survives_and_goes_to_a_remote_store_only_if_told_to() {
    for world in World::all() {
        let open = world.open().await;
        let remote = !open.store.capabilities().atomic_batches;
        let stored = open.peers.keys().set_private(&peer(1), &keypair(1)).await;
        if remote {
            assert_eq!(stored.unwrap_err().kind(), ErrorKind::PermissionDenied);
        } else {
            stored.unwrap();
        }
        open.close().await;
        let world = world.with(|options| options.private_keys_on_remote_stores = true);
        let open = world.open().await;
        open.peers.keys().set_private(&peer(1), &keypair(1)).await.unwrap();
        open.close().await;
        let open = world.open().await;
        let found = open.peers.keys().private(&peer(1)).await.unwrap().unwrap();
        assert_eq!(
            found.to_protobuf_encoding().unwrap(),
            keypair(1).to_protobuf_encoding().unwrap()
        );
        open.close().await;
    }
}
