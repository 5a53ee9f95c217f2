use std::pin::pin;
use std::sync::Arc;

use datastore::{DatastoreExt, ErrorKind, Result};
use futures::TryStreamExt;
use libp2p_identity::PeerId;

use crate::access::{Change, Core, Stored};
use crate::address::AddressRow;
use crate::books::copy_own_records;
use crate::keys::{KeyRow, PrivateKeyRow};
use crate::layout::{self, Book};
use crate::listing::known;
use crate::metadata::MetadataValue;
use crate::protocols::ProtocolRow;
use crate::reputation::ReputationRow;
use crate::row::Row;
use crate::tags::TagRow;

/// How peers are copied into another peerstore.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerCopyOptions {
    /// Whether private keys come along; else each is named as left out.
    pub private_keys: bool,
}

/// A peer that was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerCopied {
    /// The peer.
    pub peer: PeerId,
    /// What was left out, and why: a part that was refused hides no other.
    pub left_out: Vec<String>,
}

/// What came of copying peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeersCopied {
    /// Peers that were copied; a full peerstore may have removed some of them since, for others:
    /// [`GcStats::evicted_peers`](crate::GcStats::evicted_peers).
    pub peers: u64,
    /// Records of the node itself that were not there, or older.
    pub own_records: u64,
    /// Parts of peers that were left out.
    pub left_out: u64,
}

impl PeersCopied {
    pub(super) fn add(&mut self, copied: &PeerCopied) {
        self.peers += 1;
        self.left_out += copied.left_out.len() as u64;
    }
}

impl PeerCopied {
    pub(super) fn new(peer: PeerId) -> Self {
        Self { peer, left_out: Vec::new() }
    }

    /// What was taken; what was refused for what it is, is named, and what failed is an error.
    pub(super) fn part<T>(&mut self, what: &str, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) => match error.kind() {
                ErrorKind::InvalidInput | ErrorKind::InvalidKey | ErrorKind::Incompatible => {
                    self.left_out.push(format!("{what}: {error}"));
                    Ok(None)
                }
                _ => Err(error),
            },
        }
    }
}

pub(crate) async fn copy(
    from: &Core,
    to: &Core,
    options: &PeerCopyOptions,
    mut progress: impl FnMut(&PeerCopied) + Send,
) -> Result<PeersCopied> {
    to.check_open()?;
    let mut all = PeersCopied::default();
    let mut peers = pin!(known(from, None));
    while let Some(peer) = peers.try_next().await? {
        let copied = Known::read(from, &peer).await?.write(to, options).await?;
        all.add(&copied);
        progress(&copied);
    }
    copy_watermarks(from, to).await?;
    all.own_records = copy_own_records(from, to).await?;
    Ok(all)
}

/// Copies the numbers below which records are too old, of peers of which nothing else is known.
async fn copy_watermarks(from: &Core, to: &Core) -> Result<()> {
    let mut keys = from.store().query_keys(layout::all(Book::Addresses));
    while let Some(key) = keys.try_next().await? {
        let Some(peer) = layout::peer_of(key.last_segment()) else { continue };
        let row = PeerCopied::new(peer).part("", from.read_once::<AddressRow>(&peer).await)?;
        let Some(mut row) = row.map(|row| AddressRow::clone(&row)) else { continue };
        row.expire(from.now());
        if row.is_known() || row.watermark.is_none() {
            continue;
        }
        let mut change = to.change(&peer).await?;
        let theirs = PeerCopied::new(peer).part("", change.row::<AddressRow>().await)?;
        if let Some(theirs) = theirs {
            theirs.absorb(&peer, row, to.at());
            change.commit().await?;
        }
    }
    Ok(())
}

/// The rows of a peer, as they were at one moment. One that a later release wrote is an error.
struct Known {
    peer: PeerId,
    addresses: Result<Arc<AddressRow>>,
    protocols: Result<Arc<ProtocolRow>>,
    keys: Result<Arc<KeyRow>>,
    private_keys: Result<Arc<PrivateKeyRow>>,
    tags: Result<Arc<TagRow>>,
    reputation: Result<Arc<ReputationRow>>,
    metadata: Vec<(String, MetadataValue)>,
}

impl Known {
    async fn read(core: &Core, peer: &PeerId) -> Result<Self> {
        let _unchanged = core.change(peer).await?;
        Ok(Self {
            peer: *peer,
            addresses: core.read_once(peer).await,
            protocols: core.read_once(peer).await,
            keys: core.read_once(peer).await,
            private_keys: core.read_once(peer).await,
            tags: core.read_once(peer).await,
            reputation: core.read_once(peer).await,
            metadata: core.all_metadata(peer).await?,
        })
    }

    /// Puts them beside what another peerstore knows, in one commit: of each thing as much as fits there.
    async fn write(self, to: &Core, options: &PeerCopyOptions) -> Result<PeerCopied> {
        let Self { peer, addresses, protocols, keys, private_keys, tags, reputation, metadata } =
            self;
        let mut copied = PeerCopied::new(peer);
        let mut change = to.change_once(&peer).await?;
        let (at, limits) = (to.at(), &to.options().limits);
        let into = &mut Landing { change: &mut change, copied: &mut copied };

        into.take("addresses", addresses, |ours: &mut AddressRow, theirs| {
            ours.absorb(&peer, theirs.clone(), at).named(limits).collect()
        })
        .await?;
        into.take("protocols", protocols, |ours: &mut ProtocolRow, theirs| {
            ours.add_fitting(theirs.iter(), limits)
        })
        .await?;
        into.take("the public key", keys, keep_ours).await?;
        if options.private_keys {
            if private_keys.as_ref().is_ok_and(|row| !row.is_empty()) {
                to.check_private_keys()?;
            }
            into.take("the private key", private_keys, keep_ours).await?;
        } else if private_keys.is_ok_and(|row| !row.is_empty()) {
            into.copied.left_out.push("the private key: it was not asked for".to_owned());
        }
        into.take("tags", tags, |ours: &mut TagRow, theirs| {
            let add = |(name, tag)| {
                let refused = ours.add(name, tag, at.now, limits).err();
                refused.map(|error| format!("tag {name:?}: {error}"))
            };
            theirs.live(at.now).filter_map(add).collect()
        })
        .await?;
        into.take("reputation", reputation, keep_ours).await?;
        into.take_metadata(metadata).await?;

        change.commit().await?;
        Ok(copied)
    }
}

/// Where rows go.
struct Landing<'i, 'c> {
    change: &'i mut Change<'c>,
    copied: &'i mut PeerCopied,
}

impl Landing<'_, '_> {
    async fn take<R: Stored>(
        &mut self,
        what: &str,
        row: Result<Arc<R>>,
        merge: impl FnOnce(&mut R, &R) -> Vec<String>,
    ) -> Result<()> {
        let Some(theirs) = self.copied.part(what, row)?.filter(|row| !row.is_empty()) else {
            return Ok(());
        };
        let Some(ours) = self.copied.part(what, self.change.row::<R>().await)? else {
            return Ok(());
        };
        self.copied.left_out.extend(merge(ours, &theirs));
        Ok(())
    }

    async fn take_metadata(&mut self, metadata: Vec<(String, MetadataValue)>) -> Result<()> {
        for (name, value) in metadata {
            let what = format!("metadata {name:?}");
            self.copied.part(&what, self.change.add_metadata(name, value).await)?;
        }
        Ok(())
    }
}

fn keep_ours<R: Stored>(ours: &mut R, theirs: &R) -> Vec<String> {
    if ours.is_empty() {
        ours.clone_from(theirs);
    }
    Vec::new()
}
