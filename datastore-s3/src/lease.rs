//! The object by which one writer keeps others away.
//!
//! Its holder renews it three times within the time that it names. Who finds it watches it for that
//! long by a clock of his own, so clocks need not agree: if it changed, its holder lives; if it did not, he
//! is dead, and it is taken over under the condition that it still has not changed.
//!
//! It guards against starting a second writer by mistake. It is no fence: a writer that was suspended
//! for longer than its lease may still have a request under way when another takes over.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use datastore::{Clock, Error, ErrorKind, Outcome, Result};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::metadata::WriteId;
use crate::names::Names;
use crate::probe::Held;
use crate::remote::{Remote, When, is_condition};
use crate::runtime;

pub(crate) const LEASE: &str = "writer";

/// The shortest lease that there can be, and the longest.
pub(crate) const SHORTEST: Duration = Duration::from_secs(1);
pub(crate) const LONGEST: Duration = Duration::from_secs(3600);

/// A lease that is held, and renewed in the background.
#[derive(Debug)]
pub(crate) struct Lease {
    keeper: Arc<Keeper>,
    renewing: JoinHandle<()>,
}

/// Who holds it, as others are told.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Holder {
    /// Process and host.
    holder: String,
    /// What tells this holder from any other.
    id: String,
    /// For how many milliseconds the lease goes without being renewed.
    lease_ms: u64,
    /// How often it was renewed: servers make tags of contents, and who watches it has to see a change.
    renewals: u64,
}

#[derive(Debug)]
struct Keeper {
    remote: Arc<Remote>,
    clock: Arc<dyn Clock>,
    name: String,
    held: Held,
    holder: Holder,
    /// Its tag, and when it was last renewed; or why it is lost.
    state: watch::Sender<State>,
}

#[derive(Clone, Debug)]
enum State {
    Held { tag: String, renewed: Duration },
    Lost(String),
}

impl Lease {
    /// Takes the lease, or answers who has it.
    pub(crate) async fn take(
        remote: Arc<Remote>,
        names: &Names,
        held: Held,
        lease: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let id = WriteId::new().map(WriteId::into_string).unwrap_or_default();
        let lease_ms = u64::try_from(lease.as_millis()).unwrap_or(u64::MAX);
        let holder = Holder { holder: this_process(), id, lease_ms, renewals: 0 };
        let name = names.own(LEASE);
        let taken = take(&remote, &*clock, &name, held, &holder).await?;
        let (state, _) = watch::channel(taken);
        let keeper = Arc::new(Keeper { remote, clock, name, held, holder, state });
        let renewing = runtime::spawn(renew(Arc::clone(&keeper)))?;
        Ok(Self { keeper, renewing })
    }

    /// Answers an error if this writer may be the only one no longer.
    pub(crate) fn check(&self) -> Result<()> {
        let why = match &*self.keeper.state.borrow() {
            State::Lost(why) => why.clone(),
            State::Held { renewed, .. } => {
                let since = self.keeper.clock.elapsed().saturating_sub(*renewed);
                if since < self.keeper.holder.lease() {
                    return Ok(());
                }
                format!("it could not be renewed for {} s", since.as_secs())
            }
        };
        let place = self.keeper.remote.bucket.place();
        let message = format!("the lease of the writer in {place} is lost: {why}; open it again");
        Err(Error::new(ErrorKind::Closed, message).with_outcome(Outcome::NotApplied))
    }

    /// Lets others write.
    pub(crate) async fn release(&self) {
        self.renewing.abort();
        let Keeper { remote, name, holder, .. } = &*self.keeper;
        // What another has taken meanwhile is his.
        if let Ok(Some((found, _))) = read(remote, name).await
            && found.is_some_and(|found| found.id == holder.id)
            && let Err(given_up) = remote.delete(name).await
        {
            tracing::warn!(failure = %given_up.failure, "the lease of a writer stays until it runs out");
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

impl Holder {
    fn lease(&self) -> Duration {
        // What stands there may be anything, and whoever waits for it waits so long.
        Duration::from_millis(self.lease_ms).min(LONGEST)
    }

    fn bytes(&self) -> Result<Bytes> {
        let json = serde_json::to_vec(self);
        json.map(Bytes::from).map_err(|error| {
            Error::new(ErrorKind::Internal, "the lease cannot be written").with_source(error)
        })
    }
}

/// Takes the lease; it runs from when it was asked for, not from when another's began to be watched.
async fn take(
    remote: &Remote,
    clock: &dyn Clock,
    name: &str,
    held: Held,
    holder: &Holder,
) -> Result<State> {
    let mut watched: Option<(String, Duration)> = None;
    loop {
        let found = read(remote, name).await?;
        let when = match &found {
            None => When::Absent,
            Some((other, tag)) => {
                let now = clock.elapsed();
                let lease = other.as_ref().map_or(holder.lease(), Holder::lease);
                let by = || other.as_ref().map_or("another writer", |other| &other.holder);
                let (first_tag, since) = watched.get_or_insert_with(|| {
                    let (place, seconds) = (remote.bucket.place(), lease.as_secs());
                    tracing::warn!(
                        "{} has the store in {place} open for writing, or died with it open: waiting \
                         for up to {seconds} s to see which",
                        by()
                    );
                    (tag.clone(), now)
                });
                if first_tag != tag {
                    return Err(taken(remote, by()));
                }
                if now.saturating_sub(*since) < lease {
                    clock.sleep((lease / WATCHES).min(lease - (now - *since))).await;
                    continue;
                }
                When::Tagged(held.tags.apply(tag))
            }
        };
        let renewed = clock.elapsed();
        match remote.put_if(name, holder.bytes()?, &when).await {
            Ok(Some(tag)) => return Ok(State::Held { tag, renewed }),
            // It came without its tag.
            Ok(None) => match read(remote, name).await? {
                Some((Some(found), tag)) if found.id == holder.id => {
                    return Ok(State::Held { tag, renewed });
                }
                _ => return Err(taken(remote, "another writer")),
            },
            // Somebody was faster, or was alive after all.
            Err(given_up) if is_condition(&given_up.failure, &when) => {
                return Err(taken(remote, "another writer"));
            }
            Err(given_up) => {
                return Err(given_up.into_error("taking the lease", remote.bucket.place()));
            }
        }
    }
}

/// How often a lease is looked at while its holder may be dead; it is renewed [`RENEWALS`] times.
const WATCHES: u32 = 6;
const RENEWALS: u32 = 3;

fn taken(remote: &Remote, by: &str) -> Error {
    let place = remote.bucket.place();
    let message = format!(
        "{by} has the store in {place} open for writing: close it there, or open it for reading, or \
         shared by all its writers"
    );
    Error::new(ErrorKind::Unavailable, message).with_outcome(Outcome::NotApplied)
}

/// The holder, if it is legible, and the tag of the lease.
async fn read(remote: &Remote, name: &str) -> Result<Option<(Option<Holder>, String)>> {
    let found = remote.get(name, None).await;
    let found = found.map_err(|given_up| {
        given_up.into_error("looking for other writers", remote.bucket.place())
    })?;
    Ok(found.map(|found| {
        let holder = serde_json::from_slice(&found.value).ok();
        (holder, found.tag.unwrap_or_default())
    }))
}

/// Renews the lease until it is lost.
async fn renew(keeper: Arc<Keeper>) {
    let Keeper { remote, clock, name, held, holder, state } = &*keeper;
    let mut holder = holder.clone();
    loop {
        clock.sleep(holder.lease() / RENEWALS).await;
        let State::Held { tag, renewed: last } = state.borrow().clone() else { return };
        let renewed = clock.elapsed();
        let when = When::Tagged(held.tags.apply(&tag));
        holder.renewals += 1;
        let Ok(bytes) = holder.bytes() else { return };
        let next = match remote.put_if(name, bytes, &when).await {
            Ok(Some(tag)) => State::Held { tag, renewed },
            Ok(None) => match seen(&keeper, renewed).await {
                Some(next) => next,
                None => continue,
            },
            // An earlier renewal, of which nothing was known, may have been the last to write.
            Err(given_up) if is_condition(&given_up.failure, &when) => {
                match seen(&keeper, last).await {
                    Some(next) => next,
                    None => continue,
                }
            }
            // Commits are refused once it has run out; it may still be had back.
            Err(given_up) => {
                tracing::warn!(failure = %given_up.failure, "the lease of the writer was not renewed");
                continue;
            }
        };
        state.send_replace(next);
    }
}

/// Whose the lease is, which was last renewed then if it is still this holder's; `None` if nobody knows.
async fn seen(keeper: &Keeper, renewed: Duration) -> Option<State> {
    match read(&keeper.remote, &keeper.name).await.ok()? {
        Some((Some(found), tag)) if found.id == keeper.holder.id => {
            Some(State::Held { tag, renewed })
        }
        _ => Some(State::Lost("another writer took it".to_owned())),
    }
}

fn this_process() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let host = host.or_else(|| std::env::var("HOSTNAME").ok()).unwrap_or_default();
    let host = if host.trim().is_empty() { "an unknown host" } else { host.trim() };
    format!("process {} on {host}", std::process::id())
}
