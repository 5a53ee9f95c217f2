use cid::Cid;
use datastore::{Error, ErrorKind, Outcome, Result};
use ipld_core::serde::ExtractLinks;

use super::pb::PbNode;
use super::wire::Reason;
use crate::codecs::{DAG_CBOR, DAG_JSON, DAG_PB, RAW};

/// The links of a block in the order in which they stand in it, repeated ones too.
///
/// Read are dag-pb, dag-cbor and dag-json; raw, CBOR, JSON and libp2p keys have no links. Of dag-cbor and
/// dag-json, maps may be in any order, and nesting of more than about 120 levels is refused.
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
pub fn links(cid: &Cid, data: &[u8]) -> Result<Vec<Cid>> {
    let links = match cid.codec() {
        codec if is_leaf(codec) => Ok(Vec::new()),
        DAG_PB => dag_pb(data),
        DAG_CBOR => dag_cbor(data),
        DAG_JSON => dag_json(data),
        other => return Err(unknown(cid, other)),
    };
    links.map_err(|reason| {
        let codec = cid.codec();
        let message = format!("{cid}: the block is not what its codec {codec:#x} says: {reason}");
        Error::new(ErrorKind::Corrupt, message)
    })
}

/// Whether blocks of a codec have no links, whatever they hold: raw, CBOR, JSON, libp2p keys.
pub(crate) fn is_leaf(codec: u64) -> bool {
    matches!(codec, RAW | 0x51 | 0x0200 | 0x72)
}

fn dag_pb(data: &[u8]) -> Result<Vec<Cid>, Reason> {
    Ok(PbNode::parse(data)?.links.into_iter().map(|link| link.cid).collect())
}

fn dag_cbor(data: &[u8]) -> Result<Vec<Cid>, Reason> {
    let links: ExtractLinks<64> =
        serde_ipld_dagcbor::from_slice(data).map_err(|error| error.to_string())?;
    Ok(links.into_vec())
}

fn dag_json(data: &[u8]) -> Result<Vec<Cid>, Reason> {
    let links: ExtractLinks<64> =
        serde_ipld_dagjson::from_slice(data).map_err(|error| error.to_string())?;
    Ok(links.into_vec())
}

fn unknown(cid: &Cid, codec: u64) -> Error {
    let message = format!("{cid}: links of blocks of the codec {codec:#x} are not known here");
    Error::new(ErrorKind::Unsupported, message).with_outcome(Outcome::NotApplied)
}
