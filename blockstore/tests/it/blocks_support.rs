//! What the tests of blocks share.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use datastore::{Datastore, DatastoreExt, Fault, MemoryDatastore, Query};
use datastore_blocks::{
    Block, Blockstore, BlockstoreOptions, Cid, ListOptions, PresenceOptions, RAW,
};
use futures::TryStreamExt;
use serde_json::Value;

/// A store in memory that counts calls, and fails when it is told to.
pub(crate) type Counted = Arc<Fault<MemoryDatastore>>;

pub(crate) fn counted() -> Counted {
    Arc::new(Fault::new(MemoryDatastore::new()))
}

pub(crate) fn with_presence() -> BlockstoreOptions {
    BlockstoreOptions::new().presence(PresenceOptions::new())
}

/// Blocks with presence over a store that counts.
pub(crate) async fn presence_over_counted() -> (Blockstore, Counted) {
    let store = counted();
    (with_presence().open(store.clone()).await.unwrap(), store)
}

/// A block like no other of another number.
pub(crate) fn block(number: u64) -> Block {
    Block::new(RAW, format!("block {number}"))
}

/// The rows of a store, by the text of their keys.
pub(crate) async fn rows(store: &(impl Datastore + ?Sized)) -> BTreeMap<String, Vec<u8>> {
    let entries: Vec<_> = store.query(Query::all()).try_collect().await.unwrap();
    let row = |entry: &datastore::Entry| (entry.key().to_string(), entry.value().unwrap().to_vec());
    entries.iter().map(row).collect()
}

pub(crate) async fn listed(blocks: &Blockstore) -> Vec<String> {
    let cids = blocks.list(ListOptions::default()).map_ok(|listed| listed.cid.to_string());
    let mut cids: Vec<String> = cids.try_collect().await.unwrap();
    cids.sort();
    cids
}

pub(crate) fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn hex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

pub(crate) fn cid(value: &Value) -> Cid {
    value.as_str().unwrap().parse().unwrap()
}

/// The blocks of a list of a fixture, whose data is in the field `data`.
pub(crate) fn blocks_of(list: &Value) -> Vec<Block> {
    let block = |block: &Value| Block::unverified(cid(&block["cid"]), hex(&block["data"]));
    list.as_array().unwrap().iter().map(block).collect()
}

/// The rows of a list of a fixture.
pub(crate) fn rows_of(list: &Value) -> BTreeMap<String, Vec<u8>> {
    let row = |row: &Value| (row["key"].as_str().unwrap().to_owned(), hex(&row["value"]));
    list.as_array().unwrap().iter().map(row).collect()
}
