use bytes::Bytes;
use datastore::{Key, Result};
use libp2p_identity::PeerId;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::access::{Core, Entries};
use crate::layout;
use crate::metadata::{MetadataValue, escape};

/// What else is to be kept of peers: bytes, or values of any type that serde knows, under any name.
///
/// An entry is a row of its own, and is not kept in memory.
#[derive(Clone, Copy, Debug)]
pub struct MetadataBook<'p> {
    core: &'p Core,
}

impl<'p> MetadataBook<'p> {
    pub(crate) fn new(core: &'p Core) -> Self {
        Self { core }
    }

    /// What is under a name; `None` if there is nothing.
    ///
    /// # Errors
    /// As [`Datastore::read`](datastore::Datastore::read).
    pub async fn get(&self, peer: &PeerId, name: &str) -> Result<Option<MetadataValue>> {
        self.core.metadata(&key(peer, name)?).await
    }

    /// The typed value under a name; `None` if there is nothing.
    ///
    /// # Errors
    /// [`InvalidInput`](datastore::ErrorKind::InvalidInput) if it is of another type; and as [`get`](Self::get).
    pub async fn get_typed<T: DeserializeOwned>(
        &self,
        peer: &PeerId,
        name: &str,
    ) -> Result<Option<T>> {
        self.get(peer, name).await?.map(|value| value.decode()).transpose()
    }

    /// Sets what is under a name.
    ///
    /// # Errors
    /// [`InvalidInput`](datastore::ErrorKind::InvalidInput) if the peer's metadata would be more than
    /// [`Limits::metadata_bytes`](crate::Limits::metadata_bytes), names included; and as
    /// [`Datastore::commit`](datastore::Datastore::commit).
    pub async fn put(&self, peer: &PeerId, name: &str, value: MetadataValue) -> Result<()> {
        self.set(peer, name, Some(value)).await
    }

    /// Sets what is under a name to bytes.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub async fn put_bytes(
        &self,
        peer: &PeerId,
        name: &str,
        value: impl Into<Bytes>,
    ) -> Result<()> {
        self.put(peer, name, MetadataValue::Bytes(value.into())).await
    }

    /// Sets what is under a name to a value of any type that serde knows.
    ///
    /// # Errors
    /// [`InvalidInput`](datastore::ErrorKind::InvalidInput) for what does not serialise; and as [`put`](Self::put).
    pub async fn put_typed<T: Serialize>(
        &self,
        peer: &PeerId,
        name: &str,
        value: &T,
    ) -> Result<()> {
        self.put(peer, name, MetadataValue::typed(value)?).await
    }

    /// Takes what is under a name away; if there is nothing, that is not an error.
    ///
    /// # Errors
    /// As [`Datastore::commit`](datastore::Datastore::commit).
    pub async fn remove(&self, peer: &PeerId, name: &str) -> Result<()> {
        self.set(peer, name, None).await
    }

    /// All names of a peer and what is under them, ordered by the keys of their rows.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn all(&self, peer: &PeerId) -> Result<Vec<(String, MetadataValue)>> {
        self.core.all_metadata(peer).await
    }

    async fn set(&self, peer: &PeerId, name: &str, value: Option<MetadataValue>) -> Result<()> {
        let mut change = self.core.change(peer).await?;
        change.metadata(&Entries::from([(name.to_owned(), value)])).await?;
        change.commit().await
    }
}

fn key(peer: &PeerId, name: &str) -> Result<Key> {
    layout::metadata_of(peer)?.child(escape(name))
}
