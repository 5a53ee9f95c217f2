use std::sync::atomic::Ordering;

use datastore::Result;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::access::Core;
use crate::census::{Admission, Census, Kind, Landing, Refusal, Shift};

/// Takes a place for what some changes begin; if there is none, makes room first, or waits for who does.
pub(crate) async fn enter<'c>(
    core: &'c Core,
    mut shifts: Vec<Shift>,
    admission: Admission,
    changes: usize,
) -> Result<Landing<'c>> {
    let (census, limits) = (core.census(), &core.options().limits);
    let mut is_forced = admission == Admission::Always;
    let mut _waiting = None;
    loop {
        match census.enter(&mut shifts, limits, is_forced).await? {
            Ok(landing) => return Ok(landing.atomic(core.atomic())),
            Err(Refusal::Uncounted) => drop(census.counts(&**core.store(), core.session()).await?),
            Err(Refusal::Full(kind, more)) => {
                _waiting.get_or_insert_with(|| Waiting::new(census, changes));
                is_forced = !make_room(core, kind, more).await?;
            }
        }
    }
}

/// Takes watermarks away that are too many, after what leaves more of them than there is room for.
pub(crate) async fn trim(core: &Core) -> Result<()> {
    if !is_room(core, Kind::Watermarks, 0) {
        make_room(core, Kind::Watermarks, 0).await?;
    }
    Ok(())
}

/// Makes room for so many more in a book; says whether there is.
// Boxed: what takes peers away is a commit, too.
fn make_room(core: &Core, kind: Kind, more: u64) -> BoxFuture<'_, Result<bool>> {
    async move {
        let mut hands = core.hands().lock().await;
        let census = core.census();
        while !is_room(core, kind, more) {
            // Before it looks, so that no change ends unheard meanwhile.
            let ended = census.ended.notified();
            let ends = || census.ends.load(Ordering::SeqCst);
            let (ends_before, own_before) = (ends(), hands.changes);
            let begun_before = census.begun(kind);
            let is_landing = census.is_landing(kind);
            let is_busy = hands.free(core, kind, more).await? || is_landing;
            if !is_room(core, Kind::Watermarks, 0) {
                hands.free(core, Kind::Watermarks, 0).await?;
            }
            if is_room(core, kind, more) {
                break;
            }
            if census.begun(kind) != begun_before {
                // Somebody has taken the room that was made, perhaps where it was looked already.
                continue;
            }
            let others = ends().wrapping_sub(ends_before) > hands.changes - own_before;
            if others && is_busy {
                continue;
            }
            // One that has its place, and whose commit is under way, may still be counted among those that wait.
            let all_wait = census.all_wait() && !census.is_landing(kind);
            if !is_busy || all_wait {
                return Ok(false);
            }
            ended.await;
        }
        Ok(true)
    }
    .boxed()
}

/// Whether a tenth of a book, or less, is free.
pub(crate) fn is_nearly_full(core: &Core) -> bool {
    let limits = &core.options().limits;
    Kind::ALL.into_iter().any(|kind| over(core, kind, kind.limit(limits) / 10, 0) > 0)
}

/// Whether there is room for so many more in a book, as far as is known.
pub(super) fn is_room(core: &Core, kind: Kind, more: u64) -> bool {
    over(core, kind, more, 0) == 0
}

/// How many there are too many in a book for so many more, or for some percent of it to be free.
pub(super) fn over(core: &Core, kind: Kind, more: u64, percent: u64) -> u64 {
    let limit = kind.limit(&core.options().limits);
    let count = core.census().of(kind).filter(|_| limit > 0).unwrap_or_default();
    count.saturating_add(more.max(limit / 100 * percent)).saturating_sub(limit)
}

/// Changes that wait for room.
#[derive(Debug)]
struct Waiting<'c>(&'c Census, usize);

impl<'c> Waiting<'c> {
    fn new(census: &'c Census, changes: usize) -> Self {
        census.waiting.fetch_add(changes, Ordering::SeqCst);
        // Who makes room may wait for one of these to end.
        census.ended.notify_waiters();
        Self(census, changes)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(self.1, Ordering::SeqCst);
    }
}
