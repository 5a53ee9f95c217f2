use std::collections::{HashSet, VecDeque};

use cid::Cid;
use datastore::{
    Batch, Datastore, DatastoreExt, Error, ErrorKind, Key, MANY_OPS, MANY_READS, Op, Query, Result,
};
use futures::{StreamExt, stream};

use super::marks::{self, Marks, Tally};
use crate::Blockstore;
use crate::dag::{is_leaf, links};
use crate::pins::{self, PinMode};
use crate::store::no_block;

/// Nodes that are held in memory; the rest waits in rows.
const WAITING: usize = 4096;

/// Blocks that are named where a run does not go on.
pub(super) const NAMED: usize = 100;

/// The walk over what pins reach.
///
/// It goes depth first, so that few nodes wait at a time. What it finds is committed in pages, together
/// with the nodes of them that still wait: after each commit, whatever is marked has its links marked as
/// well, or waits in a row. So it can stop anywhere, and nothing in memory grows with the blocks.
pub(super) struct Marker<'r> {
    blocks: &'r Blockstore,
    marks: &'r Marks,
    despite_missing: bool,
    pub(super) tally: Tally,
    /// Nodes whose links are not looked at yet; the next one last.
    waiting: Vec<Node>,
    /// Nodes that are being read, in order.
    reading: VecDeque<Node>,
    /// Blocks that are not there, or whose links cannot be known, and why.
    stuck: Vec<(Node, Error)>,
    page: Page,
    /// How many were committed.
    pages: u64,
}

#[derive(Clone, Copy)]
struct Node {
    cid: Cid,
    /// Whether there is a row that says that it waits.
    stored: bool,
}

/// What is to be committed next.
#[derive(Default)]
struct Page {
    reached: HashSet<Cid>,
    live: Vec<Key>,
    /// Of the nodes that were reached and looked at within this page.
    passed: Vec<Key>,
    /// Of the nodes that waited in rows, and were looked at.
    done: Vec<Key>,
}

impl<'r> Marker<'r> {
    pub(super) async fn new(
        blocks: &'r Blockstore,
        marks: &'r Marks,
        despite_missing: bool,
    ) -> Result<Self> {
        Ok(Self {
            blocks,
            marks,
            despite_missing,
            tally: marks.tally().await?.unwrap_or_default(),
            waiting: Vec::new(),
            reading: VecDeque::new(),
            stuck: Vec::new(),
            page: Page::default(),
            pages: 0,
        })
    }

    /// Marks the pins of one page, and answers where it ended, if there are more.
    pub(super) async fn roots(&mut self, cursor: Option<Key>) -> Result<Option<Key>> {
        let mut query = Query::descendants(pins::PINS).keys_only().limit(MANY_OPS);
        query.after = cursor;
        let page = self.blocks.inner.store.query_page(&query).await?;
        let (mut direct, mut found) = (Vec::new(), Vec::new());
        for entry in &page.entries {
            match pins::parse(entry.key())? {
                (cid, PinMode::Recursive) => found.push(cid),
                (cid, PinMode::Direct) => direct.push(cid),
            }
        }
        self.keep(direct).await?;
        self.reach(found).await?;
        self.flush().await?;
        Ok(page.next)
    }

    /// Walks on for about a page; whether there is more.
    pub(super) async fn step(&mut self) -> Result<bool> {
        let before = self.pages;
        while self.pages == before {
            if self.waiting.is_empty() {
                self.flush().await?;
                if !self.load().await? {
                    return self.check().map(|()| false);
                }
            }
            self.read().await?;
            if self.stuck.len() >= NAMED {
                self.check()?;
            }
        }
        Ok(true)
    }

    /// Looks at the links of the nodes that are next.
    async fn read(&mut self) -> Result<()> {
        let next = self.waiting.len().saturating_sub(MANY_READS);
        self.reading = self.waiting.split_off(next).into_iter().rev().collect();
        let (blocks, cids) = (self.blocks, self.reading.iter().map(|node| node.cid));
        let mut found = blocks.get_many(stream::iter(cids.collect::<Vec<_>>())).boxed();
        while let Some(node) = self.reading.front().copied() {
            // One read for each node, in order.
            let Some(found) = found.next().await else { break };
            let linked = match found {
                Ok((cid, Some(data))) => links(&cid, &data),
                Ok((_, None)) if self.despite_missing => {
                    self.tally.missing += 1;
                    Ok(Vec::new())
                }
                Ok((cid, None)) => Err(no_block(&cid)),
                Err(error) => Err(error),
            };
            match linked {
                Ok(linked) => {
                    self.reach(linked).await?;
                    let todo = self.marks.todo(&node.cid)?;
                    let row = if node.stored { &mut self.page.done } else { &mut self.page.passed };
                    row.push(todo);
                }
                Err(error) if tells_of_the_block(&error) => {
                    self.stuck.push((node, error));
                }
                Err(error) => return Err(error),
            }
            self.reading.pop_front();
            if self.page.live.len() + self.page.done.len() >= MANY_OPS {
                self.flush().await?;
            }
        }
        Ok(())
    }

    /// Marks what is pinned directly, and sees that it is there.
    async fn keep(&mut self, cids: Vec<Cid>) -> Result<()> {
        let (blocks, marks) = (self.blocks, self.marks);
        let look = |cid: Cid| async move {
            let mark = marks.kept(cid.hash())?;
            let marked = marks.store.has(&mark).await?;
            Ok::<_, Error>((cid, mark, marked, blocks.has(&cid).await?))
        };
        let mut looks = stream::iter(cids).map(look).buffered(MANY_READS).boxed();
        while let Some(look) = looks.next().await {
            let (cid, mark, marked, there) = look?;
            if !there && !self.despite_missing {
                // Not to be looked at again: nothing says that its links are pinned.
                self.stuck.push((Node { cid, stored: true }, no_block(&cid)));
            } else if !marked {
                self.tally.missing += u64::from(!there);
                self.page.live.push(mark);
            }
            if self.stuck.len() >= NAMED {
                break;
            }
        }
        self.check()
    }

    /// Marks those that are not marked yet, and lets those wait that may have links.
    async fn reach(&mut self, cids: Vec<Cid>) -> Result<()> {
        let cids = cids.into_iter().map(|cid| Cid::new_v1(cid.codec(), *cid.hash()));
        let new: Vec<Cid> = cids.filter(|cid| self.page.reached.insert(*cid)).collect();
        let marks = self.marks;
        let look = |cid: Cid| async move {
            let mark = marks.reached(&cid)?;
            let marked = marks.store.has(&mark).await?;
            Ok::<_, Error>((!marked).then_some((cid, mark)))
        };
        let mut looks = stream::iter(new).map(look).buffered(MANY_READS).boxed();
        while let Some(look) = looks.next().await {
            let Some((cid, mark)) = look? else { continue };
            self.tally.marked += 1;
            self.page.live.push(mark);
            if !is_leaf(cid.codec()) {
                self.waiting.push(Node { cid, stored: false });
            }
        }
        Ok(())
    }

    /// Commits the page.
    async fn flush(&mut self) -> Result<()> {
        let Page { reached: _, live, mut passed, mut done } = std::mem::take(&mut self.page);
        let atomic = self.marks.store.capabilities().atomic_batches;
        let mut todo = Vec::new();
        let stuck = self.stuck.iter_mut().map(|(node, _)| node);
        for node in self.waiting.iter_mut().chain(&mut self.reading).chain(stuck) {
            if !std::mem::replace(&mut node.stored, true) {
                todo.push(self.marks.todo(&node.cid)?);
            }
        }
        if !atomic {
            // A mark that lands alone would hide its node: its row has to be there first.
            todo.extend(passed.iter().cloned());
            done.append(&mut passed);
        }
        let live = live.into_iter().map(marks::put);
        let todo = todo.into_iter().map(marks::put);
        let done = done.into_iter().map(|key| Op::Delete { key });
        let tally = self.marks.say(&self.tally)?;
        let steps: Vec<Batch> = if atomic {
            vec![todo.chain(live).chain(done).chain([tally]).collect()]
        } else {
            vec![todo.collect(), live.collect(), done.chain([tally]).collect()]
        };
        for step in steps.into_iter().filter(|step| !step.ops.is_empty()) {
            self.marks.store.commit(step).await?;
        }
        self.pages += 1;
        // All of them wait in rows by now.
        let surplus = self.waiting.len().saturating_sub(WAITING);
        self.waiting.drain(..surplus);
        Ok(())
    }

    /// Takes up nodes that wait in rows; false if none does.
    async fn load(&mut self) -> Result<bool> {
        let stuck: HashSet<Cid> = self.stuck.iter().map(|(node, _)| node.cid).collect();
        let mut cursor = None;
        loop {
            let (cids, next) = self.marks.todo_page(cursor, WAITING).await?;
            let new = cids.into_iter().filter(|cid| !stuck.contains(cid));
            self.waiting.extend(new.map(|cid| Node { cid, stored: true }));
            if !self.waiting.is_empty() || next.is_none() {
                return Ok(!self.waiting.is_empty());
            }
            cursor = next;
        }
    }

    /// Refuses to go on if a block is not there, or its links are not known.
    fn check(&self) -> Result<()> {
        let why: Vec<&Error> = self.stuck.iter().map(|(_, why)| why).collect();
        if why.is_empty() { Ok(()) } else { Err(refusal(&why)) }
    }
}

/// The error of a run that does not go on because of blocks, each with an error of its own.
pub(super) fn refusal(why: &[&Error]) -> Error {
    let (kind, what) = if why.iter().all(|why| why.kind() == ErrorKind::NotFound) {
        (ErrorKind::NotFound, "are missing")
    } else {
        (ErrorKind::Corrupt, "cannot be read, or whose links are not known")
    };
    let why: Vec<String> = why.iter().map(ToString::to_string).collect();
    let message = format!("nothing was deleted: there are blocks that pins reach and that {what}");
    Error::new(ErrorKind::Corrupt, message).with_source(Error::new(kind, why.join("; ")))
}

/// Whether it is the block that is at fault, and not the store, which may do better later.
fn tells_of_the_block(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Corrupt | ErrorKind::Unsupported)
}
