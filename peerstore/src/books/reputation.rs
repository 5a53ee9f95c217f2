use std::time::Duration;

use datastore::Result;
use libp2p_identity::PeerId;

use crate::access::Core;
use crate::listing;
use crate::reputation::{BootstrapCandidate, Reputation, ReputationRow, rank};

/// What became of requests to peers, and so who is worth asking.
#[derive(Clone, Copy, Debug)]
pub struct ReputationBook<'p> {
    core: &'p Core,
}

impl<'p> ReputationBook<'p> {
    pub(crate) fn new(core: &'p Core) -> Self {
        Self { core }
    }

    /// What is known of a peer: nothing but zeros if it was never asked anything.
    ///
    /// # Errors
    /// As [`Datastore::read`](datastore::Datastore::read).
    pub async fn get(&self, peer: &PeerId) -> Result<Reputation> {
        Ok(Reputation::clone(&*self.core.read::<ReputationRow>(peer).await?))
    }

    /// A request to the peer went well, and took so long, if that was measured.
    ///
    /// # Errors
    /// As [`Datastore::commit`](datastore::Datastore::commit).
    pub async fn succeeded(&self, peer: &PeerId, latency: Option<Duration>) -> Result<()> {
        let now = self.core.now();
        self.change(peer, |row| row.succeeded(now, latency)).await
    }

    /// A request to the peer failed: it is to be left alone for 2^(n−1) seconds after the n-th failure in a row,
    /// five minutes at most.
    ///
    /// # Errors
    /// As [`succeeded`](Self::succeeded).
    pub async fn failed(&self, peer: &PeerId) -> Result<()> {
        let now = self.core.now();
        self.change(peer, |row| row.failed(now)).await
    }

    /// These peers, those first that are worth asking first; those that are to be left alone for now come last.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn rank(&self, peers: &[PeerId]) -> Result<Vec<PeerId>> {
        let mut known = Vec::with_capacity(peers.len());
        for peer in peers {
            known.push((*peer, listing::readable(self.get(peer).await)?.unwrap_or_default()));
        }
        rank(&mut known, self.core.now());
        Ok(known.into_iter().map(|(peer, _)| peer).collect())
    }

    /// Up to `n` peers to begin with after a start: that answered before, recently, and are spread over networks.
    /// It reads all that is known of reputations.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn bootstrap_candidates(&self, n: usize) -> Result<Vec<BootstrapCandidate>> {
        listing::bootstrap_candidates(self.core, n).await
    }

    async fn change(&self, peer: &PeerId, apply: impl FnOnce(&mut ReputationRow)) -> Result<()> {
        let mut change = self.core.change(peer).await?;
        apply(change.row::<ReputationRow>().await?);
        change.commit().await
    }
}
