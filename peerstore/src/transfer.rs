//! Peers of other implementations, and of exports, into a peerstore; and out of it.

use std::time::Duration;

use datastore::{ErrorKind, Expiry, Result};
use libp2p_identity::PeerId;

use crate::access::{Change, Core, Entries};
use crate::address::{AddressRow, AddressSource, AddressTtl, is_address_of};
use crate::interop::{
    ImportedAddress, ImportedEnvelope, ImportedPeer, ImportedPrivateKey, ImportedTag, ImportedValue,
};
use crate::keys::{KeyRow, PrivateKeyRow};
use crate::protocols::ProtocolRow;
use crate::record::{Consumed, VerifiedRecord};
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
    /// Tags that have expired.
    pub expired_tags: usize,
    /// Whether no address is there that the signed record certifies: then its number alone is kept, below which
    /// other records are too old.
    pub number_alone: bool,
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
    kept("protocols", protocols.add(&peer.protocols, at.limits), &mut report)?;
    for (name, value) in &peer.metadata {
        let what = format!("metadata {name:?}");
        let entry = Entries::from([(name.clone(), Some(value.to_metadata()?))]);
        kept(&what, change.metadata(&entry).await, &mut report)?;
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
        let row = change.row::<TagRow>().await?;
        kept(&what, row.merge([(name, Some(tag))], at.now, at.limits), &mut report)?;
    }
    report.addresses = change.row::<AddressRow>().await?.live(at.now).count();
    change.commit().await?;
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
    let row = change.row::<AddressRow>().await?;
    for address in &peer.addresses {
        let ttl = lifetime(address, at.now, options);
        if !is_address_of(&peer.peer, &address.addr) {
            report
                .left_out
                .push(format!("the address {}: it is no address of this peer", address.addr));
            continue;
        }
        if ttl == AddressTtl::For(Duration::ZERO) {
            report.expired += 1;
            continue;
        }
        // Nobody says who said it; that the peer did is not believed of the row, but of the record below.
        let source = AddressSource::Routing;
        row.add(&peer.peer, std::slice::from_ref(&address.addr), ttl, source, at);
    }
    let Some(ImportedEnvelope { bytes, .. }) = &peer.envelope else { return Ok(()) };
    let record = match VerifiedRecord::verify_with_limit(bytes.clone(), at.limits.envelope_bytes) {
        Ok(record) if *record.peer() == peer.peer => record,
        Ok(record) => {
            report.left_out.push(format!("the signed record: it is of {}", record.peer()));
            return Ok(());
        }
        Err(error) => {
            report.left_out.push(format!("the signed record: {error}"));
            return Ok(());
        }
    };
    // It certifies what is there, and brings nothing back. Without an address that is left, what remains of it is its
    // number.
    let ttl = AddressTtl::For(Duration::ZERO);
    match row.consume(&record, ttl, watermark_ttl, at)? {
        Consumed::Older => {
            report.left_out.push("the signed record: a newer one is known".to_owned());
        }
        Consumed::Differs => {
            report
                .left_out
                .push("the signed record: another one of its number is known".to_owned());
        }
        _ => report.number_alone = row.record.is_none(),
    }
    Ok(())
}

fn lifetime(
    address: &ImportedAddress,
    now: std::time::SystemTime,
    options: &PeerImportOptions,
) -> AddressTtl {
    match address.expiry {
        None => AddressTtl::from(options.ttl),
        Some(Expiry::NEVER) => AddressTtl::Permanent,
        Some(expiry) => AddressTtl::from(expiry.remaining(now)),
    }
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
        // As it is stored, if it is of a type that nobody else has.
        let known = ImportedValue::of(&value);
        let value = known.unwrap_or_else(|| ImportedValue::Bytes(value.as_bytes().clone()));
        exported.metadata.push((name, value));
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
