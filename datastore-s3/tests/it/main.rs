//! The store on object storage over HTTP: what it asks of a server, and what it makes of one that fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod access;
mod batches;
mod budgets;
mod bulk_deletes;
mod faults;
mod harness;
mod hostile;
mod lease;
mod listings;
mod multipart;
mod oddities;
mod paging;
mod real;
mod real_faults;
mod secrets;
mod write_behind;
