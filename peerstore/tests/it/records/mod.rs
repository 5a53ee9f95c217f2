//! Signed peer records.

mod envelope;
mod fixtures;
mod go;
mod js;
mod mutated;
mod py;
pub(crate) mod support;
