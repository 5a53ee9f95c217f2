use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

use datastore::{Error, ErrorKind, Expiry, Result};
use libp2p_identity::PeerId;

use super::page::PeerOrder;

/// Between two peers of a listing. Its text is for a command line, or for a listing that goes on after a restart.
///
/// # Examples
/// ```
/// use libp2p_identity::PeerId;
/// use peerstore::PeerCursor;
///
/// let peer = PeerId::random();
/// let cursor = PeerCursor::from(peer);
/// assert_eq!(cursor.to_string(), peer.to_string());
/// assert_eq!(cursor.to_string().parse::<PeerCursor>()?, cursor);
/// # Ok::<(), datastore::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PeerCursor(At);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum At {
    Key(PeerId),
    Standing { order: PeerOrder, as_of: Expiry, standing: Standing },
}

/// Where a peer stands in an order; the least comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Standing {
    place: Reverse<u64>,
    pub(super) peer: PeerId,
}

impl Standing {
    /// The higher the place, the earlier it comes.
    pub(super) fn new(place: u64, peer: PeerId) -> Self {
        Self { place: Reverse(place), peer }
    }
}

impl PeerCursor {
    pub(super) fn after_key(peer: PeerId) -> Self {
        Self(At::Key(peer))
    }

    pub(super) fn after_standing(order: PeerOrder, as_of: Expiry, standing: Standing) -> Self {
        Self(At::Standing { order, as_of, standing })
    }

    /// The last peer before it.
    pub fn peer(&self) -> &PeerId {
        match &self.0 {
            At::Key(peer) => peer,
            At::Standing { standing, .. } => &standing.peer,
        }
    }

    /// The order that it is a place in.
    pub fn order(&self) -> PeerOrder {
        match self.0 {
            At::Key(_) => PeerOrder::Key,
            At::Standing { order, .. } => order,
        }
    }

    pub(super) fn standing(&self) -> Option<(Expiry, Standing)> {
        match self.0 {
            At::Key(_) => None,
            At::Standing { as_of, standing, .. } => Some((as_of, standing)),
        }
    }
}

impl From<PeerId> for PeerCursor {
    /// After a peer, in the order of the keys.
    fn from(peer: PeerId) -> Self {
        Self::after_key(peer)
    }
}

impl fmt::Display for PeerCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            At::Key(peer) => peer.fmt(f),
            At::Standing { order, as_of, standing: Standing { place, peer } } => {
                let as_of = as_of.as_millis();
                write!(f, "{}:{as_of}:{:016x}:{peer}", name(*order), place.0)
            }
        }
    }
}

impl FromStr for PeerCursor {
    type Err = Error;

    /// Reads the text of a cursor.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidInput`] for any other text.
    fn from_str(text: &str) -> Result<Self> {
        let read = || {
            let Some((order, rest)) = text.split_once(':') else {
                return Some(At::Key(text.parse().ok()?));
            };
            let orders = [PeerOrder::Score, PeerOrder::LastSeen];
            let order = orders.into_iter().find(|known| name(*known) == order)?;
            let (as_of, rest) = rest.split_once(':')?;
            let (place, peer) = rest.split_once(':')?;
            let as_of = Expiry::from_millis(as_of.parse().ok()?);
            let place = u64::from_str_radix(place, 16).ok()?;
            let standing = Standing::new(place, peer.parse().ok()?);
            Some(At::Standing { order, as_of, standing })
        };
        let refused = || Error::new(ErrorKind::InvalidInput, "not a cursor of a listing of peers");
        read().map(Self).ok_or_else(refused)
    }
}

fn name(order: PeerOrder) -> &'static str {
    match order {
        PeerOrder::Key => "key",
        PeerOrder::Score => "score",
        PeerOrder::LastSeen => "seen",
    }
}
