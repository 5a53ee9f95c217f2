use std::collections::{HashMap, HashSet};
use std::fmt::Display;

use bytes::Bytes;
use cid::Cid;
use datastore::{Error, ErrorKind, MANY_READS, Result};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;

use crate::Blockstore;
use crate::store::Hash;

/// Reads of blocks that go on before anybody waits for them, on the way through a DAG.
///
/// All of them advance whenever one is waited for. What is started must be taken by
/// [`read`](Self::read) in the end, else it stays.
pub(crate) struct ReadAhead {
    blocks: Blockstore,
    reading: FuturesUnordered<BoxFuture<'static, (Ask, Result<Answer>)>>,
    /// What is being read or was, and is not taken yet.
    asked: HashSet<Ask>,
    read: HashMap<Ask, Result<Answer>>,
}

/// What is asked of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Want {
    Data,
    Presence,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Data(Bytes),
    Present,
    Missing,
}

type Ask = (Hash, Want);

impl ReadAhead {
    /// How far ahead of the place that was reached blocks are read.
    pub(crate) const WINDOW: usize = MANY_READS;

    /// Blocks in memory at most: a window in each of four levels of a tree, so that what was read above
    /// does not stop reading ahead below.
    pub(crate) const MOST: usize = 4 * Self::WINDOW;

    pub(crate) fn new(blocks: Blockstore) -> Self {
        Self {
            blocks,
            reading: FuturesUnordered::new(),
            asked: HashSet::new(),
            read: HashMap::new(),
        }
    }

    /// Starts to read a block, unless that goes on already; `false` if there are enough.
    pub(crate) fn start(&mut self, cid: &Cid, want: Want) -> bool {
        let room = self.asked.len() < Self::MOST;
        if room {
            self.ask(cid, want);
        }
        room
    }

    /// A block, started before or not.
    pub(crate) async fn read(&mut self, cid: &Cid, want: Want) -> Result<Answer> {
        let wanted = (*cid.hash(), want);
        self.ask(cid, want);
        loop {
            if let Some(read) = self.read.remove(&wanted) {
                self.asked.remove(&wanted);
                return read;
            }
            let Some((ask, read)) = self.reading.next().await else {
                return Err(Error::new(ErrorKind::Internal, format!("{cid}: a read was lost")));
            };
            self.read.insert(ask, read);
        }
    }

    fn ask(&mut self, cid: &Cid, want: Want) {
        let ask = (*cid.hash(), want);
        if !self.asked.insert(ask) {
            return;
        }
        let (blocks, cid) = (self.blocks.clone(), *cid);
        self.reading.push(Box::pin(async move {
            let answer = match want {
                Want::Data => {
                    blocks.get(&cid).await.map(|data| data.map_or(Answer::Missing, Answer::Data))
                }
                Want::Presence => {
                    let answer = |there| if there { Answer::Present } else { Answer::Missing };
                    blocks.has(&cid).await.map(answer)
                }
            };
            (ask, answer)
        }));
    }
}

/// The error at a block that a DAG needs.
pub(crate) fn no_block_of_dag(cid: &Cid, parent: Option<&impl Display>) -> Error {
    let message = match parent {
        Some(parent) => format!("there is no block {cid}, which {parent} links"),
        None => format!("there is no block {cid}, the root"),
    };
    Error::new(ErrorKind::NotFound, message)
}
