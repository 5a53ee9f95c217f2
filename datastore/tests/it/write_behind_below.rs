//! What stands below a write-behind in its tests: a store that notes its commits, waits where it is told to,
//! refuses keys and panics; and a write-behind over it whose clock stands still.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use datastore::{
    Batch, Capabilities, CheckReport, Clock, Condition, Conditions, Datastore, Error, ErrorKind,
    Fault, Found, Key, MemoryDatastore, Op, Outcome, Page, Query, Result, Survives, SystemClock,
    TestClock, Version, Want, WriteBehind, WriteBehindOptions,
};
use futures::FutureExt;
use futures::task::noop_waker;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// Where a call waits until the test goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Pause {
    BeforeCommit,
    BeforePage,
    AfterPage,
    BeforeRead,
}

#[derive(Debug, Default)]
pub(crate) struct Below {
    pub(crate) store: MemoryDatastore,
    /// What the pauses wait on.
    clock: TestClock,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    /// The commits that arrived, in their order.
    pub(crate) commits: Vec<Batch>,
    pub(crate) pauses: Vec<Pause>,
    pub(crate) refused: BTreeSet<Key>,
    pub(crate) panics: bool,
    /// Whether it declares that commits survive something.
    pub(crate) durable: bool,
    /// Whether batches may land in part, and conditions stand on one key.
    pub(crate) best_effort: bool,
    /// Whether versions are tags: the number of the commit that wrote the value.
    pub(crate) tags: bool,
    written_by: BTreeMap<Key, usize>,
}

impl Below {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn commits(&self) -> Vec<Batch> {
        self.state().commits.clone()
    }

    pub(crate) fn pause(&self, pause: Pause) {
        self.state().pauses.push(pause);
    }

    /// Waits until so many calls wait.
    pub(crate) fn wait_for_paused(&self, calls: usize) {
        wait_until(|| self.clock.sleepers() == calls);
    }

    /// Ends all pauses.
    pub(crate) fn go_on(&self) {
        self.state().pauses.clear();
        self.go_on_once();
    }

    /// Ends the pauses that there are; calls to come wait as before.
    pub(crate) fn go_on_once(&self) {
        self.clock.advance(HOUR);
    }

    async fn reach(&self, pause: Pause) {
        let paused = self.state().pauses.contains(&pause);
        if paused {
            self.clock.sleep(HOUR).await;
        }
    }
}

impl State {
    fn tag(&self, key: &Key) -> Option<Version> {
        self.written_by.get(key).map(|commit| Version::of_tag(commit.to_string()))
    }

    fn check(&self, batch: &Batch) -> Result<()> {
        if batch.ops.iter().any(|op| self.refused.contains(op.key())) {
            let error = Error::new(ErrorKind::InvalidKey, "refused");
            return Err(error.with_outcome(Outcome::NotApplied));
        }
        let failed = batch.conditions.iter().find(|condition| match condition {
            Condition::Absent(key) => self.tags && self.tag(key).is_some(),
            Condition::Unchanged(key, version) => {
                self.tags && self.tag(key).as_ref() != Some(version)
            }
        });
        failed.map_or(Ok(()), |condition| Err(Error::conflict(condition.key())))
    }
}

#[async_trait]
impl Datastore for Below {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.store.capabilities();
        if self.state().best_effort {
            capabilities.atomic_batches = false;
            capabilities.consistent_pages = false;
            capabilities.conditions = Conditions::SingleKey;
        }
        if self.state().durable {
            capabilities.buffered = Survives::Process;
            capabilities.synced = Survives::Power;
        }
        capabilities.max_key_len = 100;
        capabilities.max_value_len = 1_000;
        capabilities
    }

    async fn read(&self, key: &Key, want: Want) -> Result<Option<Found>> {
        self.reach(Pause::BeforeRead).await;
        // Value and tag of one moment.
        let state = self.state();
        let found = self.store.read(key, want).now_or_never().unwrap()?;
        Ok(match state.tag(key).filter(|_| state.tags) {
            Some(tag) => found.map(|found| found.with_version(tag)),
            None => found,
        })
    }

    async fn query_page(&self, query: &Query) -> Result<Page> {
        self.reach(Pause::BeforePage).await;
        let page = self.store.query_page(query).await;
        self.reach(Pause::AfterPage).await;
        page
    }

    async fn commit(&self, mut batch: Batch) -> Result<()> {
        self.reach(Pause::BeforeCommit).await;
        let panics = self.state().panics;
        assert!(!panics, "the store below panics on purpose");
        let mut state = self.state();
        state.check(&batch)?;
        state.commits.push(batch.clone());
        let commit = state.commits.len();
        for op in &batch.ops {
            match op {
                Op::Put { key, .. } => drop(state.written_by.insert(key.clone(), commit)),
                Op::Delete { key } => drop(state.written_by.remove(key)),
            }
        }
        if state.tags {
            batch.conditions.clear();
        }
        self.store.commit(batch).now_or_never().unwrap()
    }

    async fn snapshot(&self) -> Result<Arc<dyn Datastore>> {
        self.store.snapshot().await
    }

    async fn sync(&self) -> Result<()> {
        self.store.sync().await
    }

    async fn disk_usage(&self) -> Result<u64> {
        Ok(self.commits().len() as u64)
    }

    async fn compact(&self) -> Result<()> {
        self.store.compact().await
    }

    async fn check(&self) -> Result<CheckReport> {
        self.store.check().await
    }

    async fn close(&self) -> Result<()> {
        self.store.close().await
    }
}

/// A write-behind, the store below it, and its clock.
pub(crate) struct Setup {
    pub(crate) store: Arc<WriteBehind<Arc<Fault<Below>>>>,
    pub(crate) fault: Arc<Fault<Below>>,
    pub(crate) clock: TestClock,
}

/// What flushes only when it is asked to, and holds all that a test writes.
pub(crate) fn patient() -> WriteBehindOptions {
    WriteBehindOptions { flush_age: Duration::MAX, max_wait: Duration::MAX, ..Default::default() }
}

impl Setup {
    pub(crate) fn new(options: WriteBehindOptions) -> Self {
        let clock = TestClock::new();
        let fault = Arc::new(Fault::new(Below::default()));
        let shared_clock = Arc::new(clock.clone());
        let store = Arc::new(WriteBehind::with_clock(Arc::clone(&fault), options, shared_clock));
        Self { store, fault, clock }
    }

    pub(crate) fn below(&self) -> &Below {
        self.fault.inner()
    }
}

/// Waits for what another thread does.
pub(crate) fn wait_until(done: impl Fn() -> bool) {
    let clock = SystemClock::new();
    while !done() {
        assert!(clock.elapsed() < Duration::from_secs(60), "what a test waits for does not happen");
        std::thread::yield_now();
    }
}

/// Polls a future once.
pub(crate) fn poll_once<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(&noop_waker()))
}
