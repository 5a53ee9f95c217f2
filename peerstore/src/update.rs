use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use datastore::{Error, ErrorKind, Expiry, Outcome, Result};
use libp2p_identity::{PeerId, PublicKey};
use multiaddr::Multiaddr;

use crate::access::{Change, Core, Entries};
use crate::address::{AddressRow, AddressSource, AddressTtl};
use crate::keys::KeyRow;
use crate::metadata::MetadataValue;
use crate::protocols::ProtocolRow;
use crate::record::{Consumed, VerifiedRecord};
use crate::tags::{Tag, TagRow};

/// What is to be known of a peer, for [`merge`](crate::Peerstore::merge), [`patch`](crate::Peerstore::patch) and
/// [`save`](crate::Peerstore::save). What is not said here is not given.
///
/// # Examples
/// What identify brings, as one change:
/// ```
/// # futures::executor::block_on(async {
/// # use std::sync::Arc;
/// # use datastore::MemoryDatastore;
/// # use libp2p_identity::PeerId;
/// use peerstore::{AddressSource, MetadataValue, PeerUpdate, Peerstore};
///
/// # let peers = Peerstore::open(Arc::new(MemoryDatastore::new())).await?;
/// # let peer = PeerId::random();
/// let update = PeerUpdate::new()
///     .addresses(["/ip4/192.0.2.1/tcp/4001".parse().unwrap()])
///     .source(AddressSource::Identify)
///     .protocols(["/ipfs/kad/1.0.0", "/ipfs/ping/1.0.0"])
///     .metadata("AgentVersion", MetadataValue::Bytes("kubo/0.40.0".into()));
/// peers.patch(&peer, &update).await?;
/// peers.merge(&peer, &PeerUpdate::new().tag("keep-alive", 50, None)).await?;
/// assert_eq!(peers.protocols().get(&peer).await?.len(), 2);
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
#[must_use = "it changes nothing by itself"]
pub struct PeerUpdate {
    addresses: Option<Vec<Multiaddr>>,
    ttl: AddressTtl,
    source: AddressSource,
    record: Option<VerifiedRecord>,
    protocols: Option<Vec<String>>,
    metadata: Option<Entries>,
    tags: Option<BTreeMap<String, Option<NewTag>>>,
    public_key: Option<PublicKey>,
}

#[derive(Clone, Copy, Debug)]
struct NewTag {
    value: u8,
    ttl: Option<Duration>,
}

type Tags<'u> = Vec<(&'u str, Option<Tag>)>;

impl PeerUpdate {
    /// Gives nothing.
    pub fn new() -> Self {
        Self {
            addresses: None,
            ttl: AddressTtl::ADDRESS,
            source: AddressSource::User,
            record: None,
            protocols: None,
            metadata: None,
            tags: None,
            public_key: None,
        }
    }

    /// Gives these addresses, beside those that were given; an hour and the user, if
    /// [`ttl`](Self::ttl) and [`source`](Self::source) say nothing else.
    pub fn addresses(mut self, addrs: impl IntoIterator<Item = Multiaddr>) -> Self {
        self.addresses.get_or_insert_default().extend(addrs);
        self
    }

    /// For how long the addresses are kept, and those of the record.
    pub fn ttl(mut self, ttl: impl Into<AddressTtl>) -> Self {
        self.ttl = ttl.into();
        self
    }

    /// Who says the addresses. One of a higher source is not taken away: see [`AddressSource`].
    pub fn source(mut self, source: AddressSource) -> Self {
        self.source = source;
        self
    }

    /// Gives the signed record of the peer, with the addresses that it certifies. Whether it is taken is decided as
    /// by [`consume`](crate::AddressBook::consume); if it is not, all else is. With one of another peer, the update is
    /// refused.
    pub fn record(mut self, record: VerifiedRecord) -> Self {
        self.record = Some(record);
        self
    }

    /// Gives these protocols, beside those that were given.
    pub fn protocols(mut self, protocols: impl IntoIterator<Item: Into<String>>) -> Self {
        self.protocols.get_or_insert_default().extend(protocols.into_iter().map(Into::into));
        self
    }

    /// Gives metadata, and what is under this name.
    pub fn metadata(mut self, name: impl Into<String>, value: MetadataValue) -> Self {
        self.metadata.get_or_insert_default().insert(name.into(), Some(value));
        self
    }

    /// Gives metadata, and that nothing is under this name.
    pub fn without_metadata(mut self, name: impl Into<String>) -> Self {
        self.metadata.get_or_insert_default().insert(name.into(), None);
        self
    }

    /// Gives metadata: none, unless it is said.
    pub fn no_metadata(mut self) -> Self {
        self.metadata.get_or_insert_default();
        self
    }

    /// Gives tags, and this one: a value from 0 to 100, from now on for so long, or for good.
    pub fn tag(mut self, name: impl Into<String>, value: u8, ttl: Option<Duration>) -> Self {
        self.tags.get_or_insert_default().insert(name.into(), Some(NewTag { value, ttl }));
        self
    }

    /// Gives tags, and that there is none of this name.
    pub fn without_tag(mut self, name: impl Into<String>) -> Self {
        self.tags.get_or_insert_default().insert(name.into(), None);
        self
    }

    /// Gives tags: none, unless they are said.
    pub fn no_tags(mut self) -> Self {
        self.tags.get_or_insert_default();
        self
    }

    /// Gives the public key.
    pub fn public_key(mut self, key: PublicKey) -> Self {
        self.public_key = Some(key);
        self
    }

    fn tags_at(&self, now: SystemTime) -> Result<Option<Tags<'_>>> {
        let Some(tags) = &self.tags else { return Ok(None) };
        let tags = tags.iter().map(|(name, tag)| {
            let tag = tag.map(|NewTag { value, ttl }| {
                Tag::new(value, ttl.map_or(Expiry::NEVER, |ttl| Expiry::after(now, ttl)))
            });
            Ok((name.as_str(), tag.transpose()?))
        });
        Ok(Some(tags.collect::<Result<_>>()?))
    }
}

impl Default for PeerUpdate {
    fn default() -> Self {
        Self::new()
    }
}

/// What an update does to what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// Adds what is given.
    Merge,
    /// Replaces what is given, field by field.
    Patch,
    /// Replaces everything: what is not given is nothing.
    Save,
}

/// Applies an update in one commit. Answers what became of the signed record in it.
pub(crate) async fn apply(
    core: &Core,
    peer: &PeerId,
    update: &PeerUpdate,
    strategy: Strategy,
) -> Result<Option<Consumed>> {
    if let Some(other) = update.record.as_ref().map(VerifiedRecord::peer).filter(|of| *of != peer) {
        let message = format!("a signed record of {other} is none of {peer}");
        return Err(Error::new(ErrorKind::InvalidInput, message).with_outcome(Outcome::NotApplied));
    }
    let key = update.public_key.clone().map(|key| KeyRow::new(peer, key)).transpose()?;
    let mut change = core.change(peer).await?;
    let consumed = apply_addresses(core, &mut change, update, strategy).await?;
    let (now, limits) = (core.now(), &core.options().limits);

    let all = strategy == Strategy::Save;
    if let Some(key) = key.or(all.then(KeyRow::default)) {
        *change.row::<KeyRow>().await? = key;
    }
    if let Some(protocols) = update.protocols.as_ref().or(all.then_some(&Vec::new())) {
        let row = change.row::<ProtocolRow>().await?;
        match strategy {
            Strategy::Merge => row.add(protocols, limits)?,
            Strategy::Patch | Strategy::Save => row.set(protocols, limits)?,
        }
    }
    if let Some(tags) = update.tags_at(now)?.or(all.then(Vec::new)) {
        let row = change.row::<TagRow>().await?;
        match strategy {
            Strategy::Merge => row.merge(tags, now, limits)?,
            Strategy::Patch | Strategy::Save => {
                let tags = tags.into_iter().filter_map(|(name, tag)| Some((name, tag?)));
                row.set(tags, now, limits)?;
            }
        }
    }
    if let Some(metadata) = update.metadata.as_ref().or(all.then_some(&Entries::new())) {
        match strategy {
            Strategy::Merge => change.metadata(metadata).await?,
            Strategy::Patch | Strategy::Save => change.replace_metadata(metadata.clone()).await?,
        }
    }
    change.commit().await?;
    Ok(consumed)
}

async fn apply_addresses(
    core: &Core,
    change: &mut Change<'_>,
    update: &PeerUpdate,
    strategy: Strategy,
) -> Result<Option<Consumed>> {
    let PeerUpdate { addresses, ttl, source, record, .. } = update;
    let (ttl, source, peer) = (*ttl, *source, *change.peer());
    let replaces = strategy != Strategy::Merge;
    let addresses = match strategy {
        Strategy::Save => Some(addresses.as_deref().unwrap_or_default()),
        Strategy::Merge | Strategy::Patch => addresses.as_deref(),
    };
    if addresses.is_none() && record.is_none() {
        return Ok(None);
    }
    let watermark_ttl = core.options().watermark_ttl;
    let row = change.row::<AddressRow>().await?;
    let at = core.at();
    // First: what it takes away may be among the addresses that are given.
    let consumed = record.as_ref().map(|record| row.consume(record, ttl, watermark_ttl, at));
    let consumed = consumed.transpose()?;
    let taken = matches!(consumed, Some(Consumed::Accepted | Consumed::Same));
    match addresses {
        Some(addrs) if replaces && taken => row.patch_beside_record(&peer, addrs, ttl, source, at),
        Some(addrs) if replaces => row.patch(&peer, addrs, ttl, source, at),
        Some(addrs) => row.add(&peer, addrs, ttl, source, at),
        None => {}
    }
    Ok(consumed)
}
