//! The tests of the peerstore.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

#[allow(unreachable_pub, reason = "public for the fuzz targets")]
#[path = "../../fuzz/src/lib.rs"]
mod bodies;
mod books;
mod cases;
mod child;
mod hostile_memory;
mod interop;
mod kill;
mod limits;
mod plan;
mod random;
mod records;
mod requests;
mod support;
