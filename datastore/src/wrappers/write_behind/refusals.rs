use std::collections::BTreeSet;

use crate::{Batch, Datastore, Error, ErrorKind, Key, Op, Partial, Result};

/// Commits a batch; where the store below is best-effort and refuses some of it for what it is (a key whose
/// name gets too long once it is encoded), all the rest.
///
/// Such an operation would hold up everything behind it for ever. What is refused is found by halving:
/// a store checks a batch before it writes any of it, so that the halves cost little.
pub(super) async fn commit_what_is_taken(below: &impl Datastore, batch: Batch) -> Result<()> {
    if below.capabilities().atomic_batches || batch.ops.len() < 2 {
        return below.commit(batch).await;
    }
    match below.commit(batch.clone()).await {
        Err(refused) if is_refusal(&refused) => Err(commit_in_parts(below, batch, refused).await),
        result => result,
    }
}

async fn commit_in_parts(below: &impl Datastore, batch: Batch, mut why: Error) -> Error {
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
        return why;
    }
    let failed = failed.into_iter().collect();
    Error::partial_commit(Partial { landed, failed }).with_source(why)
}

fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidKey | ErrorKind::InvalidInput)
}

fn halves(mut ops: Vec<Op>) -> Vec<Vec<Op>> {
    let second = ops.split_off(ops.len() / 2);
    vec![second, ops]
}
