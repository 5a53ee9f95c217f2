use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use datastore::{Datastore, DatastoreExt, Key, Namespace, Query};

use crate::failure::{Failure, Result};

/// A namespace in a store to try things in.
#[derive(Clone)]
pub(crate) struct Scratch {
    store: Arc<dyn Datastore>,
    inside: Arc<Namespace<Arc<dyn Datastore>>>,
}

impl Scratch {
    pub(crate) fn new(store: &Arc<dyn Datastore>, name: &str) -> Result<Self> {
        let prefix = Key::from_segments([name])?;
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

    /// Shuts out whoever still writes into it, waits until they let go of it, then removes what they
    /// wrote.
    pub(crate) async fn remove(self) -> Result<()> {
        let left_over = |error| {
            let hint =
                format!("remove it yourself: `dstore del URL --below {} --yes`", self.prefix());
            Failure::from(error).during("cannot remove the scratch entries").hint(hint)
        };
        self.inside.close().await.map_err(left_over)?;
        if !self.store.capabilities().writable {
            return Ok(());
        }
        let below = || Query::descendants(self.prefix().clone());
        // A commit that had begun before it was shut out may land yet.
        let _late = tokio::time::timeout(PATIENCE, self.abandoned()).await;
        // Again while there is any, should somebody have taken longer than that.
        while self.store.count(below().limit(1)).await.map_err(left_over)? > 0 {
            self.store.delete_many(self.store.query_keys(below())).await.map_err(left_over)?;
        }
        Ok(())
    }

    /// Waits until nobody else has it. What is shut out fails at once, so this does not take long.
    async fn abandoned(&self) {
        while Arc::strong_count(&self.inside) > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

/// A name that nobody else has.
pub(crate) fn name() -> String {
    format!("dstore-scratch-{:016x}", RandomState::new().build_hasher().finish())
}

/// How long to wait for commits that are under way.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use datastore::{Fault, Injected, MemoryDatastore, Operation, Position, TestClock, key};

    use super::*;

    #[tokio::test]
    async fn a_commit_that_lands_after_the_scratch_was_shut_is_removed_too() {
        let clock = Arc::new(TestClock::new());
        let fault = Arc::new(Fault::with_clock(MemoryDatastore::new(), clock.clone()));
        let an_hour = Duration::from_secs(3600);
        fault.inject(Operation::Commit, Position::Nth(0), Injected::Delay(an_hour));
        let store: Arc<dyn Datastore> = fault.clone();

        let scratch = Scratch::new(&store, &name()).unwrap();
        let inside = scratch.inside();
        let writer = tokio::spawn(async move { inside.put(&key!("/a"), "1").await });
        while clock.sleepers() == 0 {
            tokio::task::yield_now().await;
        }
        let removal = tokio::spawn(scratch.remove());
        // It goes as far as it can before the commit lands.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        clock.advance(an_hour);
        writer.await.unwrap().unwrap();
        removal.await.unwrap().unwrap();
        assert_eq!(store.count(Query::all()).await.unwrap(), 0);
    }
}
