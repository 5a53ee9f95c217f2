//! What callers keep beside a peer, by name: a row for each entry.

mod cap;
mod name;
mod value;

pub(crate) use cap::{check_fits, size};
pub(crate) use name::{escape, unescape};
pub use value::MetadataValue;
