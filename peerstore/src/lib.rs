#![doc = include_str!("../README.md")]
#![allow(dead_code, unused_imports, unreachable_pub, reason = "the crate is being put together")]

mod access;
mod address;
mod cbor;
mod events;
mod gc;
pub mod interop;
mod keys;
mod layout;
mod limits;
mod metadata;
mod peerstore;
mod protocols;
mod record;
mod reputation;
mod row;
mod session;
mod tags;

pub use address::{Address, AddressSource, AddressTtl};
pub use limits::Limits;
pub use metadata::MetadataValue;
pub use record::{Consumed, RecordError, VerifiedRecord, next_sequence};
pub use reputation::{BootstrapCandidate, Reputation};
pub use tags::Tag;
