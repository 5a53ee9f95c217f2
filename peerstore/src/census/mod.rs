//! How many peers each book has: known without looking at them.
//!
//! A change knows of each row that it looked at what it was and what it is to be, and so what begins with it and what
//! ends. The sums are in memory while the peerstore is open. They are written when it closes, and taken away when it
//! opens: after a crash there are none, and who first has to know counts the rows.

mod count;
mod counts;
mod landing;
mod ledger;
mod stored;

pub use counts::PeerCounts;
pub(crate) use counts::{Held, Kind};
pub(crate) use landing::{Admission, Landing, Shift};
pub(crate) use ledger::{Census, Refusal};
