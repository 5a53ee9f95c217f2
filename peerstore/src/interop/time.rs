use std::time::{Duration, SystemTime, UNIX_EPOCH};

use datastore::Expiry;

/// How long an address is kept whose row does not say it: go's `AddressTTL`, and the age at which js
/// drops addresses.
pub(super) const ADDRESS_TTL: Duration = Duration::from_secs(3600);

/// How long an address is kept after a disconnect: go's `RecentlyConnectedAddrTTL`.
pub(super) const RECENTLY_CONNECTED_TTL: Duration = Duration::from_secs(15 * 60);

/// So many milliseconds after 1970, if the platform can name that moment.
pub(super) fn from_millis(millis: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

/// Milliseconds since 1970.
pub(super) fn millis(time: SystemTime) -> u64 {
    Expiry::at(time).as_millis()
}
