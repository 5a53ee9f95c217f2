use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use datastore::{Datastore, DatastoreExt, Key, Namespace, Query, Result};

use crate::{Factory, Instance};

/// A factory on a store that is there already: each case has a prefix of its own below a scratch prefix,
/// which is emptied before and after.
///
/// What lies below the scratch prefix is lost; nothing else is touched. The cases judge the store
/// through a [`Namespace`], so closing and reopening are not those of the store itself.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use datastore::{MemoryDatastore, key};
/// use datastore_conformance::{Scratch, run};
///
/// let store = Arc::new(MemoryDatastore::new());
/// let report = run(Scratch::new(store, key!("/scratch")), "basics");
/// assert!(report.is_success(), "{report}");
/// ```
#[derive(Debug)]
pub struct Scratch {
    store: Arc<dyn Datastore>,
    prefix: Key,
    next: AtomicU64,
}

impl Scratch {
    /// Uses what lies below `prefix` of `store`.
    pub fn new(store: Arc<dyn Datastore>, prefix: Key) -> Self {
        Self { store, prefix, next: AtomicU64::new(0) }
    }
}

#[async_trait]
impl Factory for Scratch {
    async fn create(&self) -> Result<Box<dyn Instance>> {
        // All of one length: the longest key is the same for each case.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let prefix = self.prefix.child(format!("{number:08}"))?;
        let corner = Corner { store: Arc::clone(&self.store), prefix };
        if self.store.capabilities().writable {
            corner.remove().await?;
        }
        Ok(Box::new(corner))
    }
}

/// The prefix of one case.
struct Corner {
    store: Arc<dyn Datastore>,
    prefix: Key,
}

#[async_trait]
impl Instance for Corner {
    async fn open(&self) -> Result<Arc<dyn Datastore>> {
        Ok(Arc::new(Namespace::new(Arc::clone(&self.store), self.prefix.clone())))
    }

    fn reopens(&self) -> bool {
        false
    }

    async fn remove(&self) -> Result<()> {
        if self.store.capabilities().writable {
            let keys = self.store.query_keys(Query::descendants(self.prefix.clone()));
            self.store.delete_many(keys).await?;
        }
        Ok(())
    }
}
