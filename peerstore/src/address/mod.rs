//! The addresses of a peer, and the signed record that certifies some of them.

mod absorb;
mod beside_record;
mod cap;
mod certified;
mod codec;
mod entry;
mod glance;
mod listed;
mod normalise;
mod order;
mod row;
mod rules;
mod source;
mod stream;
mod take_in;
mod ttl;
mod view;

#[cfg(test)]
mod tests;

pub use entry::Address;
pub(crate) use glance::Glance;
pub use normalise::is_address_of;
pub(crate) use row::AddressRow;
pub(crate) use rules::At;
pub use source::AddressSource;
pub use stream::AddressStream;
pub(crate) use take_in::Told;
pub use ttl::AddressTtl;
pub use view::Addresses;
