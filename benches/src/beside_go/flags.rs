use std::path::PathBuf;

use tempfile::TempDir;

use crate::Result;

/// What to measure, in the flags of the Go program: `-engine NAME -cache N -peers N … SUITE`.
#[derive(Clone, Debug)]
pub struct Flags {
    /// The name in the results.
    pub engine: String,
    /// Peers that the peerstore may keep in memory.
    pub cache: usize,
    /// How many peers.
    pub peers: usize,
    /// How many addresses each.
    pub addrs: usize,
    /// How many keys.
    pub keys: usize,
    /// Bytes of a value.
    pub value: usize,
    /// How many single reads.
    pub ops: usize,
    /// The number of this repetition.
    pub rep: usize,
    /// Where the stores are.
    pub folder: Option<PathBuf>,
    /// Where to load the peers of `peerlarge`, and then to wait for the end of the process.
    pub load: Option<PathBuf>,
    /// The suite.
    pub suite: String,
}

impl Flags {
    /// Reads the arguments of the command.
    ///
    /// # Errors
    /// What is no flag, or no number where one is wanted.
    pub fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self> {
        let mut flags = Self {
            engine: "ours".to_owned(),
            cache: 1024,
            peers: 10_000,
            addrs: 10,
            keys: 1_000_000,
            value: 100,
            ops: 100_000,
            rep: 0,
            folder: None,
            load: None,
            suite: String::new(),
        };
        let mut arguments = arguments.into_iter();
        while let Some(argument) = arguments.next() {
            let Some(name) = argument.strip_prefix('-') else {
                flags.suite = argument;
                continue;
            };
            let value = arguments.next().ok_or_else(|| format!("{argument} wants a value"))?;
            let number = || value.parse::<usize>().map_err(|error| format!("{argument}: {error}"));
            match name.trim_start_matches('-') {
                "engine" => flags.engine = value,
                "cache" => flags.cache = number()?,
                "peers" => flags.peers = number()?,
                "addrs" => flags.addrs = number()?,
                "keys" => flags.keys = number()?,
                "value" => flags.value = number()?,
                "ops" => flags.ops = number()?,
                "rep" => flags.rep = number()?,
                "dir" => flags.folder = Some(value.into()),
                "load" => flags.load = Some(value.into()),
                _ => return Err(format!("{argument} is no flag").into()),
            }
        }
        Ok(flags)
    }

    /// A fresh folder for the stores, removed in the end.
    pub(super) fn dir(&self) -> Result<TempDir> {
        let Some(folder) = &self.folder else { return Ok(TempDir::new()?) };
        std::fs::create_dir_all(folder)?;
        Ok(tempfile::Builder::new().prefix("beside-go-").tempdir_in(folder)?)
    }
}
