//! CAR files: blocks in one file, versions 1 and 2 of the IPLD specifications.
//!
//! The frames are read and written here rather than by a crate. `iroh-car` reads version 1 alone, does not
//! verify, wants tokio's I/O traits and takes a file that is cut within a length for a whole one. `rs-car`
//! reads both versions and verifies two hash functions, but sets aside up to 1 GiB because a section says so,
//! and panics on a digest that is too long. `fvm_ipld_car` reads version 1 from a blocking source into a block
//! store of its own. None says at which byte a file is damaged, which an import that keeps the good part has to
//! say, and none writes version 2 or an index.
//!
//! `decoder`, `header` and `index` are the formats. `source`, `batches` and `import` bring a file into a store,
//! `writer`, `v2` and `export` make one.

mod batches;
mod decoder;
mod error;
mod export;
mod header;
mod identity;
mod import;
mod index;
mod options;
mod output;
mod source;
mod v2;
mod varint;
mod writer;

pub use decoder::{CarBlock, CarDecoder, CarEvent};
pub use error::{CarError, CarFault};
pub use header::{CarHeader, CarV2Layout};
pub use identity::CarIdentity;
pub use import::{ImportError, ImportOptions, Imported};
pub use index::CarIndex;
pub use options::CarOptions;
pub use v2::CarV2Writer;
pub use writer::{CarWriter, Exported};
