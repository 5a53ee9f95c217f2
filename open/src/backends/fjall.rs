use std::path::PathBuf;
use std::sync::Arc;

use datastore::{Datastore, Error, ErrorKind, Result};
use datastore_fjall::{Compression, FjallOptions};

use super::{Backend, Opening};
use crate::StoreUrl;
use crate::options::OptionSpec;
use crate::place::{Place, local_path};

/// `fjall:PATH` — an embedded engine in a directory.
pub(super) const BACKEND: Backend = Backend {
    scheme: "fjall",
    form: "fjall:PATH",
    about: "an embedded engine in a directory",
    options: &[&[
        OptionSpec::new("cache", "SIZE", "memory for blocks read from disk"),
        OptionSpec::new("memtable", "SIZE", "memory for writes before they go to a table"),
        OptionSpec::new("journal", "SIZE", "most bytes of journals on disk"),
        OptionSpec::new("compression", "none|lz4", "of tables"),
        OptionSpec::new("separate", "SIZE|off", "values from this size lie apart from their keys"),
        OptionSpec::new("create", "true|false", "false: the store must exist already"),
    ]],
    credentials: None,
    check: |url| settings(url).map(drop),
    open,
    remove: None,
    place: |url| Ok(Place::Path(path(url)?)),
};

fn open(url: &StoreUrl) -> Opening {
    let settings = settings(url);
    Box::pin(async move {
        let (path, options) = settings?;
        Ok(Arc::new(options.open(path).await?) as Arc<dyn Datastore>)
    })
}

fn settings(url: &StoreUrl) -> Result<(PathBuf, FjallOptions)> {
    let options = url.options();
    let mut settings = FjallOptions::new();
    if let Some(bytes) = options.size("cache")? {
        settings = settings.cache_bytes(bytes);
    }
    if let Some(bytes) = options.size("memtable")? {
        settings = settings.memtable_bytes(bytes);
    }
    if let Some(bytes) = options.size("journal")? {
        settings = settings.journal_bytes(bytes);
    }
    let compressions = [("none", Compression::None), ("lz4", Compression::Lz4)];
    if let Some(compression) = options.one_of("compression", &compressions)? {
        settings = settings.compression(compression);
    }
    if let Some(from) = options.size_or_off("separate")? {
        let too_large = || Error::new(ErrorKind::InvalidInput, "option `separate` is below 4GiB");
        let from = from.map(u32::try_from).transpose().map_err(|_| too_large())?;
        settings = settings.separate_values_from(from);
    }
    if let Some(create) = options.flag("create")? {
        settings = settings.create(create);
    }
    Ok((path(url)?, settings))
}

fn path(url: &StoreUrl) -> Result<PathBuf> {
    local_path(BACKEND.scheme, url.location())
}
