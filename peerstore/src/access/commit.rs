use datastore::{Batch, Datastore, Op, Outcome, Result};

use super::caches::Caches;
use super::change::Change;
use super::core::Core;
use super::slot::Writes;
use crate::census::{Admission, Landing, Shift};
use crate::evict;

/// Commits changes of several peers as one batch, or in the order that a crash between its parts forgives
/// where batches are not atomic. `moves` are what a sweep does to the expiry index: its puts come before the rows,
/// its deletes after them.
pub(crate) async fn commit_all(
    core: &Core,
    changes: &mut [Change<'_>],
    moves: Vec<Op>,
    admission: Admission,
) -> Result<()> {
    let was_watched = core.events().are_watched();
    let mut events = Vec::new();
    for change in changes.iter_mut() {
        events.extend(change.events().await?);
        change.complete().await?;
    }
    let landing = enter(core, changes, admission).await?;
    // What is scheduled is not passed by a sweep before it is committed.
    let _writing = core.index().writing();
    let (puts, deletes) = moves.into_iter().partition(|op| matches!(op, Op::Put { .. }));
    let mut writes = Writes { expiries: puts, rows: Vec::new(), after: deletes };
    changes.iter_mut().for_each(|change| change.plan(&mut writes));
    let _announced: Vec<_> = changes.iter().filter_map(Change::announce).collect();
    // Until it is over, nobody knows what is stored: a commit whose future is dropped may still land.
    let mut doubt = Doubt { caches: core.caches(), changes, over: false };
    let Writes { expiries, rows, after } = writes;
    core.gc().note_written(rows.len());
    let parts: [Vec<Op>; 3] = [expiries, rows, after];
    let written = if core.atomic() {
        write(core, parts.into_iter().flatten().collect()).await
    } else {
        write_parts(core, parts).await
    };
    settle(core, landing, written)?;
    doubt.over = true;
    if !was_watched && core.events().are_watched() {
        // Who subscribed meanwhile may have read what was before.
        let missed = doubt.changes.iter().flat_map(|change| change.differences(false));
        events.extend(missed);
    }
    doubt.changes.iter_mut().for_each(Change::settle);
    // After the caches, so that who is told and looks sees it, and while the peers are still locked, so that
    // events of one peer come in the order of its changes.
    core.events().publish(events);
    Ok(())
}

/// Takes a place for what begins, if anything does that is counted.
async fn enter<'c>(
    core: &'c Core,
    changes: &[Change<'_>],
    admission: Admission,
) -> Result<Option<Landing<'c>>> {
    let doubts = core.census().has_doubts();
    let shifts = changes.iter().map(Change::shift).filter(|shift| doubts || shift.is_any());
    let shifts: Vec<Shift> = shifts.collect();
    if shifts.is_empty() {
        return Ok(None);
    }
    evict::enter(core, shifts, admission, changes.len()).await.map(Some)
}

/// Says what became of what was to begin.
fn settle(core: &Core, landing: Option<Landing<'_>>, written: Result<()>) -> Result<()> {
    let Some(landing) = landing else { return written };
    match &written {
        Ok(()) => landing.landed(),
        // Of several parts, those before may have landed.
        Err(error) if core.atomic() && error.outcome() == Some(Outcome::NotApplied) => {
            landing.refused();
        }
        Err(_) => drop(landing),
    }
    written
}

async fn write_parts(core: &Core, parts: [Vec<Op>; 3]) -> Result<()> {
    for part in parts {
        write(core, part).await?;
    }
    Ok(())
}

async fn write(core: &Core, ops: Vec<Op>) -> Result<()> {
    if ops.is_empty() {
        return Ok(());
    }
    core.store().commit(Batch { ops, ..Batch::new() }).await
}

/// Forgets the rows of a commit that failed or was given up.
struct Doubt<'d, 'c> {
    caches: &'d Caches,
    changes: &'d mut [Change<'c>],
    over: bool,
}

impl Drop for Doubt<'_, '_> {
    fn drop(&mut self) {
        if !self.over {
            self.changes.iter().for_each(|change| self.caches.forget(change.peer()));
        }
    }
}
