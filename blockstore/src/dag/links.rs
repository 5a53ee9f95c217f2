use std::fmt::Display;

use cid::{Cid, CidGeneric};
use datastore::{Error, ErrorKind, Outcome, Result};

use super::document::{dag_cbor, dag_json};
use super::pb::PbNode;
use super::wire::Reason;
use crate::LongCid;
use crate::codecs::{DAG_CBOR, DAG_JSON, DAG_PB, RAW};
use crate::long_cid::usual;

/// The links of a block in the order in which they stand in it, repeated ones too.
///
/// Read are dag-pb, dag-cbor and dag-json; raw, CBOR, JSON and libp2p keys have no links. Of dag-cbor and
/// dag-json, maps may be in any order. Floats of dag-cbor may have 4 bytes rather than the 8 that it asks for. As go
/// does, bytes behind the CID of a link of dag-pb are passed over; those of dag-cbor and dag-json are refused.
///
/// Refused are some blocks that go or js read: nesting of more than about 120 levels; of dag-cbor, text that is not
/// UTF-8, `undefined`, floats of 2 bytes, and integers and lengths in more bytes than they need; of dag-json, bytes
/// with padding, and a map whose first key is `/` that is neither a link nor bytes.
///
/// An identity CID of 65 to 128 bytes, for which a [`Cid`] has no room ([`LongCid`](crate::LongCid)), is nothing
/// that could be missing: its own links stand in its place ([`long_links`] answers it itself). Those of a `LongCid`
/// are `links(&long, long.hash().digest())`.
///
/// # Errors
/// [`ErrorKind::Corrupt`], naming the CID, if the data is not what the codec says;
/// [`ErrorKind::Unsupported`] for any other codec. Whether the data has the digest is not looked at.
///
/// # Examples
/// ```
/// use datastore_blocks::{Block, DAG_PB, PbLink, PbNode, RAW, links};
///
/// let leaf = *Block::new(RAW, "leaf").cid();
/// let node = PbNode { links: vec![PbLink { cid: leaf, name: None, tsize: None }], data: None };
/// let block = Block::new(DAG_PB, node.encode());
/// assert_eq!(links(block.cid(), block.data())?, [leaf]);
/// # Ok::<(), datastore::Error>(())
/// ```
pub fn links<const S: usize>(cid: &CidGeneric<S>, data: &[u8]) -> Result<Vec<Cid>> {
    let found = links_within(cid, data)?;
    let mut below = Vec::with_capacity(found.len());
    for link in &found {
        match usual(link) {
            Some(link) => below.push(link),
            // What is within an identity CID is shorter than that: it does not go deep.
            None => below.extend(links(link, link.hash().digest())?),
        }
    }
    Ok(below)
}

/// As [`links`], with identity CIDs that no [`Cid`] has room for themselves, and not what they hold.
///
/// # Errors
/// As [`links`], but for what such a CID holds.
pub fn long_links(cid: &Cid, data: &[u8]) -> Result<Vec<LongCid>> {
    links_within(cid, data)
}

fn links_within<const S: usize>(cid: &CidGeneric<S>, data: &[u8]) -> Result<Vec<LongCid>> {
    let found = match cid.codec() {
        codec if is_leaf(codec) => Ok(Vec::new()),
        DAG_PB => dag_pb(data),
        DAG_CBOR => dag_cbor(data),
        DAG_JSON => dag_json(data),
        other => return Err(unknown(cid, other)),
    };
    found.map_err(|reason| {
        let codec = cid.codec();
        let message = format!("{cid}: the block is not what its codec {codec:#x} says: {reason}");
        Error::new(ErrorKind::Corrupt, message)
    })
}

/// Whether blocks of a codec have no links, whatever they hold: raw, CBOR, JSON, libp2p keys.
pub(crate) fn is_leaf(codec: u64) -> bool {
    matches!(codec, RAW | 0x51 | 0x0200 | 0x72)
}

fn dag_pb(data: &[u8]) -> Result<Vec<LongCid>, Reason> {
    Ok(PbNode::read(data)?.links.into_iter().map(|link| link.cid).collect())
}

fn unknown(cid: &impl Display, codec: u64) -> Error {
    let message = format!("{cid}: links of blocks of the codec {codec:#x} are not known here");
    Error::new(ErrorKind::Unsupported, message).with_outcome(Outcome::NotApplied)
}
