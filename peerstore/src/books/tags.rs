use std::time::Duration;

use datastore::{Expiry, Result};
use libp2p_identity::PeerId;

use crate::access::Core;
use crate::tags::{Tag, TagRow};

/// Tags of peers: a name, a value from 0 to 100, and a lifetime if it is to have one. What a connection manager
/// weighs peers by.
#[derive(Clone, Copy, Debug)]
pub struct TagBook<'p> {
    core: &'p Core,
}

impl<'p> TagBook<'p> {
    pub(crate) fn new(core: &'p Core) -> Self {
        Self { core }
    }

    /// The tags of a peer that have not expired, ordered by name.
    ///
    /// # Errors
    /// As [`Datastore::read`](datastore::Datastore::read).
    pub async fn get(&self, peer: &PeerId) -> Result<Vec<(String, Tag)>> {
        let row = self.core.read::<TagRow>(peer).await?;
        Ok(row.live(self.core.now()).map(|(name, tag)| (name.to_owned(), tag)).collect())
    }

    /// One tag of a peer; `None` if it has expired or never was.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn tag(&self, peer: &PeerId, name: &str) -> Result<Option<Tag>> {
        Ok(self.core.read::<TagRow>(peer).await?.get(name, self.core.now()))
    }

    /// Makes these the tags of the peer, and no others: js-libp2p's `patch`.
    ///
    /// # Errors
    /// As [`set`](Self::set); then the old ones stay.
    pub async fn replace(&self, peer: &PeerId, tags: &[(&str, Tag)]) -> Result<()> {
        let mut change = self.core.change(peer).await?;
        let (now, limits) = (self.core.now(), &self.core.options().limits);
        let row = change.row::<TagRow>().await?;
        row.set(tags.iter().map(|(name, tag)| (*name, *tag)), now, limits)?;
        change.commit().await
    }

    /// Sets a tag; without a lifetime, for good.
    ///
    /// # Errors
    /// [`InvalidInput`](datastore::ErrorKind::InvalidInput) for a value over 100, and if there would be more
    /// tags than [`Limits::tags`](crate::Limits::tags); and as [`Datastore::commit`](datastore::Datastore::commit).
    pub async fn set(
        &self,
        peer: &PeerId,
        name: &str,
        value: u8,
        ttl: Option<Duration>,
    ) -> Result<()> {
        let mut change = self.core.change(peer).await?;
        let (now, limits) = (self.core.now(), &self.core.options().limits);
        let expiry = ttl.map_or(Expiry::NEVER, |ttl| Expiry::after(now, ttl));
        let tag = Tag::new(value, expiry)?;
        change.row::<TagRow>().await?.merge([(name, Some(tag))], now, limits)?;
        change.commit().await
    }

    /// Takes a tag away; one that is not there is not an error.
    ///
    /// # Errors
    /// As [`Datastore::commit`](datastore::Datastore::commit).
    pub async fn remove(&self, peer: &PeerId, name: &str) -> Result<()> {
        let mut change = self.core.change(peer).await?;
        change.row::<TagRow>().await?.remove(name);
        change.commit().await
    }
}
