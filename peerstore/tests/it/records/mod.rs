//! Signed peer records.

mod addresses;
mod envelope;
mod fixtures;
mod go;
mod in_turn;
mod js;
mod mutated;
mod py;
pub(crate) mod support;
