use cid::CidGeneric;

use super::wire::{self, Fields, Reason, Value};
use crate::MAX_DIGEST_LEN;
use crate::check_cid::take_cid;
use crate::policy::Policy;

/// A node of dag-pb: links with names and sizes, and data.
///
/// Read as go and js read it: links before the data or after, but in one run; nothing twice, and no
/// fields that the format does not have. Written in the one form that they write.
///
/// `S` is the longest digest of the CIDs of links, in bytes: [`decode_long`](PbNode::decode_long) is for nodes
/// that may have links as long as a [`LongCid`](crate::LongCid).
///
/// # Examples
/// ```
/// use datastore_blocks::{Block, DAG_PB, PbNode};
///
/// let node = PbNode { links: Vec::new(), data: Some(b"hello") };
/// let block = Block::new(DAG_PB, node.encode());
/// assert_eq!(PbNode::decode(block.data())?.data, Some(&b"hello"[..]));
/// # Ok::<(), datastore::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PbNode<'a, const S: usize = MAX_DIGEST_LEN> {
    /// Links, in the order in which they stand.
    pub links: Vec<PbLink<'a, S>>,
    /// Data, where there is any; of UnixFS, a message of its own.
    pub data: Option<&'a [u8]>,
}

/// A link of a [`PbNode`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PbLink<'a, const S: usize = MAX_DIGEST_LEN> {
    /// What it leads to.
    pub cid: CidGeneric<S>,
    /// Its name: of a directory, the file's; not always UTF-8.
    pub name: Option<&'a [u8]>,
    /// What its writer says that all blocks below take, in bytes.
    pub tsize: Option<u64>,
}

impl<'a> PbNode<'a> {
    /// Reads a node.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`](datastore::ErrorKind::Corrupt), with the reason.
    pub fn decode(block: &'a [u8]) -> datastore::Result<Self> {
        Self::read(block).map_err(not_a_node)
    }

    /// Writes the node: links first, in the order in which they stand here.
    pub fn encode(&self) -> Vec<u8> {
        let data = self.data.map_or(0, <[u8]>::len);
        let mut out = Vec::with_capacity(data + 64 * self.links.len() + 16);
        let mut message = Vec::new();
        for link in &self.links {
            message.clear();
            wire::put_bytes(&mut message, 1, &link.cid.to_bytes());
            if let Some(name) = link.name {
                wire::put_bytes(&mut message, 2, name);
            }
            if let Some(tsize) = link.tsize {
                wire::put_varint(&mut message, 3, tsize);
            }
            wire::put_bytes(&mut out, 2, &message);
        }
        if let Some(data) = self.data {
            wire::put_bytes(&mut out, 1, data);
        }
        out
    }
}

impl<'a> PbNode<'a, { Policy::MAX_IDENTITY_LEN }> {
    /// As [`decode`](PbNode::decode), with room for longer identity CIDs.
    ///
    /// # Errors
    /// As [`decode`](PbNode::decode).
    pub fn decode_long(block: &'a [u8]) -> datastore::Result<Self> {
        Self::read(block).map_err(not_a_node)
    }
}

impl<'a, const S: usize> PbNode<'a, S> {
    /// Reads a node, or answers why it is none.
    pub(crate) fn read(block: &'a [u8]) -> Result<Self, Reason> {
        let (mut fields, mut node) = (Fields::of(block), Self { links: Vec::new(), data: None });
        let mut links_ended = false;
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Bytes(data)) if node.data.is_none() => {
                    node.data = Some(data);
                    links_ended = !node.links.is_empty();
                }
                (2, Value::Bytes(_)) if links_ended => return Err("links in two places".into()),
                (2, Value::Bytes(link)) => node.links.push(PbLink::read(link)?),
                (number, _) => return Err(misplaced("the node", number)),
            }
        }
        Ok(node)
    }
}

impl<'a, const S: usize> PbLink<'a, S> {
    fn read(message: &'a [u8]) -> Result<Self, Reason> {
        let mut fields = Fields::of(message);
        let (mut cid, mut name, mut tsize) = (None, None, None);
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Bytes(mut bytes)) if cid.is_none() && (name, tsize) == (None, None) => {
                    let read = take_cid(&mut bytes);
                    cid = Some(read.map_err(|error| format!("a link without a CID: {error}"))?);
                }
                (2, Value::Bytes(bytes)) if (name, tsize) == (None, None) => name = Some(bytes),
                (3, Value::Varint(size)) if tsize.is_none() => tsize = Some(size),
                (number, _) => return Err(misplaced("a link", number)),
            }
        }
        let cid = cid.ok_or("a link without a CID")?;
        Ok(Self { cid, name, tsize })
    }
}

fn not_a_node(reason: Reason) -> datastore::Error {
    let message = format!("the block is not a dag-pb node: {reason}");
    datastore::Error::new(datastore::ErrorKind::Corrupt, message)
}

fn misplaced(of: &str, number: u64) -> Reason {
    format!("field {number} of {of} is unknown, of another type, there twice, or out of order")
        .into()
}
