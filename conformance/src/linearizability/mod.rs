//! Whether what callers saw of one key could have happened in some order.
//!
//! The method is that of Wing and Gong, with the memory of states of Lowe: look for an order of the calls
//! that keeps real time (a call that returned before another was made comes first) and in which each
//! answer is right for a single register. Calls whose outcome is not known may come at any later time, or
//! not at all.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

use bytes::Bytes;
use datastore::Key;

/// What one call did to one key, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// When it was made, on a counter that all calls of a history share.
    pub invoked: u64,
    /// When it returned, or was dropped.
    pub returned: u64,
    /// What it asked for.
    pub action: Action,
    /// What it was told.
    pub reply: Reply,
}

/// What a [`Call`] asked for; `None` stands for no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A read that found this.
    Read(Option<Bytes>),
    /// A put or a delete.
    Write(Option<Bytes>),
    /// A put or a delete under the condition that the value is the expected one.
    Swap {
        /// What the value must be.
        expected: Option<Bytes>,
        /// What it becomes.
        new: Option<Bytes>,
    },
}

/// What a [`Call`] was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It happened before it returned.
    Done,
    /// The condition did not hold at some moment before it returned, and nothing happened.
    Conflict,
    /// Nothing happened, and never will.
    NotApplied,
    /// It may have happened, may still happen later, or never.
    Unknown,
    /// It was dropped: it happened before that, or never.
    Cancelled,
}

/// A history that no order explains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The key.
    pub key: Key,
    /// The calls up to the one that nothing explains, which is the last.
    pub calls: Vec<Call>,
}

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

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What came long before matters least.
        const SHOWN: usize = 16;
        let Self { key, calls } = self;
        writeln!(f, "no order of {} calls on {key} explains the last answer:", calls.len())?;
        for call in calls.iter().skip(calls.len().saturating_sub(SHOWN)) {
            let Call { invoked, returned, action, reply } = call;
            writeln!(f, "  {invoked:>6} to {returned:>6}  {reply:?}  {action:?}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Violation {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Action, Call, Reply, check_linearizable};
    use datastore::key;

    fn value(number: u8) -> Option<bytes::Bytes> {
        (number > 0).then(|| vec![number].into())
    }

    fn read(invoked: u64, returned: u64, found: u8) -> Call {
        Call { invoked, returned, action: Action::Read(value(found)), reply: Done }
    }

    fn write(invoked: u64, returned: u64, new: u8, reply: Reply) -> Call {
        Call { invoked, returned, action: Action::Write(value(new)), reply }
    }

    fn swap(invoked: u64, returned: u64, (expected, new): (u8, u8), reply: Reply) -> Call {
        let action = Action::Swap { expected: value(expected), new: value(new) };
        Call { invoked, returned, action, reply }
    }

    fn explained(calls: &[Call]) -> bool {
        check_linearizable(calls.iter().map(|call| (key!("/a"), call.clone()))).is_ok()
    }

    use Reply::{Cancelled, Conflict, Done, NotApplied, Unknown};

    #[test]
    fn calls_one_after_the_other_are_told_right_from_wrong() {
        assert!(explained(&[read(0, 1, 0), write(2, 3, 1, Done), read(4, 5, 1)]));
        assert!(!explained(&[write(0, 1, 1, Done), read(2, 3, 0)]));
        assert!(!explained(&[write(0, 1, 1, Done), write(2, 3, 2, Done), read(4, 5, 1)]));
        assert!(!explained(&[read(0, 1, 1)]));
    }

    #[test]
    fn calls_at_once_may_come_in_either_order() {
        let writes = [write(0, 5, 1, Done), write(1, 6, 2, Done)];
        for found in [1, 2] {
            assert!(explained(&[writes[0].clone(), writes[1].clone(), read(7, 8, found)]));
        }
        assert!(!explained(&[writes[0].clone(), writes[1].clone(), read(7, 8, 0)]));
        // Two readers that see them in different orders.
        let (first, second) = (read(7, 8, 1), read(9, 10, 2));
        assert!(!explained(&[writes[0].clone(), writes[1].clone(), first, second]));
    }

    #[test]
    fn a_value_once_read_does_not_go_away() {
        let during = [write(0, 9, 1, Done), read(1, 2, 1), read(3, 4, 0)];
        assert!(!explained(&during));
        assert!(explained(&[write(0, 9, 1, Done), read(1, 2, 0), read(3, 4, 1)]));
    }

    #[test]
    fn an_unknown_write_may_come_later_or_never() {
        let unknown = write(0, 1, 1, Unknown);
        for found in [0, 1] {
            assert!(explained(&[unknown.clone(), read(2, 3, found)]));
        }
        assert!(explained(&[unknown.clone(), read(2, 3, 0), read(4, 5, 1)]));
        assert!(!explained(&[unknown.clone(), read(2, 3, 1), read(4, 5, 0)]));
        assert!(!explained(&[read(0, 1, 1), write(2, 3, 1, Unknown)]));
        // It comes once, not twice.
        let twice = [unknown, read(2, 3, 1), write(4, 5, 2, Done), read(6, 7, 1)];
        assert!(!explained(&twice));
    }

    #[test]
    fn a_cancelled_write_comes_before_its_end_or_never() {
        let cancelled = write(0, 1, 1, Cancelled);
        for found in [0, 1] {
            assert!(explained(&[cancelled.clone(), read(2, 3, found)]));
        }
        assert!(!explained(&[cancelled.clone(), read(2, 3, 0), read(4, 5, 1)]));
        assert!(!explained(&[cancelled, write(2, 3, 2, Done), read(4, 5, 1)]));
    }

    #[test]
    fn a_write_that_was_not_applied_is_never_seen() {
        assert!(explained(&[write(0, 1, 1, NotApplied), read(2, 3, 0)]));
        assert!(!explained(&[write(0, 1, 1, NotApplied), read(2, 3, 1)]));
    }

    #[test]
    fn swaps_hold_to_their_condition() {
        assert!(explained(&[swap(0, 1, (0, 1), Done), swap(2, 3, (1, 2), Done), read(4, 5, 2)]));
        assert!(!explained(&[write(0, 1, 1, Done), swap(2, 3, (0, 2), Done)]));
        assert!(explained(&[write(0, 1, 1, Done), swap(2, 3, (0, 2), Conflict), read(4, 5, 1)]));
        assert!(!explained(&[write(0, 1, 1, Done), swap(2, 3, (1, 2), Conflict)]));
        // Of two at once, one wins.
        assert!(!explained(&[swap(0, 9, (0, 1), Done), swap(0, 9, (0, 2), Done)]));
        assert!(explained(&[swap(0, 9, (0, 1), Done), swap(0, 9, (0, 2), Conflict)]));
        assert!(explained(&[swap(0, 1, (0, 1), Unknown), swap(2, 3, (0, 2), Conflict)]));
    }

    #[test]
    fn a_violation_ends_with_the_answer_that_is_wrong() {
        let calls = [write(0, 1, 1, Done), read(2, 3, 0), write(4, 5, 2, Done), read(6, 7, 2)];
        let violation = check_linearizable(calls.map(|call| (key!("/a"), call))).unwrap_err();
        assert_eq!(violation.calls.last(), Some(&read(2, 3, 0)));
    }

    #[test]
    fn keys_are_judged_apart() {
        let calls = [(key!("/a"), write(0, 1, 1, Done)), (key!("/b"), read(2, 3, 0))];
        assert!(check_linearizable(calls).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// The other way to find out: try every order.
        #[test]
        fn it_agrees_with_trying_every_order(
            calls in prop::collection::vec((0u64..12, 1u64..6, 0u8..4, 0u8..3, 0u8..3, 0u8..5), 0..6)
        ) {
            let calls: Vec<Call> = calls
                .into_iter()
                .enumerate()
                .map(|(place, (invoked, lasts, action, a, b, reply))| {
                    // No two moments are one, as with a counter.
                    let invoked = invoked * 100 + place as u64;
                    let returned = invoked + lasts * 100 + 50;
                    let reply = [Done, Conflict, NotApplied, Unknown, Cancelled][reply as usize];
                    match action {
                        0 => read(invoked, returned, a),
                        1 => write(invoked, returned, a, if reply == Conflict { Done } else { reply }),
                        _ => swap(invoked, returned, (a, b), reply),
                    }
                })
                .collect();
            prop_assert_eq!(explained(&calls), some_order(&calls, &mut Vec::new()));
        }
    }

    /// Whether some order of some of the calls is right, by trying all.
    fn some_order(calls: &[Call], order: &mut Vec<usize>) -> bool {
        let done = calls
            .iter()
            .enumerate()
            .all(|(place, call)| order.contains(&place) || !matches!(call.reply, Done | Conflict));
        if done && is_right(calls, order) {
            return true;
        }
        for place in 0..calls.len() {
            if !order.contains(&place) && calls[place].reply != NotApplied {
                order.push(place);
                let found = some_order(calls, order);
                order.pop();
                if found {
                    return true;
                }
            }
        }
        false
    }

    fn is_right(calls: &[Call], order: &[usize]) -> bool {
        let mut register = None;
        for (at, place) in order.iter().enumerate() {
            let call = &calls[*place];
            let too_late = order[..at]
                .iter()
                .any(|before| call.reply != Unknown && calls[*before].invoked > call.returned);
            let right = match (&call.action, call.reply) {
                (Action::Read(found), _) => *found == register,
                (Action::Swap { expected, .. }, Conflict) => *expected != register,
                (Action::Swap { expected, .. }, _) => *expected == register,
                (Action::Write(_), _) => true,
            };
            if too_late || !right {
                return false;
            }
            match (&call.action, call.reply) {
                (_, Conflict) | (Action::Read(_), _) => {}
                (Action::Write(new) | Action::Swap { new, .. }, _) => register.clone_from(new),
            }
        }
        true
    }
}
