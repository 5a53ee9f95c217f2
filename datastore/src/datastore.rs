use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;

use crate::{Batch, Capabilities, CheckReport, Found, Key, Page, Query, Result, Want};

/// The contract of a key-value store: one path for each thing.
///
/// This is what backends and wrappers implement; callers use the words of
/// [`DatastoreExt`](crate::DatastoreExt). There are no default bodies, so that no wrapper inherits
/// behaviour that it should have passed on. The conformance suite (`datastore-conformance`)
/// decides whether an implementation keeps what is written here.
///
/// **Concurrency.** Every method may be called from any task at any time, and none blocks the
/// executor for long.
///
/// **Cancellation.** Dropping the future of a read or a query does nothing. A dropped
/// [`commit`](Self::commit) happens wholly or not at all, and before anything issued after the drop,
/// where [`Capabilities::atomic_batches`] is declared; elsewhere it may land later.
///
/// **Runtimes.** Outside a runtime, or after it is gone, a method runs inline or answers an error;
/// it does not hang.
#[async_trait]
pub trait Datastore: Debug + Send + Sync + 'static {
    /// What this store promises, the wrappers around it included.
    fn capabilities(&self) -> Capabilities;

    /// Reads what `want` asks for of the value of `key`; `None` if it has none.
    ///
    /// # Errors
    /// [`Closed`](crate::ErrorKind::Closed), [`Unavailable`](crate::ErrorKind::Unavailable),
    /// [`PermissionDenied`](crate::ErrorKind::PermissionDenied),
    /// [`Corrupt`](crate::ErrorKind::Corrupt), [`InvalidKey`](crate::ErrorKind::InvalidKey) for a key
    /// that this store cannot hold.
    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>>;

    /// Reads one bounded page of `query`.
    ///
    /// A page may be shorter than the limit, even empty, while it has a cursor; a page without one ends
    /// the query. Over all pages, a key that is there from start to end appears exactly once; one that
    /// is written or deleted meanwhile may appear or not.
    ///
    /// # Errors
    /// As [`read`](Self::read). Never a clean page in place of an error.
    async fn query_page(&self, query: &Query) -> Result<Page>;

    /// Applies a batch: the only way to write.
    ///
    /// Everything is checked before anything is written.
    ///
    /// # Errors
    /// [`Conflict`](crate::ErrorKind::Conflict) if a condition does not hold;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for conditions beyond
    /// [`Capabilities::conditions`]; [`InvalidKey`](crate::ErrorKind::InvalidKey) and
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for what this store cannot hold;
    /// [`PartialCommit`](crate::ErrorKind::PartialCommit) from best-effort stores; and as
    /// [`read`](Self::read). [`Error::outcome`](crate::Error::outcome) says whether it may have happened.
    async fn commit(&self, batch: Batch) -> Result<()>;

    /// A read-only store that holds what this one holds now, for as long as it lives.
    ///
    /// Closing it lets go of the view alone. A view keeps the space of what was deleted since.
    ///
    /// The view ends with the store: once the handle that opened the store closed it, the view answers
    /// [`Closed`](crate::ErrorKind::Closed), since closing lets go of the files or the connection that the
    /// view reads from, for others to open. Closing a wrapper ends no view, as it closes no store below.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) unless [`Capabilities::snapshots`].
    async fn snapshot(&self) -> Result<Arc<dyn Datastore>>;

    /// Makes all acknowledged commits as durable as [`Synced`](crate::Durability::Synced) ones.
    ///
    /// # Errors
    /// As [`commit`](Self::commit); after a failure, what was not synced before may be lost.
    async fn sync(&self) -> Result<()>;

    /// Bytes that the store takes on its medium.
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) unless [`Capabilities::disk_usage`]; never a
    /// false 0.
    async fn disk_usage(&self) -> Result<u64>;

    /// Reclaims the space of what was overwritten and deleted (Go: `CollectGarbage`). May take long;
    /// dropping the future stops waiting, not the work.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    async fn compact(&self) -> Result<()>;

    /// Reads everything and verifies it (Go: `Check`, `Scrub`). What it finds is the answer,
    /// not an error.
    ///
    /// # Errors
    /// As [`read`](Self::read), where the check itself could not go on.
    async fn check(&self) -> Result<CheckReport>;

    /// Waits for running operations, makes everything durable and lets go of the store. Afterwards every
    /// operation answers [`Closed`](crate::ErrorKind::Closed), and `close` does nothing.
    ///
    /// A wrapper flushes what it holds and closes itself, not the store below it, which others may
    /// share: the handle that opened a store closes it. Calls that a wrapper has passed on by then may
    /// still be under way below.
    ///
    /// # Errors
    /// As [`sync`](Self::sync); the store is closed all the same.
    async fn close(&self) -> Result<()>;
}
