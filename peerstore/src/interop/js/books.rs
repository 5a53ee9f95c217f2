//! The books of libp2p 0.28 to 0.35: a row for each book of a peer. They have neither times nor tags.

use bytes::Bytes;
use libp2p_identity::PeerId;
use prost::Message;

use super::super::envelope::Claims;
use super::super::row::{Content, text};
use super::super::skipped::SkipReason;
use super::super::value::ImportedValue;
use super::address_of;
use super::wire::{Addresses, CertifiedRecord, Protocols};

/// The addresses of a peer, and its certified record.
pub(in crate::interop) fn addresses(peer: PeerId, value: Bytes) -> Result<Content, SkipReason> {
    let book =
        Addresses::decode(value).map_err(|error| SkipReason::damaged("the address book", error))?;
    let mut content = Content::of(peer);
    for address in book.addrs {
        if let Some(address) = content.part(address_of(address)) {
            content.peer.addresses.push(address);
        }
    }
    if let Some(certified) = book.certified_record
        && let Some(certified) = content.part(certified_of(certified))
    {
        let claims = Claims::of(&certified.raw, &peer);
        content.peer.envelope = Some(claims.envelope(certified.raw, Some(certified.seq)));
    }
    Ok(content)
}

/// The protocols of a peer.
pub(in crate::interop) fn protocols(peer: PeerId, value: Bytes) -> Result<Content, SkipReason> {
    let book = Protocols::decode(value)
        .map_err(|error| SkipReason::damaged("the protocol book", error))?;
    let mut content = Content::of(peer);
    content.add_protocols(book.protocols);
    Ok(content)
}

/// One entry of a peer's metadata. js cuts a name at its first `/` when it reads; the whole of it is
/// in the key.
pub(in crate::interop) fn metadata(
    peer: PeerId,
    name: &[u8],
    value: Bytes,
) -> Result<Content, SkipReason> {
    let mut content = Content::of(peer);
    let name = text("the name", name)?;
    content.peer.metadata.push((name, ImportedValue::Bytes(value)));
    Ok(content)
}

fn certified_of(record: Bytes) -> Result<CertifiedRecord, SkipReason> {
    CertifiedRecord::decode(record)
        .map_err(|error| SkipReason::damaged("the certified record", error))
}
