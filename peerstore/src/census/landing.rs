use async_lock::RwLockReadGuard;
use libp2p_identity::PeerId;

use super::counts::Held;
use super::ledger::Census;

/// What a change begins and ends of a peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shift {
    pub(crate) peer: PeerId,
    /// Of which kinds the change knows what there was.
    pub(crate) seen: Held,
    pub(crate) before: Held,
    pub(crate) after: Held,
    /// What is counted of the peer: what there was, and what was in doubt.
    pub(super) counted: Held,
}

/// Who gets a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// A change that waits until there is room for what it begins.
    WithRoom,
    /// One that makes room, or leaves less than there was.
    Always,
}

impl Shift {
    pub(crate) fn new(peer: PeerId, seen: Held, before: Held, after: Held) -> Self {
        Self { peer, seen, before, after, counted: before }
    }

    /// Whether it changes what is counted.
    pub(crate) fn is_any(&self) -> bool {
        self.before != self.after
    }

    pub(super) fn begun(&self) -> Held {
        self.after.without(self.counted)
    }

    fn ended(&self) -> Held {
        self.counted.without(self.after)
    }

    /// What is not there if it does not land.
    fn undone(&self) -> Held {
        self.begun().and(self.counted.without(self.before))
    }

    /// What is counted, and may not be there.
    pub(super) fn doubtful(&self) -> Held {
        self.undone().and(self.ended())
    }
}

/// A commit under way that has its place. Dropped without saying what became of it, what it begins and ends is in
/// doubt.
#[derive(Debug)]
pub(crate) struct Landing<'c> {
    census: &'c Census,
    /// Whether what it begins was counted.
    counted: bool,
    shifts: Vec<Shift>,
    is_atomic: bool,
    /// Last: nobody counts before it is settled.
    _gate: RwLockReadGuard<'c, ()>,
}

impl<'c> Landing<'c> {
    pub(super) fn new(
        census: &'c Census,
        gate: RwLockReadGuard<'c, ()>,
        counted: bool,
        shifts: Vec<Shift>,
    ) -> Self {
        Self { census, counted, shifts, is_atomic: false, _gate: gate }
    }

    /// Where batches are atomic, one that was given up lands at once, or never.
    pub(crate) fn atomic(mut self, is_atomic: bool) -> Self {
        self.is_atomic = is_atomic;
        self
    }

    /// It is stored.
    pub(crate) fn landed(mut self) {
        self.settle(Shift::ended);
    }

    /// It is not stored, and never will be.
    pub(crate) fn refused(mut self) {
        self.settle(Shift::undone);
    }

    fn settle(&mut self, gone: impl Fn(&Shift) -> Held) {
        let shifts = std::mem::take(&mut self.shifts);
        if !self.counted {
            return;
        }
        self.census.change(|ledger| {
            shifts.iter().for_each(|shift| ledger.landing.take(shift.begun()));
            if let Some(counts) = &mut ledger.counts {
                shifts.iter().for_each(|shift| counts.take(gone(shift)));
            }
        });
    }
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        if !self.shifts.is_empty() && self.counted {
            self.census.change(|ledger| {
                self.shifts.iter().for_each(|shift| ledger.landing.take(shift.begun()));
                ledger.doubt(&self.shifts, self.is_atomic);
            });
        }
    }
}
