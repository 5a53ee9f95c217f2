//! Integration tests of the fjall store.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod basics;
mod cancellation;
mod child;
mod closing;
mod compaction;
mod conditions;
mod consistency;
mod damage;
mod directories;
mod full_disk;
mod kill;
mod options;
mod plan;
mod random;
mod runtimes;
mod small_disk;
mod strace;
mod support;
mod synced;
mod trace;
