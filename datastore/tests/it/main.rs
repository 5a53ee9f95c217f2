//! Tests of the contract crate; stores in general are tested by `datastore-conformance`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod adapters;
mod clocks;
mod copying;
mod errors;
mod expiry;
mod expiry_model;
mod faults;
mod go_keys;
mod js_keys;
mod key_laws;
mod key_ranges;
mod many;
mod memory;
mod model;
mod namespaces;
mod oracle;
mod pages;
mod probe;
mod read_only;
mod streams;
mod ttl;
mod ttl_at_once;
mod ttl_model;
mod ttl_sweep_pages;
mod ttl_sweeps;
mod updates;
mod write_behind;
mod write_behind_below;
mod write_behind_conditions;
mod write_behind_failures;
mod write_behind_order;
mod write_behind_pages;
mod write_behind_pressure;
