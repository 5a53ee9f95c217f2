use bytes::Bytes;
use prost::Message;
use prost::encoding::WireType::{self, LengthDelimited, Varint};

use super::envelope::Claims;
use super::row::Content;
use super::skipped::SkipReason;
use crate::lenient::{self, Schema};

/// A signed envelope beside the number that it is said to have, as go's address book and js's old one keep it.
#[derive(Clone, PartialEq, Message)]
pub(super) struct CertifiedRecord {
    #[prost(uint64, tag = "1")]
    pub(super) seq: u64,
    #[prost(bytes = "bytes", tag = "2")]
    pub(super) raw: Bytes,
}

impl Schema for CertifiedRecord {
    const FIELDS: &[(u32, WireType)] = &[(1, Varint), (2, LengthDelimited)];
}

/// Takes in a certified record, and answers what its envelope claims.
pub(super) fn take_in(content: &mut Content, encoded: Option<Bytes>) -> Option<Claims> {
    let decoded = lenient::decode::<CertifiedRecord>(encoded?)
        .map_err(|error| SkipReason::damaged("the certified record", error));
    let CertifiedRecord { seq, raw } = content.part(decoded)?;
    let claims = Claims::of(&raw, &content.peer.peer);
    content.peer.envelope = Some(claims.envelope(raw, Some(seq)));
    Some(claims)
}
