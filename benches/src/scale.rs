use std::time::Duration;

use crate::{Plan, ValueSize};

/// How much is measured, and how long.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Entries with small values.
    pub small: usize,
    /// Entries with values of medium size.
    pub medium: usize,
    /// Entries with large values.
    pub large: usize,
    /// How long each comparison of reads takes.
    pub reads: Plan,
    /// How long each comparison of writes takes: a round fills a memtable or more, so that none goes without what the
    /// engine does then.
    pub writes: Plan,
}

impl Scale {
    /// For figures to be believed.
    pub fn full() -> Self {
        let reads =
            Plan { round: Duration::from_millis(25), rounds: 41, budget: Duration::from_secs(15) };
        let writes = Plan { round: Duration::from_millis(900), rounds: 15, ..reads };
        Self { small: 1_000_000, medium: 200_000, large: 4_000, reads, writes }
    }

    /// For a first look.
    pub fn quick() -> Self {
        let plan =
            Plan { round: Duration::from_millis(10), rounds: 15, budget: Duration::from_secs(3) };
        Self { small: 100_000, medium: 20_000, large: 1_000, reads: plan, writes: plan }
    }

    /// How many entries there are with values of this size.
    pub fn entries(&self, size: ValueSize) -> usize {
        match size {
            ValueSize::Small => self.small,
            ValueSize::Medium => self.medium,
            ValueSize::Large => self.large,
        }
    }
}
