//! Tests of the contract crate; stores in general are tested by `datastore-conformance`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod go_keys;
mod js_keys;
mod oracle;
