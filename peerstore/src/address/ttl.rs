use std::time::{Duration, SystemTime};

use datastore::Expiry;

/// For how long an address is kept, shorter before longer.
///
/// The constants are those of go-libp2p's `core/peerstore`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressTtl {
    /// For so long from when it is said, in whole milliseconds, a part of one counted as a whole one.
    /// Zero adds nothing, and deletes where it is set. What Go calls permanent (2⁶³ − 1 ns, 292 years), and
    /// what is longer, is [`Permanent`](Self::Permanent).
    For(Duration),
    /// While there is a connection in this session; from its end, or from the begin of the next
    /// session, for [`RECENTLY_CONNECTED`](Self::RECENTLY_CONNECTED).
    Connected,
    /// For ever.
    Permanent,
}

impl AddressTtl {
    /// One hour: for addresses in general.
    pub const ADDRESS: Self = Self::For(Duration::from_secs(3_600));
    /// Two minutes: for what may be asked for once.
    pub const TEMP: Self = Self::For(Duration::from_secs(120));
    /// 15 minutes: for the addresses of a peer whose connection has ended.
    pub const RECENTLY_CONNECTED: Self = Self::For(Duration::from_secs(900));
    /// 30 minutes: for addresses of our own that peers have observed.
    pub const OWN_OBSERVED: Self = Self::For(Duration::from_secs(1_800));
    /// For ever.
    pub const PERMANENT: Self = Self::Permanent;
    /// While there is a connection.
    pub const CONNECTED: Self = Self::Connected;

    /// As it is stored: what is stored is compared with what is asked for.
    pub(super) fn stored(self) -> Self {
        match self {
            Self::For(ttl) if ttl >= GO_PERMANENT => Self::Permanent,
            Self::For(ttl) => Self::For(whole_millis(ttl)),
            Self::Connected | Self::Permanent => self,
        }
    }

    /// That of an address which ends at `expiry`, where it may be stated: else it is what is left `now`. What ends in
    /// 292 years or later is kept for ever.
    pub(super) fn ending(
        expiry: Expiry,
        stated: Option<Duration>,
        now: SystemTime,
    ) -> (Self, Expiry) {
        let left = expiry.remaining(now);
        if left >= GO_PERMANENT {
            return (Self::Permanent, Expiry::NEVER);
        }
        // One that ends has a TTL that does.
        let longest = GO_PERMANENT - Duration::from_millis(1);
        let ttl = stated.filter(|ttl| !ttl.is_zero()).unwrap_or(left).min(longest);
        (Self::For(whole_millis(ttl)), expiry)
    }

    /// When it ends that is said `now`.
    pub(super) fn expiry(self, now: SystemTime) -> Expiry {
        match self {
            Self::For(ttl) => Expiry::after(now, ttl),
            Self::Connected | Self::Permanent => Expiry::NEVER,
        }
    }

    pub(super) fn is_zero(self) -> bool {
        self == Self::For(Duration::ZERO)
    }
}

impl From<Duration> for AddressTtl {
    fn from(ttl: Duration) -> Self {
        Self::For(ttl).stored()
    }
}

const GO_PERMANENT: Duration = Duration::from_nanos(i64::MAX as u64);

fn whole_millis(ttl: Duration) -> Duration {
    let millis = ttl.as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).map_or(Duration::MAX, Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_millisecond_is_a_whole_one() {
        let stored = AddressTtl::from(Duration::from_micros(100));
        assert_eq!(stored, AddressTtl::For(Duration::from_millis(1)));
        assert_eq!(AddressTtl::from(Duration::ZERO), AddressTtl::For(Duration::ZERO));
    }

    #[test]
    fn what_go_calls_permanent_is_permanent_and_what_is_longer_too() {
        let go = Duration::from_nanos(9_223_372_036_854_775_807);
        assert_eq!(AddressTtl::from(go), AddressTtl::Permanent);
        assert_eq!(AddressTtl::from(Duration::MAX), AddressTtl::Permanent);
        let less = go - Duration::from_secs(1);
        assert!(AddressTtl::from(less) < AddressTtl::Connected);
    }

    #[test]
    fn what_ends_has_a_ttl_that_ends() {
        let (now, day) = (SystemTime::UNIX_EPOCH, Duration::from_secs(86_400));
        let end = Expiry::after(now, day);
        let ending = |expiry, stated| AddressTtl::ending(expiry, stated, now);
        assert_eq!(ending(end, Some(2 * day)), (AddressTtl::For(2 * day), end));
        for none in [None, Some(Duration::ZERO)] {
            assert_eq!(ending(end, none), (AddressTtl::For(day), end));
        }
        let (ttl, expiry) = ending(end, Some(GO_PERMANENT));
        assert!(ttl < AddressTtl::Connected && ttl.stored() == ttl, "{ttl:?}");
        assert_eq!(expiry, end);
        for far in [Expiry::NEVER, Expiry::after(now, GO_PERMANENT)] {
            assert_eq!(ending(far, Some(day)), (AddressTtl::Permanent, Expiry::NEVER));
        }
    }

    #[test]
    fn shorter_is_less_than_longer() {
        let ascending = [
            AddressTtl::For(Duration::ZERO),
            AddressTtl::TEMP,
            AddressTtl::RECENTLY_CONNECTED,
            AddressTtl::OWN_OBSERVED,
            AddressTtl::ADDRESS,
            AddressTtl::CONNECTED,
            AddressTtl::PERMANENT,
        ];
        assert!(ascending.is_sorted());
    }
}
