#![doc = include_str!("../README.md")]

mod block;
mod car;
mod check_cid;
mod codecs;
mod dag;
mod gc;
mod hashes;
mod layout;
mod listing;
mod long_cid;
mod may_hold;
mod options;
mod pause;
mod pins;
mod policy;
mod prepared;
mod presence;
mod scrub;
mod store;
mod unixfs;
mod writes;

pub use block::{Block, verify};
pub use car::{
    CarBlock, CarDecoder, CarError, CarEvent, CarFault, CarHeader, CarIdentity, CarIndex,
    CarOptions, CarV2Layout, CarV2Writer, CarWriter, Exported, ImportError, ImportOptions,
    Imported,
};
pub use check_cid::check_cid;
pub use cid::Cid;
pub use codecs::{DAG_CBOR, DAG_JSON, DAG_PB, RAW};
pub use dag::{PbLink, PbNode, Visit, WalkOptions, Walked, links, long_links};
pub use gc::{GcOptions, GcPhase, GcProgress, GcReport, Hold};
pub use hashes::{IDENTITY, MAX_DIGEST_LEN, SHA2_256};
pub use listing::{ListOptions, Listed};
pub use long_cid::LongCid;
pub use multihash::Multihash;
pub use options::BlockstoreOptions;
pub use pins::{Pin, PinMode, PinOptions, PinRow, PinnedBy, Pins};
pub use policy::Policy;
pub use presence::{FilterStats, PresenceOptions, PresenceStats};
pub use scrub::{Damaged, Fate, ScrubOptions, ScrubReport};
pub use store::Blockstore;
pub use unixfs::{AddOptions, Added, from_reader};
pub use writes::Stored;
