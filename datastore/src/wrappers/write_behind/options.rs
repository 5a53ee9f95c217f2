use std::time::Duration;

use crate::Key;

/// When a [`WriteBehind`](super::WriteBehind) flushes, how much it holds, and how patient it is.
///
/// Bytes are those of keys and values. A limit of 0 keys or bytes is allowed: it holds nothing back.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use datastore::WriteBehindOptions;
///
/// let options = WriteBehindOptions { flush_age: Duration::from_secs(5), ..Default::default() };
/// assert!(options.flush_keys < options.max_keys);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteBehindOptions {
    /// Flush once so many keys wait for it.
    pub flush_keys: usize,
    /// Flush once so many bytes wait for it.
    pub flush_bytes: usize,
    /// Flush once a write has waited for so long; [`Duration::MAX`] is never.
    pub flush_age: Duration,
    /// Most keys that are held, those of a flush under way included; then commits wait.
    pub max_keys: usize,
    /// Most bytes that are held, those of a flush under way included; then commits wait.
    pub max_bytes: usize,
    /// How long a commit waits before it fails as
    /// [`Unavailable`](crate::ErrorKind::Unavailable), with nothing of it applied.
    pub max_wait: Duration,
    /// Pause after a flush that failed; it doubles with each further failure, and up to half of it is
    /// taken off at random.
    pub min_backoff: Duration,
    /// Longest pause after a flush that failed.
    pub max_backoff: Duration,
    /// Below which keys there are indexes: entries by which records that lie elsewhere are found. Where batches of the
    /// store below are not atomic, a flush puts entries before it writes records, and deletes entries after that:
    /// wherever it ends, no record is there without the entry that was written with it or before. It is up to four
    /// commits then, each begun once the one before has landed.
    pub indexes: Vec<Key>,
}

impl Default for WriteBehindOptions {
    fn default() -> Self {
        Self {
            flush_keys: 10_000,
            flush_bytes: 8 << 20,
            flush_age: Duration::from_secs(1),
            max_keys: 50_000,
            max_bytes: 64 << 20,
            max_wait: Duration::from_secs(60),
            min_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(30),
            indexes: Vec::new(),
        }
    }
}

impl WriteBehindOptions {
    /// The pause after so many failures in a row.
    pub(super) fn backoff(&self, failures: u32, random: u64) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
        let longest = self.min_backoff.saturating_mul(doubled).min(self.max_backoff);
        let half = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX) / 2;
        longest.saturating_sub(Duration::from_nanos(random % (half + 1)))
    }
}
