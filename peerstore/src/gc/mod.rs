//! Takes away what has expired: O(expired), by the expiry index.

mod background;
mod collect;

pub(crate) use background::Collector;
pub use collect::GcReport;
pub(crate) use collect::collect;
