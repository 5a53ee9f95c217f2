//! A store whose values can expire, over any store.

mod conditions;
mod core;
mod header;
mod layout;
mod options;
mod reads;
mod slots;
mod snapshot;
mod sweep;
mod turns;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::gate::Gate;
use crate::{
    Batch, Capabilities, CheckReport, Clock, Datastore, Expiry, ExpirySweeper, Found, Key, Page,
    Query, Result, SystemClock, Want,
};
pub use options::TtlOptions;
pub use sweep::SweepReport;

use self::core::Core;
use snapshot::TtlSnapshot;

/// A store whose values can expire.
///
/// From its expiry on a value is not there: for reads, sizes, pages and conditions, all at the same instant,
/// swept or not. In a snapshot the time stands still. A plain [`put`](crate::DatastoreExt::put) sets a value that
/// never expires, and so ends the TTL that there was.
///
/// **Sweeping.** A value that has expired takes space until a sweep removes it, by the
/// [index](crate::ExpiryIndex), without looking at others. The store sweeps in the background, on a thread of
/// its own that needs no runtime and stops at [`close`](Datastore::close); and on [`sweep`](Self::sweep).
/// A sweep and the writers of a key exclude each other, so that what is written meanwhile stays, and stays in the
/// index.
///
/// **One writer.** All writers of the store go through one handle of this layer. Where
/// [batches may have any conditions](crate::Conditions::AnyBatch), a sweep removes a value only if it is still the
/// one that had expired, also where somebody else wrote it.
///
/// **Best-effort stores.** Entries of the index are written before values, and removed after them, so that a
/// batch that lands in part leaves no value that is never swept. A write or a [`sweep`](Self::sweep) whose future
/// is dropped may land later, when its key is somebody else's: let them end.
///
/// **Format.** Each value below has a header: `0x10` if it never expires; otherwise `0x11` and 8 bytes, big-endian,
/// its expiry in milliseconds since 1970. Below [`TtlOptions::reserved`] lie `expiry`, the index, and `format`,
/// which says that this is so. A store that holds other values is
/// [`Incompatible`](crate::ErrorKind::Incompatible); the keys of the layer are
/// [`InvalidKey`](crate::ErrorKind::InvalidKey) to callers, and in no page.
///
/// **What it costs.** Whatever a query selects, values are read below, and the range of a value is read from
/// its beginning. Keys are shorter than below by what the index puts before them, values by 9 bytes.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use std::sync::Arc;
/// use std::time::Duration;
/// use datastore::{Datastore, DatastoreExt, MemoryDatastore, TestClock, Ttl, TtlOptions, key};
///
/// let clock = TestClock::new();
/// let options = TtlOptions::default();
/// let store = Ttl::with_clock(MemoryDatastore::new(), options, Arc::new(clock.clone())).await?;
/// store.put_with_ttl(&key!("/session"), "token", Duration::from_secs(60)).await?;
/// clock.advance(Duration::from_secs(59));
/// assert!(store.has(&key!("/session")).await?);
/// clock.advance(Duration::from_secs(1));
/// assert!(!store.has(&key!("/session")).await?);
/// store.close().await?;
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Ttl<S> {
    core: Arc<Core<S>>,
    sweeper: Option<ExpirySweeper>,
}

impl<S: Datastore> Ttl<S> {
    /// Wraps a store that is empty, or was written through this layer, and begins to sweep it.
    ///
    /// # Errors
    /// [`Incompatible`](crate::ErrorKind::Incompatible) for a store that was written without this layer, or with
    /// another version of it; [`Unavailable`](crate::ErrorKind::Unavailable) without a thread to sweep with; and
    /// as [`Datastore::read`] and [`Datastore::commit`].
    pub async fn open(inner: S) -> Result<Self> {
        Self::with_options(inner, TtlOptions::default()).await
    }

    /// As [`open`](Self::open), with options.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn with_options(inner: S, options: TtlOptions) -> Result<Self> {
        Self::with_clock(inner, options, Arc::new(SystemClock::new())).await
    }

    /// As [`open`](Self::open), with options, and with all times on `clock`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn with_clock(inner: S, options: TtlOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        let TtlOptions { reserved, sweep_interval, sweep_jitter, sweep_budget } = options;
        let core = Arc::new(Core::open(inner, reserved, Arc::clone(&clock)).await?);
        let sweeps = sweep_interval != Duration::MAX && core.below.capabilities().writable;
        let sweeper = if sweeps {
            let core = Arc::clone(&core);
            let sweep = move || {
                let core = Arc::clone(&core);
                async move { core.sweep(sweep_budget).await.map(drop) }
            };
            Some(ExpirySweeper::start("ttl-sweep", clock, (sweep_interval, sweep_jitter), sweep)?)
        } else {
            None
        };
        Ok(Self { core, sweeper })
    }

    /// The store below, in which values have headers and are there until they are swept.
    pub fn inner(&self) -> &S {
        &self.core.below
    }

    /// Sets the value of `key`, which expires when `ttl` has passed, and answers when that is. A TTL of nothing
    /// removes the key; from [`Expiry::PERMANENT`] on a TTL is for ever.
    ///
    /// # Errors
    /// As [`Datastore::commit`] and [`Datastore::read`].
    pub async fn put_with_ttl(
        &self,
        key: &Key,
        value: impl Into<Bytes>,
        ttl: Duration,
    ) -> Result<Expiry> {
        self.commit_with_ttl(Batch::new().put(key.clone(), value), ttl).await
    }

    /// Commits a batch all of whose values expire when `ttl` has passed, and answers when that is.
    ///
    /// # Errors
    /// As [`Datastore::commit`] and [`Datastore::read`].
    pub async fn commit_with_ttl(&self, batch: Batch, ttl: Duration) -> Result<Expiry> {
        self.core.gate.check_open()?;
        let expiry = Expiry::after(self.core.now(), ttl);
        self.core.commit_until(batch, expiry, None).await?;
        Ok(expiry)
    }

    /// As [`put_with_ttl`](Self::put_with_ttl), for a caller who knows the expiry that the value has now, as the
    /// call that set it answered: nothing is read.
    ///
    /// If there is no such value, or it has another expiry, the new one still ends in time for whoever reads, but
    /// may be swept late, or never.
    ///
    /// # Errors
    /// As [`Datastore::commit`].
    pub async fn refresh(
        &self,
        key: &Key,
        value: impl Into<Bytes>,
        known: Expiry,
        ttl: Duration,
    ) -> Result<Expiry> {
        self.core.gate.check_open()?;
        self.core.refresh(key, value.into(), known, ttl).await
    }

    /// Lets the value that `key` has expire when `ttl` has passed, and answers when that is. A TTL of nothing
    /// removes the key.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if it has none; and as [`Datastore::commit`] and
    /// [`Datastore::read`].
    pub async fn set_ttl(&self, key: &Key, ttl: Duration) -> Result<Expiry> {
        self.core.gate.check_open()?;
        self.core.set_ttl(key, ttl).await
    }

    /// When the value of `key` expires, [`Expiry::NEVER`] if it does not; `None` if there is no value.
    ///
    /// # Errors
    /// As [`Datastore::read`].
    pub async fn expiration(&self, key: &Key) -> Result<Option<Expiry>> {
        self.core.gate.check_open()?;
        self.core.layout.check_key(key)?;
        let expiry = reads::expiry(&self.core.below, key).await?;
        Ok(expiry.filter(|expiry| !expiry.is_past(self.core.now())))
    }

    /// Removes what has expired, soonest first, looking at no more than `budget` entries of the index. One sweep
    /// at a time: others wait.
    ///
    /// # Errors
    /// As [`Datastore::read`] and [`Datastore::commit`]; what was removed before stays so.
    pub async fn sweep(&self, budget: usize) -> Result<SweepReport> {
        self.core.gate.check_open()?;
        self.core.sweep(budget).await
    }
}

#[async_trait]
impl<S: Datastore> Datastore for Ttl<S> {
    /// As below, with less room for keys and values.
    fn capabilities(&self) -> Capabilities {
        let (max_key_len, max_value_len) = self.core.layout.limits();
        Capabilities { max_key_len, max_value_len, ..self.core.below.capabilities() }
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        let core = &*self.core;
        core.gate.check_open()?;
        reads::read(&core.below, &core.layout, || core.now(), key, want).await
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        let core = &*self.core;
        core.gate.check_open()?;
        reads::page(&core.below, &core.layout, core.now(), query).await
    }

    async fn commit(&self, batch: Batch) -> Result<()> {
        self.core.gate.check_open()?;
        self.core.commit(batch).await
    }

    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        self.core.gate.check_open()?;
        let below = self.core.below.snapshot().await?;
        let (layout, now) = (self.core.layout.clone(), self.core.now());
        Ok(Arc::new(TtlSnapshot { below, layout, now, gate: Gate::default() }))
    }

    async fn sync(&self) -> Result<()> {
        self.core.gate.check_open()?;
        self.core.below.sync().await
    }

    async fn disk_usage(&self) -> Result<u64> {
        self.core.gate.check_open()?;
        self.core.below.disk_usage().await
    }

    async fn compact(&self) -> Result<()> {
        self.core.gate.check_open()?;
        self.core.below.compact().await
    }

    async fn check(&self) -> Result<CheckReport> {
        self.core.gate.check_open()?;
        self.core.below.check().await
    }

    async fn close(&self) -> Result<()> {
        self.core.gate.close();
        if let Some(sweeper) = &self.sweeper {
            sweeper.stop().await;
        }
        Ok(())
    }
}
