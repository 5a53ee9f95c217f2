//! One row for everything of a peer, since libp2p 0.36. First metadata was a list, with the tags in an
//! entry of it and no times (until peer-store 6); then maps; then `updated` and `observed` came.

use bytes::Bytes;
use datastore::Expiry;
use libp2p_identity::PeerId;
use prost::Message;

use super::super::envelope::Claims;
use super::super::imported::ImportedTag;
use super::super::keys;
use super::super::row::{Content, text};
use super::super::skipped::SkipReason;
use super::super::time::from_millis;
use super::super::value::ImportedValue;
use super::address_of;
use super::wire::{Entry, NamedTag, Peer, Tag, TagList};
use crate::lenient;

/// Everything of a peer. A row that does not say when it was written is an older one, not an expired one.
pub(in crate::interop) fn everything(peer: PeerId, value: Bytes) -> Result<Content, SkipReason> {
    let row =
        lenient::decode::<Peer>(value).map_err(|error| SkipReason::damaged("the peer", error))?;
    let mut content = Content::of(peer);
    for address in row.addresses {
        if let Some(address) = content.part(address_of(address)) {
            content.peer.addresses.push(address);
        }
    }
    content.add_protocols(row.protocols);
    // A row that says when it was written is of a release that does not know this list.
    if row.updated.is_none() {
        for entry in row.metadata_list {
            let entry = metadata_of(entry).and_then(listed);
            match content.part(entry) {
                Some(Listed::Metadata(name, value)) => content.peer.metadata.push((name, value)),
                Some(Listed::Tags(tags)) => {
                    content.peer.tags.extend(tags);
                }
                None => {}
            }
        }
    }
    for entry in row.metadata {
        if let Some((name, value)) = content.part(metadata_of(entry)) {
            content.peer.metadata.push((name, ImportedValue::Bytes(value)));
        }
    }
    for entry in row.tags {
        if let Some(tag) = content.part(tag_of(entry)) {
            content.peer.tags.push(tag);
        }
    }
    let public_key = row.public_key.filter(|key| !key.is_empty());
    if let Some(key) = public_key {
        content.peer.public_key = content.part(keys::public_key(&peer, &key));
    }
    let envelope = row.peer_record_envelope.filter(|envelope| !envelope.is_empty());
    content.peer.envelope =
        envelope.map(|envelope| Claims::of(&envelope, &peer).envelope(envelope, None));
    content.peer.updated = row.updated.and_then(from_millis);
    Ok(content)
}

enum Listed {
    Metadata(String, ImportedValue),
    Tags(Vec<ImportedTag>),
}

/// The name under which tags lay in the metadata.
const TAGS: &str = "tags";

/// An entry of the list of metadata. Whoever used the name of the tags for another thing has that as metadata.
fn listed((name, value): (String, Bytes)) -> Result<Listed, SkipReason> {
    if name == TAGS
        && let Ok(list) = TagList::decode(value.clone())
    {
        return Ok(Listed::Tags(list.tags.into_iter().map(named_tag).collect()));
    }
    Ok(Listed::Metadata(name, ImportedValue::Bytes(value)))
}

fn named_tag(tag: NamedTag) -> ImportedTag {
    ImportedTag { name: tag.name, value: tag.value, expiry: expiry(tag.expiry) }
}

fn metadata_of(entry: Bytes) -> Result<(String, Bytes), SkipReason> {
    let entry = entry_of(entry, "an entry of the metadata")?;
    Ok((text("a name of metadata", &entry.key)?, entry.value.unwrap_or_default()))
}

fn tag_of(entry: Bytes) -> Result<ImportedTag, SkipReason> {
    let entry = entry_of(entry, "a tag")?;
    let tag: Tag = lenient::decode(entry.value.unwrap_or_default())
        .map_err(|error| SkipReason::damaged("a tag", error))?;
    let name = text("the name of a tag", &entry.key)?;
    Ok(ImportedTag { name, value: tag.value, expiry: expiry(tag.expiry) })
}

fn entry_of(entry: Bytes, what: &'static str) -> Result<Entry, SkipReason> {
    lenient::decode(entry).map_err(|error| SkipReason::damaged(what, error))
}

fn expiry(millis: Option<u64>) -> Expiry {
    millis.map_or(Expiry::NEVER, Expiry::from_millis)
}
