//! Signed peer records.

mod addresses;
mod envelope;
mod fixtures;
mod go;
mod js;
mod mutated;
mod py;
pub(crate) mod support;
