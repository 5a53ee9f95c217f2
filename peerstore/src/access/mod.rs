//! The one way to the rows: through the caches for readers, under the lock of a peer for writers.

mod cache;
mod caches;
mod change;
mod commit;
mod core;
mod locks;
mod metadata;
mod opened;
mod quarantine;
mod slot;

pub(crate) use self::caches::Stored;
pub(crate) use self::change::Change;
pub(crate) use self::commit::commit_all;
pub(crate) use self::core::{Core, Counts};
pub(crate) use self::metadata::Entries;
pub(crate) use self::quarantine::newer;
pub(crate) use self::slot::Rows;

/// How ids are hashed in memory: with a seed of the process, so that nobody can choose ids that meet.
type PeerHash = foldhash::quality::RandomState;
