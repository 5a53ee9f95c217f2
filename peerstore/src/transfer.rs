//! Peers of other implementations, and of exports, into a peerstore; and out of it.

use std::time::{Duration, SystemTime};

use datastore::{ErrorKind, Expiry, Result};
use libp2p_identity::PeerId;

use crate::access::{Change, Core, Counts};
use crate::address::{AddressRow, AddressTtl, Told, is_address_of};
use crate::interop::{
    ImportedAddress, ImportedEnvelope, ImportedPeer, ImportedPrivateKey, ImportedTag, ImportedValue,
};
use crate::keys::{KeyRow, PrivateKeyRow};
use crate::limits::Limits;
use crate::protocols::ProtocolRow;
use crate::record::VerifiedRecord;
use crate::reputation::ReputationRow;
use crate::tags::{Tag, TagRow};

/// How peers are taken in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerImportOptions {
    /// For how long addresses are kept whose age nobody knows.
    pub ttl: Duration,
    /// Whether private keys are taken in.
    pub private_keys: bool,
}

impl Default for PeerImportOptions {
    /// An hour; no private keys.
    fn default() -> Self {
        Self { ttl: Duration::from_secs(3600), private_keys: false }
    }
}

/// For how long what was connected is kept: [`AddressTtl::RECENTLY_CONNECTED`].
const RECENTLY: Duration = Duration::from_secs(15 * 60);

/// What became of a peer that was taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerImport {
    /// Addresses that are there now.
    pub addresses: usize,
    /// Addresses that have expired.
    pub expired: usize,
    /// Addresses that went, of these or of those that were known, since one peer has no more: see
    /// [`Limits::addresses`](crate::Limits::addresses). `left_out` names them, too.
    pub over_limit: usize,
    /// Tags that have expired.
    pub expired_tags: usize,
    /// Whether no address is there that the signed record certifies: then its number alone is kept, below which
    /// other records are too old.
    pub number_alone: bool,
    /// Whether anything is known of the peer now: nothing is of one of which all has expired or was refused, or
    /// nothing was said but the public key that its id holds.
    pub is_known: bool,
    /// What was left out, and why: a part that was refused hides no other.
    pub left_out: Vec<String>,
}

/// Takes a peer in, beside what is known of it: all in one commit.
pub(crate) async fn import(
    core: &Core,
    peer: &ImportedPeer,
    options: &PeerImportOptions,
) -> Result<PeerImport> {
    let mut change = core.change(&peer.peer).await?;
    let mut report = PeerImport::default();
    import_addresses(core, &mut change, peer, options, &mut report).await?;
    let at = core.at();
    if let Some(key) = &peer.public_key {
        let row = KeyRow::new(&peer.peer, key.clone());
        if let Some(row) = kept("the public key", row, &mut report)? {
            *change.row::<KeyRow>().await? = row;
        }
    }
    if let Some(key) = &peer.private_key {
        import_private_key(core, &mut change, key, options, &mut report).await?;
    }
    let protocols = change.row::<ProtocolRow>().await?;
    report.left_out.extend(protocols.add_fitting(&peer.protocols, at.limits));
    report.is_known = protocols.iter().len() > 0;
    for (name, value) in &peer.metadata {
        let what = format!("metadata {name:?}");
        let added = change.add_metadata(name.clone(), value.to_metadata()?).await;
        kept(&what, added, &mut report)?;
    }
    if let Some(latency) = peer.latency {
        change.row::<ReputationRow>().await?.measured(latency);
    }
    for ImportedTag { name, value, expiry } in &peer.tags {
        if expiry.is_past(at.now) {
            report.expired_tags += 1;
            continue;
        }
        let what = format!("tag {name:?}");
        let value = u8::try_from(*value).unwrap_or(u8::MAX);
        let Some(tag) = kept(&what, Tag::new(value, *expiry), &mut report)? else { continue };
        kept(&what, change.row::<TagRow>().await?.add(name, tag, at.now, at.limits), &mut report)?;
    }
    report.addresses = change.row::<AddressRow>().await?.live(at.now).count();
    change.commit().await?;
    report.is_known |= report.addresses > 0;
    report.is_known = report.is_known || core.knows(&peer.peer, Counts::Live).await?;
    Ok(report)
}

async fn import_addresses(
    core: &Core,
    change: &mut Change<'_>,
    peer: &ImportedPeer,
    options: &PeerImportOptions,
    report: &mut PeerImport,
) -> Result<()> {
    let (at, watermark_ttl) = (core.at(), core.options().watermark_ttl);
    let record = newest_record(peer, at.limits, report);
    let told = live_addresses(peer, at.now, options, report);
    let row = change.row::<AddressRow>().await?;
    let untaken = row.take_in(&peer.peer, told, record.as_ref(), watermark_ttl, at);
    report.number_alone = record.is_some() && untaken.record.is_none() && row.record.is_none();
    report.over_limit = untaken.over_limit;
    report.left_out.extend(untaken.named(at.limits));
    Ok(())
}

/// Of what may be its signed record, that of the highest number that verifies: what a row says of the number is not
/// believed.
fn newest_record(
    peer: &ImportedPeer,
    limits: &Limits,
    report: &mut PeerImport,
) -> Option<VerifiedRecord> {
    let mut newest = None::<VerifiedRecord>;
    for ImportedEnvelope { bytes, .. } in peer.envelopes() {
        match VerifiedRecord::verify_with_limit(bytes.clone(), limits.envelope_bytes) {
            Ok(record) if *record.peer() != peer.peer => {
                report.left_out.push(format!("the signed record: it is of {}", record.peer()));
            }
            Ok(record) => {
                let last = newest.as_ref().map(VerifiedRecord::sequence);
                if last < Some(record.sequence()) {
                    newest = Some(record);
                }
            }
            Err(error) => report.left_out.push(format!("the signed record: {error}")),
        }
    }
    newest
}

/// Its addresses that have not expired, each as of when it was so.
fn live_addresses(
    peer: &ImportedPeer,
    now: SystemTime,
    options: &PeerImportOptions,
    report: &mut PeerImport,
) -> Vec<Told> {
    let mut told = Vec::with_capacity(peer.addresses.len());
    for ImportedAddress { addr, ttl, expiry, last_seen, .. } in &peer.addresses {
        if !is_address_of(&peer.peer, addr) {
            let why = format!("the address {addr}: it is no address of this peer");
            report.left_out.push(why);
            continue;
        }
        let expiry = expiry.unwrap_or_else(|| Expiry::after(now, options.ttl));
        if expiry.is_past(now) {
            report.expired += 1;
            continue;
        }
        let seen = last_seen.or(peer.updated).unwrap_or(now);
        told.push(Told { addr: addr.clone(), ttl: *ttl, expiry, seen });
    }
    told
}

async fn import_private_key(
    core: &Core,
    change: &mut Change<'_>,
    key: &ImportedPrivateKey,
    options: &PeerImportOptions,
    report: &mut PeerImport,
) -> Result<()> {
    if !options.private_keys {
        report.left_out.push("the private key: it was not asked for".to_owned());
        return Ok(());
    }
    core.check_private_keys()?;
    let row = PrivateKeyRow::from_protobuf(change.peer(), key.encoded());
    if let Some(row) = kept("the private key", row, report)? {
        *change.row::<PrivateKeyRow>().await? = row;
    }
    Ok(())
}

/// What was taken; what was refused for what it is goes into the report, and what failed is an error.
fn kept<T>(what: &str, result: Result<T>, report: &mut PeerImport) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidKey) => {
            report.left_out.push(format!("{what}: {error}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// All that is known of a peer, to be taken in elsewhere; its private key only if asked for.
pub(crate) async fn export(
    core: &Core,
    peer: &PeerId,
    private_keys: bool,
) -> Result<Option<ImportedPeer>> {
    let now = core.now();
    let row = core.read_once::<AddressRow>(peer).await?;
    let mut exported = ImportedPeer::new(*peer);
    for address in row.live(now) {
        let (ttl, expiry) = match address.ttl() {
            AddressTtl::For(ttl) => (Some(ttl), address.expiry()),
            AddressTtl::Permanent => (None, Expiry::NEVER),
            // The connection is none of whoever takes it in.
            AddressTtl::Connected => (Some(RECENTLY), Expiry::after(now, RECENTLY)),
        };
        exported.addresses.push(ImportedAddress {
            addr: address.addr().clone(),
            ttl,
            expiry: Some(expiry),
            connected: address.is_connected(),
            certified: address.is_certified(),
            last_seen: address.last_seen(),
        });
    }
    exported.envelope = row.live_record(now).map(|record| ImportedEnvelope {
        bytes: record.envelope.clone(),
        sequence: Some(record.sequence),
    });
    exported.public_key = core.read_once::<KeyRow>(peer).await?.key().cloned();
    if private_keys {
        let row = core.read_once::<PrivateKeyRow>(peer).await?;
        exported.private_key = row
            .keypair()
            .zip(row.protobuf())
            .map(|(keypair, protobuf)| ImportedPrivateKey::new(keypair.clone(), protobuf.to_vec()));
    }
    let protocols = core.read_once::<ProtocolRow>(peer).await?;
    exported.protocols = protocols.iter().map(ToOwned::to_owned).collect();
    for (name, value) in core.all_metadata(peer).await? {
        exported.metadata.push((name, ImportedValue::of(&value)));
    }
    let tags = core.read_once::<TagRow>(peer).await?;
    exported.tags = tags
        .live(now)
        .map(|(name, tag)| ImportedTag {
            name: name.to_owned(),
            value: u32::from(tag.value()),
            expiry: tag.expiry(),
        })
        .collect();
    exported.latency = core.read_once::<ReputationRow>(peer).await?.latency();
    let known = exported != ImportedPeer::new(*peer);
    Ok(known.then_some(exported))
}
