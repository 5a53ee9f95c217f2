//! The books of libp2p 0.28 to 0.35: a row for each book of a peer. They have neither times nor tags.

use bytes::Bytes;
use libp2p_identity::PeerId;

use super::super::certified;
use super::super::row::{Content, text};
use super::super::skipped::SkipReason;
use super::super::value::ImportedValue;
use super::address_of;
use super::wire::{Addresses, Protocols};
use crate::lenient;

/// The addresses of a peer, and its certified record.
pub(in crate::interop) fn addresses(peer: PeerId, value: Bytes) -> Result<Content, SkipReason> {
    let book = lenient::decode::<Addresses>(value)
        .map_err(|error| SkipReason::damaged("the address book", error))?;
    let mut content = Content::of(peer);
    for address in book.addrs {
        if let Some(address) = content.part(address_of(address)) {
            content.peer.addresses.push(address);
        }
    }
    // js marks the addresses that it lists itself.
    certified::take_in(&mut content, book.certified_record);
    Ok(content)
}

/// The protocols of a peer.
pub(in crate::interop) fn protocols(peer: PeerId, value: Bytes) -> Result<Content, SkipReason> {
    let book = lenient::decode::<Protocols>(value)
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
