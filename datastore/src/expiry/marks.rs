//! How far sweeps have come, and from where on writers may put entries.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::Expiry;

/// The marks of an index, in milliseconds since 1970.
///
/// The watermark says where a walk begins: there is no entry before it, and none comes. Why none comes: a
/// writer takes a hold, asks for a place, and commits while it has the hold. A place is never before the
/// floor of its moment, and floors only rise, so that it is not before the floor at which the hold was taken.
/// A walk raises the floor to its own end, then notes its reach, which is the floor of the oldest hold, or
/// the new floor if there is none; and only then looks. What it does not see, because it was committed
/// behind its back, came from a hold that was there when the reach was noted or was taken since, and so
/// lies at the reach or after it. Below the reach the walk saw everything: the watermark may go there.
///
/// A clock that was set back takes everything back, the floors of holds included, since from then on their
/// writers get earlier places. That is always right for a watermark, once the one that is stored was taken
/// back: to begin earlier is to look at more.
#[derive(Debug)]
pub(super) struct Marks {
    /// No new entry before this. It is set under the lock, and read without it: who took a hold before sees the
    /// floor of its hold, or a later one.
    floor: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// No entry at all before this.
    watermark: u64,
    /// What the watermark in the store is, at most.
    stored: u64,
    /// The floor of each writer's beginning, oldest writer first, so that floors ascend.
    holds: BTreeMap<u64, u64>,
    next_hold: u64,
}

/// The bounds of a walk.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) from: u64,
    /// Not included.
    pub(super) until: u64,
    /// How far the watermark may go if nothing is left.
    pub(super) reach: u64,
    /// Whether the clock is behind the walks before.
    pub(super) set_back: bool,
}

impl Marks {
    pub(super) fn new(watermark: u64) -> Self {
        let (stored, holds) = (watermark, BTreeMap::new());
        let state = Mutex::new(State { watermark, stored, holds, next_hold: 0 });
        Self { floor: AtomicU64::new(watermark), state }
    }

    /// Takes a hold; what it answers is to be let go of.
    pub(super) fn hold(&self) -> u64 {
        let mut state = self.state();
        let hold = state.next_hold;
        state.next_hold += 1;
        state.holds.insert(hold, self.floor());
        hold
    }

    pub(super) fn let_go(&self, hold: u64) {
        self.state().holds.remove(&hold);
    }

    pub(super) fn floor(&self) -> u64 {
        self.floor.load(Ordering::Acquire)
    }

    /// Begins a walk of all that is past `now`.
    pub(super) fn span(&self, now: Expiry) -> Span {
        let state = self.state();
        let until = now.as_millis().saturating_add(1);
        let floor = self.floor.fetch_max(until, Ordering::AcqRel);
        let reach = state.holds.values().next().copied().unwrap_or(floor.max(until));
        Span { from: state.watermark, until, reach, set_back: until < floor }
    }

    /// Moves the watermark on. Answers what is to be stored, if it is to be stored.
    pub(super) fn advance(&self, to: u64, store: bool) -> Option<u64> {
        let mut state = self.state();
        state.watermark = state.watermark.max(to);
        if !store || state.stored >= to {
            return None;
        }
        state.stored = to;
        Some(to)
    }

    /// What is to be stored before the marks can be taken [`back`](Self::back) to `to`.
    pub(super) fn to_store_before_back(&self, to: u64) -> Option<u64> {
        (self.state().stored > to).then_some(to)
    }

    /// Takes the marks back, once the watermark in the store is not after `to`.
    pub(super) fn back(&self, to: u64) {
        let mut state = self.state();
        self.floor.fetch_min(to, Ordering::AcqRel);
        state.watermark = state.watermark.min(to);
        state.stored = state.stored.min(to);
        for floor in state.holds.values_mut() {
            *floor = to.min(*floor);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
