use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use cid::Cid;
use datastore::Result;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use super::ahead::{Answer, ReadAhead, Want, no_block_of_dag};
use super::links::{is_leaf, links};
use crate::Blockstore;
use crate::hashes::IDENTITY;

/// How a DAG is walked.
///
/// # Examples
/// ```
/// use datastore_blocks::WalkOptions;
///
/// let roots_and_what_they_link = WalkOptions::new().max_depth(1).skip_missing(true);
/// # let _ = roots_and_what_they_link;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalkOptions {
    max_depth: u32,
    skip_missing: bool,
    read_leaves: bool,
    list_identities: bool,
}

/// A block on the way through a DAG.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Visit {
    /// The CID by which it was reached first.
    pub cid: Cid,
    /// The block that links it, unless it is a root.
    pub parent: Option<Cid>,
    /// How many links are between it and its root.
    pub depth: u32,
    /// What was found.
    pub block: Walked,
}

/// What a walk found under a CID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Walked {
    /// The block, verified as the store's options say.
    Data(Bytes),
    /// The block is there, and was not read: [`WalkOptions::read_leaves`].
    Present,
    /// There is no such block: [`WalkOptions::skip_missing`].
    Missing,
}

impl WalkOptions {
    /// Every block that is reached, with its data; a missing one is an error; identity CIDs are walked
    /// and not listed.
    pub fn new() -> Self {
        Self { max_depth: u32::MAX, skip_missing: false, read_leaves: true, list_identities: false }
    }

    /// Goes no further than `links` from a root: with 0 the roots alone. Blocks at the end are still
    /// read.
    #[must_use]
    pub fn max_depth(mut self, links: u32) -> Self {
        self.max_depth = links;
        self
    }

    /// Whether a missing block is reported as [`Walked::Missing`], and the walk goes on.
    #[must_use]
    pub fn skip_missing(mut self, skip: bool) -> Self {
        self.skip_missing = skip;
        self
    }

    /// Whether blocks of codecs without links are read. Otherwise it is only asked whether they are
    /// there: most bytes of a file lie in them.
    #[must_use]
    pub fn read_leaves(mut self, read: bool) -> Self {
        self.read_leaves = read;
        self
    }

    /// Whether identity CIDs are listed, which hold their data themselves and are nowhere stored.
    #[must_use]
    pub fn list_identities(mut self, list: bool) -> Self {
        self.list_identities = list;
        self
    }

    fn want(&self, cid: &Cid) -> Want {
        let whole = self.read_leaves || !is_leaf(cid.codec());
        if whole { Want::Data } else { Want::Presence }
    }
}

impl Default for WalkOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl Blockstore {
    /// All blocks that are reached from `roots`, as [`WalkOptions::new`] says.
    ///
    /// # Errors
    /// As [`walk_with`](Self::walk_with).
    pub fn walk(&self, roots: impl IntoIterator<Item = Cid>) -> BoxStream<'static, Result<Visit>> {
        self.walk_with(roots, WalkOptions::new())
    }

    /// All blocks that are reached from `roots`: a block before what it links, links in the order of
    /// [`links`], so the same DAG gives the same sequence in every store.
    ///
    /// Each block comes once. CIDs of either version are the same block; the same digest under two codecs
    /// is two, since their links differ. Reads go ahead along the sequence, up to 64 blocks in memory.
    /// Beside them it takes about 100 bytes for each block that was seen (exact, whatever the DAG), and for
    /// each link that still waits between the root and the place that was reached.
    ///
    /// # Errors
    /// The stream ends with the first: [`NotFound`](datastore::ErrorKind::NotFound) at a missing
    /// block, naming it and what links it; those of [`links`] and of [`get`](Self::get).
    ///
    /// # Examples
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::sync::Arc;
    /// use datastore::MemoryDatastore;
    /// use datastore_blocks::{Block, Blockstore, DAG_PB, PbLink, PbNode, RAW};
    /// use futures::TryStreamExt;
    ///
    /// let blocks = Blockstore::open(Arc::new(MemoryDatastore::new())).await?;
    /// let leaf = Block::new(RAW, "leaf");
    /// let link = PbLink { cid: *leaf.cid(), name: None, tsize: None };
    /// let root = Block::new(DAG_PB, PbNode { links: vec![link], data: None }.encode());
    /// blocks.put_batch(vec![leaf.clone(), root.clone()]).await?;
    ///
    /// let found: Vec<_> = blocks.walk([*root.cid()]).map_ok(|visit| visit.cid).try_collect().await?;
    /// assert_eq!(found, [*root.cid(), *leaf.cid()]);
    /// # Ok::<(), datastore::Error>(()) }).unwrap();
    /// ```
    pub fn walk_with(
        &self,
        roots: impl IntoIterator<Item = Cid>,
        options: WalkOptions,
    ) -> BoxStream<'static, Result<Visit>> {
        let pending = roots.into_iter().map(|cid| Pending::new(cid, None, 0));
        let mut pending: Vec<Pending> = pending.collect();
        pending.reverse();
        let walk =
            Walk { ahead: ReadAhead::new(self.clone()), options, pending, seen: HashMap::new() };
        let next =
            |mut walk: Walk| async move { Ok(walk.next().await?.map(|visit| (visit, walk))) };
        stream::try_unfold(walk, next).boxed()
    }
}

struct Walk {
    ahead: ReadAhead,
    options: WalkOptions,
    /// What is still to be visited, the next one last.
    pending: Vec<Pending>,
    /// Codec and multihash of what was visited, and at which depth.
    seen: HashMap<Box<[u8]>, u32>,
}

struct Pending {
    cid: Cid,
    parent: Option<Arc<Cid>>,
    depth: u32,
    /// Whether it was read ahead, or need not be.
    considered: bool,
}

impl Pending {
    fn new(cid: Cid, parent: Option<Arc<Cid>>, depth: u32) -> Self {
        Self { cid, parent, depth, considered: false }
    }
}

impl Walk {
    async fn next(&mut self) -> Result<Option<Visit>> {
        while let Some(next) = self.pending.pop() {
            let key = key(&next.cid);
            let before = self.seen.get(&key).copied();
            if before.is_some_and(|depth| self.covers(depth, next.depth)) {
                continue;
            }
            self.read_ahead();
            let block = match self.ahead.read(&next.cid, self.options.want(&next.cid)).await? {
                Answer::Data(data) => Walked::Data(data),
                Answer::Present => Walked::Present,
                Answer::Missing if self.options.skip_missing => Walked::Missing,
                Answer::Missing => return Err(no_block_of_dag(&next.cid, next.parent.as_deref())),
            };
            self.seen.insert(key, next.depth);
            self.expand(&next, &block)?;
            let hidden = is_identity(&next.cid) && !self.options.list_identities;
            if before.is_none() && !hidden {
                let Pending { cid, parent, depth, considered: _ } = next;
                return Ok(Some(Visit { cid, parent: parent.map(|parent| *parent), depth, block }));
            }
        }
        Ok(None)
    }

    /// Whether a visit at one depth makes another needless. Below a limit, a shorter way reaches further.
    fn covers(&self, visited: u32, depth: u32) -> bool {
        self.options.max_depth == u32::MAX || visited <= depth
    }

    fn expand(&mut self, of: &Pending, block: &Walked) -> Result<()> {
        let Walked::Data(data) = block else { return Ok(()) };
        if of.depth >= self.options.max_depth {
            return Ok(());
        }
        let parent = Arc::new(of.cid);
        let below = links(&of.cid, data)?.into_iter().rev();
        self.pending
            .extend(below.map(|cid| Pending::new(cid, Some(Arc::clone(&parent)), of.depth + 1)));
        Ok(())
    }

    fn read_ahead(&mut self) {
        let Self { ahead, options, pending, seen } = self;
        for pending in pending.iter_mut().rev().take(ReadAhead::WINDOW) {
            if !pending.considered {
                let seen = seen.contains_key(&key(&pending.cid));
                pending.considered = seen || ahead.start(&pending.cid, options.want(&pending.cid));
            }
        }
    }
}

/// Codec and multihash: the same for CIDs of either version.
fn key(cid: &Cid) -> Box<[u8]> {
    let hash = cid.hash();
    let mut key = Vec::with_capacity(hash.encoded_len() + 2);
    // Codecs as varints, so that no two pairs give the same bytes.
    let mut codec = cid.codec();
    while codec >= 0x80 {
        key.push(codec as u8 | 0x80);
        codec >>= 7;
    }
    key.push(codec as u8);
    key.extend_from_slice(&hash.to_bytes());
    key.into()
}

fn is_identity(cid: &Cid) -> bool {
    cid.hash().code() == IDENTITY
}
