//! Tags: what a node thinks of a peer, by name, for a time. Connection managers keep those that are worth
//! the most.

mod row;
mod tag;

pub(crate) use row::TagRow;
pub use tag::Tag;
