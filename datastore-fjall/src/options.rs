use std::path::Path;

use datastore::{Error, ErrorKind, Result};

use crate::{FjallDatastore, bridge, core::Core};

/// How to open a [`FjallDatastore`].
///
/// Compression and the separation of values are fixed when a store is created: opening it later with
/// others leaves it as it was made. Everything else counts from each open to the next.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use datastore_fjall::{Compression, FjallOptions};
///
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("store");
/// let store = FjallOptions::new()
///     .cache_bytes(256 << 20)
///     .compression(Compression::None)
///     .separate_values_from(Some(32 << 10))
///     .open(&path)
///     .await?;
/// # datastore::Datastore::close(&store).await?;
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FjallOptions {
    pub(crate) cache_bytes: u64,
    pub(crate) memtable_bytes: u64,
    pub(crate) journal_bytes: u64,
    pub(crate) compression: Compression,
    pub(crate) separate_values_from: Option<u32>,
    pub(crate) create: bool,
    pub(crate) layers: Vec<String>,
}

/// How blocks, separated values and long journal entries are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// Not at all: for values that are compressed or encrypted already.
    None,
    /// LZ4, on the levels where it pays.
    #[default]
    Lz4,
}

impl Default for FjallOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl FjallOptions {
    /// Smallest [`memtable_bytes`](Self::memtable_bytes); less is raised to it.
    pub const MIN_MEMTABLE_BYTES: u64 = 1 << 20;

    /// Smallest [`journal_bytes`](Self::journal_bytes), two files; less is raised to it.
    pub const MIN_JOURNAL_BYTES: u64 = 128 << 20;

    /// The defaults, as each setter documents them.
    pub fn new() -> Self {
        Self {
            cache_bytes: 32 << 20,
            memtable_bytes: 32 << 20,
            journal_bytes: 256 << 20,
            compression: Compression::default(),
            separate_values_from: None,
            create: true,
            layers: Vec::new(),
        }
    }

    /// Bytes of blocks and values of the disk that are kept in memory. 32 MiB by default.
    #[must_use]
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Bytes of writes that are gathered in memory before they become a table. 32 MiB by default.
    ///
    /// Up to three such buffers wait to be written while a fourth fills, and what the engine adds to a
    /// small record makes a buffer take about twice this; beyond that writers wait.
    #[must_use]
    pub fn memtable_bytes(mut self, bytes: u64) -> Self {
        self.memtable_bytes = bytes.max(Self::MIN_MEMTABLE_BYTES);
        self
    }

    /// Bytes that the journals may take on disk before tables are written in order to let go of them,
    /// in steps of 64 MiB, the size of one. 256 MiB by default.
    #[must_use]
    pub fn journal_bytes(mut self, bytes: u64) -> Self {
        self.journal_bytes = bytes.max(Self::MIN_JOURNAL_BYTES);
        self
    }

    /// How to compress. [`Compression::Lz4`] by default. Fixed when the store is created.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Values of at least this many bytes are kept in files of their own, apart from the keys; `None`,
    /// the default, for none. Fixed when the store is created.
    ///
    /// Worth it for values of some 16 KiB and more, which compaction then leaves where they are; with
    /// small values it makes scans slower.
    #[must_use]
    pub fn separate_values_from(mut self, bytes: Option<u32>) -> Self {
        self.separate_values_from = bytes;
        self
    }

    /// Whether to create the store if there is none. `true` by default; with `false` that is
    /// [`NotFound`](ErrorKind::NotFound).
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Names of the layers that encode the values which this store holds, outermost first; none by
    /// default. Recorded when the store is created; opened with others it answers
    /// [`Incompatible`](ErrorKind::Incompatible), so that no value is read without the layer that
    /// wrote it.
    #[must_use]
    pub fn layers<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.layers = names.into_iter().map(Into::into).collect();
        self
    }

    /// Opens the store in the directory `path`, creating it and what is missing above it.
    ///
    /// Dropping the future leaves the store closed.
    ///
    /// # Errors
    /// [`Unavailable`](ErrorKind::Unavailable) while another process, or another handle of this one,
    /// has it open; [`NotFound`](ErrorKind::NotFound) if there is none and none is to be
    /// created; [`Incompatible`](ErrorKind::Incompatible) for a directory that holds something else,
    /// another version, or other layers; [`Corrupt`](ErrorKind::Corrupt) for damaged files, which are
    /// left as they are; [`InvalidInput`](ErrorKind::InvalidInput) for options that cannot be, and for a path where
    /// no directory can be.
    pub async fn open(self, path: impl AsRef<Path> + Send) -> Result<FjallDatastore> {
        self.check()?;
        let path = std::path::absolute(path.as_ref()).map_err(|error| {
            Error::new(ErrorKind::InvalidInput, "not a path of a directory").with_source(error)
        })?;
        let core = bridge::on_thread("open", move || Core::open(&path, &self)).await?;
        Ok(FjallDatastore::new(core))
    }

    fn check(&self) -> Result<()> {
        if self.layers.iter().any(|name| name.is_empty() || name.contains(char::is_control)) {
            let message = "the name of a layer is empty or has control characters";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        Ok(())
    }
}
