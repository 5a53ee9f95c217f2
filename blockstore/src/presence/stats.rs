/// What a [`Blockstore`](crate::Blockstore) remembers of which blocks are there, and how often that
/// answered in place of the datastore, since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PresenceStats {
    /// Blocks in the cache.
    pub cached: u64,
    /// Bytes that the cache takes.
    pub cache_bytes: u64,
    /// Questions that the cache answered with: it is there.
    pub present: u64,
    /// Questions that the cache answered with: it is not there.
    pub absent: u64,
    /// Questions that neither cache nor filter had an answer to.
    pub unknown: u64,
    /// The filter in use, if there is one.
    pub filter: Option<FilterStats>,
}

/// A filter that rules blocks out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct FilterStats {
    /// Blocks in the filter, about: those that were there when it was built, and those put since.
    pub blocks: u64,
    /// How many of these were deleted since; the filter still takes them for perhaps present.
    pub deleted: u64,
    /// For how many blocks it was made.
    pub made_for: u64,
    /// Bytes that it takes.
    pub bytes: u64,
    /// Which part of the absent blocks it is expected not to rule out, from 0 to 1; deleted ones aside.
    pub false_positive_rate: f64,
    /// Questions that it answered with: it is not there.
    pub ruled_out: u64,
}

impl FilterStats {
    /// Whether a new filter would serve noticeably better: a quarter of the blocks was deleted, or there
    /// are more than it was made for.
    pub fn is_stale(&self) -> bool {
        self.deleted.saturating_mul(4) > self.blocks || self.blocks > self.made_for
    }
}
