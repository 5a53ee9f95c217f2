use libp2p_identity::PeerId;

use super::super::row::{Content, text};
use super::super::skipped::SkipReason;
use super::PROTOCOLS;
use super::gob::{self, Value};

/// One entry of a peer's metadata, or its protocols.
pub(in crate::interop) fn metadata(
    peer: PeerId,
    name: &[u8],
    value: &[u8],
) -> Result<Content, SkipReason> {
    let name = text("the name", name)?;
    let mut content = Content::of(peer);
    match gob::decode(value)? {
        Value::Protocols(_, protocols) if name == PROTOCOLS => content.add_protocols(protocols),
        Value::Protocols(go_type, _) => return Err(SkipReason::GoType(go_type.to_owned())),
        Value::Metadata(_) if name == PROTOCOLS => {
            return Err(SkipReason::damaged("the protocols", "they are a value of another type"));
        }
        Value::Metadata(value) => content.peer.metadata.push((name, value)),
    }
    Ok(content)
}
