use std::time::SystemTime;

use bytes::Bytes;
use datastore::{Expiry, Key, Result};
use prost::Message;

use super::super::exported::{Exported, LeftOut};
use super::super::imported::{ImportedAddress, ImportedPeer, ImportedTag};
use super::super::time::{ADDRESS_TTL, millis};
use super::super::value::ImportedValue;
use super::wire::{Address, Entry, Peer, Tag};
use crate::layout;

/// Writes a peer as the row of js-libp2p's peer store 12.
///
/// js keeps an address for an hour after it was observed, and a peer for six after its row was written.
/// So an address is written as observed an hour before it expires, which lies ahead for those that have
/// longer to live; and what has no times is of `now`.
///
/// Metadata of js is bytes: texts become UTF-8; numbers, truth values and what is of another type are left out.
///
/// # Errors
/// None for any peer. A key that could not be made all the same would be
/// [`ErrorKind::InvalidKey`](datastore::ErrorKind::InvalidKey).
pub fn to_js(peer: &ImportedPeer, now: SystemTime) -> Result<Exported> {
    let mut left_out = Vec::new();
    let mut metadata = Vec::new();
    for (name, value) in &peer.metadata {
        match bytes_of(value) {
            Some(value) => {
                metadata.push(entry(name, Some(value).filter(|value| !value.is_empty())));
            }
            None => left_out.push(LeftOut::Metadata(name.clone())),
        }
    }
    if peer.private_key.is_some() {
        left_out.push(LeftOut::PrivateKey);
    }
    if peer.latency.is_some() {
        left_out.push(LeftOut::Latency);
    }
    let row = Peer {
        addresses: peer.addresses.iter().map(|addr| address(addr, now)).collect(),
        protocols: peer.protocols.iter().map(|protocol| protocol.clone().into()).collect(),
        metadata_list: Vec::new(),
        public_key: peer.public_key.as_ref().map(|key| key.encode_protobuf().into()),
        peer_record_envelope: peer.envelope.as_ref().map(|envelope| envelope.bytes.clone()),
        metadata,
        tags: peer.tags.iter().map(tag).collect(),
        updated: Some(millis(peer.updated.unwrap_or(now))),
    };
    let key = Key::from_segments(["peers", &layout::peer_text(&peer.peer)])?;
    Ok(Exported { rows: vec![(key, row.encode_to_vec())], left_out })
}

fn address(address: &ImportedAddress, now: SystemTime) -> Bytes {
    let observed = match address.expiry {
        None => millis(now),
        Some(Expiry::NEVER) => MAX_MILLIS,
        Some(expiry) => {
            let ttl = u64::try_from(ADDRESS_TTL.as_millis()).unwrap_or(u64::MAX);
            expiry.as_millis().saturating_sub(ttl).min(MAX_MILLIS)
        }
    };
    let stored = Address {
        multiaddr: Bytes::copy_from_slice(address.addr.as_ref()),
        is_certified: Some(address.certified),
        observed: Some(observed),
    };
    stored.encode_to_vec().into()
}

/// The largest number that js has exactly, 2^53 - 1: it takes milliseconds for numbers.
const MAX_MILLIS: u64 = (1 << 53) - 1;

fn tag(tag: &ImportedTag) -> Bytes {
    let expiry = (tag.expiry != Expiry::NEVER).then(|| tag.expiry.as_millis());
    let stored = Tag { value: tag.value, expiry }.encode_to_vec();
    entry(&tag.name, Some(stored.into()))
}

fn entry(name: &str, value: Option<Bytes>) -> Bytes {
    Entry { key: Bytes::copy_from_slice(name.as_bytes()), value }.encode_to_vec().into()
}

fn bytes_of(value: &ImportedValue) -> Option<Bytes> {
    match value {
        ImportedValue::Bytes(bytes) => Some(bytes.clone()),
        ImportedValue::Text(text) => Some(Bytes::copy_from_slice(text.as_bytes())),
        ImportedValue::Bool(_)
        | ImportedValue::Int(_)
        | ImportedValue::Uint(_)
        | ImportedValue::Float(_)
        | ImportedValue::Other(_) => None,
    }
}
