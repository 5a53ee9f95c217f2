use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use datastore::Result;
use libp2p_identity::PeerId;
use quick_cache::Weighter;
use quick_cache::sync::{Cache, DefaultLifecycle, GuardResult};

use super::PeerHash;
use crate::row::Row;

/// Rows of one book in memory, absent ones (as empty rows) included, so many bytes at most.
#[derive(Debug)]
pub(crate) struct RowCache<R: Row> {
    /// `None` if it keeps nothing.
    cache: Option<Cache<PeerId, Arc<R>, ByBytes, PeerHash>>,
    none: Arc<R>,
}

#[derive(Clone, Debug)]
struct ByBytes;

/// A row as it was read.
#[derive(Debug)]
pub(crate) struct Loaded<R> {
    pub(crate) row: Arc<R>,
    /// Whether it is what is stored, and not what stands for a row that cannot be read.
    pub(crate) is_certain: bool,
}

/// What an entry takes beside its row: the id twice, counts, a place in a table.
const ENTRY: usize = 200;

/// How large a row is thought to be before any is known.
const USUAL_ROW: usize = 500;

impl<R: Row> Weighter<PeerId, Arc<R>> for ByBytes {
    fn weight(&self, _: &PeerId, row: &Arc<R>) -> u64 {
        (ENTRY + row.weight()) as u64
    }
}

impl<R: Row> RowCache<R> {
    /// A cache of so many bytes; of none, it keeps nothing.
    pub(crate) fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes).unwrap_or(usize::MAX) / (ENTRY + USUAL_ROW);
        let cache = (bytes > 0).then(|| {
            let (hash, lifecycle) = (PeerHash::default(), DefaultLifecycle::default());
            Cache::with(items.max(1), bytes, ByBytes, hash, lifecycle)
        });
        Self { cache, none: Arc::default() }
    }

    /// The row of a peer that has none: the same one for all, since many are asked for.
    pub(crate) fn none(&self) -> Arc<R> {
        Arc::clone(&self.none)
    }

    /// The row of a peer, from memory or by `read`. Nobody waits for another's read, which may never be polled
    /// again: who comes while one is under way reads for itself.
    pub(crate) async fn get(
        &self,
        peer: &PeerId,
        read: impl Future<Output = Result<Loaded<R>>>,
    ) -> Result<Arc<R>> {
        let Some(cache) = &self.cache else { return Ok(read.await?.row) };
        let place = match cache.get_value_or_guard(peer, Some(Duration::ZERO)) {
            GuardResult::Value(row) => return Ok(row),
            GuardResult::Guard(place) => place,
            GuardResult::Timeout => return Ok(read.await?.row),
        };
        let Loaded { row, is_certain } = read.await?;
        if !is_certain {
            return Ok(row);
        }
        // Refused if the row was changed or forgotten meanwhile: then what was read may be old.
        let _ = place.insert(Arc::clone(&row));
        Ok(row)
    }

    /// The row of a peer, if it is in memory.
    pub(crate) fn peek(&self, peer: &PeerId) -> Option<Arc<R>> {
        self.cache.as_ref()?.get(peer)
    }

    /// Sets what a peer's row is now.
    pub(crate) fn set(&self, peer: &PeerId, row: R) {
        if let Some(cache) = &self.cache {
            // A row that is too large is not taken in, and leaves the place of a reader that has read the old one.
            cache.remove(peer);
            cache.insert(*peer, Arc::new(row));
        }
    }

    /// Forgets a peer's row, which may have changed.
    pub(crate) fn forget(&self, peer: &PeerId) {
        if let Some(cache) = &self.cache {
            cache.remove(peer);
        }
    }
}
