//! Small files that are there whole or not at all, whenever the power fails.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Writes a file so that after a crash it has all of `contents` or is as it was before.
pub(crate) fn write(directory: &Path, name: &str, contents: &[u8]) -> io::Result<()> {
    let temporary = format!("{name}.tmp");
    let mut file = File::create(directory.join(&temporary))?;
    file.write_all(contents)?;
    file.sync_all()?;
    drop(file);
    rename(directory, &temporary, name)
}

/// Renames a file so that no crash undoes it.
pub(crate) fn rename(directory: &Path, from: &str, to: &str) -> io::Result<()> {
    fs::rename(directory.join(from), directory.join(to))?;
    sync_directory(directory)
}

/// Removes a file, if it is there, so that no crash brings it back.
pub(crate) fn remove(directory: &Path, name: &str) -> io::Result<()> {
    match fs::remove_file(directory.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_directory(directory),
    }
}

/// The contents of a file, `None` if there is none.
pub(crate) fn read(directory: &Path, name: &str) -> io::Result<Option<Vec<u8>>> {
    match fs::read(directory.join(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(contents) => Ok(Some(contents)),
    }
}

/// Makes the names in a directory durable.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    // Windows has no such thing: it journals names itself, and refuses to open a directory as a file.
    if cfg!(windows) { Ok(()) } else { File::open(directory)?.sync_all() }
}
