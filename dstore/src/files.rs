use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tempfile::NamedTempFile;

use crate::failure::{Failure, Result};

/// Opens a file to read; `-` is standard input.
pub(crate) fn input(path: &Path) -> Result<Box<dyn Read + Send>> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(path)
        .map_err(|error| Failure::io(format!("cannot open {}", path.display()), error))?;
    Ok(Box::new(file))
}

/// Reads a file, or standard input, whole; `None` if it has more than `most` bytes.
pub(crate) fn read(path: &Path, most: u64) -> Result<Option<Bytes>> {
    let mut bytes = Vec::new();
    let failed = |error| Failure::io(format!("cannot read {}", path.display()), error);
    input(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
    Ok((bytes.len() as u64 <= most).then(|| bytes.into()))
}

/// A file that appears, or replaces the one that is there, once all of it is written: until then, and
/// where writing ends early, what was there stays.
pub(crate) struct NewFile {
    path: PathBuf,
    to: BufWriter<Target>,
}

/// Who may read a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readers {
    /// Those of the file that it replaces, or else those of others that the user makes.
    Usual,
    Owner,
}

enum Target {
    /// Beside the path, to be renamed to it.
    Beside(NamedTempFile),
    /// A terminal, a pipe, a device: what cannot be replaced.
    Special(File),
}

impl NewFile {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        Self::create_for(path, Readers::Usual)
    }

    /// As [`create`](Self::create), and whoever runs the command alone may read it.
    pub(crate) fn create_private(path: &Path) -> Result<Self> {
        Self::create_for(path, Readers::Owner)
    }

    fn create_for(path: &Path, readers: Readers) -> Result<Self> {
        let failed = |error| Failure::io(format!("cannot create {}", path.display()), error);
        // Through a symbolic link, the file that it leads to is replaced.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let there = path.metadata().ok();
        let target = match &there {
            Some(metadata) if !metadata.is_file() => {
                Target::Special(OpenOptions::new().write(true).open(&path).map_err(failed)?)
            }
            _ => {
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                let parent = parent.unwrap_or(Path::new("."));
                let replaced = there.map(|metadata| metadata.permissions());
                Target::Beside(builder(readers, replaced).tempfile_in(parent).map_err(failed)?)
            }
        };
        Ok(Self { path, to: BufWriter::new(target) })
    }

    /// Lets it appear.
    pub(crate) fn finish(self) -> Result<()> {
        let failed = |error| Failure::io(format!("cannot write {}", self.path.display()), error);
        match self.to.into_inner().map_err(|error| failed(error.into_error()))? {
            Target::Special(_) => Ok(()),
            Target::Beside(file) => {
                file.as_file().sync_all().map_err(failed)?;
                file.persist(&self.path).map(drop).map_err(|error| failed(error.error))
            }
        }
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl Seek for NewFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.to.seek(to)
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Beside(file) => file.write(bytes),
            Self::Special(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Beside(file) => file.flush(),
            Self::Special(file) => file.flush(),
        }
    }
}

impl Seek for Target {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Beside(file) => file.seek(to),
            Self::Special(file) => file.seek(to),
        }
    }
}

/// Temporary files are their owner's by default.
#[cfg(unix)]
fn builder(readers: Readers, replaced: Option<Permissions>) -> tempfile::Builder<'static, 'static> {
    use std::os::unix::fs::PermissionsExt;
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    if readers == Readers::Usual {
        builder.permissions(replaced.unwrap_or_else(|| Permissions::from_mode(0o666)));
    }
    builder
}

#[cfg(not(unix))]
fn builder(_: Readers, _: Option<Permissions>) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX);
    builder
}

/// How the names of files begin that are not whole yet.
const PREFIX: &str = ".dstore-";
