//! The cases, a file for each theme.

mod absurd;
mod basics;
mod batches;
mod cancellation;
mod capabilities;
mod closing;
mod concurrency;
mod conditions;
mod content;
mod cursors;
mod durability;
mod faults;
mod limits;
mod many;
mod models;
mod oracles;
mod order;
mod queries;
mod runtimes;
mod snapshots;
mod support;
mod torn;
mod updates;

pub(crate) use support::ensure_page;

use crate::Case;

/// Every case of the suite.
pub fn cases() -> Vec<Case> {
    [
        basics::CASES,
        content::CASES,
        batches::CASES,
        many::CASES,
        queries::CASES,
        order::CASES,
        cursors::CASES,
        absurd::CASES,
        conditions::CASES,
        updates::CASES,
        snapshots::CASES,
        capabilities::CASES,
        closing::CASES,
        durability::CASES,
        concurrency::CASES,
        cancellation::CASES,
        faults::CASES,
        torn::CASES,
        runtimes::CASES,
        oracles::CASES,
        models::CASES,
        limits::CASES,
    ]
    .concat()
}
