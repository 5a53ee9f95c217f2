use data_encoding::BASE32_NOPAD;
use libp2p_identity::PeerId;

use super::skipped::SkipReason;
use crate::layout;

/// What a key says of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place<'k> {
    /// A row of go or js.
    Peer(Named, Holds<'k>),
    /// A row of go's index of what expires.
    GoIndex,
    /// A row of py.
    PyPeer(PeerId, PyHolds),
    /// The node's own envelope, of py.
    PyOwnRecord,
}

/// A peer, by the form in which the key names it: that tells the implementations apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Go(PeerId),
    Js(PeerId),
}

/// What a row of go or js holds of its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds<'k> {
    Everything,
    Addresses,
    Protocols,
    PublicKey,
    PrivateKey,
    Metadata(&'k [u8]),
}

/// What a row of py holds of its peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PyHolds {
    Addresses,
    Keys,
    Metadata,
    Protocols,
    Latency,
    RecordState,
}

impl<'k> Place<'k> {
    pub(super) fn of(key: &'k [u8]) -> Result<Self, SkipReason> {
        match key.strip_prefix(b"/peers/") {
            Some(rest) => below_peers(rest),
            None => py(key),
        }
    }
}

fn below_peers(rest: &[u8]) -> Result<Place<'_>, SkipReason> {
    let (book, rest) = cut(rest);
    let Some(rest) = rest else {
        return match named(book)? {
            peer @ Named::Js(_) => Ok(Place::Peer(peer, Holds::Everything)),
            Named::Go(_) => Err(SkipReason::Foreign),
        };
    };
    if book == b"gc" {
        return if rest.starts_with(b"addrs/") {
            Ok(Place::GoIndex)
        } else {
            Err(SkipReason::Foreign)
        };
    }
    if !matches!(book, b"addrs" | b"protos" | b"keys" | b"metadata") {
        return Err(SkipReason::Foreign);
    }
    let (id, name) = cut(rest);
    let peer = named(id)?;
    let holds = match (book, peer, name) {
        (b"addrs", _, None) => Holds::Addresses,
        (b"protos", Named::Js(_), None) => Holds::Protocols,
        (b"keys", Named::Js(_), None) | (b"keys", Named::Go(_), Some(b"pub")) => Holds::PublicKey,
        (b"keys", Named::Go(_), Some(b"priv")) => Holds::PrivateKey,
        (b"metadata", _, Some(name)) => Holds::Metadata(name),
        _ => return Err(SkipReason::Foreign),
    };
    Ok(Place::Peer(peer, holds))
}

fn named(id: &[u8]) -> Result<Named, SkipReason> {
    if let Some(peer) = layout::peer_of(id) {
        return Ok(Named::Js(peer));
    }
    let id = BASE32_NOPAD.decode(id).map_err(|_| SkipReason::NotAPeer)?;
    PeerId::from_bytes(&id).map(Named::Go).map_err(|_| SkipReason::NotAPeer)
}

fn py(key: &[u8]) -> Result<Place<'_>, SkipReason> {
    if key == b"local_record" {
        return Ok(Place::PyOwnRecord);
    }
    let colon = key.iter().position(|byte| *byte == b':').ok_or(SkipReason::Foreign)?;
    let (book, id) = key.split_at(colon);
    let holds = match book {
        b"addr" => PyHolds::Addresses,
        b"key" => PyHolds::Keys,
        b"metadata" => PyHolds::Metadata,
        b"protocol" => PyHolds::Protocols,
        b"latency" => PyHolds::Latency,
        b"peer_record" => PyHolds::RecordState,
        _ => return Err(SkipReason::Foreign),
    };
    let id = id.strip_prefix(b":").unwrap_or(id);
    let peer = PeerId::from_bytes(id).map_err(|_| SkipReason::NotAPeer)?;
    Ok(Place::PyPeer(peer, holds))
}

/// What stands before the first slash, and what stands behind it.
fn cut(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    match path.iter().position(|byte| *byte == b'/') {
        Some(slash) => {
            let (first, rest) = path.split_at(slash);
            (first, rest.strip_prefix(b"/"))
        }
        None => (path, None),
    }
}
