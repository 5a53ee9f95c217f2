//! What callers keep beside a peer, by name: a row for each entry.

mod name;
mod value;

pub(crate) use name::{escape, unescape};
pub use value::MetadataValue;
