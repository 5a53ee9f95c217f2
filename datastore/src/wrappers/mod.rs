//! Stores over any store, one thing each.

mod fault;
mod gate;
mod namespace;
mod read_only;
mod ttl;
mod write_behind;

pub use fault::{Fault, FaultRule, Injected, Operation, Position};
pub use namespace::Namespace;
pub use read_only::ReadOnly;
pub use ttl::{SweepReport, Ttl, TtlOptions};
pub use write_behind::{PendingWrites, WriteBehind, WriteBehindOptions};
