use std::time::Duration;

use datastore::units::{size, time};
use serde::{Deserialize, Serialize};

use crate::limits::Limits;
use crate::write_behind::PeerWriteBehind;

/// How a peerstore is opened.
///
/// In configuration, fields that are left out are as [`default`](Self::default), those that are not known are refused,
/// times are texts such as `10m`, and sizes such as `64MiB`.
///
/// # Examples
/// ```
/// use peerstore::PeerstoreOptions;
///
/// let mut options = PeerstoreOptions::small();
/// options.limits.addresses = 16;
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PeerstoreOptions {
    /// Bytes of memory for rows; 0 keeps none, and each read asks the datastore.
    #[serde(with = "size")]
    pub cache_bytes: u64,
    /// Events that a subscriber may be behind before it loses the oldest.
    pub event_capacity: usize,
    /// How much is kept, at most.
    pub limits: Limits,
    /// How long after a signed record was taken an older one is still refused, whatever became of the
    /// addresses.
    #[serde(with = "time")]
    pub watermark_ttl: Duration,
    /// When expired rows are removed.
    pub gc: GcOptions,
    /// Whether changes are gathered and written later.
    pub write_behind: PeerWriteBehind,
    /// Whether private keys may be written to a store that is not on this machine. A store that promises
    /// no atomic batches counts as remote.
    pub private_keys_on_remote_stores: bool,
}

/// When expired rows are removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GcOptions {
    /// What starts a collection.
    pub strategy: GcStrategy,
    /// Time between two collections in the background.
    #[serde(with = "time")]
    pub interval: Duration,
    /// Rows that a collection looks at in one batch.
    pub page: usize,
}

/// What starts a collection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum GcStrategy {
    /// A thread in the background, each [`GcOptions::interval`].
    #[default]
    Interval,
    /// Only calls of [`Peerstore::collect`](crate::Peerstore::collect).
    Manual,
}

impl PeerstoreOptions {
    /// For a small device or a light client: 4 MiB of memory for rows, fewer addresses of each peer.
    pub fn small() -> Self {
        let limits = Limits { addresses: 16, ..Limits::default() };
        Self { cache_bytes: 4 << 20, limits, ..Self::default() }
    }

    /// For a server of the DHT: 256 MiB of memory for rows.
    pub fn server() -> Self {
        Self { cache_bytes: 256 << 20, ..Self::default() }
    }
}

impl Default for PeerstoreOptions {
    /// For a usual node: 32 MiB of memory for rows.
    fn default() -> Self {
        Self {
            cache_bytes: 32 << 20,
            event_capacity: 1024,
            limits: Limits::default(),
            // As long as a provider record is believed: what signed records are spread with.
            watermark_ttl: Duration::from_secs(48 * 3600),
            gc: GcOptions::default(),
            write_behind: PeerWriteBehind::default(),
            private_keys_on_remote_stores: false,
        }
    }
}

impl Default for GcOptions {
    fn default() -> Self {
        // A sweep costs what is due, so it may come often.
        Self { strategy: GcStrategy::default(), interval: Duration::from_secs(60), page: 1000 }
    }
}
