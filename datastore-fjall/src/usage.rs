//! What a directory takes on disk.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use datastore::Result;

use crate::errors;

/// Bytes that the files below `path` take; journals are longer than that, being sparse.
pub(crate) fn of(path: &Path) -> Result<u64> {
    let mut total = 0;
    let mut directories = vec![path.to_owned()];
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(&directory).map_err(|error| errors::io(&directory, error))?;
        for entry in entries {
            let entry = entry.map_err(|error| errors::io(&directory, error))?;
            let metadata = match entry.metadata() {
                // Flushes and compactions remove files meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(|error| errors::io(&entry.path(), error))?,
            };
            if metadata.is_dir() {
                directories.push(entry.path());
            } else {
                total += on_disk(&metadata);
            }
        }
    }
    Ok(total)
}

#[cfg(unix)]
fn on_disk(metadata: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    const BLOCK: u64 = 512; // whatever the file system uses: stat(2)
    metadata.blocks() * BLOCK
}

#[cfg(not(unix))]
fn on_disk(metadata: &Metadata) -> u64 {
    metadata.len()
}
