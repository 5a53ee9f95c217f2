//! The embedded store, in temporary directories, alone and under wrappers.

use std::sync::Arc;

use async_trait::async_trait;
use datastore::{Datastore, Error, ErrorKind, Fault, Namespace, Result, key};
use datastore_conformance::{Factory, Instance, Suite, reopenable};
use datastore_fjall::FjallDatastore;
use tempfile::TempDir;

pub(crate) fn suites() -> Vec<Suite> {
    vec![Suite::new(fjall()).name("fjall"), Suite::new(Wrapped).name("fjall_stack")]
}

pub(crate) fn fjall() -> impl Factory {
    reopenable(directory, |dir: Arc<TempDir>| async move { FjallDatastore::open(dir.path()).await })
}

pub(crate) fn directory() -> Result<TempDir> {
    tempfile::tempdir().map_err(|error| {
        Error::new(ErrorKind::Unavailable, "no temporary directory").with_source(error)
    })
}

/// Wrappers close themselves and not the store below, so these do not reopen.
struct Wrapped;

struct Below {
    store: Arc<FjallDatastore>,
    dir: TempDir,
}

#[async_trait]
impl Factory for Wrapped {
    async fn create(&self) -> Result<Box<dyn Instance>> {
        let dir = directory()?;
        let store = Arc::new(FjallDatastore::open(dir.path()).await?);
        Ok(Box::new(Below { store, dir }))
    }
}

#[async_trait]
impl Instance for Below {
    async fn open(&self) -> Result<Arc<dyn Datastore>> {
        let inner = Namespace::new(Arc::clone(&self.store), key!("/inner"));
        Ok(Arc::new(Namespace::new(Fault::new(inner), key!("/outer"))))
    }

    fn reopens(&self) -> bool {
        false
    }

    async fn remove(&self) -> Result<()> {
        self.store.close().await?;
        assert!(self.dir.path().exists(), "the directory is removed with this");
        Ok(())
    }
}
