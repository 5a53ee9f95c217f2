//! Signed peer records: what a peer says of itself, in an envelope that it signed.
//!
//! The formats are those of [RFC 0002](https://github.com/libp2p/specs/blob/master/RFC/0002-signed-envelopes.md)
//! and [RFC 0003](https://github.com/libp2p/specs/blob/master/RFC/0003-routing-records.md), with the domain and
//! the payload type that go-libp2p and js-libp2p use. Which envelopes are taken is what go-libp2p takes.

mod error;
mod opened;
mod seal;
mod sequence;
mod signature;
mod verified;
mod wire;

pub use error::RecordError;
pub(crate) use opened::OpenedEnvelope;
pub use sequence::{Consumed, next_sequence};
pub use verified::VerifiedRecord;
pub(crate) use verified::check_length;

#[cfg(test)]
mod tests;
