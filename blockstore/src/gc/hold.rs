use std::collections::BTreeSet;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures::task::AtomicWaker;

use crate::Blockstore;

/// Keeps blocks that are not pinned yet from the next collection (Kubo: `PinLock`).
///
/// What is put while a hold is there stays until the hold is dropped, and for good if it was pinned by
/// then. A collection that begins meanwhile first waits until the holds that were there before it are
/// dropped; a hold that is taken while one runs keeps nobody waiting, since what is put then stays anyway.
/// Blocks that were there before are kept once they are put again, which costs no write of the block: a
/// look whether they are there does not keep them.
///
/// Holds are of this process: a process that ends before it pinned leaves garbage.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use std::sync::Arc;
/// use datastore::MemoryDatastore;
/// use datastore_blocks::{Block, Blockstore, PinOptions, RAW};
///
/// let blocks = Blockstore::open(Arc::new(MemoryDatastore::new())).await?;
/// let hold = blocks.hold();
/// let block = Block::new(RAW, "of a file that is still being added");
/// blocks.put(block.clone()).await?;
/// blocks.pins().pin_recursive(block.cid(), PinOptions::new()).await?;
/// drop(hold);
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[must_use = "blocks are held until this is dropped"]
pub struct Hold {
    blocks: Blockstore,
    id: u64,
}

impl Blockstore {
    /// Keeps what is put from now on from collections that begin later, until the hold is dropped.
    pub fn hold(&self) -> Hold {
        Hold { blocks: self.clone(), id: self.inner.gate.holds.take() }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.blocks.inner.gate.holds.release(self.id);
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The holds that are there.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    taken: Mutex<Taken>,
    /// The collector, of which there is one.
    waiting: AtomicWaker,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    ids: BTreeSet<u64>,
}

impl Holds {
    /// The id that the next hold gets.
    pub(super) fn horizon(&self) -> u64 {
        self.lock().next
    }

    /// Waits until no hold with an id before `horizon` is left.
    pub(super) async fn wait_for(&self, horizon: u64) {
        poll_fn(|context| {
            self.waiting.register(context.waker());
            let oldest = self.lock().ids.first().copied();
            if oldest.is_some_and(|id| id < horizon) { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    fn take(&self) -> u64 {
        let mut taken = self.lock();
        let id = taken.next;
        taken.next += 1;
        taken.ids.insert(id);
        id
    }

    fn release(&self, id: u64) {
        self.lock().ids.remove(&id);
        self.waiting.wake();
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // A panic cannot leave it half changed.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
