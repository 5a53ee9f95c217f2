//! What must hold of rows of any bytes. The fuzz targets call these, and so do the tests here, with rows of every
//! book and mutations of them.
#![allow(clippy::unwrap_used, reason = "a promise that is broken panics")]

mod rows;
#[cfg(test)]
mod tests;

pub use rows::{key, row};
