use std::fmt;
use std::sync::Arc;

use async_lock::OnceCell;
use bytes::Bytes;
use cid::Cid;
use datastore::{Datastore, Error, ErrorKind, Found, MANY_READS, Result, Want};
use futures::{Stream, StreamExt};
use multihash::Multihash;

use crate::gc::Gate;
use crate::hashes::{IDENTITY, MAX_DIGEST_LEN};
use crate::layout::Layout;
use crate::presence::{Asked, Known, Presence};
use crate::{BlockstoreOptions, verify};

/// Blocks, found by the digest of what they hold, in any datastore.
///
/// A block is kept under its multihash, so that CIDs of either version and of any codec that have the
/// same digest name the same block. Identity CIDs hold their data themselves: they are always there,
/// never stored and never listed.
///
/// A clone is another handle of the same blocks. All writers of a datastore must share one [`Blockstore`]
/// while garbage is collected, or while it remembers which blocks are there
/// ([`PresenceOptions`](crate::PresenceOptions)). Dropping it closes nothing: the datastore stays its owner's.
///
/// Calls may be dropped at any time; what becomes of a write then is as the datastore says.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use std::sync::Arc;
/// use datastore::MemoryDatastore;
/// use datastore_blocks::{Block, Blockstore, RAW};
///
/// let blocks = Blockstore::open(Arc::new(MemoryDatastore::new())).await?;
/// let block = Block::new(RAW, "hello world");
/// blocks.put(block.clone()).await?;
/// assert_eq!(blocks.get(block.cid()).await?.as_ref(), Some(block.data()));
///
/// let forged = Block::unverified(*block.cid(), "something else");
/// assert!(blocks.put(forged).await.is_err());
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Blockstore {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Datastore>,
    pub(crate) options: BlockstoreOptions,
    pub(crate) layout: Layout,
    pub(crate) presence: Option<Presence>,
    pub(crate) gate: Gate,
    /// Whether another store keeps codecs of these blocks, once somebody asked.
    pub(crate) codecs: OnceCell<bool>,
}

impl Blockstore {
    /// Opens the blocks of a datastore as [`BlockstoreOptions::new`] says.
    ///
    /// # Errors
    /// Those of the datastore.
    pub async fn open(store: Arc<dyn Datastore>) -> Result<Self> {
        BlockstoreOptions::new().open(store).await
    }

    pub(crate) async fn with_options(
        store: Arc<dyn Datastore>,
        options: BlockstoreOptions,
    ) -> Result<Self> {
        let layout = Layout::below(options.prefix.clone())?;
        let gate = Gate::open(&store, options.marks.as_ref()).await?;
        let presence = options
            .presence
            .as_ref()
            .map(|presence| Presence::new(presence, store.capabilities().atomic_batches));
        let codecs = OnceCell::new();
        Ok(Self { inner: Arc::new(Inner { store, options, layout, presence, gate, codecs }) })
    }

    /// The datastore below.
    pub fn datastore(&self) -> &Arc<dyn Datastore> {
        &self.inner.store
    }

    /// The data of a block, verified if the options say so.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if what is stored has another digest; [`ErrorKind::Unsupported`] if its hash
    /// function is not computed here, so that nobody can say; those of the datastore.
    pub async fn get(&self, cid: &Cid) -> Result<Option<Bytes>> {
        let hash = cid.hash();
        if hash.code() == IDENTITY {
            return Ok(Some(Bytes::copy_from_slice(hash.digest())));
        }
        let asked = self.ask(hash);
        if asked.known == Known::Absent {
            return Ok(None);
        }
        let found = self.look(hash, Want::Value, asked).await?;
        let Some(data) = found.and_then(Found::into_value) else { return Ok(None) };
        if self.inner.options.verify_reads {
            verify(cid, &data).map_err(|error| self.unverified(cid, error))?;
        }
        Ok(Some(data))
    }

    /// As [`get`](Self::get), of a block that must be there.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if there is no such block; those of [`get`](Self::get).
    pub async fn get_required(&self, cid: &Cid) -> Result<Bytes> {
        self.get(cid).await?.ok_or_else(|| no_block(cid))
    }

    /// The bytes of a block from `offset`, `len` at most; never verified, since that takes the whole.
    ///
    /// # Errors
    /// Those of the datastore.
    pub async fn get_range(&self, cid: &Cid, offset: u64, len: u64) -> Result<Option<Bytes>> {
        let (hash, want) = (cid.hash(), Want::Range { offset, len });
        if hash.code() == IDENTITY {
            let data = Bytes::copy_from_slice(hash.digest());
            return Ok(Found::answer(&want, data).into_value());
        }
        let asked = self.ask(hash);
        if asked.known == Known::Absent {
            return Ok(None);
        }
        Ok(self.look(hash, want, asked).await?.and_then(Found::into_value))
    }

    /// The data of many blocks, in the order of the CIDs, some reads ahead.
    ///
    /// # Errors
    /// Items are those of [`get`](Self::get), one for each CID.
    pub fn get_many<'s, T>(
        &'s self,
        cids: T,
    ) -> impl Stream<Item = Result<(Cid, Option<Bytes>)>> + Send + 's
    where
        T: Stream<Item = Cid> + Send + 's,
    {
        let get = move |cid| async move { Ok((cid, self.get(&cid).await?)) };
        cids.map(get).buffered(MANY_READS)
    }

    /// Whether a block is there.
    ///
    /// # Errors
    /// Those of the datastore.
    pub async fn has(&self, cid: &Cid) -> Result<bool> {
        let hash = cid.hash();
        if hash.code() == IDENTITY {
            return Ok(true);
        }
        let asked = self.ask(hash);
        match asked.known {
            Known::Absent => Ok(false),
            Known::Present(_) => Ok(true),
            Known::Unknown => Ok(self.look(hash, Want::Exists, asked).await?.is_some()),
        }
    }

    /// The size of a block, in bytes.
    ///
    /// # Errors
    /// Those of the datastore.
    pub async fn size(&self, cid: &Cid) -> Result<Option<u64>> {
        let hash = cid.hash();
        if hash.code() == IDENTITY {
            return Ok(Some(hash.digest().len() as u64));
        }
        let asked = self.ask(hash);
        match asked.known {
            Known::Absent => Ok(None),
            Known::Present(Some(size)) => Ok(Some(size)),
            Known::Present(None) | Known::Unknown => {
                Ok(self.look(hash, Want::Size, asked).await?.and_then(|found| found.size()))
            }
        }
    }

    /// What is known without asking the datastore.
    fn ask(&self, hash: &Hash) -> Asked<'_> {
        let presence = self.inner.presence.as_ref();
        presence.map_or_else(Asked::without_presence, |presence| presence.ask(hash))
    }

    /// Asks the datastore, and remembers the answer.
    async fn look(&self, hash: &Hash, want: Want, asked: Asked<'_>) -> Result<Option<Found>> {
        let key = self.inner.layout.block(hash)?;
        let found = self.inner.store.read(&key, want).await?;
        asked.seen(found.as_ref());
        Ok(found)
    }

    /// The error of stored data that does not verify, or cannot be verified.
    pub(crate) fn unverified(&self, cid: &Cid, error: Error) -> Error {
        let error = match error.kind() {
            ErrorKind::Unsupported => {
                let message = format!("{cid} cannot be verified: {error}");
                Error::new(ErrorKind::Unsupported, message)
            }
            _ => Error::new(ErrorKind::Corrupt, error.to_string()),
        };
        match self.inner.layout.block(cid.hash()) {
            Ok(key) => error.with_key(key),
            Err(_) => error,
        }
    }
}

impl fmt::Debug for Blockstore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { store, options, .. } = &*self.inner;
        f.debug_struct("Blockstore").field("store", store).field("options", options).finish()
    }
}

/// A multihash as CIDs hold it.
pub(crate) type Hash = Multihash<MAX_DIGEST_LEN>;

/// The error at a block that is not there.
pub(crate) fn no_block(cid: &Cid) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no block {cid}"))
}
