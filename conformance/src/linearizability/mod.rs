//! Whether what callers saw of one key could have happened in some order.
//!
//! The method is that of Wing and Gong, with the memory of states of Lowe: look for an order of the calls
//! that keeps real time (a call that returned before another was made comes first) and in which each
//! answer is right for a single register. Calls whose outcome is not known may come at any later time, or
//! not at all.

use std::collections::{BTreeMap, HashMap, HashSet};

use bytes::Bytes;
use datastore::Key;

use crate::{Action, Call, Reply, Violation};

/// Checks a history of each of several keys; all values are absent at its begin.
///
/// # Errors
/// The first key whose history no order explains.
///
/// # Examples
/// ```
/// use datastore::key;
/// use datastore_conformance::{Action, Call, Reply, check_linearizable};
///
/// let call = |invoked, returned, action| Call { invoked, returned, action, reply: Reply::Done };
/// let stale = vec![
///     (key!("/a"), call(0, 1, Action::Write(Some("1".into())))),
///     (key!("/a"), call(2, 3, Action::Read(None))),
/// ];
/// assert!(check_linearizable(stale).is_err());
/// ```
pub fn check_linearizable(
    calls: impl IntoIterator<Item = (Key, Call)>,
) -> Result<(), Box<Violation>> {
    let mut keys: BTreeMap<Key, Vec<Call>> = BTreeMap::new();
    for (key, call) in calls {
        keys.entry(key).or_default().push(call);
    }
    for (key, mut calls) in keys {
        calls.sort_by_key(|call| call.invoked);
        if !is_linearizable(&calls) {
            return Err(Box::new(Violation { calls: shortest_violation(&calls), key }));
        }
    }
    Ok(())
}

/// A begin of a linearizable history is linearizable too, so a shortest one that is not ends with the
/// answer that is wrong.
fn shortest_violation(calls: &[Call]) -> Vec<Call> {
    let mut moments: Vec<u64> = calls.iter().map(|call| call.returned).collect();
    moments.sort_unstable();
    // The first moment at which the history is wrong already.
    let wrong = moments.partition_point(|moment| is_linearizable(&up_to(calls, *moment)));
    moments.get(wrong).map_or_else(|| calls.to_vec(), |moment| up_to(calls, *moment))
}

/// The history as it stood at a moment: calls under way may or may not have happened.
fn up_to(calls: &[Call], moment: u64) -> Vec<Call> {
    let made = calls.iter().filter(|call| call.invoked <= moment).cloned();
    let mut calls: Vec<Call> =
        made.map(|call| {
            if call.returned > moment { Call { reply: Reply::Unknown, ..call } } else { call }
        })
        .filter(|call| call.reply != Reply::Unknown || !matches!(call.action, Action::Read(_)))
        .collect();
    calls.sort_by_key(|call| call.returned);
    calls
}

/// A call, with values as numbers: 0 is absence.
struct Step {
    invoked: u64,
    /// The moment until which it must have happened, if it happened at all.
    until: Option<u64>,
    /// Whether it must have happened.
    certain: bool,
    effect: Effect,
}

enum Effect {
    Reads(usize),
    Writes(usize),
    Swaps(usize, usize),
    Refuses(usize),
}

impl Effect {
    /// The register after it, if it can happen to this one.
    fn after(&self, register: usize) -> Option<usize> {
        match *self {
            Self::Reads(value) => (register == value).then_some(register),
            Self::Writes(value) => Some(value),
            Self::Swaps(expected, new) => (register == expected).then_some(new),
            Self::Refuses(expected) => (register != expected).then_some(register),
        }
    }
}

fn steps(calls: &[Call]) -> Vec<Step> {
    let mut numbers: HashMap<Bytes, usize> = HashMap::new();
    let mut number = |value: &Option<Bytes>| {
        let next = numbers.len() + 1;
        value.as_ref().map_or(0, |value| *numbers.entry(value.clone()).or_insert(next))
    };
    let mut steps = Vec::new();
    for Call { invoked, returned, action, reply } in calls {
        let effect = match (action, reply) {
            (Action::Read(value), Reply::Done) => Effect::Reads(number(value)),
            (Action::Write(value), _) => Effect::Writes(number(value)),
            (Action::Swap { expected, new: _ }, Reply::Conflict) => {
                Effect::Refuses(number(expected))
            }
            (Action::Swap { expected, new }, _) => Effect::Swaps(number(expected), number(new)),
            // A read that was not answered says nothing.
            (Action::Read(_), _) => continue,
        };
        let (certain, until) = match reply {
            Reply::NotApplied => continue,
            Reply::Done | Reply::Conflict => (true, Some(*returned)),
            Reply::Cancelled => (false, Some(*returned)),
            Reply::Unknown => (false, None),
        };
        steps.push(Step { invoked: *invoked, until, certain, effect });
    }
    steps
}

fn is_linearizable(calls: &[Call]) -> bool {
    let steps = steps(calls);
    let start = (Taken::none(steps.len()), 0);
    let mut seen = HashSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some((taken, register)) = open.pop() {
        let rest = || steps.iter().enumerate().filter(|(place, _)| !taken.has(*place));
        // Whatever comes next was made before any certain call that is left returned …
        let deadline =
            rest().filter(|(_, step)| step.certain).filter_map(|(_, step)| step.until).min();
        let Some(deadline) = deadline else { return true };
        // … and is not too late for a call that came already.
        let latest = steps.iter().enumerate().filter(|(place, _)| taken.has(*place));
        let latest = latest.map(|(_, step)| step.invoked).max().unwrap_or_default();
        // Uncertain calls go below certain ones on the stack: they are tried where nothing else helps.
        let (certain, uncertain): (Vec<_>, Vec<_>) = rest().partition(|(_, step)| step.certain);
        for (place, step) in uncertain.into_iter().chain(certain) {
            let in_time =
                step.invoked <= deadline && step.until.is_none_or(|until| until >= latest);
            let Some(after) = step.effect.after(register).filter(|_| in_time) else { continue };
            let next = (taken.with(place), after);
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    false
}

/// A set of places.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Taken(Vec<u64>);

impl Taken {
    fn none(places: usize) -> Self {
        Self(vec![0; places.div_ceil(64)])
    }

    fn has(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word & (1 << (place % 64)) != 0)
    }

    fn with(&self, place: usize) -> Self {
        let mut more = self.clone();
        if let Some(word) = more.0.get_mut(place / 64) {
            *word |= 1 << (place % 64);
        }
        more
    }
}

#[cfg(test)]
mod tests;
