//! What `datastore-open` promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod buckets;
mod config;
mod opening;
mod peers;
mod redaction;
mod relations;
mod urls;
