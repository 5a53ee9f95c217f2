use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datastore::{Datastore, ErrorKind};
use datastore_open::StoreUrl;
use tempfile::TempDir;

use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::scratch::Scratch;
use crate::store_arg::StoreArg;

/// The stores that a command opened, to be closed however it ends.
#[derive(Clone, Default)]
pub(crate) struct Stores(Arc<Mutex<Opened>>);

#[derive(Default)]
struct Opened {
    stores: Vec<Arc<dyn Datastore>>,
    scratches: Vec<Scratch>,
    directories: Vec<TempDir>,
}

impl Stores {
    /// Opens a store that is to be read: one that is not there is not created.
    pub(crate) async fn open_existing(&self, store: &StoreArg) -> Result<Arc<dyn Datastore>> {
        self.open_existing_url(&store.url()?).await
    }

    /// As [`open_existing`](Self::open_existing), of a URL that was parsed.
    pub(crate) async fn open_existing_url(&self, url: &StoreUrl) -> Result<Arc<dyn Datastore>> {
        self.open(&url.clone().existing(), url).await
    }

    /// Opens a store that is to be written: one that is not there is created.
    pub(crate) async fn open_or_create(&self, store: &StoreArg) -> Result<Arc<dyn Datastore>> {
        self.open_url(&store.url()?).await
    }

    /// As [`open_or_create`](Self::open_or_create), of a URL that was parsed.
    pub(crate) async fn open_url(&self, url: &StoreUrl) -> Result<Arc<dyn Datastore>> {
        self.open(url, url).await
    }

    /// Opens `url`; a failure names what the user `typed`.
    async fn open(&self, url: &StoreUrl, typed: &StoreUrl) -> Result<Arc<dyn Datastore>> {
        let store = url.open().await.map_err(|error| {
            let is_missing = error.kind() == ErrorKind::NotFound;
            let mut failure =
                Failure::from(error).during(format!("cannot open {}", typed.redacted()));
            if is_missing {
                failure.exit = Exit::Unavailable;
                failure =
                    failure.hint("look at the path; `put`, `import` and `copy` create a store");
            }
            failure
        })?;
        self.lock().stores.push(Arc::clone(&store));
        Ok(store)
    }

    /// A part of `store` to try things in, removed however the command ends.
    pub(crate) fn scratch(&self, store: &Arc<dyn Datastore>) -> Result<Scratch> {
        let scratch = Scratch::new(store)?;
        self.lock().scratches.push(scratch.clone());
        Ok(scratch)
    }

    /// A new directory, removed once the stores are closed.
    pub(crate) fn temporary_directory(&self) -> Result<PathBuf> {
        let failed = |error| Failure::io("cannot make a temporary directory", error);
        let directory = tempfile::Builder::new().prefix("dstore-").tempdir().map_err(failed)?;
        let path = directory.path().to_owned();
        self.lock().directories.push(directory);
        Ok(path)
    }

    /// Removes what was scratch and closes every store; the first failure is told once all is done.
    pub(crate) async fn close(&self) -> Result<()> {
        let Opened { stores, scratches, directories } = std::mem::take(&mut *self.lock());
        let mut result = Ok(());
        for scratch in scratches {
            result = result.and(scratch.remove().await);
        }
        for store in stores {
            let closed = store.close().await;
            let failed = |error| Failure::from(error).during("cannot close the store cleanly");
            result = result.and(closed.map_err(failed));
        }
        for directory in directories {
            let failed = |error| Failure::io("cannot remove the temporary directory", error);
            result = result.and(directory.close().map_err(failed));
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Opened> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
