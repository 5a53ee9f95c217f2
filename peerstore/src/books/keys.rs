use datastore::Result;
use libp2p_identity::{Keypair, PeerId, PublicKey};

use crate::access::Core;
use crate::keys::{KeyRow, PrivateKeyRow, inline_key};

/// The keys of peers. Every key is checked against the id that it is given for.
///
/// A public key that the id holds itself is not stored, and is known of every peer with such an id.
#[derive(Clone, Copy, Debug)]
pub struct KeyBook<'p> {
    core: &'p Core,
}

impl<'p> KeyBook<'p> {
    pub(crate) fn new(core: &'p Core) -> Self {
        Self { core }
    }

    /// The public key of a peer: the one in its id, the one that was set, or that of its private key.
    ///
    /// # Errors
    /// As [`Datastore::read`](datastore::Datastore::read).
    pub async fn public(&self, peer: &PeerId) -> Result<Option<PublicKey>> {
        if let Some(key) = inline_key(peer) {
            self.core.check_open()?;
            return Ok(Some(key));
        }
        if let Some(key) = self.core.read::<KeyRow>(peer).await?.key() {
            return Ok(Some(key.clone()));
        }
        Ok(self.private(peer).await?.map(|keypair| keypair.public()))
    }

    /// Sets the public key of a peer.
    ///
    /// # Errors
    /// [`InvalidInput`](datastore::ErrorKind::InvalidInput) for a key that is not the peer's; and as
    /// [`Datastore::commit`](datastore::Datastore::commit).
    pub async fn set_public(&self, peer: &PeerId, key: &PublicKey) -> Result<()> {
        let row = KeyRow::new(peer, key.clone())?;
        let mut change = self.core.change(peer).await?;
        *change.row::<KeyRow>().await? = row;
        change.commit().await
    }

    /// The private key of a peer, the node itself as a rule.
    ///
    /// # Errors
    /// As [`Datastore::read`](datastore::Datastore::read).
    pub async fn private(&self, peer: &PeerId) -> Result<Option<Keypair>> {
        Ok(self.core.read::<PrivateKeyRow>(peer).await?.keypair().cloned())
    }

    /// Sets the private key of a peer. It is stored as it is: whoever can read the datastore can read it.
    ///
    /// # Errors
    /// [`Unsupported`](datastore::ErrorKind::Unsupported) for an RSA key, which
    /// [`set_private_protobuf`](Self::set_private_protobuf) takes;
    /// [`PermissionDenied`](datastore::ErrorKind::PermissionDenied) over a store that may not be on this machine,
    /// unless [`private_keys_on_remote_stores`](crate::PeerstoreOptions::private_keys_on_remote_stores); and as
    /// [`set_public`](Self::set_public).
    pub async fn set_private(&self, peer: &PeerId, keypair: &Keypair) -> Result<()> {
        self.set_private_row(peer, PrivateKeyRow::new(peer, keypair)?).await
    }

    /// As [`set_private`](Self::set_private), with the key in the protobuf encoding of libp2p: the one way for RSA.
    ///
    /// # Errors
    /// As [`set_private`](Self::set_private); [`InvalidInput`](datastore::ErrorKind::InvalidInput) for what is no
    /// private key.
    pub async fn set_private_protobuf(&self, peer: &PeerId, protobuf: &[u8]) -> Result<()> {
        self.set_private_row(peer, PrivateKeyRow::from_protobuf(peer, protobuf)?).await
    }

    async fn set_private_row(&self, peer: &PeerId, row: PrivateKeyRow) -> Result<()> {
        self.core.check_private_keys()?;
        let mut change = self.core.change(peer).await?;
        *change.row::<PrivateKeyRow>().await? = row;
        change.commit().await
    }

    /// Takes both keys of a peer away.
    ///
    /// # Errors
    /// As [`Datastore::commit`](datastore::Datastore::commit).
    pub async fn remove(&self, peer: &PeerId) -> Result<()> {
        let mut change = self.core.change(peer).await?;
        *change.row::<KeyRow>().await? = KeyRow::default();
        *change.row::<PrivateKeyRow>().await? = PrivateKeyRow::default();
        change.commit().await
    }
}
