//! The embedded store, in temporary directories, alone and under wrappers.

use std::sync::Arc;

use async_trait::async_trait;
use datastore::{Datastore, Error, ErrorKind, Fault, Namespace, Result, WriteBehind, key};
use datastore_conformance::{Factory, Instance, Suite, reopenable};
use datastore_fjall::FjallDatastore;
use tempfile::TempDir;

pub(crate) fn suites() -> Vec<Suite> {
    vec![
        Suite::new(fjall()).name("fjall"),
        Suite::new(Wrapped(Wrapping::Names)).name("fjall_stack"),
        Suite::new(Wrapped(Wrapping::WriteBehind)).name("write_behind_fjall"),
    ]
}

pub(crate) fn fjall() -> impl Factory {
    reopenable(directory, |dir: Arc<TempDir>| async move { FjallDatastore::open(dir.path()).await })
}

pub(crate) fn directory() -> Result<TempDir> {
    tempfile::tempdir().map_err(|error| {
        Error::new(ErrorKind::Unavailable, "no temporary directory").with_source(error)
    })
}

/// Wrappers close themselves and not the store below, so that nothing of it is opened anew.
struct Wrapped(Wrapping);

#[derive(Clone, Copy, PartialEq)]
enum Wrapping {
    Names,
    /// What a new one finds below is what the one before it wrote there.
    WriteBehind,
}

struct Below {
    wrapping: Wrapping,
    store: Arc<FjallDatastore>,
    dir: TempDir,
}

#[async_trait]
impl Factory for Wrapped {
    async fn create(&self) -> Result<Box<dyn Instance>> {
        let dir = directory()?;
        let store = Arc::new(FjallDatastore::open(dir.path()).await?);
        Ok(Box::new(Below { wrapping: self.0, store, dir }))
    }
}

#[async_trait]
impl Instance for Below {
    async fn open(&self) -> Result<Arc<dyn Datastore>> {
        let store = Arc::clone(&self.store);
        if self.wrapping == Wrapping::WriteBehind {
            return Ok(Arc::new(WriteBehind::new(store)));
        }
        let inner = Namespace::new(store, key!("/inner"));
        Ok(Arc::new(Namespace::new(Fault::new(inner), key!("/outer"))))
    }

    fn reopens(&self) -> bool {
        self.wrapping == Wrapping::WriteBehind
    }

    async fn remove(&self) -> Result<()> {
        self.store.close().await?;
        assert!(self.dir.path().exists(), "the directory is removed with this");
        Ok(())
    }
}
