//! Conditions of callers, to whom what has expired is not there, in terms of the store below, where it is.

use std::time::SystemTime;

use super::header;
use super::reads::lower_version;
use crate::{Batch, Condition, Conditions, Datastore, Error, Op, Outcome, Result, Want};

/// Conditions for the store below.
#[derive(Debug)]
pub(super) struct Lowered {
    pub(super) conditions: Vec<Condition>,
    /// Whether one of them says that an expired value is still that, where the caller's says that there is none:
    /// a conflict below need not be one of the caller's.
    pub(super) is_stricter: bool,
}

/// Lowers conditions; a [`Conflict`](crate::ErrorKind::Conflict) if one does not hold `now`.
pub(super) async fn lower(
    below: &impl Datastore,
    conditions: &[Condition],
    now: SystemTime,
) -> Result<Lowered> {
    let mut lowered =
        Lowered { conditions: Vec::with_capacity(conditions.len()), is_stricter: false };
    for condition in conditions {
        lowered.conditions.push(match condition {
            Condition::Absent(key) => match below.read(key, Want::Value).await? {
                None => Condition::Absent(key.clone()),
                Some(found) => {
                    let (expiry, _) = header::of_found(key, &found)?;
                    let version = found.version().filter(|_| expiry.is_past(now));
                    lowered.is_stricter = true;
                    Condition::Unchanged(key.clone(), version.ok_or_else(|| Error::conflict(key))?)
                }
            },
            Condition::Unchanged(key, version) => match lower_version(version.clone()) {
                Some((expiry, version)) if !expiry.is_past(now) => {
                    Condition::Unchanged(key.clone(), version)
                }
                _ => return Err(Error::conflict(key)),
            },
        });
    }
    Ok(lowered)
}

/// Whether a store that declares `held` refuses the conditions of a batch.
pub(super) fn are_refused(batch: &Batch, held: Conditions) -> bool {
    if batch.conditions.is_empty() {
        return false;
    }
    let mut keys = batch.ops.iter().map(Op::key).chain(batch.conditions.iter().map(Condition::key));
    let first = keys.next();
    let needed = if keys.any(|key| Some(key) != first) {
        Conditions::AnyBatch
    } else {
        match *batch.ops {
            [] | [Op::Put { .. }] => Conditions::SinglePut,
            _ => Conditions::SingleKey,
        }
    };
    needed > held
}

/// An error before anything was written.
pub(super) fn not_applied(error: Error) -> Error {
    error.with_outcome(Outcome::NotApplied)
}
