//! What is looked at before the engine opens a store that was not closed.
//!
//! The engine removes what it takes for unfinished, without a word: a keyspace whose file `current` is
//! missing, one that the list of keyspaces does not name. And it believes its manifests, of which it keeps
//! a checksum that it never looks at. A store with a `FORMAT` was created to its end, so that whatever is
//! missing then was lost.

use std::path::Path;

use datastore::{Error, ErrorKind, Result};
use xxhash_rust::xxh3::xxh3_128;

use crate::{durable_file, errors, journal};

/// Checks the files in the engine's folder as far as the engine does not, and cuts torn ends of journals.
pub(crate) fn inspect(engine: &Path) -> Result<()> {
    required(engine, "version")?;
    for keyspace in KEYSPACES {
        check_manifest(&engine.join(keyspace))?;
    }
    journal::inspect(engine)
}

/// Compares the manifest that is in force with its checksum.
fn check_manifest(keyspace: &Path) -> Result<()> {
    let current = required(keyspace, "current")?;
    let damaged = || corrupt(&keyspace.join("current"), "it is damaged");
    let (version, rest) = current.split_first_chunk().ok_or_else(damaged)?;
    let (checksum, _) = rest.split_first_chunk().ok_or_else(damaged)?;
    let name = format!("v{}", u64::from_le_bytes(*version));
    if xxh3_128(&required(keyspace, &name)?) != u128::from_le_bytes(*checksum) {
        return Err(corrupt(&keyspace.join(name), "its checksum does not match"));
    }
    Ok(())
}

fn required(directory: &Path, name: &str) -> Result<Vec<u8>> {
    let path = directory.join(name);
    let contents = durable_file::read(directory, name).map_err(|error| errors::io(&path, error))?;
    contents.ok_or_else(|| corrupt(&path, "it is missing"))
}

fn corrupt(path: &Path, what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("{}: {what}", path.display()))
}

/// The list of keyspaces, and ours.
const KEYSPACES: [&str; 2] = ["keyspaces/0", "keyspaces/1"];
