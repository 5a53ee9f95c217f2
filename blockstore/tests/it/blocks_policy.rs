//! What is taken and what is refused, at the limits.

use datastore::{DatastoreExt, ErrorKind, Outcome, Query};
use datastore_blocks::{Block, BlockstoreOptions, Cid, IDENTITY, Multihash, Policy, RAW, SHA2_256};

use crate::blocks_support::counted;

fn cid(code: u64, len: usize) -> Cid {
    Cid::new_v1(RAW, Multihash::wrap(code, &vec![7; len]).unwrap())
}

#[track_caller]
fn refused(policy: &Policy, cid: &Cid, len: usize, says: &str) {
    let error = policy.check(cid, len).unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome()),
        (ErrorKind::InvalidInput, Some(Outcome::NotApplied))
    );
    let message = error.to_string();
    assert!(message.contains(says) && message.contains(&cid.to_string()), "{message}");
}

#[test]
fn the_defaults_hold_at_their_limits() {
    let policy = Policy::new();
    policy.check(&cid(SHA2_256, 20), 2 << 20).unwrap();
    policy.check(&cid(SHA2_256, 64), 0).unwrap();
    refused(&policy, &cid(SHA2_256, 19), 0, "19 bytes, fewer than 20");
    refused(&policy, &cid(SHA2_256, 0), 0, "0 bytes, fewer than 20");
    refused(&policy, &cid(SHA2_256, 32), (2 << 20) + 1, "2097153 bytes, more than 2097152");
    policy.check(&cid(IDENTITY, 0), 0).unwrap();
    policy.check(&cid(IDENTITY, 64), 64).unwrap();
}

#[test]
fn functions_that_are_unknown_or_make_short_digests_are_not_taken() {
    let policy = Policy::new();
    for code in [0x11, 0x12, 0x13, 0x14, 0x17, 0x1b, 0x1e, 0x20, 0x56, 0x1013, 0x1014, 0x1015] {
        policy.check(&cid(code, 32), 0).unwrap();
    }
    for code in [0xb214, 0xb240, 0xb260] {
        policy.check(&cid(code, 32), 0).unwrap();
    }
    for code in [0x22, 0xd5, 0x1012, 0xb200, 0xb201, 0xb213, 0xb241, 0xb253, 0xb261, 0x01] {
        refused(&policy, &cid(code, 32), 0, &format!("{code:#x} is not taken"));
    }
}

#[test]
fn an_allow_list_takes_what_is_on_it_and_identities() {
    let policy = Policy::new().hashes([0x1e]);
    policy.check(&cid(0x1e, 32), 0).unwrap();
    policy.check(&cid(IDENTITY, 9), 9).unwrap();
    refused(&policy, &cid(SHA2_256, 32), 0, "0x12 is not taken");
    refused(&Policy::new().hashes([]), &cid(0x1e, 32), 0, "0x1e is not taken");
}

#[test]
fn limits_can_be_set() {
    let policy = Policy::new().min_digest_len(32).max_block_len(10).max_identity_len(5);
    assert_eq!(policy.largest_block(), 10);
    policy.check(&cid(SHA2_256, 32), 10).unwrap();
    refused(&policy, &cid(SHA2_256, 31), 10, "31 bytes, fewer than 32");
    refused(&policy, &cid(SHA2_256, 32), 11, "11 bytes, more than 10");
    policy.check(&cid(IDENTITY, 5), 5).unwrap();
    refused(&policy, &cid(IDENTITY, 6), 6, "6 bytes, more than 5");
    refused(&Policy::new().max_identity_len(0), &cid(IDENTITY, 1), 1, "1 bytes, more than 0");
}

#[tokio::test]
async fn a_store_refuses_what_its_policy_refuses_and_serves_what_is_there() {
    let store = counted();
    let open = |policy| BlockstoreOptions::new().policy(policy).open(store.clone());
    let blocks = open(Policy::new()).await.unwrap();
    let largest = Block::new(RAW, vec![1; Policy::MAX_BLOCK_LEN]);
    let larger = Block::new(RAW, vec![1; Policy::MAX_BLOCK_LEN + 1]);
    blocks.put(largest.clone()).await.unwrap();
    let error = blocks.put_batch(vec![Block::new(RAW, "fits"), larger.clone()]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(store.count(Query::all()).await.unwrap(), 1);

    let strict = open(Policy::new().max_block_len(3).hashes([0x13])).await.unwrap();
    assert_eq!(strict.get(largest.cid()).await.unwrap().as_ref(), Some(largest.data()));
    strict.put(Block::new(RAW, "abc")).await.unwrap_err();
    strict.put(Block::with_hash(RAW, 0x13, "abc").unwrap()).await.unwrap();
    strict.put(Block::with_hash(RAW, 0x13, "abcd").unwrap()).await.unwrap_err();
    let wide = open(Policy::new().max_block_len(larger.data().len())).await.unwrap();
    assert_eq!(wide.put(larger).await.unwrap().written, 1);
}

#[tokio::test]
async fn an_identity_beyond_what_a_cid_holds_is_unsupported() {
    Block::with_hash(RAW, IDENTITY, vec![0; 64]).unwrap();
    let error = Block::with_hash(RAW, IDENTITY, vec![0; 65]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn a_codec_that_no_cid_has_is_refused() {
    let policy = Policy::new();
    let with = |codec| Cid::new_v1(codec, *cid(SHA2_256, 32).hash());
    refused(&policy, &with(1 << 63), 5, "not less than 2^63");
    policy.check(&with((1 << 63) - 1), 5).unwrap();
}
