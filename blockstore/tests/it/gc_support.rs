//! DAGs written by hand, and what is reached in them by a walk of the tests' own.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cid::Cid;
use datastore::{Datastore, DatastoreExt, Error, Key, Query, key};
use datastore_blocks::{
    Block, Blockstore, BlockstoreOptions, DAG_CBOR, DAG_PB, PinMode, PinOptions, RAW,
};
use futures::TryStreamExt;

pub(crate) async fn open(store: Arc<dyn Datastore>) -> Blockstore {
    BlockstoreOptions::new().open(store).await.unwrap()
}

/// A node of this codec with this name, which links to the others.
pub(crate) fn node(codec: u64, name: &str, links: &[Cid]) -> Block {
    match codec {
        RAW => Block::new(RAW, name.to_owned()),
        DAG_PB => Block::new(DAG_PB, dag_pb(name, links)),
        DAG_CBOR => Block::new(DAG_CBOR, dag_cbor(name, links)),
        other => panic!("no nodes of the codec {other:#x}"),
    }
}

fn dag_pb(name: &str, links: &[Cid]) -> Vec<u8> {
    let mut out = Vec::new();
    for link in links {
        let hash = field(1, &link.to_bytes());
        out.extend(field(2, &hash));
    }
    out.extend(field(1, name.as_bytes()));
    out
}

fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    let mut len = bytes.len();
    while len >= 0x80 {
        out.push(len as u8 | 0x80);
        len >>= 7;
    }
    out.push(len as u8);
    out.extend_from_slice(bytes);
    out
}

/// An array of the name and the links.
fn dag_cbor(name: &str, links: &[Cid]) -> Vec<u8> {
    let mut out = head(4, links.len() + 1);
    out.extend(head(3, name.len()));
    out.extend_from_slice(name.as_bytes());
    for link in links {
        out.extend([0xd8, 42]);
        let bytes = link.to_bytes();
        out.extend(head(2, bytes.len() + 1));
        out.push(0);
        out.extend(bytes);
    }
    out
}

fn head(major: u8, len: usize) -> Vec<u8> {
    match len {
        0..24 => vec![major << 5 | len as u8],
        24..0x100 => vec![major << 5 | 24, len as u8],
        0x100..0x1_0000 => [&[major << 5 | 25][..], &(len as u16).to_be_bytes()].concat(),
        _ => [&[major << 5 | 26][..], &(len as u32).to_be_bytes()].concat(),
    }
}

/// The multihash of a block, the name it is stored under.
pub(crate) type Name = Vec<u8>;

pub(crate) fn name(cid: &Cid) -> Name {
    cid.hash().to_bytes()
}

/// Nodes that link to those made before them.
#[derive(Default)]
pub(crate) struct Dag {
    pub(crate) blocks: Vec<Block>,
    pub(crate) links: Vec<Vec<usize>>,
}

impl Dag {
    pub(crate) fn add(&mut self, codec: u64, links: Vec<usize>) -> usize {
        let cids: Vec<Cid> = links.iter().map(|to| *self.blocks[*to].cid()).collect();
        let at = self.blocks.len();
        self.blocks.push(node(codec, &format!("node {at}"), &cids));
        self.links.push(links);
        at
    }

    pub(crate) fn cid(&self, at: usize) -> &Cid {
        self.blocks[at].cid()
    }

    /// All that is reached from these, themselves too.
    pub(crate) fn reached(&self, from: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<usize> = from.into_iter().collect();
        while let Some(at) = next.pop() {
            if reached.insert(at) {
                next.extend(&self.links[at]);
            }
        }
        reached
    }

    /// What pins keep.
    pub(crate) fn kept(&self, pins: &BTreeMap<usize, PinMode>) -> BTreeSet<usize> {
        let of_mode = |wanted: PinMode| {
            pins.iter().filter(move |(_, mode)| **mode == wanted).map(|(at, _)| *at)
        };
        let mut kept = self.reached(of_mode(PinMode::Recursive));
        kept.extend(of_mode(PinMode::Direct));
        kept
    }

    pub(crate) fn names(&self, of: impl IntoIterator<Item = usize>) -> BTreeSet<Name> {
        of.into_iter().map(|at| name(self.cid(at))).collect()
    }
}

/// The names of the blocks that are stored, read from the rows.
pub(crate) async fn stored(store: &dyn Datastore) -> BTreeSet<Name> {
    let keys: Vec<Key> =
        store.query_keys(Query::descendants(key!("/blocks"))).try_collect().await.unwrap();
    keys.iter().map(|key| key.decode_last_segment().unwrap()).collect()
}

/// Every key and value.
pub(crate) async fn rows(store: &dyn Datastore) -> BTreeMap<Key, Vec<u8>> {
    let entries: Vec<_> = store.query(Query::all()).try_collect().await.unwrap();
    entries
        .into_iter()
        .map(|entry| (entry.key().clone(), entry.value().unwrap().to_vec()))
        .collect()
}

/// Keys of collections.
pub(crate) async fn marks(store: &dyn Datastore) -> Vec<Key> {
    store.query_keys(Query::descendants(key!("/block-gc"))).try_collect().await.unwrap()
}

pub(crate) async fn pin(blocks: &Blockstore, cid: &Cid, mode: PinMode) {
    let pinned = match mode {
        PinMode::Recursive => blocks.pins().pin_recursive(cid, PinOptions::new()).await,
        PinMode::Direct => blocks.pins().pin_direct(cid, PinOptions::new()).await,
    };
    pinned.unwrap();
}

/// What names the blocks that a run stopped at.
pub(crate) fn named(error: &Error) -> String {
    std::error::Error::source(error).unwrap().to_string()
}

/// A DAG with shared parts, all codecs and garbage, put and pinned; which nodes pins keep.
pub(crate) async fn furnished(store: Arc<dyn Datastore>) -> (Dag, BTreeSet<usize>) {
    let mut dag = Dag::default();
    let leaves: Vec<usize> = (0..40).map(|_| dag.add(RAW, vec![])).collect();
    let mut roots = Vec::new();
    for group in 0..8 {
        let below: Vec<usize> = leaves.iter().copied().skip(group * 3).take(7).collect();
        let codec = if group % 2 == 0 { DAG_PB } else { DAG_CBOR };
        let middle = dag.add(codec, below);
        let side = dag.add(DAG_CBOR, vec![]);
        roots.push(dag.add(DAG_PB, vec![middle, side]));
    }
    let top = dag.add(DAG_CBOR, roots[..3].to_vec());
    let blocks = open(store).await;
    blocks.put_batch(dag.blocks.clone()).await.unwrap();
    let pins = BTreeMap::from([
        (top, PinMode::Recursive),
        (roots[4], PinMode::Recursive),
        (roots[6], PinMode::Direct),
        (leaves[39], PinMode::Direct),
    ]);
    for (at, mode) in &pins {
        pin(&blocks, dag.cid(*at), *mode).await;
    }
    let kept = dag.kept(&pins);
    (dag, kept)
}
