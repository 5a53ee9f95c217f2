//! Benchmarks of object storage, beside `object_store` as its users write it, against the same server.

mod server;
mod suite;

pub use server::BenchServer;
pub use suite::{RemoteScale, remote_suite};
