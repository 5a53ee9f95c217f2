use datastore::{Batch, Datastore, DatastoreExt, Query, key};
use datastore_fjall::{Compression, FjallOptions};
use futures::TryStreamExt;
use futures::executor::block_on;

use crate::support::{files, numbered};

#[test]
fn every_combination_of_compression_and_separation_keeps_values() {
    block_on(async {
        for compression in [Compression::None, Compression::Lz4] {
            for separate in [None, Some(1024)] {
                let directory = tempfile::tempdir().unwrap();
                let options =
                    FjallOptions::new().compression(compression).separate_values_from(separate);
                let store = options.clone().open(directory.path()).await.unwrap();
                for number in 0..200 {
                    store.put(&numbered(number), vec![number as u8; number * 50]).await.unwrap();
                }
                store.compact().await.unwrap();
                store.close().await.unwrap();
                let store = options.open(directory.path()).await.unwrap();
                let entries: Vec<_> = store.query(Query::all()).try_collect().await.unwrap();
                assert_eq!(entries.len(), 200);
                for (number, entry) in entries.iter().enumerate() {
                    assert_eq!(entry.value().unwrap()[..], vec![number as u8; number * 50]);
                }
                let query = Query::all().sizes_only().descending();
                let sizes: Vec<_> = store.query(query).try_collect().await.unwrap();
                for (entry, number) in sizes.iter().zip((0..200).rev()) {
                    assert_eq!(entry.size(), Some(number * 50));
                }
                assert_eq!(store.size(&numbered(150)).await.unwrap(), Some(7500));
                let blobs = directory.path().join("engine/keyspaces/1/blobs");
                let separated = blobs.exists() && !files(&blobs).is_empty();
                assert_eq!(separated, separate.is_some());
            }
        }
    });
}

#[test]
fn a_store_reopens_under_other_options_as_it_was_made() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let plain = FjallOptions::new().compression(Compression::None);
        let store = plain.open(directory.path()).await.unwrap();
        store.put(&key!("/a"), vec![1; 100_000]).await.unwrap();
        store.close().await.unwrap();
        let other = FjallOptions::new()
            .separate_values_from(Some(1))
            .cache_bytes(0)
            .memtable_bytes(0)
            .journal_bytes(0);
        let store = other.open(directory.path()).await.unwrap();
        store.put(&key!("/b"), vec![2; 100_000]).await.unwrap();
        store.compact().await.unwrap();
        assert!(!directory.path().join("engine/keyspaces/1/blobs").exists());
        assert_eq!(store.get(&key!("/a")).await.unwrap().unwrap()[..], [1; 100_000]);
        assert_eq!(store.get(&key!("/b")).await.unwrap().unwrap()[..], [2; 100_000]);
    });
}

#[test]
fn journals_are_let_go_of_when_they_take_more_than_they_may() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let options = FjallOptions::new().journal_bytes(0).memtable_bytes(1 << 40);
        let store = options.open(directory.path()).await.unwrap();
        // 480 MiB in few operations, under a size of the memtable that they never reach.
        for round in 0..120_u8 {
            store.put(&key!("/a"), noise(round)).await.unwrap();
        }
        store.close().await.unwrap();
        let journals = files(&directory.path().join("engine"));
        let journals = journals.iter().filter(|file| file.extension().is_some_and(|e| e == "jnl"));
        let bytes: u64 = journals.map(|file| file.metadata().unwrap().len()).sum();
        assert!(bytes < 256 << 20, "{bytes}");
    });
}

#[test]
fn records_rewritten_over_and_over_are_flushed_long_before_they_fill_the_memtable() {
    let directory = tempfile::tempdir().unwrap();
    let tables = directory.path().join("engine/keyspaces/1/tables");
    block_on(async {
        let store =
            FjallOptions::new().memtable_bytes(1 << 30).open(directory.path()).await.unwrap();
        // Ten keys, a few bytes each: what is kept of them in memory is versions.
        let batch = || (0..1000).fold(Batch::new(), |batch, n| batch.put(numbered(n % 10), "v"));
        let mut written = 0;
        while files(&tables).is_empty() {
            store.commit(batch()).await.unwrap();
            written += 1000;
            assert!(written < 1_000_000, "not flushed");
        }
        store.close().await.unwrap();
    });
}

fn noise(seed: u8) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    })
    .take(4 << 20)
    .collect()
}
