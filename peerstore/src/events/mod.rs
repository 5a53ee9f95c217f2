//! What changed, for whoever subscribes.

mod bus;
mod diff;
mod event;

pub use bus::{Lagged, PeerEvents};
pub use event::PeerEvent;

pub(crate) use bus::Events;
pub(crate) use diff::between;
