//! Pins: which blocks collections keep.

mod list;
mod options;
mod row;
mod store;

pub use list::PinRow;
pub use options::PinOptions;
pub(crate) use row::{PINS, parse};
pub use row::{Pin, PinMode};
pub use store::{PinnedBy, Pins};
