use std::fmt::Debug;
use std::time::SystemTime;

use datastore::Expiry;
use libp2p_identity::PeerId;

use crate::cbor::Flaw;
use crate::census::Kind;
use crate::layout::Book;
use crate::session::Session;

/// What one book keeps of one peer: a value of the datastore, decoded.
pub(crate) trait Row: Clone + Debug + Default + PartialEq + Send + Sync + 'static {
    /// The book that it is of.
    const BOOK: Book;

    /// Reads a row. A part of it that cannot be read while the rest can (an address with a protocol that
    /// is not known) is no flaw: it is kept and hides nothing.
    fn decode(value: &[u8], peer: &PeerId, session: &Session) -> Result<Self, Flaw>;

    /// Writes a row, the same bytes for equal rows.
    fn encode(&self) -> Vec<u8>;

    /// Whether it says nothing: such a row is not stored.
    fn is_empty(&self) -> bool;

    /// Whether it says something of the peer itself.
    fn is_known(&self) -> bool {
        !self.is_empty()
    }

    /// As [`is_known`](Self::is_known), of what has not expired: the rest of it waits to be collected.
    fn is_known_at(&self, _now: SystemTime) -> bool {
        self.is_known()
    }

    /// What it is counted as; `None` if it says nothing.
    fn kind(&self) -> Option<Kind> {
        match (self.is_empty(), self.is_known()) {
            (true, _) => None,
            (false, true) => Some(Kind::of(Self::BOOK)),
            // What says something, but nothing of the peer itself.
            (false, false) => Some(Kind::Watermarks),
        }
    }

    /// When a part of it ends first.
    fn expiry(&self) -> Expiry {
        Expiry::NEVER
    }

    /// About how many bytes it takes in memory, room that it does not use included.
    fn weight(&self) -> usize;
}

/// About what an allocation of so many bytes takes: allocators note its length, and round up.
pub(crate) fn allocated(bytes: usize) -> usize {
    (bytes + 8).next_multiple_of(16).max(32)
}

/// About what the nodes of a B-tree of so many entries take: each has 11 places, at least half of them in use if there
/// are several.
pub(crate) fn tree(entries: usize, entry: usize) -> usize {
    match entries {
        0 => 0,
        _ => (2 * entries).max(11) * entry,
    }
}
