//! Which peers are written to the datastore, and which are in memory alone.

mod owner;
mod proven;

pub(crate) use proven::{Announced, ProvenStore};
