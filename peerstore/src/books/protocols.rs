use datastore::Result;
use libp2p_identity::PeerId;

use crate::access::Core;
use crate::protocols::ProtocolRow;

/// The protocols that peers speak, each once, ordered by their bytes.
///
/// Dropping the future of a change happens wholly or not at all, where the datastore's batches do.
#[derive(Clone, Copy, Debug)]
pub struct ProtocolBook<'p> {
    core: &'p Core,
}

impl<'p> ProtocolBook<'p> {
    pub(crate) fn new(core: &'p Core) -> Self {
        Self { core }
    }

    /// The protocols of a peer.
    ///
    /// # Errors
    /// As [`Datastore::read`](datastore::Datastore::read).
    pub async fn get(&self, peer: &PeerId) -> Result<Vec<String>> {
        let row = self.core.read::<ProtocolRow>(peer).await?;
        Ok(row.iter().map(ToOwned::to_owned).collect())
    }

    /// Adds protocols.
    ///
    /// # Errors
    /// [`InvalidInput`](datastore::ErrorKind::InvalidInput), and nothing is added, if there would be more than
    /// [`Limits::protocols`](crate::Limits::protocols); and as [`Datastore::commit`](datastore::Datastore::commit).
    pub async fn add<P: AsRef<str>>(&self, peer: &PeerId, protocols: &[P]) -> Result<()> {
        let limits = &self.core.options().limits;
        self.change(peer, |row| row.add(protocols, limits)).await
    }

    /// Sets the protocols of a peer to these.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub async fn set<P: AsRef<str>>(&self, peer: &PeerId, protocols: &[P]) -> Result<()> {
        let limits = &self.core.options().limits;
        self.change(peer, |row| row.set(protocols, limits)).await
    }

    /// Takes protocols away; one that is not there is not an error.
    ///
    /// # Errors
    /// As [`Datastore::commit`](datastore::Datastore::commit).
    pub async fn remove<P: AsRef<str>>(&self, peer: &PeerId, protocols: &[P]) -> Result<()> {
        self.change(peer, |row| {
            row.remove(protocols);
            Ok(())
        })
        .await
    }

    /// Those of `asked` that the peer speaks, in their order.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn supports<P: AsRef<str>>(&self, peer: &PeerId, asked: &[P]) -> Result<Vec<String>> {
        let row = self.core.read::<ProtocolRow>(peer).await?;
        Ok(row.supports(asked).into_iter().map(ToOwned::to_owned).collect())
    }

    /// The first of `asked` that the peer speaks.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn first_supported<P: AsRef<str>>(
        &self,
        peer: &PeerId,
        asked: &[P],
    ) -> Result<Option<String>> {
        let row = self.core.read::<ProtocolRow>(peer).await?;
        Ok(row.first_supported(asked).map(ToOwned::to_owned))
    }

    async fn change(
        &self,
        peer: &PeerId,
        apply: impl FnOnce(&mut ProtocolRow) -> Result<()>,
    ) -> Result<()> {
        let mut change = self.core.change(peer).await?;
        apply(change.row::<ProtocolRow>().await?)?;
        change.commit().await
    }
}
