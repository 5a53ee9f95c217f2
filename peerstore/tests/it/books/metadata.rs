//! Metadata: any name, bytes or typed, so many bytes at most.

use std::collections::BTreeMap;

use datastore::ErrorKind;
use peerstore::MetadataValue;
use serde::{Deserialize, Serialize};

use crate::support::{World, peer};

#[tokio::test]
async fn any_string_is_a_name() {
    let names = ["", ".", "..", "a/b", "a%2Fb", "%", "/", "agent", "ключ", "\0", "a", "ab"];
    for world in World::all() {
        let open = world.open().await;
        for name in names {
            open.peers
                .metadata()
                .put_bytes(&peer(1), name, name.as_bytes().to_vec())
                .await
                .unwrap();
        }
        open.close().await;
        let open = world.open().await;
        let all: BTreeMap<_, _> =
            open.peers.metadata().all(&peer(1)).await.unwrap().into_iter().collect();
        let expected = names
            .map(|name| (name.to_owned(), MetadataValue::Bytes(name.as_bytes().to_vec().into())));
        assert_eq!(all, BTreeMap::from(expected));
        open.peers.metadata().remove(&peer(1), "a").await.unwrap();
        assert!(open.peers.metadata().get(&peer(1), "ab").await.unwrap().is_some());
        assert!(open.peers.metadata().get(&peer(1), "a").await.unwrap().is_none());
        open.peers.remove(&peer(1)).await.unwrap();
        assert!(open.peers.metadata().all(&peer(1)).await.unwrap().is_empty());
        open.close().await;
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Agent {
    name: String,
    version: (u8, u8),
    beta: bool,
    load: f64,
}

#[tokio::test]
async fn typed_values_come_back_as_they_were() {
    for world in World::all() {
        let agent = Agent { name: "a".into(), version: (1, 2), beta: true, load: 0.5 };
        let open = world.open().await;
        let metadata = open.peers.metadata();
        metadata.put_typed(&peer(1), "agent", &agent).await.unwrap();
        metadata.put_typed(&peer(1), "number", &-42_i64).await.unwrap();
        metadata.put_typed(&peer(1), "flag", &true).await.unwrap();
        assert_eq!(metadata.get_typed(&peer(1), "agent").await.unwrap(), Some(agent));
        assert_eq!(metadata.get_typed(&peer(1), "number").await.unwrap(), Some(-42_i64));
        assert_eq!(metadata.get_typed(&peer(1), "flag").await.unwrap(), Some(true));
        assert_eq!(metadata.get_typed::<u8>(&peer(1), "missing").await.unwrap(), None);
        let error = metadata.get_typed::<String>(&peer(1), "flag").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        open.close().await;
    }
}

#[tokio::test]
async fn there_is_room_for_so_many_bytes() {
    for world in World::all() {
        let world = world.with(|options| options.limits.metadata_bytes = 100);
        let open = world.open().await;
        let metadata = open.peers.metadata();
        metadata.put_bytes(&peer(1), "0123456789", vec![0; 60]).await.unwrap();
        let error = metadata.put_bytes(&peer(1), "b", vec![0; 30]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(metadata.get(&peer(1), "b").await.unwrap().is_none());
        metadata.put_bytes(&peer(1), "b", vec![0; 29]).await.unwrap();
        // What replaces counts instead of what it replaces.
        metadata.put_bytes(&peer(1), "0123456789", vec![1; 60]).await.unwrap();
        metadata.put_bytes(&peer(2), "b", vec![0; 90]).await.unwrap();
        open.close().await;
    }
}
