//! DAGs: what blocks link to, and the way from a block to all that it reaches.

pub(crate) mod ahead;
mod document;
mod links;
pub(crate) mod pb;
mod walk;
pub(crate) mod wire;

pub(crate) use links::is_leaf;
pub use links::{links, long_links};
pub use pb::{PbLink, PbNode};
pub use walk::{Visit, WalkOptions, Walked};
