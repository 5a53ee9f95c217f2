mod books;
mod export;
mod flat;
mod wire;

pub use export::to_js;

pub(super) use books::{addresses, metadata, protocols};
pub(super) use flat::everything;

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use datastore::Expiry;

use self::wire::Address;
use super::address::address;
use super::imported::ImportedAddress;
use super::skipped::SkipReason;
use super::time::{ADDRESS_TTL, from_millis};
use crate::lenient;

/// One address, of a book or of a flat row. js drops it an hour after it was observed; older rows
/// do not say when that was.
fn address_of(encoded: Bytes) -> Result<ImportedAddress, SkipReason> {
    let stored = lenient::decode::<Address>(encoded)
        .map_err(|error| SkipReason::damaged("an address", error))?;
    let addr = address(&stored.multiaddr)?;
    let observed: Option<SystemTime> = stored.observed.and_then(from_millis);
    let ttl: Option<Duration> = stored.observed.map(|_| ADDRESS_TTL);
    Ok(ImportedAddress {
        addr,
        ttl,
        expiry: observed.map(|observed| Expiry::after(observed, ADDRESS_TTL)),
        connected: false,
        certified: stored.is_certified.unwrap_or(false),
        last_seen: observed,
    })
}
