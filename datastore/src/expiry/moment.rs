use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The moment at which something ends, in milliseconds since 1970-01-01 00:00 UTC, or never.
///
/// At that moment it has ended: something that expires now is not there any more.
///
/// # Examples
/// ```
/// use std::time::{Duration, SystemTime};
/// use datastore::Expiry;
///
/// let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
/// let hour = Duration::from_secs(3600);
/// let expiry = Expiry::after(now, hour);
/// assert!(!expiry.is_past(now + hour - Duration::from_millis(1)));
/// assert!(expiry.is_past(now + hour));
/// assert_eq!(Expiry::after(now, Duration::MAX), Expiry::NEVER);
/// assert_eq!(Expiry::after(now, Expiry::PERMANENT), Expiry::NEVER);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Expiry(u64);

impl Expiry {
    /// No moment at all; greater than every other one.
    pub const NEVER: Self = Self(u64::MAX);

    /// The shortest TTL that means never: the longest that Go can tell, some 292 years, which its peer
    /// stores use for what is permanent.
    pub const PERMANENT: Duration = Duration::from_nanos(i64::MAX as u64);

    /// `ttl` after `now`, a part of a millisecond counted as a whole one; never, from
    /// [`PERMANENT`](Self::PERMANENT) on.
    pub fn after(now: SystemTime, ttl: Duration) -> Self {
        if ttl >= Self::PERMANENT {
            return Self::NEVER;
        }
        // What is less than that long fits.
        let millis = (ttl.as_nanos() as u64).div_ceil(1_000_000);
        Self(Self::at(now).0.saturating_add(millis))
    }

    /// The moment `time`, whole milliseconds; what lies before 1970 is 1970.
    pub fn at(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    /// So many milliseconds since 1970; `u64::MAX` is never.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970; `u64::MAX` is never.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whether what expires at this moment has ended `now`.
    pub fn is_past(self, now: SystemTime) -> bool {
        self != Self::NEVER && self <= Self::at(now)
    }

    /// The moment as a time; `None` for never, and past what the platform can name.
    pub fn time(self) -> Option<SystemTime> {
        let since = Duration::from_millis(self.0);
        UNIX_EPOCH.checked_add(since).filter(|_| self != Self::NEVER)
    }

    /// What is left of it `now`; nothing if it is past, [`Duration::MAX`] for never.
    pub fn remaining(self, now: SystemTime) -> Duration {
        match self {
            Self::NEVER => Duration::MAX,
            Self(millis) => Duration::from_millis(millis.saturating_sub(Self::at(now).0)),
        }
    }
}
