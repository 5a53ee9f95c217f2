//! What expires, and when: the moment, and the index by which a sweep finds what is due.

mod entry;
mod index;
mod marks;
mod moment;
mod round;
mod sweeper;

pub use entry::Due;
pub use index::{ExpiryIndex, ExpiryWriting};
pub use moment::Expiry;
pub use round::ExpiryRound;
pub use sweeper::ExpirySweeper;
