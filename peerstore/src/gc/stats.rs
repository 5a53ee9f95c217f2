use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::GcReport;
use crate::census::Kind;

/// What collections and limits have taken away since the peerstore was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct GcStats {
    /// Collections that came to their end.
    pub collections: u64,
    /// What they did, together.
    pub collected: GcReport,
    /// Peers that were taken away since a book was full.
    pub evicted_peers: u64,
    /// Watermarks that were taken away since there were too many.
    pub evicted_watermarks: u64,
}

#[derive(Debug, Default)]
pub(crate) struct GcCounters {
    stats: Mutex<GcStats>,
    /// Rows that were written since the last collection began.
    written: AtomicU64,
}

impl GcCounters {
    pub(crate) fn stats(&self) -> GcStats {
        *self.stats.lock()
    }

    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    pub(crate) fn note_written(&self, rows: usize) {
        self.written.fetch_add(rows as u64, Ordering::Relaxed);
    }

    pub(super) fn begin(&self) {
        self.written.store(0, Ordering::Relaxed);
    }

    pub(super) fn note_collected(&self, report: &GcReport) {
        let GcReport { due, trimmed, removed, postponed, skipped } = report;
        let stats = &mut *self.stats.lock();
        stats.collections += 1;
        stats.collected.due += due;
        stats.collected.trimmed += trimmed;
        stats.collected.removed += removed;
        stats.collected.postponed += postponed;
        stats.collected.skipped += skipped;
    }

    pub(crate) fn note_evicted(&self, kind: Kind, count: u64) {
        let stats = &mut *self.stats.lock();
        match kind {
            Kind::Watermarks => stats.evicted_watermarks += count,
            _ => stats.evicted_peers += count,
        }
    }
}
