use std::fmt;

use super::place::{Named, Place};

/// Which implementation wrote a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Flavour {
    /// go-libp2p, pstoreds.
    Go,
    /// js-libp2p, any of its four layouts.
    Js,
    /// py-libp2p, the persistent peerstore.
    Py,
}

impl Flavour {
    /// Which implementation writes rows under such a key; `None` if none does, or if it names no peer.
    pub fn of(key: &[u8]) -> Option<Self> {
        match Place::of(key).ok()? {
            Place::GoIndex | Place::Peer(Named::Go(_), _) => Some(Self::Go),
            Place::Peer(Named::Js(_), _) => Some(Self::Js),
            Place::PyPeer(..) | Place::PyOwnRecord => Some(Self::Py),
        }
    }
}

impl fmt::Display for Flavour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Go => "go",
            Self::Js => "js",
            Self::Py => "py",
        })
    }
}
