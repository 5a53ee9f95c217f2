use bytes::Bytes;
use libp2p_identity::PeerId;

use super::imported::ImportedPeer;
use super::place::{Holds, Named, Place, PyHolds};
use super::skipped::SkipReason;
use super::{go, js, py};

/// What one row says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowContent {
    /// The peer and what is said of it. `None` for rows of a store's own, and for those that cannot be read.
    pub peer: Option<ImportedPeer>,
    /// Why the row, or parts of it, were not taken in.
    pub skipped: Vec<SkipReason>,
}

/// Reads one row of go, js or py; which one it is, its key tells.
///
/// Memory: what the row has, whatever lengths it claims.
pub fn read_row(key: &[u8], value: &[u8]) -> RowContent {
    match Place::of(key).and_then(|place| read(place, value)) {
        Ok(Some(mut content)) => {
            content.peer.tidy();
            RowContent { peer: Some(content.peer), skipped: content.skipped }
        }
        Ok(None) => RowContent::default(),
        Err(reason) => RowContent { peer: None, skipped: vec![reason] },
    }
}

/// A row as it is being read: the readable parts, and those that are not.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) peer: ImportedPeer,
    pub(super) skipped: Vec<SkipReason>,
}

impl Content {
    pub(super) fn of(peer: PeerId) -> Self {
        Self { peer: ImportedPeer::new(peer), skipped: Vec::new() }
    }

    /// The part, if it can be read; else it is skipped.
    pub(super) fn part<T>(&mut self, part: Result<T, SkipReason>) -> Option<T> {
        part.map_err(|reason| self.skipped.push(reason)).ok()
    }

    pub(super) fn add_protocols(&mut self, protocols: Vec<Bytes>) {
        for protocol in protocols {
            if let Some(protocol) = self.part(text("a protocol", &protocol)) {
                self.peer.protocols.push(protocol);
            }
        }
    }
}

pub(super) fn text(what: &'static str, bytes: &[u8]) -> Result<String, SkipReason> {
    str::from_utf8(bytes).map(str::to_owned).map_err(|_| SkipReason::NotText(what))
}

fn read(place: Place<'_>, value: &[u8]) -> Result<Option<Content>, SkipReason> {
    let value = Bytes::copy_from_slice(value);
    let content = match place {
        Place::GoIndex | Place::PyPeer(_, PyHolds::RecordState) => return Ok(None),
        Place::Peer(Named::Go(peer), holds) => match holds {
            Holds::Addresses => go::addresses(peer, value),
            Holds::PublicKey => public_key(peer, &value),
            Holds::PrivateKey => private_key(peer, &value),
            Holds::Metadata(name) => go::metadata(peer, name, &value),
            Holds::Everything | Holds::Protocols => Err(SkipReason::Foreign),
        },
        Place::Peer(Named::Js(peer), holds) => match holds {
            Holds::Everything => js::everything(peer, value),
            Holds::Addresses => js::addresses(peer, value),
            Holds::Protocols => js::protocols(peer, value),
            Holds::PublicKey => public_key(peer, &value),
            Holds::Metadata(name) => js::metadata(peer, name, value),
            Holds::PrivateKey => Err(SkipReason::Foreign),
        },
        Place::PyPeer(peer, holds) => py::book(peer, holds, value),
        Place::PyOwnRecord => py::own_record(value),
    };
    content.map(Some)
}

fn public_key(peer: PeerId, value: &[u8]) -> Result<Content, SkipReason> {
    let mut content = Content::of(peer);
    content.peer.public_key = Some(super::keys::public_key(&peer, value)?);
    Ok(content)
}

fn private_key(peer: PeerId, value: &[u8]) -> Result<Content, SkipReason> {
    let mut content = Content::of(peer);
    content.peer.private_key = Some(super::keys::private_key(&peer, value)?);
    Ok(content)
}
