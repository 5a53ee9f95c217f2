use std::fmt::Display;

use bytes::Bytes;
use cid::CidGeneric;
use datastore::{Error, ErrorKind, Result};

use super::message::{Kind, Message};
use crate::LongCid;
use crate::codecs::{DAG_PB, RAW};
use crate::dag::PbNode;
use crate::dag::wire::Reason;

/// A block of a file: data of its own, followed by what its links hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) data: Bytes,
    /// What comes after the data, with the bytes of the file in each.
    pub(crate) links: Vec<(LongCid, u64)>,
    /// Bytes of the file in all of it.
    pub(crate) size: u64,
}

impl Part {
    /// Reads a block, and checks that its sizes agree with each other.
    pub(crate) fn read<const S: usize>(cid: &CidGeneric<S>, block: &Bytes) -> Result<Self> {
        match cid.codec() {
            RAW => {
                let size = block.len() as u64;
                Ok(Self { data: block.clone(), links: Vec::new(), size })
            }
            DAG_PB => Self::of_node(cid, block),
            other => Err(unsupported(cid, &format!("a block of the codec {other:#x}"))),
        }
    }

    fn of_node(cid: &impl Display, block: &Bytes) -> Result<Self> {
        let node = PbNode::read(block).map_err(|reason| corrupt(cid, reason))?;
        let Some(data) = node.data else {
            return Err(unsupported(cid, "a node of dag-pb without a message of UnixFS"));
        };
        let message = Message::parse(data).map_err(|reason| corrupt(cid, reason))?;
        if !matches!(message.kind, Kind::File | Kind::Raw) {
            return Err(unsupported(cid, message.kind.name()));
        }
        let (links, sizes) = (node.links.len(), message.block_sizes.len());
        if links != sizes {
            return Err(corrupt(cid, format!("it has {links} links, and {sizes} sizes").into()));
        }
        let data = block.slice_ref(message.data);
        let sum = message
            .block_sizes
            .iter()
            .try_fold(data.len() as u64, |sum, size| sum.checked_add(*size));
        let size = sum.ok_or_else(|| corrupt(cid, "sizes of more than 64 bits".into()))?;
        if let Some(said) = message.file_size.filter(|said| *said != size) {
            let reason = format!("it says that it has {said} bytes, and its parts have {size}");
            return Err(corrupt(cid, reason.into()));
        }
        let links = node.links.iter().map(|link| link.cid).zip(message.block_sizes).collect();
        Ok(Self { data, links, size })
    }
}

fn unsupported(cid: &impl Display, what: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("{cid}: this is {what}, not a file"))
}

/// The error of a block that is no part of a file, for this reason.
pub(crate) fn corrupt(cid: &impl Display, reason: Reason) -> Error {
    Error::new(ErrorKind::Corrupt, format!("{cid}: the block is no part of a file: {reason}"))
}
