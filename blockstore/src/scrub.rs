use cid::Cid;
use datastore::{Batch, Conditions, DatastoreExt, Entry, ErrorKind, Found, Key, Op, Result, Want};
use futures::TryStreamExt;
use multihash::Multihash;

use crate::hashes::{self, IDENTITY, MAX_DIGEST_LEN};
use crate::layout::{self, Layout};
use crate::pause::pause;
use crate::store::{Hash, Inner};
use crate::{Blockstore, RAW, verify};

/// What [`Blockstore::scrub`] does about what it finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScrubOptions {
    quarantine: bool,
}

impl ScrubOptions {
    /// Moves damaged blocks out of the way.
    pub fn new() -> Self {
        Self { quarantine: true }
    }

    /// Whether damaged blocks are moved to `/block-quarantine`, or only reported.
    #[must_use]
    pub fn quarantine(mut self, quarantine: bool) -> Self {
        self.quarantine = quarantine;
        self
    }
}

impl Default for ScrubOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// What [`Blockstore::scrub`] saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScrubReport {
    /// Blocks whose data has the digest that they are kept under.
    pub blocks: u64,
    /// Bytes of their data.
    pub bytes: u64,
    /// Blocks of hash functions that are not computed here, or with empty digests: nothing is known of
    /// their data. They are left alone.
    pub unverifiable: u64,
    /// Entries among the blocks whose keys are no multihashes. They are left alone. Of a store without a
    /// prefix this counts whatever else is in it.
    pub foreign: u64,
    /// Blocks whose data has another digest, the first [`ScrubReport::MAX_DAMAGED`] of them.
    pub damaged: Vec<Damaged>,
    /// Damaged blocks that are not in `damaged`.
    pub more_damaged: u64,
}

/// A block whose data has not the digest that it is kept under.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damaged {
    /// Where it was found.
    pub key: Key,
    /// The multihash that it is kept under.
    pub expected: Multihash<MAX_DIGEST_LEN>,
    /// The multihash of its data; `None` if that is one of the identity, and too long to be one.
    pub found: Option<Multihash<MAX_DIGEST_LEN>>,
    /// Bytes of its data.
    pub size: u64,
    /// Where it is now.
    pub fate: Fate,
}

/// What became of a damaged block.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It is where it was, as was asked for.
    Reported,
    /// It is in quarantine, under this key, and no block any more.
    Moved(Key),
    /// It was deleted or replaced before it could be moved, or while it was.
    Changed,
}

impl ScrubReport {
    /// How many damaged blocks a report lists one by one.
    pub const MAX_DAMAGED: usize = 1000;

    /// Whether nothing is damaged.
    pub fn is_clean(&self) -> bool {
        self.damaged.is_empty()
    }

    fn add(&mut self, damaged: Damaged) {
        if self.damaged.len() < Self::MAX_DAMAGED {
            self.damaged.push(damaged);
        } else {
            self.more_damaged += 1;
        }
    }
}

impl Blockstore {
    /// Reads every block, hashes it, and moves those whose data has another digest to
    /// `/block-quarantine/<B32 multihash>`; calls `progress` after each entry. Codecs that were kept go, as with
    /// a [`delete`](Self::delete).
    ///
    /// A move is one commit, under the condition that the block is as it was read. Over a datastore without
    /// such conditions it is two, and puts of this [`Blockstore`] wait meanwhile. From then on the block
    /// is absent, and putting it restores it; before, a put finds a block there and writes nothing. What is
    /// in quarantine stays until its key is deleted from the datastore, or a later damaged block of the
    /// same digest takes its place. Blocks can be put and deleted meanwhile.
    ///
    /// # Errors
    /// Those of the datastore, where the check itself could not go on; what was moved before stays so.
    ///
    /// # Examples
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::sync::Arc;
    /// use datastore::MemoryDatastore;
    /// use datastore_blocks::{Block, Blockstore, RAW, ScrubOptions};
    ///
    /// let blocks = Blockstore::open(Arc::new(MemoryDatastore::new())).await?;
    /// blocks.put(Block::new(RAW, "hello world")).await?;
    /// let report = blocks.scrub(ScrubOptions::new(), |_| {}).await?;
    /// assert!(report.is_clean());
    /// assert_eq!((report.blocks, report.bytes), (1, 11));
    /// # Ok::<(), datastore::Error>(()) }).unwrap();
    /// ```
    pub async fn scrub(
        &self,
        options: ScrubOptions,
        mut progress: impl FnMut(&ScrubReport) + Send,
    ) -> Result<ScrubReport> {
        let ScrubOptions { quarantine } = options;
        let mut report = ScrubReport::default();
        let mut entries = self.inner.store.query(self.inner.layout.all());
        let mut bytes = 0;
        while let Some(entry) = entries.try_next().await? {
            let size = entry.size().unwrap_or_default();
            match look_at(&self.inner.layout, &entry) {
                Seen::Foreign => report.foreign += 1,
                Seen::Unverifiable => report.unverifiable += 1,
                Seen::Good => {
                    report.blocks += 1;
                    report.bytes += size;
                }
                Seen::Damaged(expected, found) => {
                    let key = entry.into_key();
                    let fate = match quarantine {
                        true => self.move_away(&key, &expected).await?,
                        false => Fate::Reported,
                    };
                    report.add(Damaged { key, expected, found, size, fate });
                }
            }
            progress(&report);
            bytes += size.max(MIN_COST);
            if bytes >= BYTES_AT_ONCE {
                bytes = 0;
                pause().await;
            }
        }
        Ok(report)
    }

    /// Moves a block to quarantine if it is still damaged.
    async fn move_away(&self, key: &Key, hash: &Hash) -> Result<Fate> {
        let Inner { store, options, presence, gate, .. } = &*self.inner;
        let conditional = store.capabilities().conditions >= Conditions::AnyBatch;
        // A good block is not to be moved: where no condition sees to it, nobody puts one meanwhile.
        let _alone = if conditional { None } else { Some(gate.without_writers().await) };
        // Again, for its version: a listing has none.
        let found = store.read(key, Want::Value).await?;
        let version = found.as_ref().and_then(Found::version);
        let (Some(version), Some(data)) = (version, found.and_then(Found::into_value)) else {
            return Ok(Fate::Changed);
        };
        if verify(&Cid::new_v1(RAW, *hash), &data).is_ok() {
            return Ok(Fate::Changed);
        }
        let place = layout::quarantine(hash)?;
        let durability = options.durability;
        let copy = Batch { durability, ..Batch::new().put(place.clone(), data) };
        let codecs = self.kept_codecs(hash).await?;
        let gone = [key.clone()].into_iter().chain(codecs).map(|key| Op::Delete { key });
        let deleting = presence.as_ref().map(|presence| presence.deleting(&[*hash]));
        if conditional {
            let mut batch = copy.unchanged(key.clone(), version);
            batch.ops.extend(gone);
            match store.commit(batch).await {
                Err(error) if error.kind() == ErrorKind::Conflict => return Ok(Fate::Changed),
                moved => moved?,
            }
        } else {
            // One after the other: batches may land in part here, and the data in two places is not lost.
            store.commit(copy).await?;
            store.commit(Batch { durability, ..gone.collect() }).await?;
        }
        if let Some(deleting) = deleting {
            deleting.done();
        }
        Ok(Fate::Moved(place))
    }
}

/// Bytes that are hashed before others get their turn: half a millisecond or so.
const BYTES_AT_ONCE: u64 = 1 << 20;

/// What an entry costs at least, in bytes hashed.
const MIN_COST: u64 = 512;

enum Seen {
    Foreign,
    Unverifiable,
    Good,
    Damaged(Hash, Option<Hash>),
}

fn look_at(layout: &Layout, entry: &Entry) -> Seen {
    let Some(hash) = layout.multihash(entry.key()) else { return Seen::Foreign };
    let data = entry.value().map(|data| &data[..]).unwrap_or_default();
    let verifiable = hash.code() == IDENTITY || hash.size() > 0;
    match verify(&Cid::new_v1(RAW, hash), data) {
        Ok(()) => Seen::Good,
        Err(error) if error.kind() == ErrorKind::Unsupported || !verifiable => Seen::Unverifiable,
        Err(_) => Seen::Damaged(hash, found(&hash, data)),
    }
}

/// The multihash of `data`, of the function and with the length that `expected` has.
fn found(expected: &Hash, data: &[u8]) -> Option<Hash> {
    let code = expected.code();
    if code == IDENTITY {
        return Multihash::wrap(code, data).ok();
    }
    let sum = hashes::digest(code, data)?;
    let whole = sum.as_bytes();
    Multihash::wrap(code, whole.get(..expected.digest().len()).unwrap_or(whole)).ok()
}
