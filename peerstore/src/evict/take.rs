use datastore::{ErrorKind, Result};

use super::page::Candidate;
use super::worth::Worth;
use crate::access::{Change, Core, commit_all};
use crate::census::{Admission, Kind};

/// What became of peers that were to go.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    /// One was passed over, since it was being changed.
    pub(super) is_busy: bool,
    /// So many changes there were for it.
    pub(super) changes: usize,
}

/// Takes the first so many peers away that are worth no more than they were, in one commit.
pub(super) async fn take_away(
    core: &Core,
    kind: Kind,
    chosen: &[Candidate],
    wanted: usize,
) -> Result<Taken> {
    let mut taken = Taken::default();
    let mut changes = Vec::with_capacity(chosen.len().min(wanted));
    for Candidate { worth, peer } in chosen {
        if changes.len() == wanted {
            break;
        }
        let Some(mut change) = core.try_change(peer) else {
            taken.is_busy = true;
            continue;
        };
        taken.changes += 1;
        match goes(core, kind, *worth, &mut change).await {
            Ok(true) => changes.push(change),
            Ok(false) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Incompatible | ErrorKind::Corrupt) => {
                tracing::warn!(%peer, %error, "a peer that cannot be read is not taken away");
            }
            Err(error) => return Err(error),
        }
    }
    commit_all(core, &mut changes, Vec::new(), Admission::Always).await?;
    core.gc().note_evicted(kind, changes.len() as u64);
    Ok(taken)
}

/// Whether it is to go, now that nobody else changes it; then all of it goes with the change.
async fn goes(core: &Core, kind: Kind, worth: Worth, change: &mut Change<'_>) -> Result<bool> {
    if kind == Kind::Watermarks {
        return change.take_watermark_away().await;
    }
    let now = Worth::of(core, change).await?;
    if now.stays || now > worth {
        return Ok(false);
    }
    change.take_away(true).await?;
    Ok(true)
}

/// Finds out what there is of peers of which a commit has failed or was given up. Says how many changes there were
/// for it.
pub(super) async fn settle_doubts(core: &Core) -> Result<usize> {
    let mut changes = 0;
    for peer in core.census().doubtful() {
        let Some(mut change) = core.try_change(&peer) else { continue };
        changes += 1;
        match change.look().await {
            Ok(()) => commit_all(core, &mut [change], Vec::new(), Admission::Always).await?,
            Err(error) => tracing::warn!(%peer, %error, "what there is of a peer is not known"),
        }
    }
    Ok(changes)
}
