use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use datastore::{Datastore, DatastoreExt, Key, Namespace, Query};

use crate::failure::{Failure, Result};

/// A namespace in a store, with a name that nobody else has, to try things in.
#[derive(Clone)]
pub(crate) struct Scratch {
    store: Arc<dyn Datastore>,
    inside: Arc<Namespace<Arc<dyn Datastore>>>,
}

impl Scratch {
    pub(crate) fn new(store: &Arc<dyn Datastore>) -> Result<Self> {
        let random = RandomState::new().build_hasher().finish();
        let prefix = Key::from_segments([format!("dstore-scratch-{random:016x}")])?;
        let inside = Arc::new(Namespace::new(Arc::clone(store), prefix));
        Ok(Self { store: Arc::clone(store), inside })
    }

    /// The store as it is seen from inside.
    pub(crate) fn inside(&self) -> Arc<dyn Datastore> {
        Arc::clone(&self.inside) as Arc<dyn Datastore>
    }

    /// Where it lies in the store.
    pub(crate) fn prefix(&self) -> &Key {
        self.inside.prefix()
    }

    /// Shuts out whoever still writes into it, then removes what they wrote.
    pub(crate) async fn remove(&self) -> Result<()> {
        let left_over = |error| {
            let hint =
                format!("remove what is below {} yourself: `dstore del --below`", self.prefix());
            Failure::from(error).during("cannot remove the scratch entries").hint(hint)
        };
        self.inside.close().await.map_err(left_over)?;
        if !self.store.capabilities().writable {
            return Ok(());
        }
        let below = || Query::descendants(self.prefix().clone());
        // Again while there is any: a commit that was under way may have landed behind the cursor.
        while self.store.count(below().limit(1)).await.map_err(left_over)? > 0 {
            self.store.delete_many(self.store.query_keys(below())).await.map_err(left_over)?;
        }
        Ok(())
    }
}
