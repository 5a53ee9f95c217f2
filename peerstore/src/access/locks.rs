use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

use async_lock::{Mutex as AsyncMutex, MutexGuardArc};
use libp2p_identity::PeerId;
use parking_lot::Mutex;

use super::PeerHash;

/// One change of a peer at a time; changes of others go on beside it.
#[derive(Debug)]
pub(crate) struct PeerLocks {
    shards: Box<[Shard]>,
    hasher: PeerHash,
}

type Shard = Mutex<HashMap<PeerId, Arc<AsyncMutex<()>>, PeerHash>>;

const SHARDS: usize = 64;

impl PeerLocks {
    pub(crate) fn new() -> Self {
        let shards = (0..SHARDS).map(|_| Shard::default()).collect();
        Self { shards, hasher: PeerHash::default() }
    }

    /// Waits until nobody else changes the peer. The peer is free again once the lock is dropped.
    pub(crate) async fn lock(&self, peer: &PeerId) -> PeerLock<'_> {
        let shard = self.shard(peer);
        let mutex = Arc::clone(shard.lock().entry(*peer).or_default());
        // Made before it waits: a lock that is given up while it waits leaves nothing behind either.
        let mut lock = PeerLock { shard, peer: *peer, mutex, guard: None };
        lock.guard = Some(lock.mutex.lock_arc().await);
        lock
    }

    fn shard(&self, peer: &PeerId) -> &Shard {
        let place = self.hasher.hash_one(peer) as usize % self.shards.len().max(1);
        #[allow(clippy::indexing_slicing, reason = "a remainder is less than the length")]
        &self.shards[place]
    }
}

/// The right to change one peer.
#[derive(Debug)]
pub(crate) struct PeerLock<'l> {
    shard: &'l Shard,
    peer: PeerId,
    mutex: Arc<AsyncMutex<()>>,
    guard: Option<MutexGuardArc<()>>,
}

impl Drop for PeerLock<'_> {
    fn drop(&mut self) {
        self.guard = None;
        let mut shard = self.shard.lock();
        // The map has one, this lock the other: nobody waits, and nobody comes while the shard is held.
        if Arc::strong_count(&self.mutex) == 2 {
            shard.remove(&self.peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::future::{join, poll_immediate};

    use super::*;

    fn held(locks: &PeerLocks) -> usize {
        locks.shards.iter().map(|shard| shard.lock().len()).sum()
    }

    #[test]
    fn one_at_a_time_and_others_beside_it() {
        block_on(async {
            let (locks, a, b) = (PeerLocks::new(), PeerId::random(), PeerId::random());
            let first = locks.lock(&a).await;
            assert!(poll_immediate(locks.lock(&a)).await.is_none(), "a is being changed");
            drop(locks.lock(&b).await);
            let (second, ()) = join(locks.lock(&a), async { drop(first) }).await;
            assert_eq!(held(&locks), 1);
            drop(second);
            assert_eq!(held(&locks), 0);
        });
    }

    #[test]
    fn a_lock_that_is_given_up_leaves_nothing_behind() {
        block_on(async {
            let (locks, peer) = (PeerLocks::new(), PeerId::random());
            let first = locks.lock(&peer).await;
            let mut waiting = Box::pin(locks.lock(&peer));
            assert!(poll_immediate(&mut waiting).await.is_none());
            drop(first);
            drop(waiting);
            assert_eq!(held(&locks), 0);
        });
    }
}
