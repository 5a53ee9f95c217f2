//! The file `FORMAT`: what this directory is, for those who find it and for later versions of this
//! crate.
//!
//! Text, one fact a line: the name of the format, `version N`, then `layer NAME` for each layer that
//! encodes the values, outermost first. It is there as `FORMAT.new` before the engine creates anything,
//! and becomes `FORMAT` once the engine is created: a store that is not finished is told from one that
//! lost something.

use std::fmt;
use std::path::Path;

use datastore::{Error, ErrorKind, Result};

use crate::{durable_file, errors};

/// Name of the file.
pub(crate) const FILE: &str = "FORMAT";

/// Name of the file while the store is being created.
pub(crate) const UNFINISHED: &str = "FORMAT.new";

const NAME: &str = "datastore-fjall";
const VERSION: u32 = 1;

/// What a store is written in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Format {
    version: u32,
    layers: Vec<String>,
}

impl Format {
    /// What this crate writes under these layers.
    pub(crate) fn current(layers: &[String]) -> Self {
        Self { version: VERSION, layers: layers.to_vec() }
    }

    /// Records that a store of this format is being created in `directory`.
    pub(crate) fn begin(&self, directory: &Path) -> Result<()> {
        durable_file::write(directory, UNFINISHED, self.encode().as_bytes())
            .map_err(|error| errors::io(&directory.join(UNFINISHED), error))
    }

    /// Records that the store in `directory` is created.
    pub(crate) fn finish(&self, directory: &Path) -> Result<()> {
        durable_file::rename(directory, UNFINISHED, FILE)
            .map_err(|error| errors::io(&directory.join(FILE), error))
    }

    /// The format of `directory`, `None` if none is recorded.
    pub(crate) fn read(directory: &Path) -> Result<Option<Self>> {
        let path = directory.join(FILE);
        let contents =
            durable_file::read(directory, FILE).map_err(|error| errors::io(&path, error))?;
        let Some(contents) = contents else { return Ok(None) };
        let text = String::from_utf8_lossy(&contents);
        Self::decode(&text).map(Some).ok_or_else(|| {
            let message = format!("{} is not of a datastore of this crate", path.display());
            Error::new(ErrorKind::Incompatible, message)
        })
    }

    /// Checks that a store which is `found` on disk may be opened as this.
    pub(crate) fn check(&self, found: &Self, directory: &Path) -> Result<()> {
        if self == found {
            return Ok(());
        }
        let directory = directory.display();
        let message = format!("{directory} was written as {found}, and is to be opened as {self}");
        Err(Error::new(ErrorKind::Incompatible, message))
    }

    fn encode(&self) -> String {
        let mut text = format!("{NAME}\nversion {}\n", self.version);
        for layer in &self.layers {
            text.push_str("layer ");
            text.push_str(layer);
            text.push('\n');
        }
        text
    }

    fn decode(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        if lines.next()? != NAME {
            return None;
        }
        let version = lines.next()?.strip_prefix("version ")?.parse().ok()?;
        if version != VERSION {
            // What else a later version records is its own affair; its number is enough to refuse it.
            return Some(Self { version, layers: Vec::new() });
        }
        let layers = lines
            .map(|line| Some(line.strip_prefix("layer ")?.to_owned()))
            .collect::<Option<_>>()?;
        Some(Self { version, layers })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{NAME} version {}", self.version)?;
        match &*self.layers {
            [] => f.write_str(" without layers"),
            layers => write!(f, " with the layers {}", layers.join(", ")),
        }
    }
}
