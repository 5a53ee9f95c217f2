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
    /// Which peers are written to the datastore.
    pub persistence: Persistence,
    /// Whether private keys may be written to a store that is not on this machine. A store that promises
    /// no atomic batches counts as remote.
    pub private_keys_on_remote_stores: bool,
}

/// Which peers are written to the datastore.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Persistence {
    /// All.
    #[default]
    All,
    /// Those alone that have proven themselves: of which a request was answered
    /// ([`ReputationBook::succeeded`](crate::ReputationBook::succeeded)); and those whose private key is kept. So
    /// what anybody can say of peers costs no disk.
    ///
    /// All peers are in memory, the others nowhere else: [`Limits::peers`] says how much memory that may take, and
    /// opening reads all that is stored. With the first answer all that is known of the peer is written, in one
    /// commit, and from then on every change of it, until it is removed, or nothing is left of it.
    ///
    /// **A restart keeps** the peers that are written, with all that was known of them, and the node's own record
    /// with its sequence number. It forgets all others: their addresses, keys, protocols, metadata, tags, failed
    /// requests, and which of their signed records are too old. What was stored before with [`All`](Self::All) stays
    /// until it is removed or has expired.
    Proven,
}

/// When expired rows are removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GcOptions {
    /// What starts a collection.
    pub strategy: GcStrategy,
    /// Time between two collections in the background, for [`GcStrategy::Interval`].
    #[serde(with = "time")]
    pub interval: Duration,
    /// Rows that are written between two collections in the background, for [`GcStrategy::Pressure`].
    pub pressure: u64,
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
    /// A thread in the background, which looks each second whether [`GcOptions::pressure`] rows were written since the
    /// last collection; or any, and nine tenths of a limit are reached. Where nothing is written, nothing is collected.
    Pressure,
    /// Only calls of [`Peerstore::collect`](crate::Peerstore::collect).
    Manual,
}

impl PeerstoreOptions {
    /// For a small device or a light client: 4 MiB of memory for rows, 10,000 peers with fewer addresses each.
    pub fn small() -> Self {
        let limits =
            Limits { peers: 10_000, watermarks: 10_000, addresses: 16, ..Limits::default() };
        Self { cache_bytes: 4 << 20, limits, ..Self::default() }
    }

    /// For a server of the DHT: 256 MiB of memory for rows, 10,000,000 peers.
    pub fn server() -> Self {
        let limits = Limits { peers: 10_000_000, watermarks: 10_000_000, ..Limits::default() };
        Self { cache_bytes: 256 << 20, limits, ..Self::default() }
    }
}

impl Default for PeerstoreOptions {
    /// For a usual node: 32 MiB of memory for rows, 1,000,000 peers.
    fn default() -> Self {
        Self {
            cache_bytes: 32 << 20,
            event_capacity: 1024,
            limits: Limits::default(),
            // As long as a provider record is believed: what signed records are spread with.
            watermark_ttl: Duration::from_secs(48 * 3600),
            gc: GcOptions::default(),
            write_behind: PeerWriteBehind::default(),
            persistence: Persistence::default(),
            private_keys_on_remote_stores: false,
        }
    }
}

impl Default for GcOptions {
    fn default() -> Self {
        // A sweep costs what is due, so it may come often.
        Self {
            strategy: GcStrategy::default(),
            interval: Duration::from_secs(60),
            pressure: 100_000,
            page: 1000,
        }
    }
}
