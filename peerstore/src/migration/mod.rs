//! From a peerstore in memory into one that lasts.

mod copy;
#[cfg(feature = "libp2p-peer-store")]
mod memory_store;

pub(crate) use copy::copy;
pub use copy::{PeerCopied, PeerCopyOptions, PeersCopied};
