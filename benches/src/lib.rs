//! Benchmarks of the stores, beside the raw engine in the same run.
//!
//! A [`Work`] is defined once; a [`Subject`] does it: a store through `Arc<dyn Datastore>`
//! ([`StoreSubject`]), or raw fjall as its users write it ([`RawSubject`]). The criterion benches
//! time one subject after the other, for exploring; the command `ratios` lets two take turns
//! ([`compare`]) and holds the ratio of their times against a goal ([`suite`]).

mod beside_go;
mod blocks;
mod contestant;
mod data;
mod goal;
mod measure;
mod raw_fjall;
mod raw_subject;
mod remote;
mod report;
mod resident;
mod rig;
mod runtime;
mod scale;
mod stats;
mod store_subject;
mod stores;
mod subject;
mod suite;
mod ttl;
mod work;

/// The errors of benchmarks are read by a person, not handled.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

pub use beside_go::{Flags, run as beside_go};
pub use blocks::{BlockScale, block_suite};
pub use contestant::Contestant;
pub use data::{Data, KeyForm, ValueSize, numbered_key};
pub use goal::Goal;
pub use measure::{Comparison, Plan, Side, alternate, compare, round};
pub use raw_fjall::RawFjall;
pub use raw_subject::RawSubject;
pub use remote::{BenchServer, RemoteScale, remote_suite};
pub use report::{Row, line, merge, write_json};
pub use resident::{Resident, mib};
pub use rig::Rig;
pub use runtime::{BenchRuntime, RUNTIME_WORKERS};
pub use scale::Scale;
pub use stats::{Spread, spread};
pub use store_subject::StoreSubject;
pub use stores::{Tuning, open_fjall, wrapped};
pub use subject::{Span, Subject, Tally};
pub use suite::{Contest, run, suite};
pub use ttl::{TtlScale, ttl_suite};
pub use work::Work;
