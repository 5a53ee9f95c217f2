//! The [`Datastore`](datastore::Datastore) contract on [fjall](https://docs.rs/fjall), an embedded
//! log-structured engine.
//!
//! ```
//! # futures::executor::block_on(async {
//! use datastore::{Batch, Datastore, DatastoreExt, key};
//! use datastore_fjall::{FjallDatastore, FjallOptions};
//!
//! # let directory = tempfile::tempdir().unwrap();
//! # let path = directory.path().join("store");
//! let store = FjallOptions::new().cache_bytes(64 << 20).open(&path).await?;
//! store.put(&key!("/peers/a"), "first").await?;
//! store.commit(Batch::new().put(key!("/peers/b"), "second").synced()).await?;
//! store.close().await?;
//!
//! let store = FjallDatastore::open(&path).await?;
//! assert_eq!(store.get(&key!("/peers/a")).await?.as_deref(), Some(&b"first"[..]));
//! # store.close().await?;
//! # Ok::<(), datastore::Error>(()) }).unwrap();
//! ```
//!
//! No runtime is needed: short operations run where they are polled, long ones on threads of their
//! own, and under write pressure writers wait as futures do.

mod batches;
mod bridge;
mod cause;
mod check;
mod compaction;
mod core;
mod digest;
mod directory;
mod durable_file;
mod engine;
mod errors;
mod format;
mod group_sync;
mod health;
mod journal;
mod maintenance;
mod options;
mod pages;
mod recovery;
mod rewrites;
mod seal;
mod settle;
mod snapshot;
mod store;
mod traffic;
mod turn;
mod usage;
mod writes;

pub use options::{Compression, FjallOptions};
pub use store::FjallDatastore;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
