use std::fmt;

/// Who says that a peer has an address.
///
/// An address is of the highest source that has said it, in whichever order they spoke:
/// routing < identify < push < signed < user. What a source says of an address
///
/// | is done | to one of a lower or the same source | to one of a higher source |
/// |---|---|---|
/// | add | TTL and expiry are raised | TTL and expiry are raised |
/// | set | TTL and expiry are replaced; a TTL of zero deletes | yields: raised, never lowered; zero does nothing |
///
/// where identify and push are one source, and what an addition is compared with is the source that the address
/// had before. With a list that is all that a source says now, these addresses go that are not in it:
///
/// | list of | replaces | leaves |
/// |---|---|---|
/// | routing | nothing: each answer is what one node has heard | everything |
/// | identify, push | what identify and push said before | connected ones; those of routing, signed, user |
/// | signed: a newer record | certified ones, what signed said before | connected ones; routing, identify, push, user |
/// | user | what the user said before | connected and certified ones; those of all others |
///
/// So nobody but the user takes away what the user has said. Time does, and the limit of addresses for one peer;
/// update and clear are the application's own, and ask for no source.
///
/// Whether an address is certified is no source: it is so while it is in the newest signed record of the peer,
/// whoever else has said it, before or after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AddressSource {
    /// Another node, asked for the peer: a DHT, rendezvous, mDNS, peer exchange.
    Routing,
    /// The peer itself, when it was asked over a connection (`/ipfs/id/1.0.0`).
    Identify,
    /// The peer itself, unasked, when its addresses changed (`/ipfs/id/push/1.0.0`).
    Push,
    /// The peer itself, in a signed record, whoever brought that.
    Signed,
    /// The application, or its configuration.
    User,
}

impl AddressSource {
    /// Its name, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Routing => "routing",
            Self::Identify => "identify",
            Self::Push => "push",
            Self::Signed => "signed",
            Self::User => "user",
        }
    }

    /// Whether it may lower or delete what `other` has said.
    pub(super) fn overrides(self, other: Self) -> bool {
        self >= other || self.is_same(other)
    }

    /// Whether a list of this source replaces what `other` has said.
    pub(super) fn replaces(self, other: Self) -> bool {
        self != Self::Routing && self.is_same(other)
    }

    fn is_same(self, other: Self) -> bool {
        let own_word = |source| matches!(source, Self::Identify | Self::Push);
        self == other || own_word(self) && own_word(other)
    }
}

impl fmt::Display for AddressSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
