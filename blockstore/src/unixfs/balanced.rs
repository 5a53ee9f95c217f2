use bytes::Bytes;
use cid::Cid;
use cid::Version;

use super::message::{Kind, Message};
use crate::codecs::{DAG_PB, RAW};
use crate::dag::{PbLink, PbNode};
use crate::{AddOptions, Block};

/// A file's tree as it grows: leaves all at the same depth, every node full but the last of its level.
///
/// Of each level one node is open. It is closed when a child comes that it has no room for: whether a
/// full node is the root is known only when nothing follows.
#[derive(Debug)]
pub(crate) struct Balanced {
    version: Version,
    max_links: usize,
    /// The open nodes, the lowest first.
    levels: Vec<Vec<Child>>,
}

/// A subtree that is complete.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Child {
    pub(crate) cid: Cid,
    /// Bytes of the file in it.
    pub(crate) file_size: u64,
    /// Bytes of its blocks, each counted as often as it is linked.
    dag_size: u64,
}

impl Balanced {
    pub(crate) fn new(options: &AddOptions) -> Self {
        Self { version: options.version, max_links: options.max_links, levels: Vec::new() }
    }

    /// Adds a chunk; the blocks that it completes go to `blocks`.
    pub(crate) fn push(&mut self, chunk: Bytes, blocks: &mut Vec<Block>) {
        let leaf = self.leaf(chunk, blocks);
        self.add(0, leaf, blocks);
    }

    /// Completes the tree, and answers its root.
    pub(crate) fn finish(mut self, blocks: &mut Vec<Block>) -> Child {
        let mut level = 0;
        loop {
            let top = level + 1 >= self.levels.len();
            match self.levels.get_mut(level).map(std::mem::take).as_deref() {
                None | Some([]) if top => return self.leaf(Bytes::new(), blocks),
                Some([only]) if top => return *only,
                None | Some([]) => {}
                Some(children) => {
                    let node = self.node(children, blocks);
                    self.add(level + 1, node, blocks);
                }
            }
            level += 1;
        }
    }

    fn add(&mut self, mut level: usize, mut child: Child, blocks: &mut Vec<Block>) {
        loop {
            let max = self.max_links;
            let Some(open) = self.levels.get_mut(level) else {
                self.levels.push(vec![child]);
                return;
            };
            if open.len() < max {
                open.push(child);
                return;
            }
            let full = std::mem::replace(open, vec![child]);
            child = self.node(&full, blocks);
            level += 1;
        }
    }

    fn leaf(&self, chunk: Bytes, blocks: &mut Vec<Block>) -> Child {
        let file_size = chunk.len() as u64;
        if self.version == Version::V1 {
            let block = Block::new(RAW, chunk);
            let cid = *block.cid();
            blocks.push(block);
            return Child { cid, file_size, dag_size: file_size };
        }
        let message = Message {
            kind: Kind::File,
            data: &chunk,
            file_size: Some(file_size),
            block_sizes: Vec::new(),
        };
        let node = PbNode { links: Vec::new(), data: Some(&message.encode()) }.encode();
        self.child(node, file_size, 0, blocks)
    }

    fn node(&self, children: &[Child], blocks: &mut Vec<Block>) -> Child {
        let file_size = children.iter().map(|child| child.file_size).sum();
        let below = children.iter().map(|child| child.dag_size).sum();
        let message = Message {
            kind: Kind::File,
            data: b"",
            file_size: Some(file_size),
            block_sizes: children.iter().map(|child| child.file_size).collect(),
        };
        let link =
            |child: &Child| PbLink { cid: child.cid, name: Some(b""), tsize: Some(child.dag_size) };
        let links = children.iter().map(link).collect();
        let node = PbNode { links, data: Some(&message.encode()) }.encode();
        self.child(node, file_size, below, blocks)
    }

    fn child(&self, node: Vec<u8>, file_size: u64, below: u64, blocks: &mut Vec<Block>) -> Child {
        let dag_size = below + node.len() as u64;
        let mut block = Block::new(DAG_PB, node);
        if self.version == Version::V0
            && let Ok(cid) = Cid::new_v0(*block.cid().hash())
        {
            let (_, data) = block.into_parts();
            block = Block::unverified(cid, data);
        }
        let cid = *block.cid();
        blocks.push(block);
        Child { cid, file_size, dag_size }
    }
}
