//! The cases, a file for each theme.

mod basics;
mod batches;
mod many;
mod queries;
mod support;

use crate::Case;

/// Every case of the suite.
pub fn cases() -> Vec<Case> {
    [basics::CASES, batches::CASES, many::CASES, queries::CASES].concat()
}
