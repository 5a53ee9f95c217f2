//! A store that writes below later, and less often: what is pending lies over what is below.

mod calls;
mod changes;
mod failures;
mod options;
mod order;
mod refusals;
mod shared;
mod state;
mod steps;
mod view;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use futures::executor::block_on;

use super::gate::Gate;
use crate::{
    Batch, Capabilities, CheckReport, Clock, Datastore, Durability, Error, ErrorKind, Found, Key,
    Op, Outcome, Page, Query, Result, Survives, SystemClock, Want,
};
pub use options::WriteBehindOptions;

use changes::Changes;
use shared::Shared;
use state::Work;

/// A store that gathers writes and hands them to the store below in few, large commits.
///
/// Of several writes of a key only the last is written. A flush, which is one commit of all that is pending
/// (or [in an order](WriteBehindOptions::indexes), where it cannot land whole), begins when enough keys or bytes are
/// pending, when the oldest write has waited for long enough, before [`sync`](Datastore::sync) and
/// [`close`](Datastore::close), and before all that needs the store below to be complete: conditions, snapshots,
/// [`check`](Datastore::check), [`compact`](Datastore::compact), [`disk_usage`](Datastore::disk_usage). Reads and
/// pages show what is pending as if it were written.
///
/// **Durability.** A [`Buffered`](Durability::Buffered) commit survives nothing before it is flushed: a
/// process that ends, or a handle that is dropped without [`close`](Datastore::close), loses it, though
/// batches stay whole where the store below is atomic. A [`Synced`](Durability::Synced) commit returns once
/// it and all that was pending is below, committed as `Synced` there; several of them share one flush.
///
/// **Back-pressure.** While [`max_keys`](WriteBehindOptions::max_keys) or
/// [`max_bytes`](WriteBehindOptions::max_bytes) are pending, commits wait, in their order, up to
/// [`max_wait`](WriteBehindOptions::max_wait). A batch that is larger by itself waits until
/// nothing is pending, and then goes through as it is.
///
/// **Failures.** What could not be flushed stays pending, and the flush is tried again after a pause that
/// grows, together with what came since; of a [`PartialCommit`](ErrorKind::PartialCommit), what did not
/// land. What landed of a flush whose outcome is unknown is written again. The error is in
/// [`last_flush_error`](Self::last_flush_error) until a flush succeeds. `sync`, `close` and all else that flushes
/// first try at once, and fail if that fails. After `close` failed the store is closed, and what was not written is
/// left to [`unwritten`](Self::unwritten). Where the store below is best-effort and refuses a key that it cannot
/// hold, that key alone stays pending; of an [index](WriteBehindOptions::indexes), with it what has to come after it.
///
/// **Conditions.** A commit with conditions waits until nothing is pending, and goes through to the store
/// below while nothing else is written; other commits wait for it. A value that is read while it is pending
/// is its own [`Version`](crate::Version). Where the store below has others, the condition is
/// translated when it is committed, so that a value which was changed and changed back in between counts as
/// unchanged.
///
/// **Runtimes.** Everything is written below by one thread of the wrapper's own, without a runtime. It begins
/// with the first commit and ends when the wrapper is closed or dropped.
///
/// There must be no other writer of the same keys: what is pending hides what others write.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use std::sync::Arc;
/// use datastore::{Datastore, DatastoreExt, MemoryDatastore, WriteBehind, key};
///
/// let below = Arc::new(MemoryDatastore::new());
/// let store = WriteBehind::new(below.clone());
/// for number in 0..1000 {
///     store.put(&key!("/counter"), number.to_string()).await?;
/// }
/// assert_eq!(store.get(&key!("/counter")).await?.as_deref(), Some(&b"999"[..]));
/// store.close().await?;
/// assert_eq!(below.get(&key!("/counter")).await?.as_deref(), Some(&b"999"[..]));
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct WriteBehind<S> {
    inner: Arc<S>,
    gate: Gate,
    options: WriteBehindOptions,
    shared: Arc<Shared>,
}

/// How much a [`WriteBehind`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PendingWrites {
    /// Keys whose last write the store below has not acknowledged.
    pub keys: usize,
    /// Bytes of keys and values that are held, those of a flush under way included.
    pub bytes: usize,
    /// How many flushes failed since one succeeded.
    pub failed_flushes: u32,
}

impl<S: Datastore> WriteBehind<S> {
    /// Wraps a store.
    pub fn new(inner: S) -> Self {
        Self::with_options(inner, WriteBehindOptions::default())
    }

    /// Wraps a store.
    pub fn with_options(inner: S, options: WriteBehindOptions) -> Self {
        Self::with_clock(inner, options, Arc::new(SystemClock::new()))
    }

    /// As [`with_options`](Self::with_options), with ages and pauses on `clock`.
    pub fn with_clock(inner: S, options: WriteBehindOptions, clock: Arc<dyn Clock>) -> Self {
        Self {
            inner: Arc::new(inner),
            gate: Gate::default(),
            shared: Arc::new(Shared::new(options.clone(), clock)),
            options,
        }
    }

    /// The store below, without what is pending.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Writes below what is pending, without syncing the store below.
    ///
    /// # Errors
    /// What the flush failed with, as the source; what was not written is kept.
    /// [`Closed`](ErrorKind::Closed) after [`close`](Datastore::close).
    pub async fn flush(&self) -> Result<()> {
        self.enter().await?;
        self.shared.flush().await
    }

    /// How much is pending.
    pub fn pending(&self) -> PendingWrites {
        self.shared.state().counts()
    }

    /// What the last flush failed with; `None` once one succeeded.
    pub fn last_flush_error(&self) -> Option<Arc<Error>> {
        self.shared.state().last_error()
    }

    /// What is pending, by key: after a [`close`](Datastore::close) that failed, what is lost unless it is
    /// written in another way.
    pub fn unwritten(&self) -> Batch {
        self.shared.state().unwritten()
    }

    /// Begins a call that needs to know what happened before it.
    async fn enter(&self) -> Result<()> {
        self.gate.check_open()?;
        self.shared.settled().await;
        Ok(())
    }

    async fn flushed(&self) -> Result<&S> {
        self.flush().await?;
        Ok(&self.inner)
    }

    /// Whether a batch becomes pending or goes through, if it is one that the store below can take.
    fn sort(&self, batch: Batch) -> Result<Work> {
        let synced = batch.durability == Durability::Synced;
        let bytes = batch.ops.iter().map(size).fold(0_usize, usize::saturating_add);
        let fits = batch.ops.len() <= self.options.max_keys && bytes <= self.options.max_bytes;
        // An empty batch that is synced asks something of the store below alone.
        let is_sync = batch.ops.is_empty() && synced;
        if !batch.conditions.is_empty() || !fits || is_sync {
            return Ok(Work::Pass(batch));
        }
        let Batch { ops, conditions: _, durability: _ } = batch;
        let below = self.inner.capabilities();
        ops.iter().try_for_each(|op| check(op, &below))?;
        Ok(Work::Hold { changes: Changes::copied(ops), synced })
    }

    fn start_writer(&self) -> Result<()> {
        let mut state = self.shared.state();
        if !state.needs_writer() {
            return Ok(());
        }
        let (inner, shared) = (Arc::clone(&self.inner), Arc::clone(&self.shared));
        let write = move || {
            let error = block_on(writer::run(&*inner, &shared));
            // Whoever waits for the end may want to open the store below again.
            drop(inner);
            shared.state().end(error);
        };
        let thread = std::thread::Builder::new().name("write-behind".to_owned()).spawn(write);
        thread.map_err(|error| {
            Error::new(ErrorKind::Unavailable, "no thread to write with")
                .with_outcome(Outcome::NotApplied)
                .with_source(error)
        })?;
        state.writer_began();
        Ok(())
    }
}

fn size(op: &Op) -> usize {
    match op {
        Op::Put { key, value } => key.as_bytes().len() + value.len(),
        Op::Delete { key } => key.as_bytes().len(),
    }
}

/// What the store below would refuse later, when nobody is there any more to be told.
fn check(op: &Op, below: &Capabilities) -> Result<()> {
    let refuse = |kind, message: String| {
        let error = Error::new(kind, message).with_outcome(Outcome::NotApplied);
        Err(error.with_key(op.key().clone()))
    };
    let (len, most) = (op.key().as_bytes().len(), below.max_key_len);
    if len > most {
        let message = format!("the key has {len} bytes; the store below takes {most}");
        return refuse(ErrorKind::InvalidKey, message);
    }
    let most = below.max_value_len;
    match op {
        Op::Put { key: _, value } if value.len() as u64 > most => {
            let message =
                format!("the value has {} bytes; the store below takes {most}", value.len());
            refuse(ErrorKind::InvalidInput, message)
        }
        Op::Put { .. } | Op::Delete { .. } => Ok(()),
    }
}

impl<S> Drop for WriteBehind<S> {
    fn drop(&mut self) {
        self.shared.abandon();
    }
}

#[async_trait]
impl<S: Datastore> Datastore for WriteBehind<S> {
    /// As below, but for what a buffered commit survives. A flush is one commit, so that batches stay whole; a
    /// page is from one moment if those of the store below are.
    fn capabilities(&self) -> Capabilities {
        Capabilities { buffered: Survives::Nothing, ..self.inner.capabilities() }
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        self.enter().await?;
        // What is not pending now and is flushed before the read below was written during this call.
        let pending = self.shared.state().pending(key).cloned();
        match pending {
            Some(change) => Ok(change.map(|value| Found::answer(&want, value))),
            None => self.inner.read(key, want).await,
        }
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        self.enter().await?;
        let Some(range) = query.key_range() else { return Ok(Page::default()) };
        let view = self.shared.state().view(query, &range);
        if view.is_empty() {
            return self.inner.query_page(query).await;
        }
        let page = self.inner.query_page(&view.query_below(query)).await?;
        // A flush that began meanwhile may have written a part of what the view does not show yet.
        if self.inner.capabilities().consistent_pages && !self.shared.state().is_current(&view) {
            return self.shared.page_between_writes(query).await;
        }
        view.over(query, page)
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        self.gate.check_open()?;
        if !self.inner.capabilities().writable {
            return Err(Error::unsupported("the store below is read-only"));
        }
        if batch == Batch::default() {
            return Ok(());
        }
        let work = self.sort(batch)?;
        self.start_writer()?;
        self.shared.commit(work).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        self.flushed().await?.snapshot().await
    }

    async fn sync(&self) -> Result<()> {
        self.flushed().await?.sync().await
    }

    async fn disk_usage(&self) -> Result<u64> {
        self.flushed().await?.disk_usage().await
    }

    async fn compact(&self) -> Result<()> {
        self.flushed().await?.compact().await
    }

    async fn check(&self) -> Result<CheckReport> {
        self.flushed().await?.check().await
    }

    async fn close(&self) -> Result<()> {
        self.gate.close();
        self.shared.close().await
    }
}
