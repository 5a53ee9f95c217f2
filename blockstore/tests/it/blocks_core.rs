//! Puts, gets and deletes, as every implementation of blockstores is expected to answer them.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use datastore::{
    DatastoreExt, Durability, ErrorKind, Fault, Key, MemoryDatastore, Operation, Outcome, key,
};
use datastore_blocks::{
    Block, Blockstore, BlockstoreOptions, Cid, DAG_CBOR, DAG_PB, IDENTITY, ListOptions, Multihash,
    RAW,
};
use futures::{StreamExt, TryStreamExt, poll, stream};

use crate::blocks_support::{block, counted, listed, presence_over_counted, rows};
use crate::presence_stops::{Stops, When};

#[tokio::test]
async fn a_block_that_was_put_is_had_sized_and_got() {
    let blocks = Blockstore::open(counted()).await.unwrap();
    let block = block(1);
    let stored = blocks.put(block.clone()).await.unwrap();
    assert_eq!((stored.written, stored.bytes, stored.present), (1, 7, 0));
    assert!(blocks.has(block.cid()).await.unwrap());
    assert_eq!(blocks.size(block.cid()).await.unwrap(), Some(7));
    assert_eq!(blocks.get(block.cid()).await.unwrap().as_ref(), Some(block.data()));
    assert_eq!(blocks.get_required(block.cid()).await.unwrap(), block.data());
}

#[tokio::test]
async fn a_block_that_is_missing_is_none_and_an_error_only_where_it_is_required() {
    let blocks = Blockstore::open(counted()).await.unwrap();
    let cid = *block(1).cid();
    assert!(!blocks.has(&cid).await.unwrap());
    assert_eq!(blocks.size(&cid).await.unwrap(), None);
    assert_eq!(blocks.get(&cid).await.unwrap(), None);
    assert_eq!(blocks.get_range(&cid, 0, 9).await.unwrap(), None);
    let error = blocks.get_required(&cid).await.unwrap_err();
    assert!(error.to_string().contains(&cid.to_string()), "{error}");
}

/// Go has an undefined CID, which finds nothing; the nearest here is one whose digest is empty.
#[tokio::test]
async fn a_cid_with_an_empty_digest_finds_nothing_and_takes_nothing() {
    let blocks = Blockstore::open(counted()).await.unwrap();
    let undefined = Cid::new_v1(RAW, Multihash::wrap(0x12, b"").unwrap());
    assert_eq!(blocks.get(&undefined).await.unwrap(), None);
    let error = blocks.put(Block::unverified(undefined, "")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn a_hundred_blocks_are_put_got_and_deleted_by_stream() {
    let store = counted();
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    let all: Vec<Block> = (0..100).map(block).collect();
    let stored = blocks.put_many(stream::iter(all.clone())).await.unwrap();
    assert_eq!(stored.written, 100);
    assert_eq!(store.calls(Operation::Commit), 1, "one commit for them all");

    let cids: Vec<Cid> = all.iter().map(|block| *block.cid()).rev().collect();
    let got: Vec<_> = blocks.get_many(stream::iter(cids.clone())).try_collect().await.unwrap();
    let expected: Vec<_> =
        all.iter().rev().map(|block| (*block.cid(), Some(block.data().clone()))).collect();
    assert_eq!(got, expected, "in the order of the CIDs");

    let mut every: Vec<Block> = blocks.get_all().try_collect().await.unwrap();
    every.sort_by_key(|block| *block.cid());
    let mut sorted = all.clone();
    sorted.sort_by_key(|block| *block.cid());
    assert_eq!(every, sorted);

    let deleted = blocks.delete_many(stream::iter(cids[..60].to_vec())).await.unwrap();
    assert_eq!(deleted, 60);
    for (number, block) in all.iter().rev().enumerate() {
        assert_eq!(blocks.has(block.cid()).await.unwrap(), number >= 60, "{number}");
    }
    assert_eq!(listed(&blocks).await.len(), 40);
}

#[tokio::test]
async fn a_stream_of_missing_and_present_cids_answers_each() {
    let blocks = Blockstore::open(counted()).await.unwrap();
    blocks.put(block(2)).await.unwrap();
    let cids = (1..4).map(|number| *block(number).cid());
    let got: Vec<_> = blocks.get_many(stream::iter(cids)).try_collect().await.unwrap();
    let there: Vec<bool> = got.iter().map(|(_, data)| data.is_some()).collect();
    assert_eq!(there, [false, true, false]);
}

#[tokio::test]
async fn cids_of_either_version_and_any_codec_name_one_block() {
    let store = counted();
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    let v1 = Block::new(DAG_PB, "same digest");
    let hash = *v1.cid().hash();
    let (v0, raw) = (Cid::new_v0(hash).unwrap(), Cid::new_v1(RAW, hash));
    blocks.put(Block::unverified(v0, v1.data().clone())).await.unwrap();
    for cid in [v0, raw, *v1.cid(), Cid::new_v1(DAG_CBOR, hash)] {
        assert_eq!(blocks.get(&cid).await.unwrap().as_ref(), Some(v1.data()), "{cid}");
    }
    assert_eq!(blocks.put(v1).await.unwrap().present, 1);
    assert_eq!(rows(&*store).await.len(), 1);
    assert_eq!(listed(&blocks).await, [raw.to_string()]);
    blocks.delete(&raw).await.unwrap();
    assert!(!blocks.has(&v0).await.unwrap());
}

#[tokio::test]
async fn an_empty_block_has_size_0_and_is_told_from_a_missing_one() {
    for (blocks, _) in
        [(Blockstore::open(counted()).await.unwrap(), counted()), presence_over_counted().await]
    {
        let (empty, missing) = (Block::new(RAW, ""), block(1));
        blocks.put(empty.clone()).await.unwrap();
        for _ in 0..2 {
            assert!(blocks.has(empty.cid()).await.unwrap());
            assert_eq!(blocks.size(empty.cid()).await.unwrap(), Some(0));
            assert_eq!(blocks.get(empty.cid()).await.unwrap(), Some(Bytes::new()));
            assert_eq!(blocks.size(missing.cid()).await.unwrap(), None);
            assert_eq!(blocks.get(missing.cid()).await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn data_with_another_digest_is_refused_and_both_digests_are_named() {
    let store = counted();
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    let hello = Block::new(RAW, "hello world");
    let forged = Block::unverified(*hello.cid(), "abc");
    let error = blocks.put(forged.clone()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(error.outcome(), Some(Outcome::NotApplied));
    let message = error.to_string();
    // Published: SHA2-256 of "hello world", and of "abc".
    assert!(message.contains("b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"));
    assert!(message.contains("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));

    let batch = vec![block(1), forged.clone(), block(2)];
    assert!(blocks.put_batch(batch.clone()).await.is_err());
    assert!(blocks.put_many(stream::iter(batch)).await.is_err());
    assert!(rows(&*store).await.is_empty(), "none of a batch is stored");
    assert_eq!(store.calls(Operation::Commit), 0);
}

#[tokio::test]
async fn a_block_that_is_there_costs_no_write() {
    let store = counted();
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    blocks.put_batch(vec![block(1), block(2)]).await.unwrap();
    assert_eq!(store.calls(Operation::Commit), 1);
    let stored = blocks.put_batch(vec![block(2), block(1), block(1)]).await.unwrap();
    assert_eq!((stored.written, stored.bytes, stored.present), (0, 0, 3));
    assert_eq!(store.calls(Operation::Commit), 1);
    let stored = blocks.put_batch(vec![block(3), block(3), block(1)]).await.unwrap();
    assert_eq!((stored.written, stored.bytes, stored.present), (1, 7, 2));
    assert_eq!(store.calls(Operation::Commit), 2);
}

#[tokio::test]
async fn nothing_put_or_deleted_is_no_commit() {
    let store = counted();
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    assert_eq!(blocks.put_batch(Vec::new()).await.unwrap(), Default::default());
    assert_eq!(blocks.put_many(stream::empty()).await.unwrap(), Default::default());
    assert_eq!(blocks.delete_many(stream::empty()).await.unwrap(), 0);
    assert_eq!(store.calls(Operation::Commit), 0);
}

#[tokio::test]
async fn deleting_a_missing_block_is_ok_and_again_too() {
    let blocks = Blockstore::open(counted()).await.unwrap();
    blocks.put(block(1)).await.unwrap();
    for _ in 0..2 {
        blocks.delete(block(1).cid()).await.unwrap();
        assert!(!blocks.has(block(1).cid()).await.unwrap());
    }
    assert_eq!(blocks.put(block(1)).await.unwrap().written, 1, "it can be put again");
}

#[tokio::test]
async fn identity_cids_answer_themselves_and_are_never_stored_listed_or_asked_for() {
    let store = counted();
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    let before = (store.calls(Operation::Commit), store.calls(Operation::Read));
    for data in ["", "held by its CID"] {
        let block = Block::with_hash(RAW, IDENTITY, data).unwrap();
        let cid = *block.cid();
        assert_eq!(blocks.put(block.clone()).await.unwrap().present, 1);
        assert!(blocks.has(&cid).await.unwrap());
        assert_eq!(blocks.size(&cid).await.unwrap(), Some(data.len() as u64));
        assert_eq!(blocks.get(&cid).await.unwrap().as_ref(), Some(block.data()));
        let part = blocks.get_range(&cid, 5, 2).await.unwrap().unwrap();
        assert_eq!(part, data.get(5..7).unwrap_or_default());
        blocks.delete(&cid).await.unwrap();
        assert!(blocks.has(&cid).await.unwrap());
    }
    assert!(listed(&blocks).await.is_empty());
    assert_eq!((store.calls(Operation::Commit), store.calls(Operation::Read)), before);
}

#[tokio::test]
async fn an_identity_cid_with_other_data_is_refused() {
    let blocks = Blockstore::open(counted()).await.unwrap();
    let cid = *Block::with_hash(RAW, IDENTITY, "one").unwrap().cid();
    let error = blocks.put(Block::unverified(cid, "two")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

#[tokio::test]
async fn ranges_end_where_the_block_ends() {
    let blocks = Blockstore::open(counted()).await.unwrap();
    let block = Block::new(RAW, "0123456789");
    blocks.put(block.clone()).await.unwrap();
    for (offset, len, expected) in [
        (0, 4, "0123"),
        (8, 9, "89"),
        (10, 1, ""),
        (99, 9, ""),
        (3, 0, ""),
        (1, u64::MAX, "123456789"),
    ] {
        let part = blocks.get_range(block.cid(), offset, len).await.unwrap().unwrap();
        assert_eq!(part, expected, "{offset} {len}");
    }
}

#[tokio::test]
async fn altered_data_is_an_error_of_verified_reads_and_served_by_others() {
    let store = counted();
    let verifying = Blockstore::open(store.clone()).await.unwrap();
    let trusting = BlockstoreOptions::new().verify_reads(false).open(store.clone()).await.unwrap();
    let block = block(1);
    verifying.put(block.clone()).await.unwrap();
    let key = rows(&*store).await.into_keys().next().unwrap();
    let key = Key::new(&key).unwrap();
    store.put(&key, "altered").await.unwrap();

    let error = verifying.get(block.cid()).await.unwrap_err();
    assert_eq!((error.kind(), error.key()), (ErrorKind::Corrupt, Some(&key)));
    let all: Result<Vec<Block>, _> = verifying.get_all().try_collect().await;
    assert_eq!(all.unwrap_err().kind(), ErrorKind::Corrupt);
    let one = verifying.get_many(stream::iter([*block.cid()])).next().await.unwrap();
    assert_eq!(one.unwrap_err().kind(), ErrorKind::Corrupt);

    assert_eq!(trusting.get(block.cid()).await.unwrap().as_deref(), Some(&b"altered"[..]));
    let all: Vec<Block> = trusting.get_all().try_collect().await.unwrap();
    assert_eq!(all[0].data(), "altered");
}

#[tokio::test]
async fn data_that_nobody_here_can_verify_is_unsupported_and_not_corrupt() {
    let store = counted();
    let verifying = Blockstore::open(store.clone()).await.unwrap();
    let trusting = BlockstoreOptions::new().verify_reads(false).open(store.clone()).await.unwrap();
    let murmur = Cid::new_v1(RAW, Multihash::wrap(0x22, &[7; 8]).unwrap());
    let key = key!("/blocks").child_encoded(murmur.hash().to_bytes()).unwrap();
    store.put(&key, "of another implementation").await.unwrap();

    let error = verifying.get(&murmur).await.unwrap_err();
    assert_eq!((error.kind(), error.key()), (ErrorKind::Unsupported, Some(&key)));
    assert!(error.to_string().contains("0x22"), "{error}");
    let all: Result<Vec<Block>, _> = verifying.get_all().try_collect().await;
    assert_eq!(all.unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(trusting.get(&murmur).await.unwrap().is_some());
}

#[tokio::test]
async fn keys_that_are_no_blocks_are_passed_over() {
    let store = counted();
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    blocks.put(block(1)).await.unwrap();
    for foreign in [
        key!("/blocks/no base32"),
        key!("/blocks/ciqlowercase"),
        key!("/blocks/AAAA/below"),
        key!("/blocks/CIQ"),
        key!("/blocks"),
        key!("/blocksish/AAAA"),
        key!("/elsewhere"),
    ] {
        store.put(&foreign, "foreign").await.unwrap();
    }
    assert_eq!(listed(&blocks).await, [block(1).cid().to_string()]);
    let all: Vec<Block> = blocks.get_all().try_collect().await.unwrap();
    assert_eq!(all, [block(1)]);
}

#[tokio::test]
async fn codecs_that_are_kept_are_listed_and_go_with_the_block() {
    let store = counted();
    let keeping = BlockstoreOptions::new().keep_codecs(true).open(store.clone()).await.unwrap();
    let (cbor, raw) = (Block::new(DAG_CBOR, [0xa0].to_vec()), Block::new(RAW, "raw"));
    let same = Block::new(DAG_PB, [0xa0].to_vec());
    keeping.put_batch(vec![cbor.clone(), raw.clone()]).await.unwrap();
    assert_eq!(keeping.put(same.clone()).await.unwrap().present, 1);
    let mut expected: Vec<String> =
        [&cbor, &same, &raw].map(|block| block.cid().to_string()).to_vec();
    expected.sort();
    assert_eq!(listed(&keeping).await, expected);

    keeping.delete(cbor.cid()).await.unwrap();
    assert_eq!(listed(&keeping).await, [raw.cid().to_string()]);
    assert_eq!(rows(&*store).await.len(), 2, "the block, and its codec");
    keeping.delete(raw.cid()).await.unwrap();
    assert!(rows(&*store).await.is_empty());
}

#[tokio::test]
async fn codecs_below_one_prefix_are_not_those_below_another() {
    let cbor = Block::new(DAG_CBOR, [0xa0].to_vec());
    let same = Block::new(DAG_PB, [0xa0].to_vec());
    let prefixes = [
        Some(key!("/blocks")),
        None,
        Some(key!("/a")),
        Some(key!("/a/b")),
        Some(key!("/a%2Fb")),
        Some(Key::new(b"/\xff\n").unwrap()),
    ];
    for one in &prefixes {
        for other in prefixes.iter().filter(|other| *other != one) {
            let store = counted();
            let open = |prefix: &Option<Key>| {
                BlockstoreOptions::new()
                    .prefix(prefix.clone())
                    .keep_codecs(true)
                    .open(store.clone())
            };
            let (one, other) = (open(one).await.unwrap(), open(other).await.unwrap());
            one.put(cbor.clone()).await.unwrap();
            other.put(same.clone()).await.unwrap();
            assert_eq!(listed(&one).await, [cbor.cid().to_string()]);
            assert_eq!(listed(&other).await, [same.cid().to_string()]);
            one.delete(cbor.cid()).await.unwrap();
            assert_eq!(listed(&other).await, [same.cid().to_string()]);
            one.put(cbor.clone()).await.unwrap();
            other.delete(cbor.cid()).await.unwrap();
            assert_eq!(listed(&one).await, [cbor.cid().to_string()]);
            assert_eq!(rows(&*store).await.len(), 2, "the block, and its codec");
        }
    }
}

#[tokio::test]
async fn codecs_lie_where_they_did_and_those_of_other_prefixes_beside_them() {
    let name = "CIQLSTJHXGJU2PQIUUXFFV62PWV7VREE57RXUU4A52IIR55M4LX432I";
    for (prefix, codec) in [
        (Some(key!("/blocks")), format!("/block-codecs/{name}/55")),
        (Some(key!("/a/b")), format!("/block-codecs-below/%2Fa%2Fb/{name}/55")),
        (None, format!("/block-codecs-below/%2F/{name}/55")),
    ] {
        let store = counted();
        let options = BlockstoreOptions::new().prefix(prefix).keep_codecs(true);
        let blocks = options.open(store.clone()).await.unwrap();
        blocks.put(Block::new(RAW, "hello world")).await.unwrap();
        assert_eq!(rows(&*store).await.len(), 2);
        assert!(store.has(&Key::new(codec).unwrap()).await.unwrap());
    }
}

#[tokio::test]
async fn a_prefix_that_leaves_keys_no_room_is_refused() {
    let prefix = Key::new([b"/".as_slice(), &[b'a'; Key::MAX_LEN - 1]].concat()).unwrap();
    let opened = BlockstoreOptions::new().prefix(Some(prefix)).open(counted()).await;
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::InvalidKey);
}

#[tokio::test]
async fn a_block_that_is_deleted_while_it_is_put_comes_back_with_its_codec_or_not_at_all() {
    let store = Arc::new(Stops::new(MemoryDatastore::new()));
    let blocks = BlockstoreOptions::new().keep_codecs(true).open(store.clone()).await.unwrap();
    let cbor = Block::new(DAG_CBOR, [0xa0].to_vec());
    blocks.put(cbor.clone()).await.unwrap();
    let go_on = store.stop(Operation::Read, When::After);
    let mut put = pin!(blocks.put(cbor.clone()));
    assert!(poll!(&mut put).is_pending());
    blocks.delete(cbor.cid()).await.unwrap();
    drop(go_on);
    put.await.unwrap();
    let cids: Vec<String> = listed(&blocks).await;
    assert!(cids.iter().all(|cid| *cid == cbor.cid().to_string()), "{cids:?}");
}

#[tokio::test]
async fn a_listing_goes_on_after_any_block_and_answers_sizes() {
    let blocks = Blockstore::open(counted()).await.unwrap();
    blocks.put_batch((0..20).map(block).collect()).await.unwrap();
    let all: Vec<_> = blocks.list(ListOptions::default()).try_collect().await.unwrap();
    for (position, last) in all.iter().enumerate() {
        let options = ListOptions { after: Some(last.cid), sizes: true };
        let rest: Vec<_> = blocks.list(options).try_collect().await.unwrap();
        let cids: Vec<Cid> = rest.iter().map(|listed| listed.cid).collect();
        let expected: Vec<Cid> = all[position + 1..].iter().map(|listed| listed.cid).collect();
        assert_eq!(cids, expected);
        for listed in rest {
            assert_eq!(listed.size, blocks.size(&listed.cid).await.unwrap());
        }
    }
}

#[tokio::test]
async fn durability_is_that_of_the_options() {
    let store = Arc::new(Stops::new(Fault::new(MemoryDatastore::new())));
    for durability in [Durability::Buffered, Durability::Synced] {
        let options = BlockstoreOptions::new().durability(durability);
        let blocks = options.open(store.clone()).await.unwrap();
        blocks.put(block(1)).await.unwrap();
        assert_eq!(store.last_commit().durability, durability);
        blocks.delete(block(1).cid()).await.unwrap();
        assert_eq!(store.last_commit().durability, durability);
    }
}

#[tokio::test]
async fn a_block_that_is_there_is_as_durable_as_if_it_was_written() {
    let store = counted();
    let buffered = Blockstore::open(store.clone()).await.unwrap();
    for _ in 0..2 {
        buffered.put(block(1)).await.unwrap();
    }
    assert_eq!(store.calls(Operation::Sync), 0);
    let options = BlockstoreOptions::new().durability(Durability::Synced);
    let synced = options.open(store.clone()).await.unwrap();
    assert_eq!(synced.put(block(1)).await.unwrap().present, 1);
    assert_eq!(store.calls(Operation::Sync), 1);
    synced.put(block(2)).await.unwrap();
    assert_eq!(store.calls(Operation::Sync), 1, "the commit asks for it");
}
