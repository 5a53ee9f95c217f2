use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use datastore::{Datastore, ErrorKind};
use datastore_open::StoreUrl;
use peerstore::Peerstore;
use tempfile::TempDir;

use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::scratch::{self, Scratch};
use crate::store_arg::StoreArg;

/// The stores that a command opened, to be closed however it ends.
#[derive(Clone, Default)]
pub(crate) struct Stores(Arc<Mutex<Opened>>);

#[derive(Default)]
struct Opened {
    /// What may have gathered changes for its store.
    peers: Vec<Peerstore>,
    stores: Vec<Arc<dyn Datastore>>,
    scratches: Vec<Scratch>,
    /// Stores that are only there for this command.
    remove: Vec<StoreUrl>,
    directories: Vec<TempDir>,
}

impl Stores {
    /// Opens a store that is only read, beside whoever writes it where that is possible: one that is not
    /// there is not created.
    pub(crate) async fn open_to_read(&self, store: &StoreArg) -> Result<Arc<dyn Datastore>> {
        self.open_url_to_read(&store.url()?).await
    }

    /// As [`open_to_read`](Self::open_to_read), of a URL that was parsed.
    pub(crate) async fn open_url_to_read(&self, url: &StoreUrl) -> Result<Arc<dyn Datastore>> {
        self.open(&url.clone().for_reading(), url).await
    }

    /// Opens a store that is to be written: one that is not there is not created.
    pub(crate) async fn open_existing(&self, store: &StoreArg) -> Result<Arc<dyn Datastore>> {
        self.open_existing_url(&store.url()?).await
    }

    /// As [`open_existing`](Self::open_existing), of a URL that was parsed.
    pub(crate) async fn open_existing_url(&self, url: &StoreUrl) -> Result<Arc<dyn Datastore>> {
        self.open(&url.clone().existing(), url).await
    }

    /// Opens a store that is to be written: one that is not there is created.
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
                    failure.hint("look at the URL; `put`, `import` and `copy` create a store");
            }
            failure
        })?;
        self.lock().stores.push(Arc::clone(&store));
        Ok(store)
    }

    /// Closes these peers before the stores, so that what they have gathered is written.
    pub(crate) fn close_first(&self, peers: &Peerstore) {
        self.lock().peers.push(peers.clone());
    }

    /// The peers that are written many at a time, to ask what they hold while the stores are closed.
    pub(crate) fn gathering(&self) -> Gathering {
        Gathering(self.lock().peers.clone())
    }

    /// A place to try things in, removed however the command ends: a store of its own where there can be
    /// one in the place of this one, which is then left alone, and otherwise a part of it.
    pub(crate) async fn scratch(&self, store: &StoreArg) -> Result<Scratch> {
        let url = store.url()?;
        let name = scratch::name();
        let beside = url.scratch(&name).map_err(Failure::from)?;
        let base = match &beside {
            Some(beside) => {
                // Noted first: where it is interrupted, something may be there.
                self.lock().remove.push(beside.clone());
                let opened = self.open(beside, &url).await;
                if opened.is_err() {
                    self.lock().remove.clear();
                }
                opened?
            }
            None => self.open_url(&url).await?,
        };
        let scratch = Scratch::new(&base, &name)?;
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
        let Opened { peers, stores, scratches, remove, directories } =
            std::mem::take(&mut *self.lock());
        let mut result = Ok(());
        for peers in peers {
            let failed = |error| Failure::from(error).during("cannot write all peers");
            result = result.and(peers.close().await.map_err(failed));
        }
        for scratch in scratches {
            result = result.and(scratch.remove().await);
        }
        for store in stores {
            let closed = store.close().await;
            let failed = |error| Failure::from(error).during("cannot close the store cleanly");
            result = result.and(closed.map_err(failed));
        }
        for url in remove {
            let removed = match url.remove().await {
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                removed => removed,
            };
            let failed = |error| {
                let failure = Failure::from(error).during("cannot remove the scratch store");
                failure.hint(format!("remove what is below {} yourself", url.redacted()))
            };
            result = result.and(removed.map_err(failed));
        }
        for directory in directories {
            let failed = |error| Failure::io("cannot remove the temporary directory", error);
            result = result.and(remove_directory(&directory.keep()).await.map_err(failed));
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Opened> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Peers of which changes may be gathered that are not written yet.
pub(crate) struct Gathering(Vec<Peerstore>);

impl Gathering {
    /// How many rows wait to be written.
    pub(crate) fn rows(&self) -> u64 {
        let pending = self.0.iter().filter_map(Peerstore::pending_writes);
        pending.map(|pending| pending.keys as u64).sum()
    }
}

/// Removes a directory; again for some time while there is something new in it: where a command was interrupted, a
/// store in it may just be opening.
async fn remove_directory(directory: &Path) -> io::Result<()> {
    for _ in 0..TRIES {
        match fs::remove_dir_all(directory) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                tokio::time::sleep(BETWEEN).await;
            }
            ended => return ended,
        }
    }
    fs::remove_dir_all(directory)
}

const TRIES: u32 = 100;
const BETWEEN: Duration = Duration::from_millis(20);
