//! What the address books of other implementations are tested for, and what they get wrong, on one row with
//! a stepped clock.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests fail by panicking")]

mod certified;
mod go;
mod js;
mod limits;
mod model;
mod rows;
mod sessions;
mod sources;
mod support;
