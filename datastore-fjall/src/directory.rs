//! The directory of a store: whether it is one, and that one handle alone has it.
//!
//! ```text
//! PATH/FORMAT      what this is (format.rs)
//! PATH/FORMAT.new  the same while the store is being created
//! PATH/LOCK        held locked while the store is open
//! PATH/SEAL        what a clean close left, only while closed (seal.rs)
//! PATH/engine/     the files of fjall
//! ```

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use datastore::{Error, ErrorKind, Result};

use crate::format::Format;
use crate::{FjallOptions, durable_file, errors, format};

/// A directory that is a store of ours, locked.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    // Before the engine, which has a lock of its own, and after it: the seal is ours alone to write.
    _lock: File,
    /// What it becomes once the engine is created.
    unfinished: Option<Format>,
}

impl Directory {
    /// Finds or makes the store at `path`, and locks it. A directory of others is left untouched.
    pub(crate) fn open(path: &Path, options: &FjallOptions) -> Result<Self> {
        let mine = Format::current(&options.layers);
        match look(path)? {
            Found::Store(format) => mine.check(&format, path)?,
            Found::Foreign(name) => {
                let path = path.display();
                let message = format!(
                    "{path} is not a datastore and not empty: it has {name:?} and no {}",
                    format::FILE
                );
                return Err(Error::new(ErrorKind::Incompatible, message));
            }
            Found::Nothing if !options.create => {
                let message = format!("there is no datastore at {}", path.display());
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            Found::Nothing => create(path)?,
        }
        let lock = lock(path)?;
        // Looked at again now that nobody else creates: of two at once, one did.
        let unfinished = match Format::read(path)? {
            Some(format) => {
                mine.check(&format, path)?;
                None
            }
            None => {
                mine.begin(path)?;
                remove_unfinished(&path.join(ENGINE))?;
                Some(mine)
            }
        };
        Ok(Self { path: path.to_owned(), _lock: lock, unfinished })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the engine has its files.
    pub(crate) fn engine(&self) -> PathBuf {
        self.path.join(ENGINE)
    }

    /// Whether the engine has still to be created.
    pub(crate) fn is_new(&self) -> bool {
        self.unfinished.is_some()
    }

    /// Makes the directory a store, now that the engine is created.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.unfinished.take().map_or(Ok(()), |format| format.finish(&self.path))
    }
}

enum Found {
    Nothing,
    Store(Format),
    Foreign(String),
}

fn look(path: &Path) -> Result<Found> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => {
            return Ok(Found::Nothing);
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            let message = format!("{} is not a directory", path.display());
            return Err(Error::new(ErrorKind::InvalidInput, message).with_source(error));
        }
        Err(error) => return Err(errors::io(path, error)),
    };
    if let Some(format) = Format::read(path)? {
        return Ok(Found::Store(format));
    }
    let names = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| errors::io(path, error))?;
    // An engine folder of an unfinished creation has the mark of one beside it.
    let unfinished = names.iter().any(|name| name == format::UNFINISHED);
    let is_ours = |name: &str| OF_A_BEGINNING.contains(&name) || (unfinished && name == ENGINE);
    Ok(names.into_iter().find(|name| !is_ours(name)).map_or(Found::Nothing, Found::Foreign))
}

fn remove_unfinished(engine: &Path) -> Result<()> {
    match fs::remove_dir_all(engine) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(errors::io(engine, error)),
        _ => Ok(()),
    }
}

fn create(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| match error.kind() {
        // Nothing of a store is missing: there are file systems that take no directories.
        io::ErrorKind::NotFound => {
            let message = format!("no directory can be made at {}", path.display());
            Error::new(ErrorKind::InvalidInput, message).with_source(error)
        }
        _ => errors::io(path, error),
    })?;
    // The name of a directory that was made is as durable as the one above it.
    let parent = path.parent().unwrap_or(path);
    durable_file::sync_directory(parent).map_err(|error| errors::io(parent, error))
}

fn lock(path: &Path) -> Result<File> {
    let lock_path = path.join(LOCK);
    let file = File::options().write(true).create(true).truncate(false).open(&lock_path);
    let file = file.map_err(|error| errors::io(&lock_path, error))?;
    for tries_left in (0..LOCK_TRIES).rev() {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(errors::io(&lock_path, error)),
            Err(TryLockError::WouldBlock) if tries_left > 0 => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => {}
        }
    }
    let message = format!(
        "{} is open in another process, or by another handle of this one: close that first",
        path.display()
    );
    Err(Error::new(ErrorKind::Unavailable, message))
}

/// Name of the folder of the engine.
pub(crate) const ENGINE: &str = "engine";

const LOCK: &str = "LOCK";

/// What an interrupted creation leaves, and what a new file system has in its root.
const OF_A_BEGINNING: [&str; 4] = [LOCK, format::UNFINISHED, "FORMAT.new.tmp", "lost+found"];

/// A process that is about to end is given as long as this to let go.
const LOCK_TRIES: u32 = 3;
const LOCK_PAUSE: Duration = Duration::from_millis(100);
