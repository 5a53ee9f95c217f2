//! The store on object storage over HTTP: what it asks of a server, and what it makes of one that fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod budgets;
mod faults;
mod harness;
mod listings;
mod paging;
