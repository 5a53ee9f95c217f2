//! Garbage collection: mark what pins reach, sweep the rest, while writers write.
//!
//! Rows, below `/block-gc` of the datastore, or of the one that
//! [`BlockstoreOptions::marks`](crate::BlockstoreOptions::marks) names, but for the state:
//!
//! | key | value |
//! |---|---|
//! | `state` | CBOR: the unfinished run, how far it is ([`state`]) |
//! | `marks/<run>/run` | CBOR: that the marks of the run are whole, and how many there are |
//! | `marks/<run>/live/<B32 multihash>/<codec, hex>` | none: reached; what it links to is reached, or to do |
//! | `marks/<run>/live/<B32 multihash>/kept` | none: put, or pinned directly or during the run; its links are not |
//! | `marks/<run>/todo/<B32 CID>` | none: reached, its links not looked at yet |
//!
//! What makes it right:
//! - A writer and the deletes of one page exclude each other ([`gate`]). While a run is unfinished, a
//!   writer marks its blocks before it looks which are there, and a page is held against the marks anew
//!   before it is deleted.
//! - Marks of writers are of another kind than those of the walk, which passes over what it has marked.
//! - The first commit of a run makes writers mark; only then are holds waited for, and pins read.
//! - Blocks without links are marked before they are looked for. Nothing is swept before a listing has shown all of
//!   them to be there; of one that it has not, the datastore is asked again, since it may have been put meanwhile.
//! - All that a row says is committed with what it says it of, or, where batches are not atomic, after it.

mod collect;
mod gate;
mod hold;
mod leaves;
mod mark;
mod marks;
mod options;
mod report;
mod state;
mod sweep;

pub(crate) use gate::{Entered, Gate};
pub use hold::Hold;
pub use options::GcOptions;
pub use report::{GcPhase, GcProgress, GcReport};
