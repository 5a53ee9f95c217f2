use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use bytes::Bytes;
use cid::Cid;
use datastore::{Datastore, DatastoreExt, Error, ErrorKind, Key, MANY_OPS, Op, Query, Result, key};
use futures::TryStreamExt;
use multihash::Multihash;
use serde::{Deserialize, Serialize};

use crate::dag::is_leaf;
use crate::hashes::IDENTITY;
use crate::store::Hash;

/// Marks of all runs.
const MARKS: Key = key!("/block-gc/marks");

/// Last segment of a mark that says nothing of links; not one in hexadecimal, as codecs are.
const KEPT: &str = "kept";

/// The rows that one run marks with.
///
/// They lie below the number of the run: what an earlier one left, or what lands late, is none of these.
#[derive(Clone, Debug)]
pub(crate) struct Marks {
    pub(super) store: Arc<dyn Datastore>,
    /// Whether they are in another store than the blocks.
    pub(super) external: bool,
    pub(super) run: u64,
    home: Key,
    live: Key,
    todo: Key,
}

/// The row that says that the marks of a run are whole: the first that is written, and the first that is
/// deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    /// CIDs that were reached.
    pub(super) marked: u64,
    /// Blocks that are pinned or reached, and are not there.
    pub(super) missing: u64,
}

impl Marks {
    /// Those of a new run.
    pub(super) fn new(store: &Arc<dyn Datastore>, external: bool) -> Result<Self> {
        // Seeded anew for each, from what the system has of randomness.
        Self::of_run(store, external, RandomState::new().hash_one(external))
    }

    pub(super) fn of_run(store: &Arc<dyn Datastore>, external: bool, run: u64) -> Result<Self> {
        let home = home(run)?;
        let (live, todo) = (home.child("live")?, home.child("todo")?);
        Ok(Self { store: Arc::clone(store), external, run, home, live, todo })
    }

    /// The mark of a writer.
    pub(super) fn keep(&self, hash: &Hash) -> Result<Op> {
        Ok(put(self.kept(hash)?))
    }

    /// Where that is.
    pub(super) fn kept(&self, hash: &Hash) -> Result<Key> {
        self.of_block(hash)?.child(KEPT)
    }

    /// Where the marks of a block lie.
    fn of_block(&self, hash: &Hash) -> Result<Key> {
        self.live.child_encoded(hash.to_bytes())
    }

    /// The mark of the walk.
    pub(super) fn reached(&self, cid: &Cid) -> Result<Key> {
        self.of_block(cid.hash())?.child(format!("{:x}", cid.codec()))
    }

    pub(super) fn todo(&self, cid: &Cid) -> Result<Key> {
        self.todo.child_encoded(cid.to_bytes())
    }

    /// Some of what is to do, after `cursor`.
    pub(super) async fn todo_page(
        &self,
        cursor: Option<Key>,
        limit: usize,
    ) -> Result<(Vec<Cid>, Option<Key>)> {
        let mut query = Query::descendants(self.todo.clone()).keys_only().limit(limit);
        query.after = cursor;
        let page = self.store.query_page(&query).await?;
        let cids = page.entries.iter().map(|entry| {
            let key = entry.key();
            let bytes = key.decode_last_segment().unwrap_or_default();
            Cid::try_from(bytes.as_slice()).map_err(|error| {
                Error::new(ErrorKind::Corrupt, "not a CID; discard the collection")
                    .with_key(key.detached())
                    .with_source(error)
            })
        });
        Ok((cids.collect::<Result<_>>()?, page.next))
    }

    /// A page of leaves or more that the walk has marked after `cursor`, but for identities, which are always
    /// there; and where that ended, if there is more.
    pub(super) async fn leaves(&self, cursor: Option<Key>) -> Result<(Vec<Cid>, Option<Key>)> {
        let mut query = Query::descendants(self.live.clone()).keys_only().limit(MANY_OPS);
        query.after = cursor;
        let mut leaves = Vec::new();
        loop {
            let page = self.store.query_page(&query).await?;
            leaves.extend(page.entries.iter().filter_map(|entry| leaf(entry.key())));
            if page.next.is_none() || leaves.len() >= MANY_OPS {
                return Ok((leaves, page.next));
            }
            query.after = page.next;
        }
    }

    /// The marks of the blocks from `first` to `last`, both included, by their names.
    pub(super) fn between(&self, first: &[u8], last: &[u8]) -> Result<Query> {
        // `0` comes right after `/`, and stands in no name.
        let end = [last, b"0"].concat();
        Ok(Query::range(self.live.child(first)?..self.live.child(end)?).keys_only())
    }

    /// The name of the block that a mark is of.
    pub(super) fn name<'k>(&self, mark: &'k Key) -> Option<&'k [u8]> {
        mark.segments().rev().nth(1)
    }

    /// The row of the tally, once all else of a commit stands.
    pub(super) fn say(&self, tally: &Tally) -> Result<Op> {
        let value = super::state::encode(tally)?;
        Ok(Op::Put { key: self.home.child("run")?, value })
    }

    /// The tally; `None` if the marks are not whole.
    pub(super) async fn tally(&self) -> Result<Option<Tally>> {
        let value = self.store.get(&self.home.child("run")?).await?;
        Ok(value.and_then(|value| super::state::decode(&value)))
    }

    /// Removes the marks, and first of all what says that they are whole.
    pub(super) async fn remove(&self) -> Result<()> {
        self.store.delete(&self.home.child("run")?).await?;
        let rows = self.store.query_keys(Query::descendants(self.home.clone()));
        self.store.delete_many(rows).await.map(drop)
    }

    /// Removes the marks of all runs but one.
    pub(super) async fn remove_all(store: &dyn Datastore, but: Option<u64>) -> Result<()> {
        let spared = but.map(home).transpose()?;
        let rows = store.query_keys(Query::descendants(MARKS)).try_filter(|key| {
            let stays = spared.as_ref().is_some_and(|home| home.is_ancestor_of(key));
            std::future::ready(!stays)
        });
        store.delete_many(rows).await.map(drop)
    }
}

/// The leaf that a mark of the walk is of.
fn leaf(mark: &Key) -> Option<Cid> {
    let codec = std::str::from_utf8(mark.last_segment()).ok()?;
    let codec = u64::from_str_radix(codec, 16).ok().filter(|codec| is_leaf(*codec))?;
    let hash = Multihash::from_bytes(&mark.parent()?.decode_last_segment().ok()?).ok()?;
    (hash.code() != IDENTITY).then(|| Cid::new_v1(codec, hash))
}

/// Where the marks of a run lie.
fn home(run: u64) -> Result<Key> {
    MARKS.child(format!("{run:016x}"))
}

/// A row without a value.
pub(super) fn put(key: Key) -> Op {
    Op::Put { key, value: Bytes::new() }
}
