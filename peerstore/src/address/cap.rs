use std::cmp::Reverse;

use super::entry::Address;

/// Leaves at most `cap` addresses that are not connected: those go that expire soonest, and of several the one of
/// least confidence. The addresses are, and stay, in the order of confidence. Zero is no limit.
pub(super) fn evict(entries: &mut Vec<Address>, cap: usize) {
    if cap == 0 || entries.len() <= cap {
        return;
    }
    let unconnected = entries.iter().enumerate().filter(|(_, entry)| !entry.is_connected());
    let mut soonest: Vec<_> =
        unconnected.map(|(place, entry)| (entry.expiry(), Reverse(place))).collect();
    let excess = soonest.len().saturating_sub(cap);
    if excess == 0 {
        return;
    }
    soonest.sort_unstable();
    let mut evicted: Vec<_> = soonest.into_iter().take(excess).map(|(_, place)| place.0).collect();
    evicted.sort_unstable();
    let mut evicted = evicted.into_iter().peekable();
    let mut place = 0;
    entries.retain(|_| {
        let goes = evicted.next_if_eq(&place).is_some();
        place += 1;
        !goes
    });
}
