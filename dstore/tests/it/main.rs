//! `dstore` as its users run it: the binary, its output and its exit codes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod blocks_cars;
mod blocks_files;
mod blocks_kept;
mod blocks_main_job;
mod blocks_values;
mod buckets;
mod copying;
mod demo;
mod exit_codes;
mod gathered_peers;
mod harness;
mod listing;
mod measuring;
mod peers;
mod peers_config;
mod peers_main_job;
mod pipes;
mod readme;
mod real_input;
mod signals;
mod text;
mod values;
