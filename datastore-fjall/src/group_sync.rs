//! One fsync for all who wait for one; and the disk kept busy during large writes, which leaves that fsync little.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use datastore::{Error, Outcome, Result};
use futures::channel::oneshot;
use parking_lot::{Condvar, Mutex};

use crate::bridge;
use crate::engine::Engine;
use crate::health::Health;
use crate::traffic::Traffic;

/// Those who wait for an fsync, and the thread that does it.
#[derive(Debug, Default)]
pub(crate) struct GroupSync {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Commits on their way here, worth a moment's waiting.
    arriving: AtomicUsize,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<oneshot::Sender<()>>,
    /// Those who are told when the disk has taken what was written.
    asking: Vec<oneshot::Sender<()>>,
    /// Bytes of large commits since the disk was last asked to take them.
    unwritten: usize,
    stopped: bool,
}

/// What the thread is to do next.
enum Work {
    /// To make durable what is applied by now, and tell these.
    Sync(Vec<oneshot::Sender<()>>),
    /// To have the disk take what was written, which nobody needs to be durable yet, and tell these.
    WriteBack(Vec<oneshot::Sender<()>>),
}

/// A commit on its way to an fsync.
#[derive(Debug)]
pub(crate) struct Arrival<'g>(&'g GroupSync);

impl GroupSync {
    /// Starts the thread, which ends after [`stop`](Self::stop).
    pub(crate) fn start(
        self: &Arc<Self>,
        engine: Engine,
        traffic: Arc<Traffic>,
        health: Arc<Health>,
    ) -> Result<JoinHandle<()>> {
        let group = Arc::clone(self);
        bridge::spawn("sync", move || group.run(&engine, &traffic, &health))
    }

    /// Announces a commit that will ask for an fsync once it is applied.
    pub(crate) fn announce(&self) -> Arrival<'_> {
        self.arriving.fetch_add(1, Ordering::AcqRel);
        Arrival(self)
    }

    /// Waits until a commit that was applied, and announced with `arrival`, is durable. Whatever keeps it from
    /// that, the commit may be found later.
    pub(crate) async fn commit_synced(
        &self,
        arrival: Option<Arrival<'_>>,
        health: &Health,
    ) -> Result<()> {
        let synced = self.synced(arrival, health).await;
        synced.map_err(|error| error.with_outcome(Outcome::Unknown))
    }

    /// Waits until all that was applied before is durable.
    pub(crate) async fn synced(&self, arrival: Option<Arrival<'_>>, health: &Health) -> Result<()> {
        health.check()?;
        let (sender, receiver) = oneshot::channel();
        {
            let mut queue = self.queue.lock();
            if queue.stopped {
                return Err(Error::closed());
            }
            queue.waiting.push(sender);
            // With the lock, so that the thread wakes once: not for this commit first, and then for the last.
            let all_here = arrival.is_some_and(Arrival::ends);
            if all_here || queue.waiting.len() == 1 {
                self.changed.notify_all();
            }
        }
        receiver.await.map_err(|_| health.unknown("the sync failed"))
    }

    /// Counts the bytes of a large commit that nobody waits for: when they are many, the disk takes them while the next
    /// ones are made.
    pub(crate) fn wrote(&self, bytes: usize) {
        let mut queue = self.queue.lock();
        queue.unwritten = queue.unwritten.saturating_add(bytes);
        if queue.unwritten >= MUCH {
            self.changed.notify_all();
        }
    }

    /// Has the disk take what was written before, without anybody waiting at the journal. The receiver is told when
    /// that is over; it promises nothing.
    pub(crate) fn write_back(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.queue.lock().asking.push(sender);
        self.changed.notify_all();
        receiver
    }

    /// Lets the thread end once it has answered all who wait.
    pub(crate) fn stop(&self) {
        self.queue.lock().stopped = true;
        self.changed.notify_all();
    }

    fn run(&self, engine: &Engine, traffic: &Traffic, health: &Health) {
        while let Some(work) = self.gather() {
            // Dropping the senders tells those who wait. Another sync could succeed after one that failed, without
            // what the disk lost.
            if health.check().is_err() {
                continue;
            }
            let done = match work {
                Work::WriteBack(_) => engine.write_back(),
                Work::Sync(_) => {
                    // Writers would block on the journal until the disk answers.
                    let _hold = traffic.hold();
                    engine.sync()
                }
            };
            match (done, work) {
                (Ok(()), Work::WriteBack(told) | Work::Sync(told)) => {
                    told.into_iter().for_each(|waiter| {
                        let _ = waiter.send(());
                    });
                }
                (Err(error), work) => {
                    // In this order: they are told why.
                    health.fail(error);
                    drop(work);
                }
            }
        }
    }

    /// Who waits goes first, once the commits of all of them are applied; `None` once nobody does and nobody will.
    fn gather(&self) -> Option<Work> {
        let mut queue = self.queue.lock();
        self.changed.wait_while(&mut queue, |queue| {
            let asked = !queue.asking.is_empty() || queue.unwritten >= MUCH;
            queue.waiting.is_empty() && !asked && !queue.stopped
        });
        if queue.waiting.is_empty() && !queue.stopped {
            queue.unwritten = 0;
            return Some(Work::WriteBack(std::mem::take(&mut queue.asking)));
        }
        let on_the_way = |_: &mut Queue| self.arriving.load(Ordering::Acquire) > 0;
        self.changed.wait_while_for(&mut queue, on_the_way, GATHER);
        queue.unwritten = 0;
        let mut waiting = std::mem::take(&mut queue.waiting);
        if waiting.is_empty() && queue.stopped {
            return None;
        }
        waiting.append(&mut queue.asking);
        Some(Work::Sync(waiting))
    }

    /// Ends what the thread would do next.
    #[cfg(test)]
    pub(crate) fn end_one_write_back(&self) {
        drop(self.gather());
    }

    fn notify(&self) {
        // With the lock: the thread is not between its look and its sleep.
        let _queue = self.queue.lock();
        self.changed.notify_all();
    }
}

impl Arrival<'_> {
    /// Ends it without waking the thread, and answers whether it was the last.
    fn ends(self) -> bool {
        let last = self.count_down();
        std::mem::forget(self);
        last
    }

    fn count_down(&self) -> bool {
        self.0.arriving.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

impl Drop for Arrival<'_> {
    fn drop(&mut self) {
        // Dropped on the way: the commit failed, or nobody waits for it any more.
        if self.count_down() {
            self.0.notify();
        }
    }
}

/// A disk takes them in about the time of a few fsyncs.
const MUCH: usize = 8 << 20;

/// How long the first of a group waits for the others; about what an fsync takes.
const GATHER: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use std::path::Path;

    use datastore::ErrorKind;
    use futures::executor::block_on;

    use super::*;

    /// How an applied commit ends that cannot be synced.
    fn end_of_a_commit(group: &GroupSync, health: &Health) -> (ErrorKind, Option<Outcome>) {
        let error = block_on(group.commit_synced(Some(group.announce()), health)).err();
        error.map(|error| (error.kind(), error.outcome())).unwrap_or((ErrorKind::Internal, None))
    }

    #[test]
    fn much_is_written_back_unless_somebody_waits_for_a_sync_of_it() {
        let group = GroupSync::default();
        group.wrote(MUCH - 1);
        group.wrote(1);
        assert!(matches!(group.gather(), Some(Work::WriteBack(told)) if told.is_empty()));
        group.wrote(MUCH);
        let (sender, _receiver) = oneshot::channel();
        group.queue.lock().waiting.push(sender);
        assert!(matches!(group.gather(), Some(Work::Sync(waiting)) if waiting.len() == 1));
        // Neither of them left anything, and a store that is closed syncs all of it at once.
        assert_eq!(group.queue.lock().unwritten, 0);
        group.wrote(MUCH);
        group.stop();
        assert!(group.gather().is_none());
    }

    #[test]
    fn who_asks_for_a_write_back_is_told_of_it_or_of_a_sync() {
        let group = GroupSync::default();
        let _asked = group.write_back();
        assert!(matches!(group.gather(), Some(Work::WriteBack(told)) if told.len() == 1));
        let _asked = group.write_back();
        let (sender, _receiver) = oneshot::channel();
        group.queue.lock().waiting.push(sender);
        assert!(matches!(group.gather(), Some(Work::Sync(told)) if told.len() == 2));
    }

    #[test]
    fn a_commit_applied_before_another_failed_may_be_found_later() {
        let (group, health) = (GroupSync::default(), Health::new(Path::new("nowhere")));
        health.fail(std::io::Error::from(std::io::ErrorKind::StorageFull).into());
        assert_eq!(end_of_a_commit(&group, &health), (ErrorKind::Closed, Some(Outcome::Unknown)));
        // Asking for nothing but a sync changes nothing.
        let error = block_on(group.synced(None, &health)).err();
        assert_eq!(error.and_then(|error| error.outcome()), Some(Outcome::NotApplied));
    }

    #[test]
    fn a_commit_applied_before_the_store_was_closed_may_be_found_later() {
        let (group, health) = (GroupSync::default(), Health::new(Path::new("nowhere")));
        group.stop();
        assert_eq!(end_of_a_commit(&group, &health), (ErrorKind::Closed, Some(Outcome::Unknown)));
    }
}
