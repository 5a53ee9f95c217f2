use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_lock::{RwLock, RwLockReadGuard};
use datastore::{Datastore, Error, Result};
use libp2p_identity::PeerId;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::count::count;
use super::counts::{Held, Kind, PeerCounts};
use super::landing::{Landing, Shift};
use crate::limits::Limits;
use crate::session::Session;

/// How many peers each book has, and the right to add to it.
///
/// A commit that begins or ends something counts what it begins before it lands, and takes what it ends off
/// afterwards: what is counted is never less than what is stored.
#[derive(Debug)]
pub(crate) struct Census {
    ledger: Mutex<Ledger>,
    /// Held shared by each commit that begins or ends something; alone by who counts, or closes.
    gate: RwLock<()>,
    /// Changes that wait for room, with the locks of their peers.
    pub(crate) waiting: AtomicUsize,
    /// Changes that there are.
    pub(crate) open: AtomicUsize,
    /// Changes that have ended.
    pub(crate) ends: AtomicUsize,
    /// A change has ended, while others wait.
    pub(crate) ended: Notify,
}

#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// `None` until somebody has counted.
    pub(super) counts: Option<PeerCounts>,
    /// What is counted of peers, and may not be there: a commit has failed, or was given up.
    pub(super) doubts: HashMap<PeerId, Held>,
    /// What commits under way begin: it is counted, and not to be seen yet.
    pub(super) landing: PeerCounts,
    /// What commits ever began.
    begun: PeerCounts,
    /// Whether the sums may differ from what is stored in a way that nothing finds out.
    is_vague: bool,
    is_closed: bool,
}

/// What keeps a commit from landing.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Nobody knows how many there are.
    Uncounted,
    /// There is no room for so many more.
    Full(Kind, u64),
}

/// More peers in doubt than this, and all are counted again.
const MOST_DOUBTS: usize = 4096;

impl Census {
    pub(crate) fn new(counts: Option<PeerCounts>) -> Self {
        let ledger = Ledger { counts, ..Ledger::default() };
        Self {
            ledger: Mutex::new(ledger),
            gate: RwLock::new(()),
            waiting: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            ends: AtomicUsize::new(0),
            ended: Notify::new(),
        }
    }

    /// How many there are of a kind, if that is known.
    pub(crate) fn of(&self, kind: Kind) -> Option<u64> {
        self.ledger.lock().counts.map(|counts| counts.of(kind))
    }

    /// How many there are of each kind, counted first if need be.
    pub(crate) async fn counts(
        &self,
        store: &dyn Datastore,
        session: &Session,
    ) -> Result<PeerCounts> {
        let _alone = self.gate.write().await;
        if let Some(counts) = self.ledger.lock().counts {
            return Ok(counts);
        }
        let counts = count(store, session).await?;
        self.ledger.lock().counts = Some(counts);
        Ok(counts)
    }

    /// Takes a place for what a commit begins. `forced` ones get it whether there is room or not. The shifts go with
    /// it.
    pub(crate) async fn enter(
        &self,
        shifts: &mut Vec<Shift>,
        limits: &Limits,
        forced: bool,
    ) -> Result<std::result::Result<Landing<'_>, Refusal>> {
        let gate = self.gate.read().await;
        let mut ledger = self.ledger.lock();
        if ledger.is_closed {
            return Err(Error::closed());
        }
        let entered = ledger.enter(shifts, limits, forced);
        Ok(entered.map(|counted| Landing::new(self, gate, counted, std::mem::take(shifts))))
    }

    /// Whether the peers of some changes may be in doubt.
    pub(crate) fn has_doubts(&self) -> bool {
        !self.ledger.lock().doubts.is_empty()
    }

    /// Whether a commit under way begins a row of a kind.
    pub(crate) fn is_landing(&self, kind: Kind) -> bool {
        self.ledger.lock().landing.of(kind) > 0
    }

    /// How many rows of a kind commits ever began.
    pub(crate) fn begun(&self, kind: Kind) -> u64 {
        self.ledger.lock().begun.of(kind)
    }

    /// The peers that are in doubt.
    pub(crate) fn doubtful(&self) -> Vec<PeerId> {
        self.ledger.lock().doubts.keys().copied().collect()
    }

    /// Keeps others from counting while a row is taken out of its book.
    pub(crate) async fn moving(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().await
    }

    /// A row that could not be read is not in its book any more.
    pub(crate) fn lost(&self, kind: Kind) {
        let mut held = Held::default();
        held.insert(kind);
        let mut ledger = self.ledger.lock();
        // What was counted, before it was damaged, may have been a watermark.
        ledger.is_vague |= kind == Kind::Addresses;
        if let Some(counts) = &mut ledger.counts {
            counts.take(held);
        }
    }

    /// From now on nothing lands that begins or ends anything. Says what there is, if that is known for sure.
    pub(crate) async fn close(&self) -> Option<PeerCounts> {
        let _alone = self.gate.write().await;
        let mut ledger = self.ledger.lock();
        ledger.is_closed = true;
        let is_sure = !ledger.is_vague && ledger.doubts.is_empty();
        ledger.counts.filter(|_| is_sure)
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Ledger) -> T) -> T {
        change(&mut self.ledger.lock())
    }

    /// Whether all changes that there are wait for room: none of them will end before there is.
    pub(crate) fn all_wait(&self) -> bool {
        self.open.load(Ordering::SeqCst) <= self.waiting.load(Ordering::SeqCst)
    }
}

impl Ledger {
    /// Says whether it is counted: if nobody knows how many there are, nothing is.
    fn enter(
        &mut self,
        shifts: &mut [Shift],
        limits: &Limits,
        forced: bool,
    ) -> std::result::Result<bool, Refusal> {
        for shift in &mut *shifts {
            let doubt = self.doubts.get(&shift.peer).copied().unwrap_or_default();
            shift.counted = shift.before.and(doubt.within(shift.seen));
        }
        let Some(counts) = self.counts else {
            let begins = shifts.iter().any(|shift| !shift.begun().is_empty());
            if begins && limits.count_peers() && !forced {
                return Err(Refusal::Uncounted);
            }
            return Ok(false);
        };
        let mut after = counts;
        for shift in &*shifts {
            after.add(shift.begun());
        }
        for kind in Kind::ALL.into_iter().filter(|_| !forced) {
            let (limit, more) = (kind.limit(limits), after.of(kind) - counts.of(kind));
            if limit > 0 && more > 0 && after.of(kind) > limit {
                return Err(Refusal::Full(kind, more));
            }
        }
        for shift in &*shifts {
            self.doubts_but(&shift.peer, shift.seen);
            self.landing.add(shift.begun());
            self.begun.add(shift.begun());
        }
        self.counts = Some(after);
        Ok(true)
    }

    /// Of what was seen of a peer, nothing is in doubt.
    fn doubts_but(&mut self, peer: &PeerId, seen: Held) {
        if let Some(doubt) = self.doubts.get_mut(peer) {
            *doubt = doubt.without(seen);
            if doubt.is_empty() {
                self.doubts.remove(peer);
            }
        }
    }

    /// It is not known whether a commit has landed.
    pub(super) fn doubt(&mut self, shifts: &[Shift], is_atomic: bool) {
        // Where batches are not atomic, one that was given up may land after somebody has looked.
        self.is_vague |= !is_atomic;
        for shift in shifts {
            let doubt = self.doubts.entry(shift.peer).or_default();
            *doubt = doubt.and(shift.doubtful());
        }
        self.doubts.retain(|_, doubt| !doubt.is_empty());
        if self.doubts.len() > MOST_DOUBTS {
            self.doubts.clear();
            self.counts = None;
        }
    }
}
