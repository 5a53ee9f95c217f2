//! What callers hold: one view of the peerstore for each thing that is kept of a peer.

mod addresses;
mod keys;
mod metadata;
mod own;
mod protocols;
mod reputation;
mod tags;

pub use addresses::AddressBook;
pub use keys::KeyBook;
pub use metadata::MetadataBook;
pub use own::OwnRecord;
#[cfg(any(test, fuzzing))]
pub(crate) use own::OwnRow;
pub(crate) use own::copy_own_records;
pub use protocols::ProtocolBook;
pub use reputation::ReputationBook;
pub use tags::TagBook;
