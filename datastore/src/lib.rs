//! One small contract for the key-value stores of libp2p and IPFS nodes.
//!
//! [`Datastore`] is what backends implement, [`DatastoreExt`] what users call, and
//! [`MemoryDatastore`] the executable specification of both. Wrappers ([`Namespace`], [`ReadOnly`],
//! [`Fault`], [`WriteBehind`], [`Ttl`]) are stores over any store.
//!
//! ```
//! # futures::executor::block_on(async {
//! use datastore::{Batch, Datastore, DatastoreExt, MemoryDatastore, Query, key};
//! use futures::TryStreamExt;
//!
//! let store = MemoryDatastore::new();
//! store.put(&key!("/peers/a"), "first").await?;
//! store.commit(Batch::new().put(key!("/peers/b"), "second").delete(key!("/peers/a"))).await?;
//!
//! let entries: Vec<_> = store.query(Query::descendants(key!("/peers"))).try_collect().await?;
//! assert_eq!(entries[0].key(), &key!("/peers/b"));
//!
//! let longer = |value: Option<bytes::Bytes>| Some([value.unwrap_or_default(), "!".into()].concat().into());
//! store.update(&key!("/peers/b"), longer).await?;
//! assert_eq!(store.get(&key!("/peers/b")).await?.as_deref(), Some(&b"second!"[..]));
//! # Ok::<(), datastore::Error>(()) }).unwrap();
//! ```

mod adapters;
mod batch;
mod capabilities;
mod check;
mod clock;
mod copy;
mod datastore;
mod entry_stream;
mod error;
mod expiry;
mod ext;
mod key;
mod key_ops;
mod key_range;
mod key_text;
mod memory;
mod page;
pub mod percent;
mod query;
mod read;
mod shared;
pub mod units;
mod wrappers;

pub use adapters::{EntryStreamExt, FilterEntries, LimitEntries, SkipEntries};
pub use batch::{Batch, Condition, Durability, Op};
pub use capabilities::{Capabilities, Conditions, Survives};
pub use check::{CheckReport, Problem};
pub use clock::{Clock, SystemClock, TestClock};
pub use copy::{Copied, copy, frozen, verify};
pub use datastore::Datastore;
pub use entry_stream::{EntryStream, KeyStream};
pub use error::{Error, ErrorKind, Outcome, Partial, Result};
pub use expiry::{Due, Expiry, ExpiryIndex, ExpiryRound, ExpirySweeper, ExpiryWriting};
pub use ext::{DatastoreExt, MANY_BYTES, MANY_OPS, MANY_READS, UPDATE_TRIES};
pub use key::Key;
pub use key_range::KeyRange;
pub use memory::MemoryDatastore;
pub use page::{Content, Entry, Page, PageBuilder};
pub use query::{Direction, Query, Scope, Select};
pub use read::{Found, Seen, Version, Want};
pub use wrappers::{
    Fault, FaultRule, Injected, Namespace, Operation, PendingWrites, Position, ReadOnly,
    SweepReport, Ttl, TtlOptions, WriteBehind, WriteBehindOptions,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
