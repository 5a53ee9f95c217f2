//! What the real libraries wrote, and what they answer (`tests/fixtures/README.md`).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::HEXLOWER;
use libp2p_identity::{PeerId, PublicKey};
use peerstore::interop::{Imported, ImportedPeer, Importer};
use serde_json::Value;

/// A fixture, by its path below `tests/fixtures`.
pub(crate) fn load(path: &str) -> Value {
    let path = format!("{}/tests/fixtures/{path}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(super) type Rows = Vec<(Vec<u8>, Vec<u8>)>;

/// The rows of a list of objects with a key in plain text and a value in hex.
pub(crate) fn rows(list: &Value) -> Rows {
    list.as_array().unwrap().iter().map(row).collect()
}

pub(crate) fn row(row: &Value) -> (Vec<u8>, Vec<u8>) {
    (text(&row["key"]).into_bytes(), hex(&row["value"]))
}

pub(crate) fn import(rows: &Rows) -> Imported {
    let mut importer = Importer::new();
    importer.extend(rows.iter().map(|(key, value)| (key, value)));
    importer.finish()
}

pub(crate) fn by_peer(imported: &Imported) -> BTreeMap<String, &ImportedPeer> {
    imported.peers.iter().map(|peer| (peer.peer.to_string(), peer)).collect()
}

/// What is skipped, each row by the end of its key.
pub(crate) fn skipped(imported: &Imported) -> Vec<String> {
    let skipped = imported.skipped.iter();
    skipped.map(|row| row.to_string().rsplit_once('/').unwrap().1.to_owned()).collect()
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

pub(crate) fn texts(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(text).collect()
}

pub(crate) fn hex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(text(value).as_bytes()).unwrap()
}

pub(crate) fn to_hex(bytes: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(bytes.as_ref())
}

pub(crate) fn at_secs(secs: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(secs)
}

pub(crate) fn at_millis(millis: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(millis)
}

/// The addresses that are live: those that expire after `now`. Addresses without times count.
pub(crate) fn live(peer: &ImportedPeer, now: SystemTime) -> Vec<String> {
    let live = peer.addresses.iter();
    let live = live.filter(|address| !address.expiry.is_some_and(|expiry| expiry.is_past(now)));
    let mut live: Vec<String> = live.map(|address| address.addr.to_string()).collect();
    live.sort();
    live
}

/// The key that was stored, or else the one that the id holds, in hex; empty if there is neither.
pub(crate) fn public_key(peer: &ImportedPeer) -> String {
    let key = peer.public_key.clone().or_else(|| inline(&peer.peer));
    key.map_or_else(String::new, |key| to_hex(key.encode_protobuf()))
}

pub(crate) fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

fn inline(peer: &PeerId) -> Option<PublicKey> {
    let id = peer.to_bytes();
    PublicKey::try_decode_protobuf(id.strip_prefix(&[0])?.get(1..)?).ok()
}
