use std::sync::Arc;

use futures::TryStreamExt;

use crate::{
    Content, Datastore, DatastoreExt, Direction, Entry, Error, ErrorKind, Key, Op, Query, Result,
    Select,
};

/// How much [`copy`] or [`verify`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Entries.
    pub entries: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

/// A frozen view of `store` where it has snapshots, else the store itself: what long reads (copy,
/// export) read from.
///
/// # Errors
/// As [`Datastore::snapshot`].
pub async fn frozen(store: &Arc<dyn Datastore>) -> Result<Arc<dyn Datastore>> {
    if store.capabilities().snapshots { store.snapshot().await } else { Ok(Arc::clone(store)) }
}

/// Copies what `query` finds in `source` to `target`, in batches of bounded size, and calls
/// `progress` with the sums of what was read so far. Keys that only `target` has stay.
///
/// Copying from a [`frozen`] view of the same store is well defined; from a store without snapshots
/// into a place that `query` finds, it may see its own copies.
///
/// # Errors
/// [`ErrorKind::InvalidInput`] for a query without values; and what reading or writing fails with;
/// what was copied before stays, and copying again is safe.
pub async fn copy(
    source: &(impl Datastore + ?Sized),
    target: &(impl Datastore + ?Sized),
    query: Query,
    mut progress: impl FnMut(Copied) + Send,
) -> Result<Copied> {
    let mut copied = Copied::default();
    let ops = source.query(query).and_then(|entry| {
        let op = into_put(entry);
        if let Ok(Op::Put { key, value }) = &op {
            copied.entries += 1;
            copied.bytes += (key.as_bytes().len() + value.len()) as u64;
            progress(copied);
        }
        std::future::ready(op)
    });
    target.apply_many(ops).await?;
    Ok(copied)
}

/// Verifies that `target` holds, byte for byte, what `query` finds in `source`, and calls
/// `progress` with the sums so far. Keys that only `target` has are passed over.
///
/// # Errors
/// [`ErrorKind::Corrupt`] names the first key that is missing or differs;
/// [`ErrorKind::InvalidInput`] for a query without values; and as [`Datastore::query_page`].
pub async fn verify(
    source: &(impl Datastore + ?Sized),
    target: &(impl Datastore + ?Sized),
    query: Query,
    mut progress: impl FnMut(Copied) + Send,
) -> Result<Copied> {
    if query.select != Select::Values {
        return Err(must_select_values());
    }
    let direction = query.direction;
    let mut verified = Copied::default();
    // Without the limit: what only the target has does not count.
    let mut present = target.query(Query { limit: None, ..query.clone() });
    let mut expected = source.query(query);
    let mut candidate = present.try_next().await?;
    while let Some(entry) = expected.try_next().await? {
        // Both streams come in one order: pass over what only the target has.
        while let Some(other) = &candidate {
            let is_before = match direction {
                Direction::Ascending => other.key() < entry.key(),
                Direction::Descending => other.key() > entry.key(),
            };
            if !is_before {
                break;
            }
            candidate = present.try_next().await?;
        }
        match &candidate {
            Some(other) if other.key() == entry.key() => {
                if other.value() != entry.value() {
                    return Err(differs(entry.key(), "differs from its source"));
                }
            }
            _ => return Err(differs(entry.key(), "is missing")),
        }
        verified.entries += 1;
        verified.bytes += entry.key().as_bytes().len() as u64 + entry.size().unwrap_or_default();
        progress(verified);
    }
    Ok(verified)
}

fn into_put(entry: Entry) -> Result<Op> {
    match entry.into_parts() {
        (key, Content::Value(value)) => Ok(Op::Put { key, value }),
        (_, Content::Nothing | Content::Size(_)) => Err(must_select_values()),
    }
}

fn must_select_values() -> Error {
    Error::new(ErrorKind::InvalidInput, "copying and verifying need a query that selects values")
}

fn differs(key: &Key, how: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("{key} {how} in the target"))
}
