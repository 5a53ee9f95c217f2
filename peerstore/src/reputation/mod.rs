//! What became of requests to a peer, and what follows from it: how good it is, when to ask it again, and
//! whom to ask first.

mod bootstrap;
mod network;
mod outcomes;
mod rank;
mod row;
mod score;

pub use bootstrap::BootstrapCandidate;
pub(crate) use bootstrap::Candidates;
pub use outcomes::Reputation;
pub(crate) use rank::rank;

/// What is stored is what callers see.
pub(crate) type ReputationRow = Reputation;
