//! Histories of which it is known whether an order explains them.

use datastore::key;
use proptest::prelude::*;

use super::{Action, Call, Reply, check_linearizable};

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
