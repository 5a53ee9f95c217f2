//! Takes away what has expired: O(expired), by the expiry index.

mod collect;

pub use collect::GcReport;
pub(crate) use collect::{collect, start};
