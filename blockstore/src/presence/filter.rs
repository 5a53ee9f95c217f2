use std::f64::consts::LN_2;
use std::sync::atomic::{AtomicU64, Ordering};

use fastbloom::AtomicBloomFilter;

use super::fingerprint::Fingerprint;
use super::{FilterStats, PresenceOptions};

/// A Bloom filter: knows of blocks that are not there, and of the others nothing.
pub(super) struct Filter {
    bits: AtomicBloomFilter,
    size: Size,
    blocks: AtomicU64,
    deleted: AtomicU64,
    ruled_out: Vec<Count>,
}

/// A size of filters, for a number of blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    blocks: u64,
    bits: usize,
    probes: u32,
}

/// A counter with a cache line of its own.
#[repr(align(64))]
#[derive(Default)]
struct Count(AtomicU64);

/// Counters of one number, so that threads seldom meet at one.
const COUNTERS: u64 = 16;

impl Size {
    pub(super) fn of(blocks: u64, options: &PresenceOptions) -> Self {
        let most = (options.max_filter_bytes as u64).saturating_mul(8);
        let bits = blocks.saturating_mul(u64::from(options.bits_per_block)).min(most).max(64);
        let probes = (bits as f64 / blocks.max(1) as f64 * LN_2).round().clamp(1.0, 16.0);
        // The cast cuts nothing: there are no more than `most`, the bits of something in memory.
        Self { blocks, bits: bits as usize, probes: probes as u32 }
    }

    /// Whether a filter of this size serves `blocks` as well as one that is made for them.
    pub(super) fn serves(self, blocks: u64, options: &PresenceOptions) -> bool {
        let made = Self::of(blocks, options);
        blocks <= self.blocks || (self.bits, self.probes) == (made.bits, made.probes)
    }
}

impl Filter {
    pub(super) fn new(size: Size) -> Self {
        Self {
            bits: AtomicBloomFilter::with_num_bits(size.bits).hashes(size.probes),
            size,
            blocks: AtomicU64::new(0),
            deleted: AtomicU64::new(0),
            ruled_out: (0..COUNTERS).map(|_| Count::default()).collect(),
        }
    }

    pub(super) fn insert(&self, block: Fingerprint) {
        if !self.bits.insert_hash(block.places) {
            self.blocks.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether a block is certainly not there.
    pub(super) fn rules_out(&self, block: Fingerprint) -> bool {
        let ruled_out = !self.bits.contains_hash(block.places);
        if ruled_out && let Some(count) = self.ruled_out.get((block.shard % COUNTERS) as usize) {
            count.0.fetch_add(1, Ordering::Relaxed);
        }
        ruled_out
    }

    /// Counts a block that was deleted, if it may have been one of those inserted.
    pub(super) fn delete(&self, block: Fingerprint) {
        if self.bits.contains_hash(block.places) {
            self.deleted.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn stats(&self) -> FilterStats {
        let blocks = self.blocks.load(Ordering::Relaxed);
        let count = usize::try_from(blocks).unwrap_or(usize::MAX);
        FilterStats {
            blocks,
            deleted: self.deleted.load(Ordering::Relaxed),
            made_for: self.size.blocks,
            bytes: self.bits.as_slice().len() as u64 * 8,
            false_positive_rate: self.bits.expected_false_pos(count),
            ruled_out: self.ruled_out.iter().map(|count| count.0.load(Ordering::Relaxed)).sum(),
        }
    }
}
