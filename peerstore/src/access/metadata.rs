//! Metadata: a row for each entry, which no cache holds.

use std::collections::BTreeMap;

use datastore::{Datastore, DatastoreExt, ErrorKind, Key, Op, Query, Result, Want};
use futures::TryStreamExt;
use libp2p_identity::PeerId;

use super::change::Change;
use super::core::Core;
use crate::events::PeerEvent;
use crate::layout;
use crate::limits;
use crate::metadata::{MetadataValue, escape, unescape};

impl Core {
    /// An entry of the metadata.
    pub(crate) async fn metadata(&self, key: &Key) -> Result<Option<MetadataValue>> {
        self.read_metadata(key, false).await
    }

    async fn read_metadata(&self, key: &Key, locked: bool) -> Result<Option<MetadataValue>> {
        self.check_open()?;
        let Some(found) = self.store().read(key, Want::Value).await? else { return Ok(None) };
        let (version, row) = (found.version(), found.into_value().unwrap_or_default());
        match MetadataValue::from_row(&row) {
            Ok(value) => Ok(Some(value)),
            Err(flaw) => {
                self.set_aside(key, row, version, &flaw, locked).await?;
                Ok(None)
            }
        }
    }

    /// All metadata of a peer, ordered by the keys of its rows.
    pub(crate) async fn all_metadata(&self, peer: &PeerId) -> Result<Vec<(String, MetadataValue)>> {
        self.check_open()?;
        let mut keys = self.store().query_keys(Query::descendants(layout::metadata_of(peer)?));
        let mut all = Vec::new();
        while let Some(key) = keys.try_next().await? {
            // A key that is no name of ours is somebody else's row.
            let Some(name) = unescape(key.last_segment()) else { continue };
            match self.metadata(&key).await {
                Ok(value) => all.extend(value.map(|value| (name, value))),
                Err(error) if error.kind() == ErrorKind::Incompatible => {
                    tracing::warn!(%key, %error, "an entry is passed over");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// How many bytes of metadata there will be below a key after some writes.
    async fn metadata_bytes(&self, below: Key, writes: &[Op]) -> Result<usize> {
        let mut keys = self.store().query_keys(Query::descendants(below));
        let mut bytes = 0_usize;
        while let Some(key) = keys.try_next().await? {
            if writes.iter().any(|op| op.key() == &key) {
                continue;
            }
            let name = unescape(key.last_segment()).unwrap_or_default();
            bytes = bytes.saturating_add(match self.metadata(&key).await {
                Ok(value) => value.map_or(0, |value| value.size(&name)),
                Err(error) if error.kind() == ErrorKind::Incompatible => {
                    self.stored_size(&key, &name).await?
                }
                Err(error) => return Err(error),
            });
        }
        for op in writes {
            if let Op::Put { key, value } = op
                && let Ok(value) = MetadataValue::from_row(value)
            {
                let name = unescape(key.last_segment()).unwrap_or_default();
                bytes = bytes.saturating_add(value.size(&name));
            }
        }
        Ok(bytes)
    }

    /// How many entries there are below a key, and will be after some writes.
    async fn metadata_entries(&self, below: Key, writes: &[Op]) -> Result<(usize, usize)> {
        let mut keys = self.store().query_keys(Query::descendants(below));
        let (mut before, mut others) = (0, 0);
        while let Some(key) = keys.try_next().await? {
            before += 1;
            others += usize::from(!writes.iter().any(|op| *op.key() == key));
        }
        let written = writes.iter().filter(|op| matches!(op, Op::Put { .. })).count();
        Ok((before, others + written))
    }

    async fn stored_size(&self, key: &Key, name: &str) -> Result<usize> {
        let size = self.store().size(key).await?.unwrap_or_default();
        Ok(name.len().saturating_add(usize::try_from(size).unwrap_or(usize::MAX)))
    }
}

/// Entries of the metadata as they are to be, by name; `None` takes one away.
pub(crate) type Entries = BTreeMap<String, Option<MetadataValue>>;

impl Change<'_> {
    /// Sets entries of the metadata, and takes others away; each name once in a change. If they do not fit, all
    /// stay as they are.
    pub(crate) async fn metadata(&mut self, entries: &Entries) -> Result<()> {
        let (written, told, before) = (self.extra.len(), self.told.len(), self.entries);
        let noted = self.note_metadata(entries).await;
        if noted.is_err() {
            self.extra.truncate(written);
            self.told.truncate(told);
            self.entries = before;
        }
        noted
    }

    /// Sets an entry of the metadata, if there is none of its name.
    pub(crate) async fn add_metadata(&mut self, name: String, value: MetadataValue) -> Result<()> {
        let key = layout::metadata_of(&self.peer)?.child(escape(&name))?;
        match self.core.read_metadata(&key, true).await? {
            Some(_) => Ok(()),
            None => self.metadata(&Entries::from([(name, Some(value))])).await,
        }
    }

    /// Makes these the metadata of the peer, and no others. What a later release wrote stays.
    pub(crate) async fn replace_metadata(&mut self, mut entries: Entries) -> Result<()> {
        for (name, _) in self.core.all_metadata(&self.peer).await? {
            entries.entry(name).or_default();
        }
        self.metadata(&entries).await
    }

    async fn note_metadata(&mut self, entries: &Entries) -> Result<()> {
        let (core, peer) = (self.core, self.peer);
        let below = layout::metadata_of(&peer)?;
        let mut grows = false;
        for (name, current) in entries {
            let key = below.child(escape(name))?;
            let previous = core.read_metadata(&key, true).await?;
            if previous == *current {
                continue;
            }
            self.extra.push(match current {
                Some(value) => Op::Put { key, value: value.to_row().into() },
                None => Op::Delete { key },
            });
            grows |= current.is_some();
            let (name, current) = (name.clone(), current.clone());
            self.told.push(PeerEvent::Metadata { peer, name, previous, current });
        }
        if self.extra.is_empty() {
            return Ok(());
        }
        let (before, after) = core.metadata_entries(below.clone(), &self.extra).await?;
        self.entries = Some((before, after));
        let limits = &core.options().limits;
        if grows {
            limits::check_count(after, limits.metadata_entries, "entries of metadata")?;
        }
        let most = limits.metadata_bytes;
        if grows && most > 0 {
            let bytes = core.metadata_bytes(below, &self.extra).await?;
            limits::check_count(bytes, most, "bytes of metadata")?;
        }
        Ok(())
    }
}
