use bytes::Bytes;
use datastore::{
    Batch, Datastore, DatastoreExt, Entry, ErrorKind, Key, Outcome, Query, Survives, key,
};
use datastore_fjall::FjallDatastore;
use futures::TryStreamExt;
use futures::executor::block_on;

use crate::support::{contents, keys, numbered, open, open_small};

#[test]
fn what_was_written_is_there_after_a_reopen() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        store.put(&key!("/a"), "1").await.unwrap();
        store.put(&key!("/b"), "2").await.unwrap();
        let batch = Batch::new().put(key!("/c"), "3").delete(key!("/b")).synced();
        store.commit(batch).await.unwrap();
        assert_eq!(store.get(&key!("/a")).await.unwrap(), Some(Bytes::from("1")));
        store.close().await.unwrap();

        let store = open(directory.path()).await;
        assert_eq!(keys(&store, Query::all()).await.unwrap(), [key!("/a"), key!("/c")]);
        store.close().await.unwrap();
    });
}

#[test]
fn reads_answer_what_they_are_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        store.put(&key!("/a"), "0123456789").await.unwrap();
        store.put(&key!("/empty"), "").await.unwrap();
        assert!(store.has(&key!("/a")).await.unwrap());
        assert!(!store.has(&key!("/b")).await.unwrap());
        assert_eq!(store.size(&key!("/a")).await.unwrap(), Some(10));
        assert_eq!(store.size(&key!("/empty")).await.unwrap(), Some(0));
        assert_eq!(store.size(&key!("/b")).await.unwrap(), None);
        let range = store.get_range(&key!("/a"), 7, 99).await.unwrap();
        assert_eq!(range, Some(Bytes::from("789")));
        assert_eq!(store.get(&key!("/empty")).await.unwrap(), Some(Bytes::new()));
        store.delete(&key!("/a")).await.unwrap();
        store.delete(&key!("/a")).await.unwrap();
        assert_eq!(store.get(&key!("/a")).await.unwrap(), None);
    });
}

#[test]
fn the_last_operation_on_a_key_wins_in_memory_in_tables_and_after_a_reopen() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        let batch = Batch::new()
            .put(key!("/kept"), "1")
            .delete(key!("/kept"))
            .put(key!("/kept"), "2")
            .put(key!("/gone"), "1")
            .delete(key!("/gone"));
        store.commit(batch).await.unwrap();
        let expected = [("/kept".to_owned(), "2".to_owned())];
        assert_eq!(contents(&store).await.unwrap(), expected);
        store.close().await.unwrap();
        let store = open(directory.path()).await;
        assert_eq!(contents(&store).await.unwrap(), expected);
        store.compact().await.unwrap();
        assert_eq!(contents(&store).await.unwrap(), expected);
        assert_eq!(store.get(&key!("/gone")).await.unwrap(), None);
    });
}

#[test]
fn queries_run_in_both_directions_over_memory_and_tables() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open_small(directory.path()).await;
        for number in 0..30_000 {
            store.put(&numbered(number), vec![b'v'; 100]).await.unwrap();
        }
        store.put(&key!("/other"), "1").await.unwrap();
        let all: Vec<Key> = (0..30_000).map(numbered).collect();
        let descendants = Query::descendants(key!("/n"));
        assert!(keys(&store, descendants.clone()).await.unwrap() == all);
        let mut reversed = keys(&store, descendants.clone().descending()).await.unwrap();
        reversed.reverse();
        assert!(reversed == all);
        let some = descendants.after(numbered(9)).before(numbered(20_000)).descending().limit(2);
        assert_eq!(keys(&store, some).await.unwrap(), [numbered(19_999), numbered(19_998)]);
        let absurd = Query::range(key!("/z")..key!("/a"));
        assert_eq!(keys(&store, absurd).await.unwrap(), []);
    });
}

#[test]
fn a_query_returns_what_it_selects() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        store.put(&key!("/a"), "123").await.unwrap();
        let entry =
            async |query| -> Entry { store.query(query).try_next().await.unwrap().unwrap() };
        let keys_only = entry(Query::all().keys_only()).await;
        assert_eq!((keys_only.size(), keys_only.value()), (None, None));
        let sizes = entry(Query::all().sizes_only()).await;
        assert_eq!((sizes.size(), sizes.value()), (Some(3), None));
        let values = entry(Query::all()).await;
        assert_eq!(values.value(), Some(&Bytes::from("123")));
    });
}

#[test]
fn the_longest_key_is_written_read_listed_and_reopened() {
    let directory = tempfile::tempdir().unwrap();
    let longest = Key::new(["/", &"k".repeat(Key::MAX_LEN - 1)].concat()).unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        store.put(&longest, "1").await.unwrap();
        store.close().await.unwrap();
        let store = open(directory.path()).await;
        store.compact().await.unwrap();
        assert_eq!(store.get(&longest).await.unwrap(), Some(Bytes::from("1")));
        let query = Query::starts_with(longest.to_bytes());
        assert_eq!(keys(&store, query).await.unwrap(), std::slice::from_ref(&longest));
        assert_eq!(keys(&store, Query::descendants(longest.clone())).await.unwrap(), []);
        assert_eq!(keys(&store, Query::all().after(longest.clone())).await.unwrap(), []);
        assert_eq!(keys(&store, Query::all().before(longest)).await.unwrap(), []);
    });
}

#[test]
fn a_value_of_64_mib_survives_a_reopen_and_a_compaction() {
    let directory = tempfile::tempdir().unwrap();
    // Not compressible, and different everywhere.
    let mut state = 1_u64;
    let value: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_le_bytes()
    })
    .take(8 << 20)
    .flatten()
    .collect();
    let value = Bytes::from(value);
    block_on(async {
        let store = open(directory.path()).await;
        store.put(&key!("/large"), value.clone()).await.unwrap();
        assert!(store.get(&key!("/large")).await.unwrap().unwrap() == value);
        store.close().await.unwrap();
        let store = open(directory.path()).await;
        store.compact().await.unwrap();
        assert!(store.get(&key!("/large")).await.unwrap().unwrap() == value);
        assert_eq!(store.size(&key!("/large")).await.unwrap(), Some(64 << 20));
    });
}

#[test]
fn a_value_that_is_too_long_is_refused_with_its_whole_batch() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        let too_long = Bytes::from(vec![0; FjallDatastore::MAX_VALUE_LEN as usize + 1]);
        let batch = Batch::new().put(key!("/a"), "1").put(key!("/b"), too_long);
        let error = store.commit(batch).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.outcome(), Some(Outcome::NotApplied));
        assert_eq!(keys(&store, Query::all()).await.unwrap(), []);
    });
}

#[test]
fn capabilities_are_those_of_an_embedded_engine() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let capabilities = open(directory.path()).await.capabilities();
        assert!(capabilities.writable && capabilities.atomic_batches && capabilities.snapshots);
        assert!(capabilities.disk_usage && capabilities.consistent_pages);
        assert_eq!(capabilities.buffered, Survives::Process);
        assert_eq!(capabilities.synced, Survives::Power);
        assert_eq!(capabilities.max_key_len, Key::MAX_LEN);
        assert_eq!(capabilities.max_value_len, FjallDatastore::MAX_VALUE_LEN);
    });
}

#[test]
fn small_values_do_not_keep_the_buffer_that_they_were_cut_from() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        let buffer = Bytes::from(vec![1; 64 << 10]);
        store.put(&key!("/a"), buffer.slice(10..110)).await.unwrap();
        assert!(buffer.is_unique());
        // A large one is shared until it is flushed: that is what makes it free of a copy.
        store.put(&key!("/b"), buffer.slice(10..20_010)).await.unwrap();
        assert!(!buffer.is_unique());
    });
}

#[test]
fn a_snapshot_stays_what_it_was_and_is_read_only() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        store.put(&key!("/a"), "1").await.unwrap();
        let snapshot = store.snapshot().await.unwrap();
        let batch = Batch::new().put(key!("/a"), "2").put(key!("/b"), "2");
        store.commit(batch).await.unwrap();
        store.compact().await.unwrap();
        let expected = [("/a".to_owned(), "1".to_owned())];
        assert_eq!(contents(&snapshot).await.unwrap(), expected);
        assert!(!snapshot.has(&key!("/b")).await.unwrap());
        assert!(!snapshot.capabilities().writable);
        let again = snapshot.snapshot().await.unwrap();
        snapshot.close().await.unwrap();
        assert_eq!(contents(&snapshot).await.unwrap_err().kind(), ErrorKind::Closed);
        assert_eq!(contents(&again).await.unwrap(), expected);
        assert_eq!(again.check().await.unwrap().entries, 1);
        let error = again.put(&key!("/c"), "3").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(again.compact().await.unwrap_err().kind(), ErrorKind::Unsupported);
    });
}

#[test]
fn check_counts_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    block_on(async {
        let store = open(directory.path()).await;
        for number in 0..100 {
            store.put(&numbered(number), "12345").await.unwrap();
        }
        store.delete(&numbered(7)).await.unwrap();
        let report = store.check().await.unwrap();
        assert!(report.is_clean());
        assert_eq!((report.entries, report.bytes), (99, 99 * (9 + 5)));
    });
}
