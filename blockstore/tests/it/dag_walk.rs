//! Walks of DAGs: order, each block once, depth, what is missing, reads ahead.

use std::sync::Arc;
use std::time::Duration;

use datastore::{ErrorKind, Fault, Injected, MemoryDatastore, Operation, Position, TestClock};
use datastore_blocks::{
    Block, Blockstore, Cid, DAG_CBOR, DAG_PB, IDENTITY, RAW, WalkOptions, Walked,
};
use futures::{StreamExt, TryStreamExt};

use crate::unixfs_support::{bytes_field, empty, link};

fn leaf(name: &str) -> Block {
    Block::new(RAW, name.to_owned())
}

/// A node of dag-pb that links these; its name makes it one of its own.
fn node(name: &str, links: &[&Block]) -> Block {
    let mut data: Vec<u8> = links.iter().flat_map(|block| link(block.cid())).collect();
    data.extend(bytes_field(1, name.as_bytes()));
    Block::new(DAG_PB, data)
}

async fn store(blocks: &[&Block]) -> Blockstore {
    let store = empty().await;
    for block in blocks {
        store.put((*block).clone()).await.unwrap();
    }
    store
}

async fn walk(store: &Blockstore, root: &Block) -> Vec<Cid> {
    let visits: Vec<_> = store.walk([*root.cid()]).try_collect().await.unwrap();
    visits.into_iter().map(|visit| visit.cid).collect()
}

fn cids(blocks: &[&Block]) -> Vec<Cid> {
    blocks.iter().map(|block| *block.cid()).collect()
}

#[tokio::test]
async fn a_block_comes_before_what_it_links_and_links_come_in_their_order() {
    let (a, b, c, d) = (leaf("a"), leaf("b"), leaf("c"), leaf("d"));
    let (left, right) = (node("left", &[&d, &a]), node("right", &[&c, &b]));
    let root = node("root", &[&right, &left]);
    let store = store(&[&a, &b, &c, &d, &left, &right, &root]).await;
    let visits: Vec<_> = store.walk([*root.cid()]).try_collect().await.unwrap();
    let order = [&root, &right, &c, &b, &left, &d, &a];
    let parents =
        [None, Some(&root), Some(&right), Some(&right), Some(&root), Some(&left), Some(&left)];
    assert_eq!(visits.len(), order.len());
    for ((visit, block), parent) in visits.iter().zip(order).zip(parents) {
        assert_eq!(visit.cid, *block.cid());
        assert_eq!(visit.block, Walked::Data(block.data().clone()));
        assert_eq!(visit.parent, parent.map(|parent| *parent.cid()));
    }
    let depths: Vec<u32> = visits.iter().map(|visit| visit.depth).collect();
    assert_eq!(depths, [0, 1, 2, 2, 1, 2, 2]);
}

#[tokio::test]
async fn a_block_that_is_reached_on_two_ways_comes_once_where_it_is_first() {
    let shared_leaf = leaf("leaf");
    let shared = node("shared", &[&shared_leaf, &shared_leaf]);
    let (left, right) = (node("left", &[&shared]), node("right", &[&shared, &shared_leaf]));
    let root = node("root", &[&left, &right, &left]);
    let store = store(&[&shared_leaf, &shared, &left, &right, &root]).await;
    let expected = cids(&[&root, &left, &shared, &shared_leaf, &right]);
    assert_eq!(walk(&store, &root).await, expected);
    let twice = [*right.cid(), *root.cid(), *right.cid()];
    let visits: Vec<_> = store.walk(twice).map_ok(|visit| visit.cid).try_collect().await.unwrap();
    assert_eq!(visits, cids(&[&right, &shared, &shared_leaf, &root, &left]));
}

#[tokio::test]
async fn a_diamond_of_many_levels_takes_as_many_visits_as_it_has_blocks() {
    let mut blocks = vec![leaf("bottom")];
    for level in 0..64 {
        let below = blocks.last().unwrap();
        blocks.push(node(&level.to_string(), &[below, below]));
    }
    let all: Vec<&Block> = blocks.iter().collect();
    let store = store(&all).await;
    assert_eq!(walk(&store, all.last().unwrap()).await.len(), 65);
}

#[tokio::test]
async fn a_wide_dag_comes_whole_and_in_order() {
    let leaves: Vec<Block> = (0..5000).map(|number| leaf(&number.to_string())).collect();
    let leaves: Vec<&Block> = leaves.iter().collect();
    let root = node("root", &leaves);
    let store = store(&leaves).await;
    store.put(root.clone()).await.unwrap();
    let mut expected = vec![*root.cid()];
    expected.extend(cids(&leaves));
    assert_eq!(walk(&store, &root).await, expected);
}

#[tokio::test]
async fn a_deep_dag_takes_no_stack() {
    let store = empty().await;
    let mut below = leaf("bottom");
    store.put(below.clone()).await.unwrap();
    for level in 0..20_000 {
        below = node(&level.to_string(), &[&below]);
        store.put(below.clone()).await.unwrap();
    }
    assert_eq!(walk(&store, &below).await.len(), 20_001);
}

#[tokio::test]
async fn cids_of_both_versions_are_one_block_and_two_codecs_are_two() {
    let target = leaf("target");
    let block = node("node", &[&target]);
    let v0 = Block::unverified(Cid::new_v0(*block.cid().hash()).unwrap(), block.data().clone());
    let as_raw = Block::unverified(Cid::new_v1(RAW, *block.cid().hash()), block.data().clone());
    let root = node("root", &[&as_raw, &v0, &block]);
    let store = store(&[&target, &block, &root]).await;
    assert_eq!(walk(&store, &root).await, cids(&[&root, &as_raw, &v0, &target]));
}

#[tokio::test]
async fn a_missing_block_is_an_error_that_names_it_and_what_links_it() {
    let (there, gone) = (leaf("there"), leaf("gone"));
    let root = node("root", &[&there, &gone, &there]);
    let store = store(&[&there, &root]).await;
    let visits: Vec<_> = store.walk([*root.cid()]).collect().await;
    assert_eq!(visits.len(), 3);
    let error = visits[2].as_ref().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    let message = error.to_string();
    assert!(message.contains(&gone.cid().to_string()), "{message}");
    assert!(message.contains(&root.cid().to_string()), "{message}");
    let root: Vec<_> = store.walk([*gone.cid()]).collect().await;
    assert_eq!(root[0].as_ref().unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn missing_blocks_are_skipped_and_reported_on_request() {
    let (there, gone) = (leaf("there"), leaf("gone"));
    let lost = node("lost", &[&there]);
    let root = node("root", &[&gone, &lost, &gone, &there]);
    let store = store(&[&there, &root]).await;
    let options = WalkOptions::new().skip_missing(true);
    let visits: Vec<_> = store.walk_with([*root.cid()], options).try_collect().await.unwrap();
    let found: Vec<_> =
        visits.iter().map(|visit| (visit.cid, visit.block == Walked::Missing)).collect();
    let expected = [(&root, false), (&gone, true), (&lost, true), (&there, false)];
    assert_eq!(found, expected.map(|(block, missing)| (*block.cid(), missing)));
}

#[tokio::test]
async fn a_walk_goes_no_deeper_than_its_limit_and_finds_the_shorter_way() {
    let bottom = leaf("bottom");
    let shared = node("shared", &[&bottom]);
    let long = node("long", &[&shared]);
    let root = node("root", &[&long, &shared]);
    let store = store(&[&bottom, &shared, &long, &root]).await;
    let to_depth = async |depth| {
        let options = WalkOptions::new().max_depth(depth);
        let visits = store.walk_with([*root.cid()], options).map_ok(|visit| visit.cid);
        visits.try_collect::<Vec<_>>().await.unwrap()
    };
    assert_eq!(to_depth(0).await, cids(&[&root]));
    assert_eq!(to_depth(1).await, cids(&[&root, &long, &shared]));
    // First met three links from the root by the long way, where the walk ends.
    assert_eq!(to_depth(2).await, cids(&[&root, &long, &shared, &bottom]));
}

#[tokio::test]
async fn identity_cids_are_walked_and_listed_on_request() {
    let bottom = leaf("bottom");
    let mut data = vec![0x81, 0xd8, 42, 0x58, 37, 0];
    data.extend(bottom.cid().to_bytes());
    let inline = Block::with_hash(DAG_CBOR, IDENTITY, data).unwrap();
    let root = node("root", &[&inline]);
    let store = store(&[&bottom, &root]).await;
    assert_eq!(walk(&store, &root).await, cids(&[&root, &bottom]));
    let options = WalkOptions::new().list_identities(true);
    let visits = store.walk_with([*root.cid()], options).map_ok(|visit| visit.cid);
    assert_eq!(visits.try_collect::<Vec<_>>().await.unwrap(), cids(&[&root, &inline, &bottom]));
}

#[tokio::test]
async fn leaves_are_looked_for_and_not_read_on_request() {
    let (there, gone) = (leaf("there"), leaf("gone"));
    let root = node("root", &[&there, &gone]);
    let store = store(&[&there, &root]).await;
    let options = WalkOptions::new().read_leaves(false).skip_missing(true);
    let visits = store.walk_with([*root.cid()], options).map_ok(|visit| visit.block);
    let found: Vec<_> = visits.try_collect().await.unwrap();
    let root = Walked::Data(root.data().clone());
    assert_eq!(found, [root, Walked::Present, Walked::Missing]);
}

#[tokio::test]
async fn a_block_that_is_not_what_its_codec_says_ends_the_walk_with_its_name() {
    let (broken, strange) = (Block::new(DAG_PB, "text"), Block::new(0x78, "a git object"));
    for (block, kind) in [(broken, ErrorKind::Corrupt), (strange, ErrorKind::Unsupported)] {
        let root = node("root", &[&block]);
        let store = store(&[&block, &root]).await;
        let visits: Vec<_> = store.walk([*root.cid()]).collect().await;
        let error = visits.last().unwrap().as_ref().unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(&block.cid().to_string()), "{error}");
    }
}

#[tokio::test]
async fn siblings_are_read_ahead_at_once_and_not_without_bound() {
    let clock = TestClock::new();
    let below = Fault::with_clock(MemoryDatastore::new(), Arc::new(clock.clone()));
    let below = Arc::new(below);
    let store = Blockstore::open(below.clone()).await.unwrap();
    let leaves: Vec<Block> = (0..100).map(|number| leaf(&number.to_string())).collect();
    let leaves: Vec<&Block> = leaves.iter().collect();
    let root = node("root", &leaves);
    store.put_many(futures::stream::iter(leaves.iter().copied().cloned())).await.unwrap();
    store.put(root.clone()).await.unwrap();

    let mut walk = store.walk([*root.cid()]);
    walk.next().await.unwrap().unwrap();
    below.inject(Operation::Read, Position::From(0), Injected::Delay(Duration::from_secs(1)));
    assert!(futures::poll!(walk.next()).is_pending());
    assert_eq!(clock.sleepers(), 17);
    clock.advance(Duration::from_secs(1));
    let first = walk.next().await.unwrap().unwrap();
    assert_eq!(first.cid, *leaves[0].cid());
    below.heal();
    let rest: Vec<_> = walk.map_ok(|visit| visit.cid).try_collect().await.unwrap();
    assert_eq!(rest, cids(&leaves[1..]));
}

#[tokio::test]
async fn a_read_that_fails_ends_the_walk_with_its_error() {
    let below = Arc::new(Fault::new(MemoryDatastore::new()));
    let store = Blockstore::open(below.clone()).await.unwrap();
    let bottom = leaf("bottom");
    let root = node("root", &[&bottom]);
    store.put_batch(vec![bottom, root.clone()]).await.unwrap();
    below.inject(Operation::Read, Position::Nth(1), Injected::Error(ErrorKind::Unavailable));
    let visits: Vec<_> = store.walk([*root.cid()]).collect().await;
    assert_eq!(visits.len(), 2);
    assert_eq!(visits[1].as_ref().unwrap_err().kind(), ErrorKind::Unavailable);
}
