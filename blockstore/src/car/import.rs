use std::fmt;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::pin::pin;

use bytes::Bytes;
use cid::Cid;
use datastore::{Error, ErrorKind, Result};
use futures::future::{OptionFuture, join};
use futures::{Stream, StreamExt};

use super::batches::{Batch, Batcher, Failure, Message};
use super::options::CarOptions;
use super::source;
use crate::may_hold::MayHold;
use crate::prepared::{Prepared, UnderWay};
use crate::{Blockstore, LongCid, Stored};

/// How a CAR file is imported.
///
/// # Examples
/// ```
/// use datastore_blocks::ImportOptions;
///
/// let options = ImportOptions::new().progress(|so_far| println!("{} bytes", so_far.position));
/// # let _ = options;
/// ```
pub struct ImportOptions {
    car: CarOptions,
    progress: Box<dyn FnMut(&Imported) + Send>,
}

/// What an import came to, or came to so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// The version of the file, 1 or 2; 0 if its header was not read.
    pub version: u64,
    /// The CIDs that the file is about. Their blocks need not be in it.
    pub roots: Vec<Cid>,
    /// Further ones, as in [`CarHeader::long_roots`](crate::CarHeader::long_roots).
    pub long_roots: Vec<LongCid>,
    /// Blocks that were read and verified.
    pub blocks: u64,
    /// Blocks among them of an identity CID, which are never stored.
    pub identity: u64,
    /// What became of the others; those that came more than once are among the present.
    pub stored: Stored,
    /// Where the last of the blocks ends, in bytes from the start of the file.
    pub position: u64,
}

/// Why an import stopped, where in the file, and what was stored before.
///
/// What was verified and committed before is kept, and an import of the mended file goes on from there:
/// what is there already costs no write.
#[derive(Debug)]
pub struct ImportError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    offset: Option<u64>,
    kept: Imported,
    cause: Error,
}

impl Blockstore {
    /// Stores the blocks of a CAR file, version 1 or 2, each verified and as the policy takes it; at the end
    /// they are made durable.
    ///
    /// A thread reads, takes apart and hashes, while this future commits, in batches of 8,000 blocks or
    /// [`MANY_BYTES`](datastore::MANY_BYTES) bytes, and looks which blocks of the next batch are there: four of
    /// them are in memory at most, whatever the size of the file. Nothing after the data of a CARv2 is read.
    ///
    /// Dropped or killed, it leaves the batches that were committed, and can be run again. The thread ends
    /// with the read that it is in; where `source` was quick to answer, with 128 KiB of reads at most.
    ///
    /// # Errors
    /// [`ImportError`], with what was kept. Its kind is [`ErrorKind::InvalidInput`] where the file is
    /// damaged, a block has not the digest of its CID, or the policy does not take it;
    /// [`ErrorKind::Unavailable`] where `source` fails; else that of the datastore.
    ///
    /// # Examples
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::sync::Arc;
    /// use datastore::MemoryDatastore;
    /// use datastore_blocks::{Blockstore, ImportOptions};
    ///
    /// # let file = &b"\x11\xa2\x65roots\x80\x67version\x01\
    /// #     \x29\x01\x55\x12\x20\x2c\xf2\x4d\xba\x5f\xb0\xa3\x0e\x26\xe8\x3b\x2a\xc5\xb9\xe2\x9e\x1b\
    /// #     \x16\x1e\x5c\x1f\xa7\x42\x5e\x73\x04\x33\x62\x93\x8b\x98\x24hello"[..];
    /// let blocks = Blockstore::open(Arc::new(MemoryDatastore::new())).await?;
    /// let imported = blocks.import_car(file, ImportOptions::new()).await?;
    /// assert_eq!(imported.stored.written, 1);
    /// # Ok::<(), datastore::Error>(()) }).unwrap();
    /// ```
    pub async fn import_car<R>(
        &self,
        source: R,
        options: ImportOptions,
    ) -> Result<Imported, ImportError>
    where
        R: Read + Send + 'static,
    {
        let ImportOptions { car, progress } = options;
        let messages = source::on_thread(source, self.batcher(car))
            .map_err(|cause| ImportError::new(None, Imported::default(), cause))?;
        self.import_messages(messages, progress).await
    }

    /// As [`import_car`](Self::import_car), from bytes that arrive in pieces of any size, without a thread:
    /// the next batch is read, hashed and looked for while one is committed.
    ///
    /// # Errors
    /// As [`import_car`](Self::import_car).
    pub async fn import_car_stream<T>(
        &self,
        source: T,
        options: ImportOptions,
    ) -> Result<Imported, ImportError>
    where
        T: Stream<Item = io::Result<Bytes>> + Send,
    {
        let ImportOptions { car, progress } = options;
        let messages = source::of_stream(source, self.batcher(car));
        self.import_messages(messages, progress).await
    }

    fn batcher(&self, options: CarOptions) -> Batcher {
        Batcher::new(self.inner.options.policy.clone(), options)
    }

    async fn import_messages(
        &self,
        messages: impl Stream<Item = Message> + Send,
        mut progress: Box<dyn FnMut(&Imported) + Send>,
    ) -> Result<Imported, ImportError> {
        let mut messages = pin!(messages);
        let mut sum = Imported::default();
        let mut ready: Option<Ready<'_>> = None;
        let mut may_hold = None;
        let end = loop {
            let under_way = ready.as_ref().map(|ready| ready.prepared.under_way());
            let write = OptionFuture::from(ready.take().map(Ready::write));
            let look = async {
                match messages.next().await {
                    Some(message) => {
                        self.ready(message, under_way.unwrap_or_default(), &mut may_hold).await
                    }
                    None => ControlFlow::Break(Err(Failure::lost())),
                }
            };
            let (written, next) = join(write, look).await;
            match written {
                Some(Ok((batch, stored))) => {
                    sum.add(batch, stored);
                    progress(&sum);
                }
                Some(Err(cause)) => break Err(Failure::of_store(cause)),
                None => {}
            }
            match next {
                ControlFlow::Continue(next) => ready = Some(next),
                ControlFlow::Break(end) => break end,
            }
        };
        let synced = self.sync().await.map_err(Failure::of_store);
        match end.and(synced) {
            Ok(()) => Ok(sum),
            Err(Failure { offset, cause }) => Err(ImportError::new(offset, sum, cause)),
        }
    }

    /// Looks which blocks of a batch are there; breaks at the end.
    async fn ready(
        &self,
        message: Message,
        under_way: UnderWay,
        may_hold: &mut Option<MayHold>,
    ) -> ControlFlow<Result<(), Failure>, Ready<'_>> {
        let batch = match message {
            Message::Batch(batch) => batch,
            Message::End(end) => return ControlFlow::Break(end),
        };
        match self.look_for(batch, under_way, may_hold).await {
            Ok(ready) => ControlFlow::Continue(ready),
            Err(cause) => ControlFlow::Break(Err(Failure::of_store(cause))),
        }
    }

    async fn look_for(
        &self,
        mut batch: Batch,
        under_way: UnderWay,
        may_hold: &mut Option<MayHold>,
    ) -> Result<Ready<'_>> {
        if batch.is_first() && batch.is_full() {
            // Others follow. To list as many as it has takes no longer than to look for each.
            *may_hold = MayHold::list(self, batch.blocks.len()).await?;
        }
        let blocks = std::mem::take(&mut batch.blocks);
        let prepared = self.prepare(blocks, under_way, may_hold.as_mut()).await?;
        Ok(Ready { batch, prepared })
    }
}

/// A batch that is to be committed next.
struct Ready<'b> {
    batch: Batch,
    prepared: Prepared<'b>,
}

impl Ready<'_> {
    async fn write(self) -> Result<(Batch, Stored)> {
        let stored = self.prepared.write().await?;
        Ok((self.batch, stored))
    }
}

impl ImportOptions {
    /// As [`CarOptions::new`] says; the largest block is that of the store's policy.
    pub fn new() -> Self {
        Self { car: CarOptions::new(), progress: Box::new(|_| {}) }
    }

    /// Calls `progress` after each commit, with what was stored so far.
    #[must_use]
    pub fn progress(mut self, progress: impl FnMut(&Imported) + Send + 'static) -> Self {
        self.progress = Box::new(progress);
        self
    }

    /// As [`CarOptions::max_header_len`].
    #[must_use]
    pub fn max_header_len(mut self, bytes: usize) -> Self {
        self.car = self.car.max_header_len(bytes);
        self
    }

    /// As [`CarOptions::null_padding`].
    #[must_use]
    pub fn null_padding(mut self, allow: bool) -> Self {
        self.car = self.car.null_padding(allow);
        self
    }
}

impl Default for ImportOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ImportOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImportOptions").field("car", &self.car).finish_non_exhaustive()
    }
}

impl Imported {
    fn add(&mut self, batch: Batch, stored: Stored) {
        let Batch { header, blocks: _, bytes: _, sections, identity, end } = batch;
        if let Some(header) = header {
            self.version = header.version();
            self.roots = header.roots;
            self.long_roots = header.long_roots;
        }
        self.blocks += sections;
        self.identity += identity;
        self.stored.add(stored);
        self.position = end;
    }
}

impl ImportError {
    fn new(offset: Option<u64>, kept: Imported, cause: Error) -> Self {
        Self(Box::new(Inner { offset, kept, cause }))
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.cause.kind()
    }

    /// Where the header or the section begins that is at fault, in bytes from the start of the file; `None`
    /// if it is not the file that is.
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// What was verified and stored before. Where a commit failed, more of it may be.
    pub fn kept(&self) -> &Imported {
        &self.0.kept
    }

    /// What went wrong.
    pub fn cause(&self) -> &Error {
        &self.0.cause
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { offset, kept, cause: _ } = &*self.0;
        f.write_str("the import stopped")?;
        if let Some(offset) = offset {
            write!(f, " at byte {offset} of the CAR file")?;
        }
        match kept.blocks {
            0 => f.write_str("; no block was stored before"),
            1 => f.write_str("; the block before is kept"),
            blocks => write!(f, "; the {blocks} blocks before are kept"),
        }
    }
}

impl std::error::Error for ImportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0.cause)
    }
}

impl From<ImportError> for Error {
    fn from(error: ImportError) -> Self {
        let (message, outcome) = (error.to_string(), error.0.cause.outcome());
        let partly = error.0.kept.stored.written > 0;
        let made = Self::new(error.kind(), message).with_source(error.0.cause);
        // "Not applied" is said of the whole.
        match outcome.filter(|_| !partly) {
            Some(outcome) => made.with_outcome(outcome),
            None => made,
        }
    }
}
