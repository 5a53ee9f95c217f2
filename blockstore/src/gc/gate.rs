use std::sync::Arc;

use async_lock::{Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use datastore::{Batch, Datastore, Durability, Op, Result};

use super::hold::Holds;
use super::marks::Marks;
use super::state::{self, Phase};
use crate::store::Hash;

/// Where writers and the collector meet.
///
/// Writers share the turn while they write; the collector has it alone while it deletes a page, and while
/// it begins or ends a run.
#[derive(Debug)]
pub(crate) struct Gate {
    turn: RwLock<Turn>,
    pub(crate) holds: Holds,
    /// Held by the one call that collects.
    pub(super) collector: Mutex<()>,
    /// Held while the row of a pin is changed.
    pub(crate) pinning: Mutex<()>,
}

#[derive(Debug)]
pub(super) struct Turn {
    /// How many runs began here.
    begun: u64,
    /// The run whose marks writers write.
    pub(super) run: Option<Run>,
}

#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) marks: Marks,
    /// Holds before this one were there before writers marked.
    pub(super) horizon: u64,
}

/// What of runs is known at one time. Who saw the same before and after a look at blocks knows that no run
/// began, and none ended, in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Runs {
    begun: u64,
    /// Whether writers mark.
    pub(crate) marking: bool,
}

/// A write that no sweep gets in the way of while this lives.
pub(crate) struct Entered<'g> {
    turn: RwLockReadGuard<'g, Turn>,
    marks: Vec<Op>,
}

impl Gate {
    /// With the run that an earlier process left unfinished: writers go on to mark for it.
    pub(crate) async fn open(
        store: &Arc<dyn Datastore>,
        scratch: Option<&Arc<dyn Datastore>>,
    ) -> Result<Self> {
        let unfinished = state::recover(store, scratch).await?;
        let run = unfinished
            .filter(|(state, _)| state.phase != Phase::Clean)
            .map(|(_, marks)| Run { marks, horizon: 0 });
        Ok(Self {
            turn: RwLock::new(Turn { begun: 0, run }),
            holds: Holds::default(),
            collector: Mutex::new(()),
            pinning: Mutex::new(()),
        })
    }

    /// Lets a writer of these blocks in, to look which are there and to write.
    pub(crate) async fn enter<'h>(
        &self,
        hashes: impl Iterator<Item = &'h Hash>,
    ) -> Result<Entered<'_>> {
        let turn = self.turn.read().await;
        let Some(Run { marks, horizon: _ }) = &turn.run else {
            return Ok(Entered { turn, marks: Vec::new() });
        };
        let ops = hashes.map(|hash| marks.keep(hash)).collect::<Result<Vec<_>>>()?;
        if marks.external && !ops.is_empty() {
            // The blocks may survive a loss of power that their marks, in another store, would not.
            let durability = Durability::Synced;
            marks.store.commit(Batch { ops, durability, ..Batch::new() }).await?;
            return Ok(Entered { turn, marks: Vec::new() });
        }
        Ok(Entered { turn, marks: ops })
    }

    /// Which runs there were, and whether one is on.
    pub(crate) async fn runs(&self) -> Runs {
        self.turn.read().await.runs()
    }

    pub(super) async fn run(&self) -> Option<Run> {
        self.turn.read().await.run.clone()
    }

    /// As [`alone`](Self::alone), for those who only want to be.
    pub(crate) async fn without_writers(&self) -> impl Sized + '_ {
        self.alone().await
    }

    /// Keeps writers out, once those that are in have left.
    pub(super) async fn alone(&self) -> RwLockWriteGuard<'_, Turn> {
        self.turn.write().await
    }
}

impl Turn {
    /// From here on writers mark for a new run.
    pub(super) fn begin(&mut self, run: Run) {
        self.begun += 1;
        self.run = Some(run);
    }

    fn runs(&self) -> Runs {
        Runs { begun: self.begun, marking: self.run.is_some() }
    }
}

impl Entered<'_> {
    /// What the writer must commit with its blocks.
    pub(crate) fn marks(&self) -> Vec<Op> {
        self.marks.clone()
    }

    /// Which runs there were, and whether one is on.
    pub(crate) fn runs(&self) -> Runs {
        self.turn.runs()
    }
}
