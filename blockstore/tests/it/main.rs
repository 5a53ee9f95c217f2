//! The tests of blocks, pins, collections, CAR files and UnixFS.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod blocks_core;
mod blocks_failures;
mod blocks_fjall;
mod blocks_hashes;
mod blocks_interop;
mod blocks_policy;
mod blocks_support;
mod car_decoder;
mod car_export;
mod car_fuzz;
mod car_go;
mod car_import;
mod car_import_ahead;
mod car_import_look;
mod car_js;
mod car_support;
mod dag_ipld;
mod dag_links;
mod dag_walk;
mod gc_collect;
mod gc_concurrent;
mod gc_interrupted;
mod gc_leaves;
mod gc_missing;
mod gc_model;
mod gc_races;
mod gc_shapes;
mod gc_support;
mod pins_semantics;
mod presence_cache;
mod presence_concurrent;
mod presence_filter;
mod presence_races;
mod presence_stops;
mod scrub_damage;
mod unixfs_go;
mod unixfs_hostile;
mod unixfs_round_trip;
mod unixfs_support;
