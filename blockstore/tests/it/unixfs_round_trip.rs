//! Files in and out: sizes at the edges of the tree, ranges, sources, batches.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use datastore::{ErrorKind, Fault, Injected, MANY_BYTES, MemoryDatastore, Operation, Position};
use datastore_blocks::{AddOptions, Blockstore, Policy, from_reader};
use futures::{StreamExt, TryStreamExt, stream};
use proptest::prelude::*;

use crate::unixfs_support::{add, content, empty, in_parts, read, read_range};

/// Trees of two links a node and chunks of three bytes: deep with few bytes.
fn small(options: AddOptions) -> AddOptions {
    options.chunk_len(3).max_links(2)
}

#[tokio::test]
async fn files_at_the_edges_of_the_tree_come_out_as_they_went_in() {
    // One link more than a node has room for, one chunk more or less, at both edges of 174 links.
    let chunk = 64;
    for len in [0, 1, chunk - 1, chunk, chunk + 1, 174 * chunk - 1, 174 * chunk, 174 * chunk + 1] {
        for options in [AddOptions::v0(), AddOptions::v1()] {
            let (blocks, content) = (empty().await, content(Some("edges"), len));
            let added = add(&blocks, &content, &options.chunk_len(chunk)).await;
            assert_eq!(read(&blocks, &added.cid).await.unwrap(), content, "{len}");
        }
    }
}

#[tokio::test]
async fn a_range_is_the_slice_of_the_file() {
    let (blocks, content) = (empty().await, content(Some("ranges"), 61));
    for options in [AddOptions::v0(), AddOptions::v1()] {
        let cid = add(&blocks, &content, &small(options)).await.cid;
        for from in 0..=content.len() + 2 {
            for len in 0..=content.len() + 2 {
                let found = read_range(&blocks, &cid, from as u64, len as u64).await.unwrap();
                let end = (from + len).min(content.len());
                assert_eq!(found, content.get(from..end).unwrap_or_default(), "{from} {len}");
            }
        }
        let tail = read_range(&blocks, &cid, 60, u64::MAX).await.unwrap();
        assert_eq!(tail, content[60..]);
        assert_eq!(read_range(&blocks, &cid, u64::MAX, u64::MAX).await.unwrap(), b"");
    }
}

#[tokio::test]
async fn a_range_reads_no_block_that_holds_nothing_of_it() {
    let store = Arc::new(Fault::new(MemoryDatastore::new()));
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    let content = content(Some("skipping"), 174 * 174 * 8);
    let cid = add(&blocks, &content, &AddOptions::v1().chunk_len(8)).await.cid;
    let before = store.calls(Operation::Read);
    let found = read_range(&blocks, &cid, 100_001, 4).await.unwrap();
    assert_eq!(found, content[100_001..100_005]);
    assert_eq!(store.calls(Operation::Read) - before, 3);
}

#[tokio::test]
async fn how_a_source_is_cut_changes_nothing() {
    let content = content(Some("parts"), 10_000);
    let options = AddOptions::v1().chunk_len(1000);
    let expected = add(&empty().await, &content, &options).await.cid;
    for len in [1, 7, 999, 1000, 1001, 10_000] {
        let source = in_parts(&content, len);
        assert_eq!(empty().await.add_file(source, options.clone()).await.unwrap().cid, expected);
    }
    let gaps = content.chunks(300).flat_map(|part| [Ok(Bytes::new()), Ok(part.to_vec().into())]);
    let gaps: Vec<io::Result<Bytes>> = gaps.collect();
    let added = empty().await.add_file(stream::iter(gaps), options.clone()).await.unwrap();
    assert_eq!(added.cid, expected);
    let added = empty().await.add_file(from_reader(&content[..]), options).await.unwrap();
    assert_eq!(added.cid, expected);
}

#[tokio::test]
async fn a_file_of_equal_chunks_takes_one_leaf() {
    let blocks = empty().await;
    let added = add(&blocks, &content(None, 6 * 8), &AddOptions::v1().chunk_len(8)).await;
    assert_eq!((added.stored.written, added.stored.present), (2, 5));
    assert_eq!(read(&blocks, &added.cid).await.unwrap(), [0; 48]);
}

#[tokio::test]
async fn a_file_is_committed_in_batches_while_it_is_read() {
    let store = Arc::new(Fault::new(MemoryDatastore::new()));
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    let content = content(Some("batches"), 4 * MANY_BYTES);
    let watched = store.clone();
    let source = in_parts(&content, 1 << 16).enumerate().map(move |(at, part)| {
        let behind = at as u64 * (1 << 16) / MANY_BYTES as u64;
        assert!(watched.calls(Operation::Commit) >= behind, "{behind} batches are due");
        part
    });
    blocks.add_file(source, AddOptions::v1()).await.unwrap();
    assert_eq!(store.calls(Operation::Commit), 5);
}

#[tokio::test]
async fn a_source_that_fails_is_an_error_with_its_cause() {
    let parts = [Ok(Bytes::from_static(b"abc")), Err(io::Error::other("the disk is gone"))];
    let added = empty().await.add_file(stream::iter(parts), AddOptions::v1()).await;
    let error = added.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(source, "the disk is gone");
}

#[tokio::test]
async fn a_commit_that_fails_is_an_error() {
    let store = Arc::new(Fault::new(MemoryDatastore::new()));
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    store.inject(Operation::Commit, Position::Nth(1), Injected::Error(ErrorKind::Unavailable));
    let content = content(Some("failing"), 2 * MANY_BYTES);
    let added = blocks.add_file(in_parts(&content, 1 << 20), AddOptions::v1()).await;
    assert_eq!(added.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn options_that_make_no_tree_are_refused() {
    for options in [AddOptions::v1().chunk_len(0), AddOptions::v1().max_links(1)] {
        let added = empty().await.add_file(in_parts(b"abc", 1), options).await;
        assert_eq!(added.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[tokio::test]
async fn a_chunk_that_the_policy_does_not_take_is_refused() {
    let blocks = datastore_blocks::BlockstoreOptions::new()
        .policy(Policy::new().max_block_len(100))
        .open(Arc::new(MemoryDatastore::new()))
        .await
        .unwrap();
    let options = AddOptions::v1().chunk_len(101);
    let added = blocks.add_file(in_parts(&[1; 202], 10), options).await;
    assert_eq!(added.unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_file_is_read_from_a_stream_that_outlives_the_handle() {
    let blocks = empty().await;
    let cid = add(&blocks, b"hello", &AddOptions::v0()).await.cid;
    let stream = blocks.read_file(&cid);
    drop(blocks);
    let parts: Vec<Bytes> = stream.try_collect().await.unwrap();
    assert_eq!(parts.concat(), b"hello");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_file_in_any_tree_comes_out_as_it_went_in(
        content in proptest::collection::vec(any::<u8>(), 0..400),
        chunk_len in 1..20_usize,
        max_links in 2..6_usize,
        part in 1..50_usize,
        v0: bool,
        range in (0..450_u64, 0..450_u64),
    ) {
        futures::executor::block_on(async {
            let options = if v0 { AddOptions::v0() } else { AddOptions::v1() };
            let options = options.chunk_len(chunk_len).max_links(max_links);
            let blocks = empty().await;
            let added = blocks.add_file(in_parts(&content, part), options).await.unwrap();
            assert_eq!(read(&blocks, &added.cid).await.unwrap(), content);
            let (from, len) = range;
            let end = ((from + len) as usize).min(content.len());
            let expected = content.get(from as usize..end).unwrap_or_default();
            assert_eq!(read_range(&blocks, &added.cid, from, len).await.unwrap(), expected);
        });
    }
}
