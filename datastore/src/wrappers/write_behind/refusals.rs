use std::collections::BTreeSet;

use crate::{Batch, Datastore, Error, ErrorKind, Key, Op, Partial, Result};

/// Why a batch, or a part of it, was not committed.
pub(super) struct Failed {
    pub(super) error: Error,
    /// Whether all that did not land was refused for what it is: everything else did.
    pub(super) only_refused: bool,
}

/// Commits a batch; where the store below is best-effort and refuses some of it for what it is (a key whose
/// name gets too long once it is encoded), all the rest.
///
/// Such an operation would hold up everything behind it for ever. What is refused is found by halving:
/// a store checks a batch before it writes any of it, so that the halves cost little.
pub(super) async fn commit_what_is_taken(
    below: &impl Datastore,
    batch: Batch,
) -> Result<(), Failed> {
    let whole = below.capabilities().atomic_batches || batch.ops.len() < 2;
    let ops = if whole { Vec::new() } else { batch.ops.clone() };
    let durability = batch.durability;
    let Err(error) = below.commit(batch).await else { return Ok(()) };
    let only_refused = is_refusal(&error);
    if whole || !only_refused {
        return Err(Failed { error, only_refused });
    }
    Err(commit_in_parts(below, Batch { ops, durability, ..Batch::new() }, error).await)
}

async fn commit_in_parts(below: &impl Datastore, batch: Batch, mut why: Error) -> Failed {
    let mut only_refused = true;
    let mut failed: BTreeSet<Key> = batch.ops.iter().map(|op| op.key().clone()).collect();
    let mut landed = Vec::new();
    let mut parts = halves(batch.ops);
    while let Some(ops) = parts.pop() {
        let part = Batch { ops: ops.clone(), conditions: Vec::new(), durability: batch.durability };
        let written: Vec<Key> = match below.commit(part).await {
            Ok(()) => ops.iter().map(|op| op.key().clone()).collect(),
            Err(error) => {
                if !is_refusal(&error) {
                    // It cannot write now, whatever it is given.
                    parts.clear();
                    only_refused = false;
                } else if ops.len() > 1 {
                    parts.extend(halves(ops));
                }
                why = error;
                let partial = why.partial().cloned().unwrap_or_default();
                partial.landed.into_iter().filter(|key| !partial.failed.contains(key)).collect()
            }
        };
        for key in written {
            failed.remove(&key);
            landed.push(key);
        }
    }
    if landed.is_empty() {
        return Failed { error: why, only_refused };
    }
    let failed = failed.into_iter().collect();
    let error = Error::partial_commit(Partial { landed, failed }).with_source(why);
    Failed { error, only_refused }
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidKey | ErrorKind::InvalidInput)
}

fn halves(mut ops: Vec<Op>) -> Vec<Vec<Op>> {
    let second = ops.split_off(ops.len() / 2);
    vec![second, ops]
}
