use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use data_encoding::BASE32_NOPAD;
use datastore::{Expiry, Key, Result};
use prost::Message;

use super::super::certified::CertifiedRecord;
use super::super::exported::{Exported, LeftOut};
use super::super::imported::{ImportedAddress, ImportedPeer};
use super::super::time::ADDRESS_TTL;
use super::wire::{AddrBookRecord, AddrEntry, CONNECTED, PERMANENT};
use super::{PROTOCOLS, gob};

/// Writes a peer as the rows of go-libp2p's pstoreds.
///
/// An address without times gets an hour from `now`. Go writes addresses in the order of their expiry,
/// and so does this. A set of two protocols or more has no order in Go; here they are sorted. Numbers
/// become Go's `int`, `uint64` and `float64`, whatever type of Go's they had; values of a type that Go does not
/// have are left out. Go builds its index of what expires itself. A private key is written where the peer that is
/// handed in has one.
///
/// # Errors
/// None for any peer: what cannot be a key is left out. A key that could not be made all the same would
/// be [`ErrorKind::InvalidKey`](datastore::ErrorKind::InvalidKey).
pub fn to_go(peer: &ImportedPeer, now: SystemTime) -> Result<Exported> {
    let id = BASE32_NOPAD.encode(&peer.peer.to_bytes());
    let mut exported = Exported::default();
    if !peer.addresses.is_empty() || peer.envelope.is_some() {
        let key = Key::from_segments(["peers", "addrs", &id])?;
        exported.rows.push((key, addresses(peer, now)));
    }
    if let Some(private) = &peer.private_key {
        let key = Key::from_segments(["peers", "keys", &id, "priv"])?;
        exported.rows.push((key, private.encoded().to_vec()));
    }
    if let Some(public) = &peer.public_key {
        let key = Key::from_segments(["peers", "keys", &id, "pub"])?;
        exported.rows.push((key, public.encode_protobuf()));
    }
    for (name, value) in &peer.metadata {
        match metadata_key(&id, name).zip(gob::encode(value)) {
            Some(row) => exported.rows.push(row),
            None => exported.left_out.push(LeftOut::Metadata(name.clone())),
        }
    }
    if !peer.protocols.is_empty() {
        let mut protocols: Vec<&str> = peer.protocols.iter().map(String::as_str).collect();
        protocols.sort_unstable();
        let key = Key::from_segments(["peers", "metadata", &id, PROTOCOLS])?;
        exported.rows.push((key, gob::encode_protocols(protocols.into_iter())));
    }
    if !peer.tags.is_empty() {
        exported.left_out.push(LeftOut::Tags);
    }
    if peer.latency.is_some() {
        exported.left_out.push(LeftOut::Latency);
    }
    Ok(exported)
}

fn addresses(peer: &ImportedPeer, now: SystemTime) -> Vec<u8> {
    let mut entries: Vec<AddrEntry> = peer.addresses.iter().map(|addr| entry(addr, now)).collect();
    entries.sort_by_key(|entry| entry.expiry);
    let certified = peer.envelope.as_ref().map(|envelope| CertifiedRecord {
        seq: envelope.sequence.unwrap_or(0),
        raw: envelope.bytes.clone(),
    });
    let record = AddrBookRecord {
        id: peer.peer.to_bytes().into(),
        addrs: entries.iter().map(|entry| entry.encode_to_vec().into()).collect(),
        certified_record: certified.map(|certified| Bytes::from(certified.encode_to_vec())),
    };
    record.encode_to_vec()
}

fn entry(address: &ImportedAddress, now: SystemTime) -> AddrEntry {
    let addr = Bytes::copy_from_slice(address.addr.as_ref());
    let seen = address.last_seen.unwrap_or(now);
    let expiry = address.expiry.unwrap_or_else(|| Expiry::after(now, ADDRESS_TTL));
    let (expiry, ttl) = if address.connected {
        (at(seen, CONNECTED), CONNECTED)
    } else if expiry == Expiry::NEVER {
        (at(seen, PERMANENT), PERMANENT)
    } else {
        let ttl = address.ttl.unwrap_or(ADDRESS_TTL).as_nanos();
        (seconds(expiry.as_millis()), i64::try_from(ttl).unwrap_or(PERMANENT))
    };
    AddrEntry { addr, expiry, ttl }
}

/// The second at which something expires that lives so many nanoseconds from `seen` on.
fn at(seen: SystemTime, nanos: i64) -> i64 {
    // Where it was kept in milliseconds, a part of one is gone: with it, the second is the one that was read.
    let part = Duration::from_nanos(999_999);
    let since = seen.duration_since(UNIX_EPOCH).unwrap_or_default().saturating_add(part);
    let expiry = since.saturating_add(Duration::from_nanos(nanos.unsigned_abs()));
    i64::try_from(expiry.as_secs()).unwrap_or(i64::MAX)
}

fn seconds(millis: u64) -> i64 {
    i64::try_from(millis / 1000).unwrap_or(i64::MAX)
}

/// Go cleans the path that it makes of a name: one that would not stay as it is comes back as another.
/// Its protocols lie among the metadata.
fn metadata_key(id: &str, name: &str) -> Option<Key> {
    let key = Key::new(format!("/peers/metadata/{id}/{name}")).ok()?;
    (name != PROTOCOLS).then_some(key)
}
