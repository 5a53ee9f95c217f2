/// How much is remembered of which blocks are there.
///
/// # Examples
/// ```
/// use datastore_blocks::PresenceOptions;
///
/// // For some ten million blocks: 7 MB of cache, and a filter of 20 MB.
/// let presence = PresenceOptions::new().cached_blocks(100_000).expected_blocks(10_000_000).bits_per_block(16);
/// # let _ = presence;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceOptions {
    pub(super) cached_blocks: usize,
    pub(super) expected_blocks: u64,
    pub(super) bits_per_block: u32,
    pub(super) max_filter_bytes: usize,
}

impl PresenceOptions {
    /// Of 65,536 blocks whether they are there, and how large; filters, once built, of 12 bits for each
    /// block, for a million blocks at least, of 64 MiB at most.
    pub fn new() -> Self {
        Self {
            cached_blocks: 1 << 16,
            expected_blocks: 1_000_000,
            bits_per_block: 12,
            max_filter_bytes: 64 << 20,
        }
    }

    /// Remembers of so many blocks at most whether they are there, the ones asked for most; 0 for none.
    /// About 70 bytes for each, taken as they come.
    #[must_use]
    pub fn cached_blocks(mut self, blocks: usize) -> Self {
        self.cached_blocks = blocks;
        self
    }

    /// Makes filters for so many blocks at least. If there turn out to be more, they are counted first,
    /// which takes a second listing.
    #[must_use]
    pub fn expected_blocks(mut self, blocks: u64) -> Self {
        self.expected_blocks = blocks;
        self
    }

    /// Makes filters of so many bits for each block: with 8 of them 2 absent blocks of 100 pass for
    /// perhaps present, with 12 of them 3 of 1000, with 16 of them 5 of 10,000.
    #[must_use]
    pub fn bits_per_block(mut self, bits: u32) -> Self {
        self.bits_per_block = bits;
        self
    }

    /// Makes filters of so many bytes at most, however many blocks there are; they rule out less then.
    /// While one is built beside an older one, both are there.
    #[must_use]
    pub fn max_filter_bytes(mut self, bytes: usize) -> Self {
        self.max_filter_bytes = bytes;
        self
    }
}

impl Default for PresenceOptions {
    fn default() -> Self {
        Self::new()
    }
}
