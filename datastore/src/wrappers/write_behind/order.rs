use super::refusals::{Failed, commit_what_is_taken};
use crate::{Batch, Datastore, Error, Key, Op, Partial, Result};

/// Writes a flush below: as one commit where it lands whole, or where nothing is said of an order; otherwise so that
/// no record is there without its entry in an index, wherever the flush ends.
///
/// Entries are put before records are written, and deleted after that. Among the records deletes come last, so that
/// what moves from one key to another is at one of them all the time. A stage begins once the one before has landed;
/// what the store below refuses for what it is holds up nothing but, of an index, the records.
pub(super) async fn write_in_order(
    below: &impl Datastore,
    batch: Batch,
    indexes: &[Key],
) -> Result<()> {
    if indexes.is_empty() || below.capabilities().atomic_batches {
        return commit_what_is_taken(below, batch).await.map_err(|failed| failed.error);
    }
    let durability = batch.durability;
    let (mut partial, mut why) = (Partial::default(), None);
    let mut held_up = false;
    for (number, ops) in stages(batch.ops, indexes).into_iter().enumerate() {
        let keys: Vec<Key> = ops.iter().map(|op| op.key().clone()).collect();
        if held_up {
            partial.failed.extend(keys);
            continue;
        }
        if ops.is_empty() {
            continue;
        }
        let stage = Batch { ops, durability, ..Batch::new() };
        let Err(Failed { error, only_refused }) = commit_what_is_taken(below, stage).await else {
            partial.landed.extend(keys);
            continue;
        };
        held_up = !only_refused || number == ENTRIES;
        match error.partial() {
            Some(part) => {
                partial.landed.extend_from_slice(&part.landed);
                partial.failed.extend_from_slice(&part.failed);
            }
            None => partial.failed.extend(keys),
        }
        why = Some(error);
    }
    match why {
        None => Ok(()),
        Some(why) if partial.landed.is_empty() => Err(why),
        Some(why) => Err(Error::partial_commit(partial).with_source(why)),
    }
}

/// The stage of what is put into indexes.
const ENTRIES: usize = 0;

fn stages(ops: Vec<Op>, indexes: &[Key]) -> [Vec<Op>; 4] {
    let mut stages: [Vec<Op>; 4] = Default::default();
    let [entries, puts, deletes, settled] = &mut stages;
    for op in ops {
        let indexed = indexes.iter().any(|index| index.is_ancestor_of(op.key()));
        let stage = match (&op, indexed) {
            (Op::Put { .. }, true) => &mut *entries,
            (Op::Put { .. }, false) => &mut *puts,
            (Op::Delete { .. }, false) => &mut *deletes,
            (Op::Delete { .. }, true) => &mut *settled,
        };
        stage.push(op);
    }
    stages
}
