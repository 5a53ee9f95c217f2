use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datastore::{Datastore, Error, ErrorKind, Result};

/// Makes the stores that the cases run on: a fresh, empty one for each. One that cannot be written may
/// come with something in it, by which it is judged.
///
/// A closure that makes a store is a factory: `|| async { Ok(MemoryDatastore::new()) }`. For a store
/// whose data outlive it, see [`reopenable`]; for one that is there already, see
/// [`Scratch`](crate::Scratch).
#[async_trait]
pub trait Factory: Send + Sync + 'static {
    /// A new place for data, with nothing in it if the store there can be written.
    ///
    /// # Errors
    /// Whatever keeps a store from being made: the case fails with it.
    async fn create(&self) -> Result<Box<dyn Instance>>;
}

/// A place for data, and the way to open it.
#[async_trait]
pub trait Instance: Send + Sync + 'static {
    /// Opens the store. It is called again only where
    /// [`reopens`](Self::reopens) says so, after the store from the call before was closed or dropped.
    ///
    /// # Errors
    /// Whatever keeps the store from being opened.
    async fn open(&self) -> Result<Arc<dyn Datastore>>;

    /// Whether a second [`open`](Self::open) finds what was written before it.
    fn reopens(&self) -> bool;

    /// Removes everything, once the case is over.
    ///
    /// # Errors
    /// What is left behind, and why: the case fails with it.
    async fn remove(&self) -> Result<()>;
}

#[async_trait]
impl<F, Made, S> Factory for F
where
    F: Fn() -> Made + Send + Sync + 'static,
    Made: Future<Output = Result<S>> + Send + 'static,
    S: Datastore,
{
    async fn create(&self) -> Result<Box<dyn Instance>> {
        Ok(Box::new(Fresh { store: Arc::new(self().await?) }))
    }
}

/// A store that is gone with its handle.
struct Fresh {
    store: Arc<dyn Datastore>,
}

#[async_trait]
impl Instance for Fresh {
    async fn open(&self) -> Result<Arc<dyn Datastore>> {
        Ok(Arc::clone(&self.store))
    }

    fn reopens(&self) -> bool {
        false
    }

    async fn remove(&self) -> Result<()> {
        Ok(())
    }
}

/// A factory for stores whose data outlive the handle: `place` makes a new place for data, such as a
/// temporary directory, and `open` opens the store there, as often as a case asks. Dropping the place
/// removes the data.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use datastore::{MemoryDatastore, Result};
/// use datastore_conformance::reopenable;
///
/// # struct TempDir;
/// # fn tempdir() -> Result<TempDir> { Ok(TempDir) }
/// # async fn open_my_store(_: &TempDir) -> Result<MemoryDatastore> { Ok(MemoryDatastore::new()) }
/// let factory = reopenable(tempdir, |dir: Arc<TempDir>| async move { open_my_store(&dir).await });
/// ```
pub fn reopenable<P, Make, Open, Opened, S>(place: Make, open: Open) -> impl Factory
where
    P: Send + Sync + 'static,
    Make: Fn() -> Result<P> + Send + Sync + 'static,
    Open: Fn(Arc<P>) -> Opened + Send + Sync + 'static,
    Opened: Future<Output = Result<S>> + Send + 'static,
    S: Datastore,
{
    Reopenable { place, open: Arc::new(open) }
}

struct Reopenable<Make, Open> {
    place: Make,
    open: Arc<Open>,
}

#[async_trait]
impl<P, Make, Open, Opened, S> Factory for Reopenable<Make, Open>
where
    P: Send + Sync + 'static,
    Make: Fn() -> Result<P> + Send + Sync + 'static,
    Open: Fn(Arc<P>) -> Opened + Send + Sync + 'static,
    Opened: Future<Output = Result<S>> + Send + 'static,
    S: Datastore,
{
    async fn create(&self) -> Result<Box<dyn Instance>> {
        let place = Mutex::new(Some(Arc::new((self.place)()?)));
        Ok(Box::new(Place { place, open: Arc::clone(&self.open) }))
    }
}

struct Place<P, Open> {
    // `None` once removed.
    place: Mutex<Option<Arc<P>>>,
    open: Arc<Open>,
}

#[async_trait]
impl<P, Open, Opened, S> Instance for Place<P, Open>
where
    P: Send + Sync + 'static,
    Open: Fn(Arc<P>) -> Opened + Send + Sync + 'static,
    Opened: Future<Output = Result<S>> + Send + 'static,
    S: Datastore,
{
    async fn open(&self) -> Result<Arc<dyn Datastore>> {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let removed = || Error::new(ErrorKind::NotFound, "the data of this store were removed");
        Ok(Arc::new((self.open)(place.ok_or_else(removed)?).await?))
    }

    fn reopens(&self) -> bool {
        true
    }

    async fn remove(&self) -> Result<()> {
        drop(self.place.lock().unwrap_or_else(PoisonError::into_inner).take());
        Ok(())
    }
}
