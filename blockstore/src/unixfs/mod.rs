//! UnixFS: files as DAGs of blocks, and back.

mod add;
mod balanced;
mod message;
mod part;
mod read;
mod source;

pub use add::{AddOptions, Added};
pub use source::from_reader;
