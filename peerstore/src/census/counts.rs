use datastore::Key;
use serde::Serialize;

use crate::layout::{self, Book};
use crate::limits::Limits;

/// How many peers each book has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PeerCounts {
    /// Peers with addresses or a signed record, those included that have expired and are not collected yet.
    pub addresses: u64,
    /// Peers of which a watermark is left: the number below which their signed records are too old.
    pub watermarks: u64,
    /// Peers with protocols.
    pub protocols: u64,
    /// Peers whose public key is kept, since it is not part of their id.
    pub keys: u64,
    /// Peers whose private key is kept.
    pub private_keys: u64,
    /// Peers with tags.
    pub tags: u64,
    /// Peers of whose requests anything is known.
    pub reputation: u64,
    /// Peers with metadata.
    pub metadata: u64,
}

/// What is counted, each apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Addresses,
    Watermarks,
    Protocols,
    Keys,
    PrivateKeys,
    Tags,
    Reputation,
    Metadata,
}

impl Kind {
    pub(crate) const ALL: [Self; 8] = [
        Self::Addresses,
        Self::Watermarks,
        Self::Protocols,
        Self::Keys,
        Self::PrivateKeys,
        Self::Tags,
        Self::Reputation,
        Self::Metadata,
    ];

    /// What a row of a book is, if it says something of its peer.
    pub(crate) fn of(book: Book) -> Self {
        match book {
            Book::Addresses => Self::Addresses,
            Book::Protocols => Self::Protocols,
            Book::Keys => Self::Keys,
            Book::PrivateKeys => Self::PrivateKeys,
            Book::Tags => Self::Tags,
            Book::Reputation => Self::Reputation,
        }
    }

    /// Below what its rows lie.
    pub(crate) fn prefix(self) -> Key {
        match self {
            Self::Addresses | Self::Watermarks => Book::Addresses.prefix(),
            Self::Protocols => Book::Protocols.prefix(),
            Self::Keys => Book::Keys.prefix(),
            Self::PrivateKeys => Book::PrivateKeys.prefix(),
            Self::Tags => Book::Tags.prefix(),
            Self::Reputation => Book::Reputation.prefix(),
            Self::Metadata => layout::METADATA,
        }
    }

    /// How many there may be; 0 for any number.
    pub(crate) fn limit(self, limits: &Limits) -> u64 {
        match self {
            // What nobody can take away has no limit.
            Self::PrivateKeys => 0,
            Self::Watermarks => limits.watermarks as u64,
            _ => limits.peers as u64,
        }
    }
}

impl PeerCounts {
    pub(crate) fn of(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Addresses => self.addresses,
            Kind::Watermarks => self.watermarks,
            Kind::Protocols => self.protocols,
            Kind::Keys => self.keys,
            Kind::PrivateKeys => self.private_keys,
            Kind::Tags => self.tags,
            Kind::Reputation => self.reputation,
            Kind::Metadata => self.metadata,
        }
    }

    pub(crate) fn of_mut(&mut self, kind: Kind) -> &mut u64 {
        match kind {
            Kind::Addresses => &mut self.addresses,
            Kind::Watermarks => &mut self.watermarks,
            Kind::Protocols => &mut self.protocols,
            Kind::Keys => &mut self.keys,
            Kind::PrivateKeys => &mut self.private_keys,
            Kind::Tags => &mut self.tags,
            Kind::Reputation => &mut self.reputation,
            Kind::Metadata => &mut self.metadata,
        }
    }

    /// Counts each of these once more.
    pub(crate) fn add(&mut self, held: Held) {
        for kind in held.kinds() {
            *self.of_mut(kind) += 1;
        }
    }

    /// Counts each of these once less.
    pub(crate) fn take(&mut self, held: Held) {
        for kind in held.kinds() {
            let count = self.of_mut(kind);
            *count = count.saturating_sub(1);
        }
    }
}

/// Some of the [kinds](Kind): what is kept of one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held(u8);

impl Held {
    pub(crate) fn insert(&mut self, kind: Kind) {
        self.0 |= 1 << kind as u8;
    }

    pub(crate) fn extend(&mut self, kind: Option<Kind>) {
        if let Some(kind) = kind {
            self.insert(kind);
        }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) fn within(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(crate) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(crate) fn kinds(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| self.has(*kind))
    }
}
