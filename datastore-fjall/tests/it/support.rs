//! What the tests share.

use std::path::Path;

use datastore::{Datastore, DatastoreExt, Key, Query, Result};
use datastore_fjall::{FjallDatastore, FjallOptions};
use futures::TryStreamExt;

pub(crate) fn key(text: &str) -> Key {
    Key::new(text).unwrap()
}

pub(crate) fn numbered(number: usize) -> Key {
    key(&format!("/n/{number:06}"))
}

pub(crate) async fn open(path: &Path) -> FjallDatastore {
    FjallDatastore::open(path).await.unwrap()
}

/// A store with small memtables, so that little data makes tables.
pub(crate) async fn open_small(path: &Path) -> FjallDatastore {
    FjallOptions::new().memtable_bytes(0).cache_bytes(1 << 20).open(path).await.unwrap()
}

pub(crate) async fn keys(store: &impl Datastore, query: Query) -> Result<Vec<Key>> {
    store.query_keys(query).try_collect().await
}

/// Everything in the store as text.
pub(crate) async fn contents(store: &impl Datastore) -> Result<Vec<(String, String)>> {
    let entries: Vec<_> = store.query(Query::all()).try_collect().await?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pair = |entry: &datastore::Entry| (entry.key().to_string(), text(entry.value().unwrap()));
    Ok(entries.iter().map(pair).collect())
}

/// Copies a directory with all that is in it.
pub(crate) fn copy_directory(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// All files below a directory, in order.
pub(crate) fn files(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                directories.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}
