use std::time::{Duration, SystemTime};

use bytes::Bytes;
use datastore::Expiry;
use multiaddr::Multiaddr;

use super::source::AddressSource;
use super::ttl::AddressTtl;

/// An address of a peer, and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub(super) addr: Multiaddr,
    pub(super) facts: Facts,
}

impl Address {
    /// The address, without the `/p2p/<peer>` of its own peer.
    pub fn addr(&self) -> &Multiaddr {
        &self.addr
    }

    /// For how long it is kept from when it is said.
    pub fn ttl(&self) -> AddressTtl {
        self.facts.ttl
    }

    /// When it expires.
    pub fn expiry(&self) -> Expiry {
        self.facts.expiry
    }

    /// The highest source that has said it.
    pub fn source(&self) -> AddressSource {
        self.facts.source
    }

    /// Whether it is in the newest signed record of the peer.
    pub fn is_certified(&self) -> bool {
        self.facts.certified
    }

    /// Whether there is a connection to the peer, in this session, that has it.
    pub fn is_connected(&self) -> bool {
        self.facts.connected
    }

    /// When somebody last said it, up to ten minutes early; `None` if that is not known.
    ///
    /// It is exact when what was said changed something else too, such as the expiry: hearing once more what is
    /// kept for ever is not worth a write.
    pub fn last_seen(&self) -> Option<SystemTime> {
        self.facts.last_seen.time()
    }

    /// When it last was dialed with success; `None` if it never was.
    pub fn last_success(&self) -> Option<SystemTime> {
        self.facts.last_success.time()
    }

    /// How often it was dialed in vain since then.
    pub fn failures(&self) -> u32 {
        self.facts.failures
    }
}

/// An address that this release cannot read: kept as it is until it expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(super) addr: Bytes,
    pub(super) facts: Facts,
}

/// What is known of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) ttl: AddressTtl,
    pub(super) expiry: Expiry,
    pub(super) source: AddressSource,
    pub(super) certified: bool,
    pub(super) connected: bool,
    pub(super) last_seen: Moment,
    pub(super) last_success: Moment,
    pub(super) failures: u32,
}

/// Something that is said of addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    pub(super) ttl: AddressTtl,
    pub(super) expiry: Expiry,
    pub(super) source: AddressSource,
    pub(super) certified: bool,
    pub(super) at: Moment,
}

impl Said {
    pub(super) fn new(ttl: AddressTtl, source: AddressSource, now: SystemTime) -> Self {
        let ttl = ttl.stored();
        let at = Moment::at(now);
        Self { ttl, expiry: ttl.expiry(now), source, certified: false, at }
    }

    pub(super) fn certified(self) -> Self {
        Self { certified: true, ..self }
    }

    fn is_connected(&self) -> bool {
        self.ttl == AddressTtl::Connected
    }
}

impl Facts {
    /// What is known of an address that was not known.
    pub(super) fn new(said: &Said) -> Self {
        Self {
            ttl: said.ttl,
            expiry: said.expiry,
            source: said.source,
            certified: said.certified,
            connected: said.is_connected(),
            last_seen: said.at,
            last_success: Moment::UNKNOWN,
            failures: 0,
        }
    }

    pub(super) fn is_live(&self, now: Expiry) -> bool {
        self.connected || self.expiry > now || self.expiry == Expiry::NEVER
    }

    /// It is said: its time is raised, never lowered.
    pub(super) fn raise(&mut self, said: &Said) {
        let before = *self;
        self.ttl = self.ttl.max(said.ttl);
        self.expiry = self.expiry.max(said.expiry);
        self.connected |= said.is_connected();
        self.heard(said, &before);
    }

    /// It is said: its time is replaced.
    pub(super) fn replace(&mut self, said: &Said) {
        let before = *self;
        self.give(said.ttl, said.expiry);
        self.heard(said, &before);
    }

    /// Gives it another time. With a TTL that ends by itself it is no longer kept for a connection.
    pub(super) fn give(&mut self, ttl: AddressTtl, expiry: Expiry) {
        self.connected = match ttl {
            AddressTtl::For(_) => false,
            AddressTtl::Connected => true,
            AddressTtl::Permanent => self.connected,
        };
        self.ttl = ttl;
        self.expiry = expiry;
    }

    /// The connection has ended: what was kept for it alone begins to count down.
    pub(super) fn disconnect(&mut self, ttl: AddressTtl, expiry: Expiry) {
        self.connected = false;
        if self.ttl == AddressTtl::Connected {
            self.give(ttl, expiry);
        }
    }

    fn heard(&mut self, said: &Said, before: &Self) {
        self.source = self.source.max(said.source);
        self.certified |= said.certified;
        if self != before || said.at >= self.last_seen.later(SEEN_STEP) {
            self.last_seen = self.last_seen.max(said.at);
        }
    }
}

/// How much later something must be said again to be noted, if nothing else has changed.
const SEEN_STEP: Duration = Duration::from_secs(600);

/// A moment in the past, in milliseconds since 1970; 0 if it is not known, or there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(pub(super) u64);

impl Moment {
    pub(super) const UNKNOWN: Self = Self(0);

    pub(super) fn at(now: SystemTime) -> Self {
        Self(Expiry::at(now).as_millis())
    }

    pub(super) fn is_known(self) -> bool {
        self != Self::UNKNOWN
    }

    fn later(self, step: Duration) -> Self {
        let millis = u64::try_from(step.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(millis))
    }

    fn time(self) -> Option<SystemTime> {
        self.is_known().then(|| Expiry::from_millis(self.0).time()).flatten()
    }
}
