//! What a scrub finds, where it puts that, and what it leaves alone.

use std::pin::pin;
use std::sync::Arc;

use datastore::{
    Conditions, Datastore, DatastoreExt, ErrorKind, Injected, Key, MemoryDatastore, Operation,
    Position, Query, key,
};
use datastore_blocks::{
    Block, Blockstore, BlockstoreOptions, Cid, DAG_CBOR, DAG_PB, Fate, IDENTITY, Multihash, RAW,
    ScrubOptions, ScrubReport,
};
use futures::poll;

use crate::blocks_support::{block, counted, listed, presence_over_counted, rows, with_presence};
use crate::presence_stops::{Stops, When};

fn name(cid: &Cid) -> String {
    data_encoding::BASE32_NOPAD.encode(&cid.hash().to_bytes())
}

fn at(block: &Block) -> Key {
    key!("/blocks").child(name(block.cid())).unwrap()
}

fn place(block: &Block) -> Key {
    key!("/block-quarantine").child(name(block.cid())).unwrap()
}

async fn scrub(blocks: &Blockstore) -> ScrubReport {
    blocks.scrub(ScrubOptions::new(), |_| {}).await.unwrap()
}

#[tokio::test]
async fn a_damaged_block_is_moved_and_the_report_says_where_and_what() {
    let (blocks, store) = presence_over_counted().await;
    let hello = Block::new(RAW, "hello world");
    blocks.put_batch(vec![hello.clone(), block(1), block(2)]).await.unwrap();
    store.put(&at(&hello), "abc").await.unwrap();
    assert!(blocks.has(hello.cid()).await.unwrap(), "and that is remembered");
    let commits = store.calls(Operation::Commit);

    let report = scrub(&blocks).await;
    assert_eq!(store.calls(Operation::Commit) - commits, 1, "one commit");
    assert_eq!((report.blocks, report.bytes), (2, 14));
    assert_eq!((report.foreign, report.unverifiable, report.more_damaged), (0, 0, 0));
    let [damaged] = &report.damaged[..] else { panic!("{report:?}") };
    assert_eq!(damaged.key, at(&hello));
    assert_eq!(damaged.expected, *hello.cid().hash());
    // Published: SHA2-256 of "abc".
    let found = data_encoding::HEXLOWER.encode(damaged.found.unwrap().digest());
    assert_eq!(found, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_eq!(damaged.size, 3);
    assert_eq!(damaged.fate, Fate::Moved(place(&hello)));
    assert!(!report.is_clean());

    assert_eq!(store.get(&at(&hello)).await.unwrap(), None);
    assert_eq!(store.get(&place(&hello)).await.unwrap().as_deref(), Some(&b"abc"[..]));
    assert!(!blocks.has(hello.cid()).await.unwrap());
    assert_eq!(blocks.get(hello.cid()).await.unwrap(), None);

    assert_eq!(blocks.put(hello.clone()).await.unwrap().written, 1, "it can be restored");
    assert_eq!(blocks.get(hello.cid()).await.unwrap().as_ref(), Some(hello.data()));
    let report = scrub(&blocks).await;
    assert!(report.is_clean());
    assert_eq!(report.blocks, 3);
    assert!(store.has(&place(&hello)).await.unwrap(), "the evidence stays");
}

#[tokio::test]
async fn the_codecs_of_a_block_that_is_moved_go_as_with_a_delete() {
    for conditions in [Conditions::AnyBatch, Conditions::Unsupported] {
        for keep in [true, false] {
            let store = Arc::new(Stops::new(MemoryDatastore::new()));
            let mut capabilities = store.capabilities();
            capabilities.conditions = conditions;
            store.declare(capabilities);
            let keeping = BlockstoreOptions::new().keep_codecs(true);
            let blocks = keeping.open(store.clone()).await.unwrap();
            let cbor = Block::new(DAG_CBOR, [0xa0].to_vec());
            let same = Block::new(DAG_PB, [0xa0].to_vec());
            blocks.put(cbor.clone()).await.unwrap();
            blocks.put(same).await.unwrap();
            blocks.put(block(1)).await.unwrap();
            store.put(&at(&cbor), "damaged").await.unwrap();

            let scrubbing = BlockstoreOptions::new().keep_codecs(keep);
            scrub(&scrubbing.open(store.clone()).await.unwrap()).await;
            let left = rows(&*store).await;
            let moved = place(&cbor).to_string();
            let others: Vec<&String> = left.keys().filter(|key| **key != moved).collect();
            assert_eq!(left.len(), 3, "a good block with its codec, and the quarantine: {left:?}");
            assert!(others.iter().all(|key| key.contains(&name(block(1).cid()))), "{left:?}");
            blocks.put(cbor.clone()).await.unwrap();
            assert!(listed(&blocks).await.contains(&cbor.cid().to_string()));
            assert_eq!(listed(&blocks).await.len(), 2, "not under the codec that went");
        }
    }
}

#[tokio::test]
async fn a_digest_that_is_cut_is_compared_as_it_is() {
    let store = counted();
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    let whole = *Block::new(RAW, "hello world").cid().hash();
    let cut = Cid::new_v1(RAW, Multihash::wrap(0x12, &whole.digest()[..20]).unwrap());
    let cut = Block::unverified(cut, "hello world");
    blocks.put(cut.clone()).await.unwrap();
    assert!(scrub(&blocks).await.is_clean());
    store.put(&at(&cut), "abc").await.unwrap();
    let report = scrub(&blocks).await;
    let found = data_encoding::HEXLOWER.encode(report.damaged[0].found.unwrap().digest());
    assert_eq!(found, "ba7816bf8f01cfea414140de5dae2223b00361a3");
}

#[tokio::test]
async fn damage_is_left_where_it_is_if_only_a_report_is_asked_for() {
    let store = counted();
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    blocks.put(block(1)).await.unwrap();
    store.put(&at(&block(1)), "damaged").await.unwrap();
    let (before, commits) = (rows(&*store).await, store.calls(Operation::Commit));
    let report = blocks.scrub(ScrubOptions::new().quarantine(false), |_| {}).await.unwrap();
    assert_eq!(report.damaged[0].fate, Fate::Reported);
    assert_eq!((rows(&*store).await, store.calls(Operation::Commit)), (before, commits));
}

#[tokio::test]
async fn what_is_no_block_or_cannot_be_verified_is_counted_and_left_alone() {
    let store = counted();
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    blocks.put(block(1)).await.unwrap();
    for foreign in [
        key!("/blocks/no base32"),
        key!("/blocks/ciqlowercase"),
        key!("/blocks/AAAA/below"),
        key!("/blocks/CIQ"),
    ] {
        store.put(&foreign, "foreign").await.unwrap();
    }
    store.put(&key!("/elsewhere/AAAA"), "not looked at").await.unwrap();
    let murmur = Cid::new_v1(RAW, Multihash::wrap(0x22, &[7; 8]).unwrap());
    let empty = Cid::new_v1(RAW, Multihash::wrap(0x12, b"").unwrap());
    for cid in [murmur, empty] {
        store.put(&at(&Block::unverified(cid, "")), "of an unknown digest").await.unwrap();
    }
    let before = rows(&*store).await;
    let report = scrub(&blocks).await;
    assert_eq!((report.blocks, report.bytes), (1, 7));
    assert_eq!((report.foreign, report.unverifiable), (4, 2));
    assert!(report.is_clean());
    assert_eq!(rows(&*store).await, before);
}

#[tokio::test]
async fn rows_of_identities_are_verified_as_go_may_have_stored_them() {
    let store = counted();
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    let identity = Block::with_hash(RAW, IDENTITY, "itself").unwrap();
    store.put(&at(&identity), "itself").await.unwrap();
    assert_eq!(scrub(&blocks).await.blocks, 1);
    store.put(&at(&identity), "other").await.unwrap();
    let report = scrub(&blocks).await;
    assert_eq!(report.damaged[0].found.unwrap().digest(), b"other");
    store.put(&at(&identity), vec![1; 65]).await.unwrap();
    let report = scrub(&blocks).await;
    assert_eq!((report.damaged[0].found, report.damaged[0].size), (None, 65));
}

#[tokio::test]
async fn without_a_prefix_all_else_is_foreign() {
    let store = counted();
    let blocks = BlockstoreOptions::new().prefix(None).open(store.clone()).await.unwrap();
    blocks.put(block(1)).await.unwrap();
    let name = name(block(1).cid());
    store.put(&Key::new(format!("/{name}")).unwrap(), "damaged").await.unwrap();
    store.put(&key!("/other/thing"), "1").await.unwrap();
    let report = scrub(&blocks).await;
    assert_eq!((report.blocks, report.foreign), (0, 1));
    assert_eq!(report.damaged[0].fate, Fate::Moved(place(&block(1))));
    let report = scrub(&blocks).await;
    assert!(report.is_clean());
    assert_eq!(report.foreign, 2, "the quarantine among them");
}

type Store = Arc<Stops<MemoryDatastore>>;

/// Blocks one of which is damaged.
async fn damaged() -> (Blockstore, Store) {
    let store = Arc::new(Stops::new(MemoryDatastore::new()));
    let blocks = with_presence().open(store.clone()).await.unwrap();
    blocks.put_batch(vec![block(1), block(2)]).await.unwrap();
    store.put(&at(&block(1)), "damaged").await.unwrap();
    (blocks, store)
}

#[tokio::test]
async fn a_good_block_that_comes_before_the_move_is_not_moved() {
    // After the listing read it; after the move looked again; before the move is committed.
    let stops = [
        (Operation::QueryPage, When::After),
        (Operation::Read, When::Before),
        (Operation::Read, When::After),
        (Operation::Commit, When::Before),
    ];
    for (operation, when) in stops {
        for restored in [true, false] {
            let (blocks, store) = damaged().await;
            let go_on = store.stop(operation, when);
            let mut scrub = pin!(blocks.scrub(ScrubOptions::new(), |_| {}));
            assert!(poll!(&mut scrub).is_pending());
            // A put alone would find the damaged block there.
            blocks.delete(block(1).cid()).await.unwrap();
            if restored {
                assert_eq!(blocks.put(block(1)).await.unwrap().written, 1);
            }
            drop(go_on);
            let report = scrub.await.unwrap();
            assert_eq!(report.damaged[0].fate, Fate::Changed, "{operation:?} {when:?}");
            let expected = restored.then(|| block(1).data().clone());
            assert_eq!(store.get(&at(&block(1))).await.unwrap(), expected);
            assert_eq!(store.get(&place(&block(1))).await.unwrap(), None);
            assert_eq!(blocks.has(block(1).cid()).await.unwrap(), restored);
            assert_eq!(blocks.get(block(1).cid()).await.unwrap(), expected);
        }
    }
}

#[tokio::test]
async fn a_move_that_is_dropped_after_it_landed_is_no_secret() {
    let (blocks, store) = damaged().await;
    assert!(blocks.has(block(1).cid()).await.unwrap());
    let _never = store.stop(Operation::Commit, When::After);
    {
        let mut scrub = pin!(blocks.scrub(ScrubOptions::new(), |_| {}));
        assert!(poll!(&mut scrub).is_pending());
    }
    assert!(!blocks.has(block(1).cid()).await.unwrap());
    assert_eq!(blocks.put(block(1)).await.unwrap().written, 1);
}

#[tokio::test]
async fn without_conditions_a_move_keeps_puts_out() {
    let single = [Conditions::Unsupported, Conditions::SinglePut, Conditions::SingleKey];
    for conditions in single {
        for (operation, nth) in
            [(Operation::Read, 0), (Operation::Commit, 0), (Operation::Commit, 1)]
        {
            let (_, store) = damaged().await;
            let mut capabilities = store.capabilities();
            capabilities.conditions = conditions;
            store.declare(capabilities);
            let blocks = with_presence().open(store.clone()).await.unwrap();
            let mut stops = Vec::new();
            for _ in 0..=nth {
                stops.push(store.stop(operation, When::Before));
            }
            let mut scrub = pin!(blocks.scrub(ScrubOptions::new(), |_| {}));
            assert!(poll!(&mut scrub).is_pending());
            let last = stops.pop().unwrap();
            for stop in stops {
                drop(stop);
                assert!(poll!(&mut scrub).is_pending());
            }
            let mut put = pin!(blocks.put(block(1)));
            assert!(poll!(&mut put).is_pending(), "{operation:?} {nth}");
            drop(last);
            let report = scrub.await.unwrap();
            assert_eq!(report.damaged[0].fate, Fate::Moved(place(&block(1))));
            assert!(store.has(&place(&block(1))).await.unwrap());
            assert_eq!(put.await.unwrap().written, 1);
            assert_eq!(blocks.get(block(1).cid()).await.unwrap().as_ref(), Some(block(1).data()));
        }
    }
}

#[tokio::test]
async fn an_error_at_any_position_is_never_a_clean_report() {
    // Of the pages one is asked for codecs, before the first move.
    for (operation, calls) in
        [(Operation::QueryPage, 4), (Operation::Read, 3), (Operation::Commit, 3)]
    {
        for position in 0..=calls {
            let (blocks, store) = presence_over_counted().await;
            blocks.put_batch((0..30).map(block).collect()).await.unwrap();
            for number in [3, 13, 23] {
                store.put(&at(&block(number)), "damaged").await.unwrap();
            }
            let unavailable = Injected::Error(ErrorKind::Unavailable);
            store.inject(operation, Position::Nth(position), unavailable);
            store.inject(Operation::QueryPage, Position::From(0), Injected::ShortPage(10));
            let report = blocks.scrub(ScrubOptions::new(), |_| {}).await;
            if position < calls {
                assert_eq!(report.unwrap_err().kind(), ErrorKind::Unavailable, "{operation:?}");
            } else {
                assert_eq!(report.unwrap().damaged.len(), 3);
            }
            store.heal();
            scrub(&blocks).await;
            assert!(scrub(&blocks).await.is_clean());
            assert_eq!(
                store.count(Query::descendants(key!("/block-quarantine"))).await.unwrap(),
                3
            );
            for number in 0..30 {
                let there = ![3, 13, 23].contains(&number);
                assert_eq!(blocks.has(block(number).cid()).await.unwrap(), there);
            }
        }
    }
}

#[tokio::test]
async fn progress_comes_with_every_entry_and_the_list_of_damage_is_bounded() {
    let store = counted();
    let blocks = Blockstore::open(store.clone()).await.unwrap();
    blocks.put_batch((0..5000).map(block).collect()).await.unwrap();
    for number in 0..1003 {
        store.put(&at(&block(number)), "damaged").await.unwrap();
    }
    let mut calls = Vec::new();
    let progress = |report: &ScrubReport| {
        calls.push(report.blocks + report.damaged.len() as u64 + report.more_damaged);
    };
    let report = blocks.scrub(ScrubOptions::new(), progress).await.unwrap();
    assert_eq!(calls, (1..=5000).collect::<Vec<_>>());
    assert_eq!((report.damaged.len(), report.more_damaged), (ScrubReport::MAX_DAMAGED, 3));
    let moved = store.count(Query::descendants(key!("/block-quarantine"))).await.unwrap();
    assert_eq!(moved, 1003, "those that are not listed too");
}
