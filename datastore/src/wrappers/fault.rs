use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;

use super::gate::Gate;
use crate::{
    Batch, Capabilities, CheckReport, Clock, Datastore, Error, ErrorKind, Found, Key, Op, Outcome,
    Page, Partial, Query, Result, SystemClock, Want,
};

/// A store that fails on purpose, at chosen calls: for tests of whatever stands on a store.
///
/// A snapshot of it does not fail. While batches can tear, it does not declare them atomic.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use datastore::{DatastoreExt, ErrorKind, Fault, Injected, MemoryDatastore, Operation, Position, key};
///
/// let store = Fault::new(MemoryDatastore::new());
/// store.inject(Operation::Commit, Position::Nth(1), Injected::Error(ErrorKind::Unavailable));
/// store.put(&key!("/a"), "1").await?;
/// assert_eq!(store.put(&key!("/b"), "2").await.unwrap_err().kind(), ErrorKind::Unavailable);
/// store.put(&key!("/b"), "2").await?;
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Fault<S> {
    inner: S,
    gate: Gate,
    clock: Arc<dyn Clock>,
    rules: Mutex<Vec<FaultRule>>,
    /// Whether there is any rule.
    armed: AtomicBool,
    calls: [AtomicU64; OPERATIONS],
}

/// A method of [`Datastore`] that can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// [`Datastore::read`].
    Read,
    /// [`Datastore::query_page`].
    QueryPage,
    /// [`Datastore::commit`].
    Commit,
    /// [`Datastore::snapshot`].
    Snapshot,
    /// [`Datastore::sync`].
    Sync,
    /// [`Datastore::disk_usage`].
    DiskUsage,
    /// [`Datastore::compact`].
    Compact,
    /// [`Datastore::check`].
    Check,
    /// [`Datastore::close`].
    Close,
}

const OPERATIONS: usize = 9;

impl Operation {
    /// Whether it matters if a call that failed has happened.
    fn changes_the_store(self) -> bool {
        match self {
            Self::Commit | Self::Sync | Self::Compact | Self::Close => true,
            Self::Read | Self::QueryPage | Self::Snapshot | Self::DiskUsage | Self::Check => false,
        }
    }
}

/// Which calls of an operation a rule meets, counted from 0 as of the injection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// One call.
    Nth(u64),
    /// This call and all after it.
    From(u64),
    /// The last of every so many calls; 0 is none.
    Every(u64),
}

/// What happens to a call that a rule meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    /// The call fails and nothing is applied.
    Error(ErrorKind),
    /// The call succeeds below, and its reply is lost: what changes the store fails with
    /// [`Outcome::Unknown`].
    LostReply(ErrorKind),
    /// The first so many operations of a batch land, the rest do not:
    /// [`ErrorKind::PartialCommit`]. Of several on one key only the last counts. Other calls go through.
    Torn(usize),
    /// A page ends after so many entries (one at least) and has a cursor. Other calls go through.
    ShortPage(usize),
    /// The call waits on the clock, then goes through.
    Delay(Duration),
}

/// A rule under which calls fail.
#[derive(Clone, Debug)]
pub struct FaultRule {
    operation: Operation,
    position: Position,
    injected: Injected,
    first_call: u64,
}

impl<S: Datastore> Fault<S> {
    /// Wraps a store; nothing fails yet.
    pub fn new(inner: S) -> Self {
        Self::with_clock(inner, Arc::new(SystemClock::new()))
    }

    /// As [`Fault::new`], with delays on `clock`.
    pub fn with_clock(inner: S, clock: Arc<dyn Clock>) -> Self {
        Self {
            inner,
            gate: Gate::default(),
            clock,
            rules: Mutex::default(),
            armed: AtomicBool::new(false),
            calls: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    /// The store below.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// Adds a rule; where several meet a call, the one that was added first is taken.
    pub fn inject(&self, operation: Operation, position: Position, injected: Injected) {
        let first_call = self.calls(operation);
        let mut rules = self.rules();
        rules.push(FaultRule { operation, position, injected, first_call });
        self.armed.store(true, Ordering::Release);
    }

    /// Removes all rules.
    pub fn heal(&self) {
        let mut rules = self.rules();
        rules.clear();
        self.armed.store(false, Ordering::Release);
    }

    /// How many calls of an operation there were, failed ones included.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.counter(operation).map_or(0, |counter| counter.load(Ordering::Acquire))
    }

    /// Counts a call; answers how many there were before.
    fn count(&self, operation: Operation) -> u64 {
        self.counter(operation).map_or(0, |counter| counter.fetch_add(1, Ordering::AcqRel))
    }

    fn counter(&self, operation: Operation) -> Option<&AtomicU64> {
        self.calls.get(operation as usize)
    }

    fn rules(&self) -> MutexGuard<'_, Vec<FaultRule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the call, waits or fails as the rules say, and tells what is left to be done with it.
    async fn enter(&self, operation: Operation) -> Result<Option<Injected>> {
        self.gate.check_open()?;
        let call = self.count(operation);
        if !self.armed.load(Ordering::Acquire) {
            return Ok(None);
        }
        let injected =
            self.rules().iter().find(|rule| rule.meets(operation, call)).map(|r| r.injected);
        match injected {
            Some(Injected::Error(kind)) => Err(failure(kind, operation, Outcome::NotApplied)),
            Some(Injected::Delay(duration)) => {
                self.clock.sleep(duration).await;
                Ok(None)
            }
            other => Ok(other),
        }
    }

    /// As [`enter`](Self::enter), for calls of which only the reply can be lost.
    async fn pass<T>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let injected = self.enter(operation).await?;
        let reply = call.await?;
        match injected {
            Some(Injected::LostReply(kind)) => Err(failure(kind, operation, Outcome::Unknown)),
            _ => Ok(reply),
        }
    }
}

impl FaultRule {
    fn meets(&self, operation: Operation, call: u64) -> bool {
        let nth = call.checked_sub(self.first_call);
        operation == self.operation
            && nth.is_some_and(|nth| match self.position {
                Position::Nth(position) => nth == position,
                Position::From(position) => nth >= position,
                Position::Every(period) => (nth + 1).checked_rem(period) == Some(0),
            })
    }
}

#[async_trait]
impl<S: Datastore> Datastore for Fault<S> {
    fn capabilities(&self) -> Capabilities {
        let below = self.inner.capabilities();
        let torn = self.rules().iter().any(|rule| matches!(rule.injected, Injected::Torn(_)));
        Capabilities { atomic_batches: below.atomic_batches && !torn, ..below }
    }

    // Where nothing is to be injected a read costs no future of its own.
    fn read<'s, 'k, 'f>(&'s self, key: &'k Key, want: Want) -> BoxFuture<'f, Result<Option<Found>>>
    where
        's: 'f,
        'k: 'f,
    {
        let read = self.inner.read(key, want);
        if self.armed.load(Ordering::Acquire) || self.gate.check_open().is_err() {
            return Box::pin(self.pass(Operation::Read, read));
        }
        self.count(Operation::Read);
        read
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        let injected = self.enter(Operation::QueryPage).await?;
        let mut page = self.inner.query_page(query).await?;
        match injected {
            Some(Injected::LostReply(kind)) => {
                Err(failure(kind, Operation::QueryPage, Outcome::Unknown))
            }
            Some(Injected::ShortPage(entries)) if page.entries.len() > entries.max(1) => {
                page.entries.truncate(entries.max(1));
                page.next = page.entries.last().map(|entry| entry.key().detached());
                Ok(page)
            }
            _ => Ok(page),
        }
    }

    async fn commit(&self, mut batch: Batch) -> Result<()> {
        match self.enter(Operation::Commit).await? {
            Some(Injected::LostReply(kind)) => {
                self.inner.commit(batch).await?;
                Err(failure(kind, Operation::Commit, Outcome::Unknown))
            }
            Some(Injected::Torn(landed)) => {
                batch.ops = last_on_each_key(batch.ops);
                let lost = batch.ops.split_off(landed.min(batch.ops.len()));
                let keys = |ops: &[Op]| ops.iter().map(|op| op.key().clone()).collect();
                let partial = Partial { landed: keys(&batch.ops), failed: keys(&lost) };
                self.inner.commit(batch).await?;
                if lost.is_empty() { Ok(()) } else { Err(Error::partial_commit(partial)) }
            }
            _ => self.inner.commit(batch).await,
        }
    }

    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        self.pass(Operation::Snapshot, self.inner.snapshot()).await
    }

    async fn sync(&self) -> Result<()> {
        self.pass(Operation::Sync, self.inner.sync()).await
    }

    async fn disk_usage(&self) -> Result<u64> {
        self.pass(Operation::DiskUsage, self.inner.disk_usage()).await
    }

    async fn compact(&self) -> Result<()> {
        self.pass(Operation::Compact, self.inner.compact()).await
    }

    async fn check(&self) -> Result<CheckReport> {
        self.pass(Operation::Check, self.inner.check()).await
    }

    async fn close(&self) -> Result<()> {
        if self.gate.check_open().is_err() {
            return Ok(());
        }
        let result = self.pass(Operation::Close, std::future::ready(Ok(()))).await;
        self.gate.close();
        result
    }
}

/// Of several operations on one key, the last; where it stood.
fn last_on_each_key(mut ops: Vec<Op>) -> Vec<Op> {
    let mut seen = HashSet::new();
    ops.reverse();
    ops.retain(|op| seen.insert(op.key().clone()));
    ops.reverse();
    ops
}

fn failure(kind: ErrorKind, operation: Operation, outcome: Outcome) -> Error {
    let error = Error::new(kind, format!("injected failure of {operation:?}"));
    if operation.changes_the_store() { error.with_outcome(outcome) } else { error }
}
