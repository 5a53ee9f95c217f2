//! The thread that decides when the engine writes its memory to disk.
//!
//! Left to itself the engine does so whenever a write finds the memtable full, by messages on a bounded
//! queue that its own workers also block on: on few cores they end up waiting for each other, for good,
//! while memory grows. So its own trigger is off, and this thread alone rotates memtables: one at a
//! time, only while few wait to be flushed. Nothing that it calls is called by a worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use datastore::Result;
use fjall::{AbstractTree, PersistMode};
use futures::channel::oneshot;

use crate::bridge;
use crate::engine::Engine;
use crate::errors;
use crate::group_sync::GroupSync;
use crate::health::Health;
use crate::traffic::Traffic;

/// The running thread.
#[derive(Debug)]
pub(crate) struct Maintenance {
    stop: Arc<AtomicBool>,
    traffic: Arc<Traffic>,
    thread: JoinHandle<()>,
}

/// When to rotate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) memtable_bytes: u64,
    pub(crate) journals: usize,
}

impl Maintenance {
    pub(crate) fn start(
        engine: Engine,
        limits: Limits,
        traffic: &Arc<Traffic>,
        group: &Arc<GroupSync>,
        health: &Arc<Health>,
    ) -> Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut rounds = Rounds {
            engine,
            limits,
            traffic: Arc::clone(traffic),
            group: Arc::clone(group),
            health: Arc::clone(health),
            stop: Arc::clone(&stop),
            rotated_at: 0,
            write_back: None,
            pressure: false,
            rounds_unflushed: 0,
        };
        let thread = bridge::spawn("maintenance", move || rounds.run())?;
        Ok(Self { stop, traffic: Arc::clone(traffic), thread })
    }

    /// Ends the thread. Writers under pressure go on.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.traffic.wake_maintenance();
        self.thread.thread().unpark();
        let _ = self.thread.join();
    }
}

struct Rounds {
    engine: Engine,
    limits: Limits,
    traffic: Arc<Traffic>,
    group: Arc<GroupSync>,
    health: Arc<Health>,
    stop: Arc<AtomicBool>,
    /// How much was written when the memtable was new.
    rotated_at: u64,
    /// The disk takes the journal, and then the memtable is rotated.
    write_back: Option<oneshot::Receiver<()>>,
    pressure: bool,
    rounds_unflushed: u32,
}

/// What the engine has in memory and on its first level.
struct Load {
    written: u64,
    active_bytes: u64,
    sealed: usize,
    runs: usize,
}

impl Rounds {
    fn run(&mut self) {
        self.traffic.attend();
        let mut before = 0;
        while !self.stop.load(Ordering::Acquire) {
            // A panic of the engine ends this as an error of its does; no writer is left waiting.
            let round = errors::guarded(|| {
                let load = self.load();
                self.round(&load).map_err(|error| self.health.write_failed(error))?;
                Ok(load)
            });
            let load = match round {
                Ok(load) => load,
                Err(error) => {
                    tracing::error!(%error, "maintenance ends");
                    break;
                }
            };
            let waits = self.pressure || self.write_back.is_some();
            let busy = load.written != before || load.sealed > 0 || waits;
            before = load.written;
            if busy {
                thread::park_timeout(ROUND);
            } else {
                self.traffic.sleep_after(load.written);
            }
        }
        self.traffic.set_pressure(false);
    }

    fn round(&mut self, load: &Load) -> fjall::Result<()> {
        self.set_pressure(load);
        self.rounds_unflushed = if load.sealed > 0 { self.rounds_unflushed + 1 } else { 0 };
        if self.rounds_unflushed >= ROUNDS_UNTIL_PROBE {
            // A worker that failed says so nowhere but here.
            self.rounds_unflushed = 0;
            self.engine.database.persist(PersistMode::Buffer)?;
        }
        // Under pressure writers wait anyway.
        if self.rotation_is_due(load) && (self.journal_is_written_back() || self.pressure) {
            self.write_back = None;
            self.rotate(load)?;
        }
        Ok(())
    }

    /// Whether the disk took the journal as it was when this was first asked. Writers go on meanwhile; a sync would keep
    /// them waiting.
    fn journal_is_written_back(&mut self) -> bool {
        let write_back = self.write_back.get_or_insert_with(|| self.group.write_back());
        // Given up, too: the sync that follows says why.
        !matches!(write_back.try_recv(), Ok(None))
    }

    fn load(&self) -> Load {
        let tree = &self.engine.data.tree;
        Load {
            written: self.traffic.written(),
            active_bytes: tree.active_memtable().size(),
            sealed: tree.sealed_memtable_count(),
            runs: tree.l0_run_count(),
        }
    }

    fn rotation_is_due(&self, load: &Load) -> bool {
        if load.sealed >= MAX_SEALED || load.runs >= RUNS_HIGH {
            return false;
        }
        let ops = load.written - self.rotated_at;
        load.active_bytes >= self.limits.memtable_bytes
            || ops >= MAX_OPS
            || (ops > 0
                && load.sealed == 0
                && self.engine.database.journal_count() > self.limits.journals)
    }

    fn rotate(&mut self, load: &Load) -> fjall::Result<()> {
        {
            // The flush begins with an fsync of the journal, which writers would block on: this one leaves it
            // little to do, as the write-back left little to this one.
            let _hold = self.traffic.hold();
            self.engine.sync()?;
        }
        self.rotated_at = load.written;
        self.engine.data.rotate_memtable()?;
        Ok(())
    }

    fn set_pressure(&mut self, load: &Load) {
        let ops = load.written - self.rotated_at;
        let runs = if self.pressure { RUNS_LOW } else { RUNS_HIGH };
        let pressure = load.active_bytes >= self.limits.memtable_bytes.saturating_mul(2)
            || ops >= 2 * MAX_OPS
            || load.sealed > MAX_SEALED
            || load.runs >= runs;
        if pressure != self.pressure {
            tracing::debug!(pressure, load.active_bytes, load.sealed, load.runs, "write pressure");
            self.pressure = pressure;
            self.traffic.set_pressure(pressure);
        }
    }
}

/// A memtable is rotated at this many operations, whatever their size: of a record that is rewritten over
/// and over it keeps every version, and readers of it walk them all.
const MAX_OPS: u64 = 1 << 16;

/// Memtables that wait to be flushed; the engine makes writers sleep at one more.
const MAX_SEALED: usize = 3;

/// Runs on the first level: the engine slows writers down at 20 and halts them at 30.
const RUNS_HIGH: usize = 18;
const RUNS_LOW: usize = 12;

/// How often a busy store is looked at.
const ROUND: Duration = Duration::from_millis(1);

const ROUNDS_UNTIL_PROBE: u32 = 128;

#[cfg(test)]
mod tests {
    use datastore::{Op, key};

    use super::*;
    use crate::FjallOptions;

    const LIMIT: u64 = 1 << 20;

    /// Of a store in which one operation was written, with nobody at the journal but the test.
    fn rounds(engine: Engine) -> Rounds {
        let op = Op::Put { key: key!("/a"), value: "1".into() };
        engine.write(vec![op]).unwrap();
        let traffic = Arc::<Traffic>::default();
        traffic.wrote(1);
        Rounds {
            engine,
            limits: Limits { memtable_bytes: LIMIT, journals: 4 },
            traffic,
            group: Arc::default(),
            health: Arc::new(Health::new("nowhere".as_ref())),
            stop: Arc::default(),
            rotated_at: 0,
            write_back: None,
            pressure: false,
            rounds_unflushed: 0,
        }
    }

    fn load(active_bytes: u64) -> Load {
        Load { written: 1, active_bytes, sealed: 0, runs: 0 }
    }

    fn rotated_and_pressed(rounds: &mut Rounds, active_bytes: u64) -> (bool, bool) {
        rounds.round(&load(active_bytes)).unwrap();
        (rounds.rotated_at > 0, rounds.pressure)
    }

    #[test]
    fn a_memtable_is_rotated_once_the_disk_took_the_journal() {
        let directory = tempfile::tempdir().unwrap();
        let mut rounds = rounds(Engine::open(directory.path(), &FjallOptions::new()).unwrap());
        assert_eq!(rotated_and_pressed(&mut rounds, LIMIT), (false, false));
        assert_eq!(rotated_and_pressed(&mut rounds, LIMIT), (false, false));
        rounds.group.end_one_write_back();
        assert_eq!(rotated_and_pressed(&mut rounds, LIMIT), (true, false));
    }

    #[test]
    fn under_pressure_a_memtable_is_rotated_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut rounds = rounds(Engine::open(directory.path(), &FjallOptions::new()).unwrap());
        assert_eq!(rotated_and_pressed(&mut rounds, 2 * LIMIT), (true, true));
    }
}
