use datastore::{Batch, Datastore, DatastoreExt, Query, key};
use futures::executor::block_on;

use crate::support::{keys, numbered, open};

#[test]
fn compaction_reclaims_the_space_of_what_was_deleted_and_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        let mut state = 7_u64;
        let mut noise = || -> Vec<u8> {
            std::iter::repeat_with(|| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 56) as u8
            })
            .take(1000)
            .collect()
        };
        for _ in 0..2 {
            for number in 0..10_000 {
                store.put(&numbered(number), noise()).await.unwrap();
            }
            store.compact().await.unwrap();
        }
        let full = store.disk_usage().await.unwrap();
        assert!(full > 10_000_000, "{full}");
        for number in 1..10_000 {
            store.delete(&numbered(number)).await.unwrap();
        }
        store.compact().await.unwrap();
        let before_rotation = store.disk_usage().await.unwrap();
        // The journal is reclaimed by files of 64 MiB: what it holds is still counted.
        assert!(before_rotation < full / 2 + (40 << 20), "{before_rotation} of {full}");
        store.close().await.unwrap();
        let tables = directory.path().join("engine/keyspaces/1/tables");
        let in_tables: u64 = std::fs::read_dir(tables)
            .unwrap()
            .map(|file| file.unwrap().metadata().unwrap().len())
            .sum();
        assert!(in_tables < 100_000, "{in_tables}");
        let store = open(directory.path()).await;
        assert_eq!(keys(&store, Query::all()).await.unwrap(), [numbered(0)]);
    });
}

#[test]
fn compaction_keeps_what_a_snapshot_sees() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        store.put(&key!("/a"), "old").await.unwrap();
        store.put(&key!("/b"), "old").await.unwrap();
        let snapshot = store.snapshot().await.unwrap();
        store.commit(Batch::new().put(key!("/a"), "new").delete(key!("/b"))).await.unwrap();
        store.compact().await.unwrap();
        assert_eq!(snapshot.get(&key!("/a")).await.unwrap().as_deref(), Some(&b"old"[..]));
        assert_eq!(snapshot.get(&key!("/b")).await.unwrap().as_deref(), Some(&b"old"[..]));
        assert_eq!(store.get(&key!("/b")).await.unwrap(), None);
    });
}

#[test]
fn an_empty_store_is_compacted() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        store.compact().await.unwrap();
        store.compact().await.unwrap();
    });
}
