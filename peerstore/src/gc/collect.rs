use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use datastore::{Due, ErrorKind, Expiry, ExpirySweeper, Op, Result};
use libp2p_identity::PeerId;

use crate::access::{Change, Core, Stored, commit_all};
use crate::address::AddressRow;
use crate::census::Admission;
use crate::evict;
use crate::layout::{self, Book};
use crate::options::GcStrategy;
use crate::tags::TagRow;

/// Collects as the strategy says, on a thread of its own, until the peerstore is closed or gone; `None` if nothing is
/// to be collected but on call.
pub(crate) fn start(core: &Arc<Core>) -> Result<Option<ExpirySweeper>> {
    let (weak, clock) = (Arc::downgrade(core), Arc::clone(core.clock()));
    let gc = &core.options().gc;
    let strategy = gc.strategy;
    // Nodes that were started together do not collect together.
    let pauses = match strategy {
        GcStrategy::Interval => {
            let interval = gc.interval.max(LEAST_INTERVAL);
            (interval, interval / 10)
        }
        GcStrategy::Pressure => (LEAST_INTERVAL, Duration::ZERO),
        GcStrategy::Manual => return Ok(None),
    };
    let sweeper = ExpirySweeper::start("peerstore-gc", clock, pauses, move || {
        let core = weak.upgrade();
        async move {
            match core {
                Some(core) if strategy != GcStrategy::Pressure || is_pressed(&core) => {
                    collect(&core).await.map(drop)
                }
                _ => Ok(()),
            }
        }
    })?;
    Ok(Some(sweeper))
}

/// Whether so much has been written since the last collection, or anything at all while a book is nearly full.
fn is_pressed(core: &Core) -> bool {
    let written = core.gc().written();
    written >= core.options().gc.pressure.max(1) || written > 0 && evict::is_nearly_full(core)
}

/// What a collection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct GcReport {
    /// Entries of the expiry index that were due.
    pub due: u64,
    /// Rows of which a part was taken away.
    pub trimmed: u64,
    /// Rows that were removed.
    pub removed: u64,
    /// Rows that were looked at too early, since their lifetime had grown.
    pub postponed: u64,
    /// Rows that could not be read: a later release wrote them, or the datastore found them damaged. They are looked
    /// at again after an hour.
    pub skipped: u64,
}

/// A shorter one would leave a thread no rest.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);

/// When a row that cannot be read is looked at again.
const AGAIN_MILLIS: u64 = 3_600_000;

/// Takes away what has expired by now, a page at a time. Each page is one commit under the locks of its peers: what
/// is added meanwhile waits, and is kept.
pub(crate) async fn collect(core: &Core) -> Result<GcReport> {
    core.check_open()?;
    let _one_at_a_time = core.collecting().lock().await;
    core.gc().begin();
    let (mut report, now, page) = (GcReport::default(), core.now(), core.options().gc.page.max(1));
    let mut round = core.index().round(now);
    while !round.is_complete() {
        let due = round.due(core.store(), page).await?;
        sweep(core, &due, &mut report).await?;
    }
    core.index().passed(core.store(), round).await?;
    core.gc().note_collected(&report);
    Ok(report)
}

async fn sweep(core: &Core, due: &[Due], report: &mut GcReport) -> Result<()> {
    let mut peers: BTreeMap<PeerId, Vec<(Book, &Due)>> = BTreeMap::new();
    let mut moves = Vec::new();
    for due in due {
        match layout::place(due.key()) {
            Some((book, peer)) => peers.entry(peer).or_default().push((book, due)),
            None => moves.push(due.settled()),
        }
    }
    let (mut changes, mut busy) = (Vec::with_capacity(peers.len()), Vec::new());
    for (peer, rows) in peers {
        match core.try_change(&peer) {
            Some(mut change) => {
                look(core, &mut change, &rows, &mut moves, report).await?;
                changes.push(change);
            }
            None => busy.push((peer, rows)),
        }
    }
    commit_all(core, &mut changes, moves, Admission::Always).await?;
    drop(changes);
    // One by one: who waits for a peer holds no other, for which somebody may wait who has that one.
    for (peer, rows) in busy {
        let (mut change, mut moves) = (core.change_once(&peer).await?, Vec::new());
        look(core, &mut change, &rows, &mut moves, report).await?;
        commit_all(core, &mut [change], moves, Admission::Always).await?;
    }
    evict::trim(core).await
}

/// Takes away what has expired of the rows of one peer that are due.
async fn look(
    core: &Core,
    change: &mut Change<'_>,
    rows: &[(Book, &Due)],
    moves: &mut Vec<Op>,
    report: &mut GcReport,
) -> Result<()> {
    for (book, due) in rows {
        report.due += 1;
        let expired = match book {
            Book::Addresses => expire::<AddressRow>(core, change, report).await,
            Book::Tags => expire::<TagRow>(core, change, report).await,
            // Nothing in the other books expires.
            _ => Ok(Expiry::NEVER),
        };
        moves.extend(settle(core, due, expired, report)?);
    }
    Ok(())
}

/// Takes the expired part of a row away, and says when the next part of it expires.
async fn expire<R: Stored + Expires>(
    core: &Core,
    change: &mut Change<'_>,
    report: &mut GcReport,
) -> Result<Expiry> {
    let row = change.row::<R>().await?;
    let before = row.expiry();
    row.expire(core.now());
    let (empty, expiry) = (row.is_empty(), row.expiry());
    match before.is_past(core.now()) {
        true if empty => report.removed += 1,
        true => report.trimmed += 1,
        false => report.postponed += 1,
    }
    Ok(if empty { Expiry::NEVER } else { expiry })
}

fn settle(core: &Core, due: &Due, next: Result<Expiry>, report: &mut GcReport) -> Result<Vec<Op>> {
    match next {
        Ok(Expiry::NEVER) => Ok(vec![due.settled()]),
        Ok(expiry) => Ok(core.index().moved(due, expiry)),
        Err(error) if matches!(error.kind(), ErrorKind::Incompatible | ErrorKind::Corrupt) => {
            tracing::warn!(key = %due.key(), %error, "a row that may have expired cannot be read");
            report.skipped += 1;
            let now = Expiry::at(core.now()).as_millis();
            Ok(core.index().moved(due, Expiry::from_millis(now.saturating_add(AGAIN_MILLIS))))
        }
        Err(error) => Err(error),
    }
}

/// A row with parts that expire.
pub(crate) trait Expires {
    fn expire(&mut self, now: std::time::SystemTime);
}

impl Expires for AddressRow {
    fn expire(&mut self, now: std::time::SystemTime) {
        Self::expire(self, now);
    }
}

impl Expires for TagRow {
    fn expire(&mut self, now: std::time::SystemTime) {
        Self::expire(self, now);
    }
}
