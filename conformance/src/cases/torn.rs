//! Batches that land in part, as those of best-effort stores may.

use std::sync::Arc;

use bytes::Bytes;
use datastore::{
    Datastore, DatastoreExt, ErrorKind, Injected, Key, Namespace, Op, Operation, Partial, Position,
    Query, key,
};

use super::faults::faulty;
use super::support::{entries, fill, numbered};
use crate::bench::Bench;
use crate::case::{Case, Need::Writable, case};
use crate::failure::{Outcome, ensure, ensure_eq, ensure_kind};

pub(super) const CASES: &[Case] = &[case!(
    "torn",
    a_torn_batch_names_what_landed,
    [Writable],
    "torn at every place: the keys that did and those that did not, and a second commit of those"
)];

/// Puts over values, deletes, and a put where nothing is.
fn writes(keys: &[Key]) -> Vec<Op> {
    let (changed, deleted) = keys.split_at(keys.len() / 2);
    let put = |key: &Key| Op::Put { key: key.clone(), value: "new".into() };
    let puts = changed.iter().map(put).chain([put(&key!("/more"))]);
    puts.chain(deleted.iter().map(|key| Op::Delete { key: key.clone() })).collect()
}

fn written(op: &Op) -> Option<Bytes> {
    match op {
        Op::Put { key: _, value } => Some(value.clone()),
        Op::Delete { key: _ } => None,
    }
}

async fn a_torn_batch_names_what_landed(bench: &Bench) -> Outcome {
    let below = faulty(bench).await?;
    // What an error names are keys of the caller.
    let store = Namespace::new(Arc::clone(&below), key!("/torn"));
    let keys = numbered("key", 6)?;
    let writes = writes(&keys);
    for torn_at in 0..writes.len() {
        fill(&store, &keys).await?;
        store.delete(&key!("/more")).await?;
        let before = entries(&store, Query::all()).await?;
        below.inject(Operation::Commit, Position::Nth(0), Injected::Torn(torn_at));
        let atomic = store.capabilities().atomic_batches;
        ensure!(!atomic, "a store whose batches tear declares them atomic");
        // An operation that a later one on its key undoes is none.
        let undone = Op::Put { key: key!("/key/00005"), value: "undone".into() };
        let torn = store.commit([undone].into_iter().chain(writes.clone()).collect()).await;
        below.heal();

        let Partial { landed, failed } = partial(torn)?;
        ensure_eq!((landed.len(), failed.len()), (torn_at, writes.len() - torn_at), "keys");
        for op in &writes {
            let key = op.key();
            let is_new = landed.contains(key);
            ensure!(is_new != failed.contains(key), "{key} among {landed:?} and {failed:?}");
            let old = before.iter().find(|entry| entry.key() == key);
            let expected =
                if is_new { written(op) } else { old.and_then(|old| old.value().cloned()) };
            ensure_eq!(store.get(key).await?, expected, "value of {key}, torn at {torn_at}");
        }
        let rest = writes.iter().filter(|op| failed.contains(op.key())).cloned();
        store.commit(rest.collect()).await?;
        for op in &writes {
            ensure_eq!(store.get(op.key()).await?, written(op), "value of {} in the end", op.key());
        }
    }
    Ok(())
}

fn partial(torn: datastore::Result<()>) -> Outcome<Partial> {
    let error = torn.as_ref().err();
    let partial = error.and_then(datastore::Error::partial).cloned().unwrap_or_default();
    let outcome = error.and_then(datastore::Error::outcome);
    ensure_kind!(torn, ErrorKind::PartialCommit, "a torn commit");
    ensure_eq!(outcome, Some(datastore::Outcome::Unknown), "the outcome of a torn commit");
    Ok(partial)
}
