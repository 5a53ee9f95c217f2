//! py-libp2p's persistent peerstore: a row for each book of a peer, under the id's bytes. It stores
//! neither times nor envelopes but its own, and of metadata the text that Python prints.

mod wire;

use std::time::Duration;

use bytes::Bytes;
use libp2p_identity::PeerId;

use self::wire::{Items, Latency, Map, MapEntry, OwnRecord};
use super::address::address;
use super::envelope::{Claims, signer};
use super::imported::ImportedAddress;
use super::keys;
use super::place::PyHolds;
use super::row::{Content, text};
use super::skipped::SkipReason;
use super::value::ImportedValue;
use crate::lenient::{self, Schema};

/// One book of a peer.
pub(super) fn book(peer: PeerId, holds: PyHolds, value: Bytes) -> Result<Content, SkipReason> {
    let mut content = Content::of(peer);
    match holds {
        PyHolds::Addresses => {
            for encoded in message::<Items>("the addresses", value)?.items {
                if let Some(addr) = content.part(address(&encoded)) {
                    content.peer.addresses.push(untimed(addr));
                }
            }
        }
        PyHolds::Protocols => {
            content.add_protocols(message::<Items>("the protocols", value)?.items);
        }
        PyHolds::Metadata => {
            for entry in message::<Map>("the metadata", value)?.entries {
                if let Some((name, value)) = content.part(entry_of(entry)) {
                    content.peer.metadata.push((name, ImportedValue::Bytes(value)));
                }
            }
        }
        PyHolds::Keys => {
            for entry in message::<Map>("the keys", value)?.entries {
                if let Some((name, value)) = content.part(entry_of(entry)) {
                    key(&mut content, &name, &value);
                }
            }
        }
        PyHolds::Latency => {
            let nanos = message::<Latency>("the latency", value)?.nanos;
            content.peer.latency = u64::try_from(nanos).ok().map(Duration::from_nanos);
        }
        PyHolds::RecordState => {}
    }
    Ok(content)
}

/// The envelope of the node itself.
pub(super) fn own_record(value: Bytes) -> Result<Content, SkipReason> {
    let envelope = message::<OwnRecord>("the node's own record", value)?.envelope;
    let peer = signer(&envelope)
        .ok_or_else(|| SkipReason::damaged("the node's own record", "it has no public key"))?;
    let mut content = Content::of(peer);
    content.peer.envelope = Some(Claims::of(&envelope, &peer).envelope(envelope, None));
    Ok(content)
}

fn key(content: &mut Content, name: &str, value: &[u8]) {
    let peer = content.peer.peer;
    match name {
        "pubkey" => content.peer.public_key = content.part(keys::public_key(&peer, value)),
        "privkey" => {
            content.peer.private_key = content.part(keys::private_key_or_seed(&peer, value));
        }
        _ => content.skipped.push(SkipReason::damaged("a key", "it is neither public nor private")),
    }
}

fn entry_of(entry: Bytes) -> Result<(String, Bytes), SkipReason> {
    let entry: MapEntry = message("an entry", entry)?;
    Ok((text("the name of an entry", &entry.key)?, entry.value))
}

fn message<M: Schema>(what: &'static str, value: Bytes) -> Result<M, SkipReason> {
    lenient::decode(value).map_err(|error| SkipReason::damaged(what, error))
}

/// For py an address lives for ever once it was stored and read again, even one that had expired.
fn untimed(addr: multiaddr::Multiaddr) -> ImportedAddress {
    ImportedAddress {
        addr,
        ttl: None,
        expiry: None,
        connected: false,
        certified: false,
        last_seen: None,
    }
}
