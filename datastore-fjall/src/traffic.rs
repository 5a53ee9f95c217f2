//! When writers have to wait, and how: as futures, rather than inside the engine, which would make the
//! executor sleep.

use std::future::poll_fn;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

use parking_lot::Mutex;

use crate::rewrites::Rewrites;

/// The way from writers to the engine, which maintenance, syncs and large batches close for a while.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// [`PRESSURE`], and [`HOLD`] for each hold; 0 lets writers pass.
    closed: AtomicUsize,
    waiting: Mutex<Waiting>,
    written: AtomicU64,
    pub(crate) rewrites: Rewrites,
    maintenance: OnceLock<Thread>,
    maintenance_sleeps: AtomicBool,
}

#[derive(Debug, Default)]
struct Waiting {
    openings: u64,
    writers: Vec<Waker>,
}

/// Keeps writers waiting while it lives, for as long as something holds what they would block on.
#[derive(Debug)]
pub(crate) struct Hold<'t>(&'t Traffic);

impl Traffic {
    /// Waits until a writer may pass.
    ///
    /// Pressure is waited out whatever it takes: it is what bounds memory. Holds are a courtesy to the
    /// executor, and one that follows the other is not waited for without end.
    pub(crate) async fn pass(&self) {
        let mut holds = 0;
        loop {
            match self.closed.load(Ordering::Acquire) {
                0 => return,
                closed if closed & PRESSURE == 0 => {
                    if holds == HOLDS_WAITED {
                        return;
                    }
                    holds += 1;
                }
                _ => {}
            }
            self.opening().await;
        }
    }

    /// Counts operations that were applied, and wakes maintenance to look after them.
    pub(crate) fn wrote(&self, ops: usize) {
        // In this order and `maintain_later` in the other: one of the two sees what the other did.
        self.written.fetch_add(ops as u64, Ordering::SeqCst);
        if self.maintenance_sleeps.load(Ordering::SeqCst) {
            self.wake_maintenance();
        }
    }

    /// Operations applied so far.
    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    /// Closes the way until the hold is dropped.
    pub(crate) fn hold(&self) -> Hold<'_> {
        self.closed.fetch_add(HOLD, Ordering::AcqRel);
        Hold(self)
    }

    /// Closes or opens the way because of what the engine has still to write.
    pub(crate) fn set_pressure(&self, pressure: bool) {
        if pressure {
            self.closed.fetch_or(PRESSURE, Ordering::AcqRel);
        } else if self.closed.fetch_and(!PRESSURE, Ordering::AcqRel) & PRESSURE != 0 {
            self.opened();
        }
    }

    /// Makes the current thread the one that writers wake.
    pub(crate) fn attend(&self) {
        let _ = self.maintenance.set(thread::current());
    }

    /// Sleeps, on the thread that attends, until somebody writes after `written`; `most` at most.
    pub(crate) fn sleep_after(&self, written: u64, most: Option<Duration>) {
        self.maintenance_sleeps.store(true, Ordering::SeqCst);
        if self.written() == written {
            most.map_or_else(thread::park, thread::park_timeout);
        }
        self.maintenance_sleeps.store(false, Ordering::SeqCst);
    }

    pub(crate) fn wake_maintenance(&self) {
        if let Some(thread) = self.maintenance.get() {
            thread.unpark();
        }
    }

    /// Waits for the next time that something opens the way; not at all if it is open.
    async fn opening(&self) {
        let mut seen = None;
        poll_fn(|context| {
            let mut waiting = self.waiting.lock();
            let open = self.closed.load(Ordering::Acquire) == 0;
            if open || *seen.get_or_insert(waiting.openings) != waiting.openings {
                return Poll::Ready(());
            }
            waiting.writers.push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn opened(&self) {
        let writers = {
            let mut waiting = self.waiting.lock();
            waiting.openings += 1;
            std::mem::take(&mut waiting.writers)
        };
        writers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        self.0.closed.fetch_sub(HOLD, Ordering::AcqRel);
        self.0.opened();
    }
}

const PRESSURE: usize = 1;
const HOLD: usize = 2;
const HOLDS_WAITED: u32 = 2;
