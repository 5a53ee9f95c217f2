//! The contract of [`datastore`] on object storage: S3 and what speaks its protocol, and through the
//! same code what else `object_store` reaches.
//!
//! An object for each key, under a name that reads like the key and sorts like it. A [`Bucket`] says
//! where objects are kept, [`ObjectOptions`] how a store is opened in it.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use std::sync::Arc;
//!
//! use datastore::{Datastore, DatastoreExt, key};
//! use datastore_s3::{Bucket, ObjectOptions};
//! use object_store::memory::InMemory;
//!
//! let bucket = Bucket::over(Arc::new(InMemory::new()), "memory");
//! let store = ObjectOptions::new().prefix("node-7").open(bucket).await?;
//! store.put(&key!("/peers/a"), "first").await?;
//! assert_eq!(store.get(&key!("/peers/a")).await?.as_deref(), Some(&b"first"[..]));
//! store.close().await?;
//! # Ok::<(), datastore::Error>(()) }).unwrap();
//! ```

mod bucket;
mod bulk_delete;
mod check;
mod commits;
mod conditional_delete;
mod core;
mod failure;
mod gate;
mod lease;
mod listing;
mod marker;
mod metadata;
mod multipart;
mod names;
mod options;
mod pages;
mod probe;
mod reads;
mod refusal;
mod remote;
mod removal;
mod retry;
mod runtime;
mod store;
mod tag;
mod wire;

pub use bucket::Bucket;
pub use options::{Access, ObjectOptions};
pub use retry::Retry;
pub use store::ObjectDatastore;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
