use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use datastore::Expiry;
use libp2p_identity::PeerId;

use super::super::address::address;
use super::super::certified;
use super::super::imported::ImportedAddress;
use super::super::row::Content;
use super::super::skipped::SkipReason;
use super::super::time::RECENTLY_CONNECTED_TTL;
use super::wire::{AddrBookRecord, AddrEntry, CONNECTED, PERMANENT};
use crate::lenient;

/// The addresses of a peer, and its certified record.
pub(in crate::interop) fn addresses(peer: PeerId, value: Bytes) -> Result<Content, SkipReason> {
    let record = lenient::decode::<AddrBookRecord>(value)
        .map_err(|error| SkipReason::damaged("the address record", error))?;
    if !record.id.is_empty() && record.id != peer.to_bytes() {
        return Err(SkipReason::OtherPeer);
    }
    let mut content = Content::of(peer);
    for entry in record.addrs {
        if let Some(address) = content.part(entry_of(entry)) {
            content.peer.addresses.push(address);
        }
    }
    if let Some(claims) = certified::take_in(&mut content, record.certified_record) {
        claims.mark(&mut content.peer.addresses, &peer);
    }
    Ok(content)
}

fn entry_of(entry: Bytes) -> Result<ImportedAddress, SkipReason> {
    let entry = lenient::decode::<AddrEntry>(entry)
        .map_err(|error| SkipReason::damaged("an entry of the address record", error))?;
    let addr = address(&entry.addr)?;
    let last_seen = written(&entry);
    let expiry = seconds(entry.expiry);
    // An address of a session that is over would stay for centuries.
    let (ttl, expiry) = match (entry.ttl, last_seen) {
        (PERMANENT, Some(_)) => (None, Expiry::NEVER),
        (CONNECTED, Some(seen)) => {
            (Some(RECENTLY_CONNECTED_TTL), Expiry::after(seen, RECENTLY_CONNECTED_TTL))
        }
        (nanos, _) => (Some(Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))), expiry),
    };
    Ok(ImportedAddress {
        addr,
        ttl,
        expiry: Some(expiry),
        connected: entry.ttl == CONNECTED,
        certified: false,
        last_seen,
    })
}

/// When an entry was written, or some time before: Go raises the expiry and the time to live each
/// by itself, so the one less the other is never too late.
fn written(entry: &AddrEntry) -> Option<SystemTime> {
    let ttl = u64::try_from(entry.ttl).ok().filter(|ttl| *ttl > 0)?;
    let expiry = Duration::from_secs(u64::try_from(entry.expiry).ok()?);
    UNIX_EPOCH.checked_add(expiry.checked_sub(Duration::from_nanos(ttl))?)
}

fn seconds(seconds: i64) -> Expiry {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    seconds.checked_mul(1000).map_or(Expiry::NEVER, Expiry::from_millis)
}
