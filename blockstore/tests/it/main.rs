//! The tests of blocks, pins, collections, CAR files and UnixFS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod unixfs_go;
mod unixfs_round_trip;
mod unixfs_support;
