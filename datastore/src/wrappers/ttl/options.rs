use std::time::Duration;

use crate::{Key, key};

/// Where a [`Ttl`](super::Ttl) keeps what is its own, and when it sweeps.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use datastore::TtlOptions;
///
/// let by_hand = TtlOptions { sweep_interval: Duration::MAX, ..TtlOptions::default() };
/// assert_eq!(by_hand.reserved, datastore::key!("/.ttl"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TtlOptions {
    /// The key below which the layer keeps its index and its marker; callers cannot use it. One layer over
    /// another needs a key of its own.
    pub reserved: Key,
    /// Pause between two sweeps in the background; [`Duration::MAX`] is never.
    pub sweep_interval: Duration,
    /// Up to so much is added to each pause at random, so that many stores do not sweep at one time.
    pub sweep_jitter: Duration,
    /// How many entries of the index a sweep in the background looks at, at most.
    pub sweep_budget: usize,
}

impl Default for TtlOptions {
    fn default() -> Self {
        Self {
            reserved: key!("/.ttl"),
            sweep_interval: Duration::from_secs(60),
            sweep_jitter: Duration::from_secs(6),
            sweep_budget: 1_000_000,
        }
    }
}
