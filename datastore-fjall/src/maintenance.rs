//! The thread that decides when the engine writes its memory to disk.
//!
//! Left to itself the engine does so whenever a write finds the memtable full, by messages on a bounded
//! queue that its own workers also block on: on few cores they end up waiting for each other, for good,
//! while memory grows. So its own trigger is off, and this thread alone rotates memtables: one at a
//! time, only while few wait to be flushed. Nothing that it calls is called by a worker.

use std::any::Any;
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
            memtable: None,
            former: Vec::new(),
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
    /// The memtable of the last round.
    memtable: Option<Memtable>,
    /// Earlier ones, until nobody else has them. The engine would free them under the lock that all who read and write
    /// pass, which takes it tens of milliseconds.
    former: Vec<Memtable>,
    /// The disk takes the journal, and then the memtable is rotated.
    write_back: Option<oneshot::Receiver<()>>,
    pressure: bool,
    rounds_unflushed: u32,
}

/// One of the engine's, which does not name their type.
struct Memtable {
    id: u64,
    held: Arc<dyn Any + Send + Sync>,
}

/// What the engine has in memory and on its first level.
struct Load {
    written: u64,
    rewrites: u64,
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
                self.free_memtables();
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
                // A compaction may let go of a memtable while nothing is written.
                let most = (!self.former.is_empty()).then_some(IDLE);
                self.traffic.sleep_after(load.written, most);
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
        let due = self.rotation_is_due(load);
        // Under pressure writers wait anyway.
        let rotates = due && (self.journal_is_written_back() || self.pressure);
        if rotates {
            self.rotate()?;
        }
        if rotates || !due {
            self.write_back = None;
        }
        Ok(())
    }

    /// Whether the disk took the journal as it was when this was first asked. Writers go on meanwhile; a sync would
    /// keep them waiting.
    fn journal_is_written_back(&mut self) -> bool {
        let write_back = self.write_back.get_or_insert_with(|| self.group.write_back());
        // Given up, too: the sync that follows says why.
        !matches!(write_back.try_recv(), Ok(None))
    }

    fn load(&mut self) -> Load {
        let tree = &self.engine.data.tree;
        let active = tree.active_memtable();
        if self.memtable.as_ref().is_none_or(|known| known.id != active.id()) {
            // Rotated here, or by one who had everything flushed.
            self.traffic.rewrites.restart();
            let memtable = Memtable { id: active.id(), held: Arc::clone(&active) as _ };
            self.former.extend(self.memtable.replace(memtable));
        }
        Load {
            written: self.traffic.written(),
            rewrites: self.traffic.rewrites.count(),
            active_bytes: active.size(),
            sealed: tree.sealed_memtable_count(),
            runs: tree.l0_run_count(),
        }
    }

    /// Frees the memtables that nobody reads any more, on a thread: that takes longer than a round.
    fn free_memtables(&mut self) {
        let is_free = |memtable: &mut Memtable| Arc::strong_count(&memtable.held) == 1;
        let free: Vec<_> = self.former.extract_if(.., is_free).collect();
        if !free.is_empty() {
            // Without a thread they are freed here.
            let _ = bridge::spawn("free", move || drop(free));
        }
    }

    fn rotation_is_due(&self, load: &Load) -> bool {
        if load.sealed >= MAX_SEALED || load.runs >= RUNS_HIGH {
            return false;
        }
        load.active_bytes >= self.limits.memtable_bytes
            || load.rewrites >= MAX_REWRITES
            || (load.active_bytes > 0
                && load.sealed == 0
                && self.engine.database.journal_count() > self.limits.journals)
    }

    fn rotate(&self) -> fjall::Result<()> {
        {
            // The flush begins with an fsync of the journal, which writers would block on: this one leaves it
            // little to do, as the write-back left little to this one.
            let _hold = self.traffic.hold();
            self.engine.sync()?;
        }
        self.engine.data.rotate_memtable()?;
        Ok(())
    }

    fn set_pressure(&mut self, load: &Load) {
        let runs = if self.pressure { RUNS_LOW } else { RUNS_HIGH };
        let pressure = load.active_bytes >= self.limits.memtable_bytes.saturating_mul(2)
            || load.rewrites >= 2 * MAX_REWRITES
            || load.sealed > MAX_SEALED
            || load.runs >= runs;
        if pressure != self.pressure {
            tracing::debug!(pressure, load.active_bytes, load.sealed, load.runs, "write pressure");
            self.pressure = pressure;
            self.traffic.set_pressure(pressure);
        }
    }
}

/// A memtable is rotated at this many versions of keys that it holds already, whatever their size: readers walk them.
const MAX_REWRITES: u64 = 1 << 16;

/// Memtables that wait to be flushed; the engine makes writers sleep at one more.
const MAX_SEALED: usize = 3;

/// Runs on the first level: the engine slows writers down at 20 and halts them at 30.
const RUNS_HIGH: usize = 18;
const RUNS_LOW: usize = 12;

/// How often a busy store is looked at.
const ROUND: Duration = Duration::from_millis(1);

/// How often a store at rest is looked at while the engine holds memory that was written.
const IDLE: Duration = Duration::from_secs(1);

const ROUNDS_UNTIL_PROBE: u32 = 128;

#[cfg(test)]
mod tests {
    use datastore::{Op, key};
    use tempfile::TempDir;

    use super::*;
    use crate::FjallOptions;

    const LIMIT: u64 = 1 << 20;

    /// Of a store with nobody at the journal but the test.
    fn rounds(directory: &TempDir) -> Rounds {
        Rounds {
            engine: Engine::open(directory.path(), &FjallOptions::new()).unwrap(),
            limits: Limits { memtable_bytes: LIMIT, journals: 4 },
            traffic: Arc::default(),
            group: Arc::default(),
            health: Arc::new(Health::new("nowhere".as_ref())),
            stop: Arc::default(),
            memtable: None,
            former: Vec::new(),
            write_back: None,
            pressure: false,
            rounds_unflushed: 0,
        }
    }

    /// Writes a value; answers whether a round finds the memtable due.
    fn due_after(rounds: &mut Rounds, value: &'static [u8]) -> bool {
        let ops = vec![Op::Put { key: key!("/a"), value: value.into() }];
        rounds.traffic.rewrites.note(&ops);
        rounds.engine.write(ops).unwrap();
        let load = rounds.load();
        rounds.rotation_is_due(&load)
    }

    fn rotated_and_pressed(rounds: &mut Rounds) -> (bool, bool) {
        let memtable = rounds.engine.data.tree.active_memtable().id();
        let load = rounds.load();
        rounds.round(&load).unwrap();
        (rounds.engine.data.tree.active_memtable().id() != memtable, rounds.pressure)
    }

    #[test]
    fn a_memtable_is_rotated_once_the_disk_took_the_journal() {
        let directory = tempfile::tempdir().unwrap();
        let mut rounds = rounds(&directory);
        assert!(due_after(&mut rounds, &[7; LIMIT as usize]));
        assert_eq!(rotated_and_pressed(&mut rounds), (false, false));
        assert_eq!(rotated_and_pressed(&mut rounds), (false, false));
        rounds.group.end_one_write_back();
        assert_eq!(rotated_and_pressed(&mut rounds), (true, false));
    }

    #[test]
    fn a_memtable_that_the_engine_lets_go_of_is_freed_by_none_of_its_calls() {
        let directory = tempfile::tempdir().unwrap();
        let mut rounds = rounds(&directory);
        let next = |rounds: &mut Rounds| {
            due_after(rounds, b"1");
            let memtable = Arc::downgrade(&rounds.engine.data.tree.active_memtable());
            rounds.engine.flush().unwrap();
            memtable
        };
        let first = next(&mut rounds);
        rounds.load();
        rounds.free_memtables();
        // Kept by the engine until it makes another.
        let second = next(&mut rounds);
        assert_eq!(first.strong_count(), 1);
        assert!(second.strong_count() > 1);
        rounds.free_memtables();
        for _ in 0..10_000 {
            if first.strong_count() == 0 {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(first.strong_count(), 0);
    }

    #[test]
    fn under_pressure_a_memtable_is_rotated_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let mut rounds = rounds(&directory);
        assert!(due_after(&mut rounds, &[7; 2 * LIMIT as usize]));
        assert_eq!(rotated_and_pressed(&mut rounds), (true, true));
    }

    #[test]
    fn a_write_back_is_forgotten_when_another_had_the_memtable_flushed() {
        let directory = tempfile::tempdir().unwrap();
        let mut rounds = rounds(&directory);
        assert!(due_after(&mut rounds, &[7; LIMIT as usize]));
        assert_eq!(rotated_and_pressed(&mut rounds), (false, false));
        assert!(rounds.write_back.is_some());
        rounds.engine.flush().unwrap();
        assert_eq!(rotated_and_pressed(&mut rounds), (false, false));
        assert!(rounds.write_back.is_none());
    }

    #[test]
    fn a_memtable_is_due_at_so_many_rewrites_since_it_was_new() {
        let directory = tempfile::tempdir().unwrap();
        let mut rounds = rounds(&directory);
        rounds.limits.memtable_bytes = u64::MAX;
        rounds.load();
        // The first write of the key is none.
        for _ in 0..MAX_REWRITES {
            assert!(!due_after(&mut rounds, b"1"));
        }
        assert!(due_after(&mut rounds, b"1"));
        rounds.engine.flush().unwrap();
        assert!(!due_after(&mut rounds, b"1"));
        assert!(rounds.traffic.rewrites.count() < 2);
    }
}
