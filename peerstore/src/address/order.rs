//! Which address of a peer to try first.

use std::cmp::{Ordering, Reverse};

use super::entry::{Address, Facts};

/// The address of more confidence first. In this order, each deciding where those before it do not:
///
/// 1. connected ones;
/// 2. ones that worked when last tried, then ones never tried, then ones that have worked and fail now,
///    then ones that have failed only;
/// 3. fewer failures;
/// 4. certified ones;
/// 5. the higher source (see [`AddressSource`](super::AddressSource));
/// 6. the later success;
/// 7. last seen later;
/// 8. expiring later;
/// 9. the address's bytes.
///
/// None of this depends on the time of asking: the addresses of a row are kept in this order.
pub(super) fn by_confidence(a: &Address, b: &Address) -> Ordering {
    if a.facts == b.facts {
        return a.addr.cmp(&b.addr);
    }
    confidence(&a.facts).cmp(&confidence(&b.facts)).then_with(|| a.addr.cmp(&b.addr))
}

fn confidence(facts: &Facts) -> impl Ord + use<> {
    (
        Reverse(facts.connected),
        tried(facts),
        facts.failures,
        Reverse(facts.certified),
        Reverse(facts.source),
        Reverse(facts.last_success),
        Reverse(facts.last_seen),
        Reverse(facts.expiry),
    )
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Tried {
    Works,
    Never,
    WorkedOnce,
    FailedOnly,
}

fn tried(facts: &Facts) -> Tried {
    match (facts.last_success.is_known(), facts.failures) {
        (true, 0) => Tried::Works,
        (false, 0) => Tried::Never,
        (true, _) => Tried::WorkedOnce,
        (false, _) => Tried::FailedOnly,
    }
}
