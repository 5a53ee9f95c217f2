use datastore::{DatastoreExt, Result};
use futures::future::BoxFuture;
use libp2p_identity::PeerId;

use super::page::PeerQuery;
use crate::access::Core;
use crate::address::{Address, AddressRow};
use crate::keys::{KeyRow, PrivateKeyRow, inline_key};
use crate::layout;
use crate::listing::readable;
use crate::metadata::escape;
use crate::peer::{self, Peer};
use crate::protocols::ProtocolRow;
use crate::reputation::ReputationRow;
use crate::tags::TagRow;

/// What a caller asks for beside a query.
pub(crate) trait Matching: Sync {
    fn takes<'a>(&'a self, core: &'a Core, peer: &'a PeerId) -> BoxFuture<'a, Result<bool>>;
}

/// Nothing beside it.
pub(crate) struct Any;

impl Matching for Any {
    fn takes<'a>(&'a self, _: &'a Core, _: &'a PeerId) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async { Ok(true) })
    }
}

/// All that is known of the peer, in the caller's eyes.
pub(crate) struct Where<F>(pub(crate) F);

impl<F: Fn(&Peer) -> bool + Sync> Matching for Where<F> {
    fn takes<'a>(&'a self, core: &'a Core, peer: &'a PeerId) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async {
            let peer = readable(peer::read(core, peer).await)?.flatten();
            Ok(peer.is_some_and(|peer| self.0(&peer)))
        })
    }
}

/// Whether a peer is one that a query asks for. One with a row of a later release is not, if that row is asked for.
pub(super) async fn matches(core: &Core, query: &PeerQuery, peer: &PeerId) -> Result<bool> {
    Ok(readable(is_asked_for(core, query, peer).await)?.unwrap_or_default())
}

async fn is_asked_for(core: &Core, query: &PeerQuery, peer: &PeerId) -> Result<bool> {
    let PeerQuery {
        after: _,
        order: _,
        limit: _,
        with_addresses,
        connected,
        with_key,
        protocol,
        tag,
        metadata,
        proven,
    } = query;
    let now = core.now();
    if *with_addresses || *connected {
        let row = core.read_once::<AddressRow>(peer).await?;
        let asked_for = |address: &Address| !connected || address.is_connected();
        if !row.live(now).any(asked_for) {
            return Ok(false);
        }
    }
    if *with_key && !has_key(core, peer).await? {
        return Ok(false);
    }
    if let Some(protocol) = protocol {
        let row = core.read_once::<ProtocolRow>(peer).await?;
        if row.first_supported(&[protocol]).is_none() {
            return Ok(false);
        }
    }
    if let Some(tag) = tag
        && core.read_once::<TagRow>(peer).await?.get(tag, now).is_none()
    {
        return Ok(false);
    }
    if *proven && !core.read_once::<ReputationRow>(peer).await?.is_proven() {
        return Ok(false);
    }
    let Some(name) = metadata else { return Ok(true) };
    core.store().has(&layout::metadata_of(peer)?.child(escape(name))?).await
}

async fn has_key(core: &Core, peer: &PeerId) -> Result<bool> {
    Ok(inline_key(peer).is_some()
        || core.read_once::<KeyRow>(peer).await?.key().is_some()
        || core.read_once::<PrivateKeyRow>(peer).await?.keypair().is_some())
}
