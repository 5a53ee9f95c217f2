use std::sync::{Arc, Mutex, PoisonError};

use datastore::{Capabilities, Datastore};
use tokio::runtime::{Builder, Runtime};

use crate::failure::Outcome;
use crate::{Factory, Instance, Scale};

/// What a case works with: stores made for it, and how hard it may push them.
pub(crate) struct Bench {
    factory: Arc<dyn Factory>,
    places: Mutex<Vec<Arc<Place>>>,
    /// What the stores of the factory declare.
    pub(crate) capabilities: Capabilities,
    /// Sizes and repetitions.
    pub(crate) scale: Scale,
    /// Where random choices begin.
    pub(crate) seed: u64,
}

/// Data of a store, which can be opened more than once where the factory can.
pub(crate) struct Place {
    instance: Box<dyn Instance>,
    opened: Mutex<Vec<Arc<dyn Datastore>>>,
}

impl Bench {
    pub(crate) fn new(
        factory: Arc<dyn Factory>,
        capabilities: Capabilities,
        scale: Scale,
        seed: u64,
    ) -> Self {
        Self { factory, places: Mutex::default(), capabilities, scale, seed }
    }

    /// A new, empty store.
    pub(crate) async fn store(&self) -> Outcome<Arc<dyn Datastore>> {
        self.place().await?.open().await
    }

    /// A new, empty place for data.
    pub(crate) async fn place(&self) -> Outcome<Arc<Place>> {
        let instance = self.factory.create().await?;
        let place = Arc::new(Place { instance, opened: Mutex::default() });
        self.places().push(Arc::clone(&place));
        Ok(place)
    }

    /// Closes every store that was opened, and removes the data. What closing answers is for the cases
    /// on closing to judge.
    pub(crate) async fn clean_up(&self) -> Outcome {
        let places = std::mem::take(&mut *self.places());
        for place in places {
            for store in place.take_opened() {
                drop(store.close().await);
            }
            place.instance.remove().await?;
        }
        Ok(())
    }

    fn places(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Place>>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(crate) async fn open(&self) -> Outcome<Arc<dyn Datastore>> {
        Ok(self.try_open().await?)
    }

    /// As [`open`](Self::open), with the error for the case to judge.
    pub(crate) async fn try_open(&self) -> datastore::Result<Arc<dyn Datastore>> {
        let store = self.instance.open().await?;
        self.opened().push(Arc::clone(&store));
        Ok(store)
    }

    /// Closes the stores that were opened here, and opens the data again.
    pub(crate) async fn reopen(&self) -> Outcome<Arc<dyn Datastore>> {
        for store in self.take_opened() {
            store.close().await?;
        }
        self.open().await
    }

    /// Lets go of the stores that were opened here without closing them.
    pub(crate) fn take_opened(&self) -> Vec<Arc<dyn Datastore>> {
        std::mem::take(&mut *self.opened())
    }

    pub(crate) fn reopens(&self) -> bool {
        self.instance.reopens()
    }

    fn opened(&self) -> std::sync::MutexGuard<'_, Vec<Arc<dyn Datastore>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A runtime as the cases have it: more workers than most machines that run it have cores to spare, so
/// that tasks interleave.
pub(crate) fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(4).enable_all().build()
}
