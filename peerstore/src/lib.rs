#![doc = include_str!("../README.md")]

mod access;
mod address;
mod books;
mod cbor;
mod census;
mod events;
mod evict;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gc;
pub mod interop;
mod keys;
mod layout;
mod lenient;
mod limits;
mod listing;
mod metadata;
mod migration;
mod multiaddrs;
mod options;
mod peer;
mod peerstore;
mod persistence;
mod protocols;
mod query;
mod record;
mod reputation;
mod row;
mod session;
mod tags;
mod transfer;
mod update;
mod write_behind;

pub use address::{Address, AddressSource, AddressStream, AddressTtl, Addresses, is_address_of};
pub use books::{
    AddressBook, KeyBook, MetadataBook, OwnRecord, ProtocolBook, ReputationBook, TagBook,
};
pub use census::PeerCounts;
pub use events::{Lagged, PeerEvent, PeerEvents};
pub use gc::{GcReport, GcStats};
pub use limits::Limits;
pub use metadata::MetadataValue;
pub use migration::{PeerCopied, PeerCopyOptions, PeersCopied};
pub use options::{GcOptions, GcStrategy, PeerstoreOptions, Persistence};
pub use peer::Peer;
pub use peerstore::Peerstore;
pub use query::{PeerCursor, PeerOrder, PeerPage, PeerQuery};
pub use record::{Consumed, RecordError, VerifiedRecord, next_sequence};
pub use reputation::{BootstrapCandidate, Reputation};
pub use tags::Tag;
pub use transfer::{PeerImport, PeerImportOptions};
pub use update::PeerUpdate;
pub use write_behind::{PeerWriteBehind, WriteBehindMode};
