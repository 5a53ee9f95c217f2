//! Takes away what has expired: O(expired), by the expiry index.

mod collect;
mod stats;

pub use collect::GcReport;
pub(crate) use collect::{collect, start};
pub(crate) use stats::GcCounters;
pub use stats::GcStats;
