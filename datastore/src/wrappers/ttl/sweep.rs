use futures::{StreamExt, TryStreamExt, stream};

use super::core::Core;
use super::header;
use crate::{
    Batch, Condition, Conditions, Datastore, Due, ErrorKind, Expiry, ExpiryRound, Key, MANY_BYTES,
    MANY_OPS, MANY_READS, Op, Result, Version, Want,
};

/// What a [`sweep`](super::Ttl::sweep) did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SweepReport {
    /// Entries of the index that were looked at.
    pub looked: u64,
    /// Values that had expired and were removed.
    pub removed: u64,
    /// Entries of values that had been made to live longer; they come again then.
    pub moved: u64,
    /// Entries whose values are gone, never expire any more, or have another entry.
    pub dropped: u64,
    /// Entries that were left to the next sweep, because somebody was writing their keys.
    pub left: u64,
    /// Whether all that had expired was looked at; otherwise the budget was spent before.
    pub complete: bool,
}

/// What is to be done about an entry.
#[derive(Debug)]
enum Verdict {
    Remove(Option<Version>),
    Move(Expiry),
    Drop,
}

/// A page is settled in one batch of at most [`MANY_OPS`] operations.
const PAGE: usize = MANY_OPS / 2;

/// Entries that are gathered and put in the order of their keys, before they are settled page by page.
const GATHERED: usize = 20 * PAGE;

impl<S: Datastore> Core<S> {
    pub(super) async fn sweep(&self, budget: usize) -> Result<SweepReport> {
        let _alone = self.sweeping.lock().await;
        let mut report = SweepReport::default();
        let mut round = self.index.round(self.now());
        let mut left = budget;
        while left > 0 {
            self.gate.check_open()?;
            let mut due = self.gather(&mut round, left.min(GATHERED)).await?;
            if due.is_empty() {
                break;
            }
            left -= due.len();
            // Each is looked up, compared and removed: neighbours find what stores keep for several keys still at hand.
            due.sort_by(|one, other| one.key().cmp(other.key()));
            let mut due = due.into_iter();
            while !due.as_slice().is_empty() {
                self.gate.check_open()?;
                let page: Vec<Due> = due.by_ref().take(PAGE).collect();
                report.looked += page.len() as u64;
                self.settle(page, &mut round, &mut report).await?;
            }
        }
        report.complete = round.is_complete();
        self.index.passed(&self.below, round).await?;
        Ok(report)
    }

    /// What is due next, `most` at most, as far as it is not too much to hold.
    async fn gather(&self, round: &mut ExpiryRound, most: usize) -> Result<Vec<Due>> {
        let (mut gathered, mut bytes) = (Vec::new(), 0);
        while gathered.len() < most && bytes < MANY_BYTES {
            let due = round.due(&self.below, PAGE.min(most - gathered.len())).await?;
            if due.is_empty() {
                break;
            }
            bytes += due.iter().map(|due| due.key().as_bytes().len()).sum::<usize>();
            gathered.extend(due);
        }
        Ok(gathered)
    }

    /// Settles a page of what is due, alone at its keys: what a writer wrote before is seen, and
    /// what it writes next comes after.
    async fn settle(
        &self,
        due: Vec<Due>,
        round: &mut ExpiryRound,
        report: &mut SweepReport,
    ) -> Result<()> {
        let capabilities = self.below.capabilities();
        let compares = capabilities.conditions == Conditions::AnyBatch;
        let mut turn = self.turns.nowhere();
        let (due, others): (Vec<_>, Vec<_>) = due.into_iter().partition(|due| turn.add(due.key()));
        // An entry is enough for a key: what is done about the first makes the others superfluous.
        let is_ours = |other: &Due| due.iter().any(|due| due.key() == other.key());
        let (superfluous, busy): (Vec<_>, Vec<_>) = others.into_iter().partition(is_ours);
        report.left += busy.len() as u64;
        busy.iter().for_each(|due| round.leave(due));

        let judged = stream::iter(due).map(|due| async move {
            let verdict = self.judge(due.key(), compares).await?;
            Ok((due, verdict))
        });
        let mut judged: Vec<(Due, Verdict)> = judged.buffered(MANY_READS).try_collect().await?;
        judged.extend(superfluous.into_iter().map(|due| (due, Verdict::Drop)));
        if judged.is_empty() {
            return Ok(());
        }
        if capabilities.atomic_batches {
            // What somebody changed meanwhile who writes below, and not here, is taken out.
            while let Some(changed) = self.settle_at_once(&judged).await? {
                let known = changed.filter(|key| judged.iter().any(|(due, _)| due.key() == key));
                judged.retain(|(due, _)| {
                    let is_left = known.as_ref().is_none_or(|key| key == due.key());
                    if is_left {
                        report.left += 1;
                        round.leave(due);
                    }
                    !is_left
                });
            }
        } else {
            self.settle_in_order(&judged).await?;
        }
        for (_, verdict) in &judged {
            *match verdict {
                Verdict::Remove(_) => &mut report.removed,
                Verdict::Move(_) => &mut report.moved,
                Verdict::Drop => &mut report.dropped,
            } += 1;
        }
        Ok(())
    }

    async fn judge(&self, key: &Key, compares: bool) -> Result<Verdict> {
        let header = Want::Range { offset: 0, len: header::MOST as u64 };
        let want = if compares { Want::Value } else { header };
        let Some(found) = self.below.read(key, want).await? else { return Ok(Verdict::Drop) };
        Ok(match header::of_found(key, &found) {
            Ok((Expiry::NEVER, _)) => Verdict::Drop,
            Ok((expiry, _)) if !expiry.is_past(self.now()) => Verdict::Move(expiry),
            Ok(_) => Verdict::Remove(found.version().filter(|_| compares)),
            Err(error) => {
                tracing::warn!(%error, "a value that is due is not one of this layer, and is left");
                Verdict::Drop
            }
        })
    }

    /// Settles in one batch. Where something changed meanwhile, nothing is done and the key is answered, if
    /// it is known.
    async fn settle_at_once(&self, judged: &[(Due, Verdict)]) -> Result<Option<Option<Key>>> {
        let mut batch = Batch::new();
        for (due, verdict) in judged {
            match verdict {
                Verdict::Remove(version) => {
                    let unchanged = |version| Condition::Unchanged(due.key().clone(), version);
                    batch.conditions.extend(version.clone().map(unchanged));
                    batch.extend([Op::Delete { key: due.key().clone() }, due.settled()]);
                }
                Verdict::Move(expiry) => batch.extend(self.index.moved(due, *expiry)),
                Verdict::Drop => batch.extend([due.settled()]),
            }
        }
        match self.below.commit(batch).await {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(Some(error.key().cloned())),
            result => result.map(|()| None),
        }
    }

    /// Settles in two batches that may land in part: no value is without an entry at any moment.
    async fn settle_in_order(&self, judged: &[(Due, Verdict)]) -> Result<()> {
        let (mut first, mut then) = (Batch::new(), Batch::new());
        for (due, verdict) in judged {
            match verdict {
                Verdict::Remove(_) => first.extend([Op::Delete { key: due.key().clone() }]),
                Verdict::Move(expiry) => {
                    let moved = self.index.moved(due, *expiry);
                    first.extend(moved.into_iter().filter(|op| matches!(op, Op::Put { .. })));
                }
                Verdict::Drop => {}
            }
            then.extend([due.settled()]);
        }
        self.below.commit(first).await?;
        self.below.commit(then).await
    }
}
