use datastore::{Error, ErrorKind, Result};
use futures::stream::TryStreamExt;
use libp2p_identity::PeerId;

use super::cursor::PeerCursor;
use super::filter::{Matching, matches};
use super::ordered;
use crate::access::Core;
use crate::listing::known;

/// Which peers to list, in what order, from where, and how many. All that is asked for must hold.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// # use std::sync::Arc;
/// # use datastore::MemoryDatastore;
/// use peerstore::{PeerOrder, PeerQuery, Peerstore};
///
/// # let peers = Peerstore::open(Arc::new(MemoryDatastore::new())).await?;
/// let mut query = PeerQuery::default();
/// query.protocol = Some("/ipfs/kad/1.0.0".to_owned());
/// query.order = PeerOrder::Score;
/// query.limit = Some(100);
/// loop {
///     let page = peers.page(&query).await?;
///     for peer in page.peers { /* … */ }
///     let Some(next) = page.next else { break };
///     query.after = Some(next);
/// }
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerQuery {
    /// Only peers after this, in the order of the listing: the [`next`](PeerPage::next) of the page before.
    pub after: Option<PeerCursor>,
    /// In what order.
    pub order: PeerOrder,
    /// How many peers at most; `None` for a page's worth.
    pub limit: Option<usize>,
    /// Only peers with addresses that have not expired.
    pub with_addresses: bool,
    /// Only peers to which there is a connection in this session.
    pub connected: bool,
    /// Only peers whose public key is known: it is in the id, was set, or is that of a private key.
    pub with_key: bool,
    /// Only peers that speak this protocol.
    pub protocol: Option<String>,
    /// Only peers with this tag.
    pub tag: Option<String>,
    /// Only peers with metadata under this name.
    pub metadata: Option<String>,
    /// Only peers that have answered a request.
    pub proven: bool,
}

/// In what order peers are listed.
///
/// By key a page costs the peers that it looks at, and peers that are listed stay where they are. In the other orders
/// it costs **all** peers, each time; no more than a page of them is held in memory. A listing sees each peer
/// as of the moment of its first page, so that time alone moves nobody: peers that do not change while it goes on come
/// exactly once. One that changes comes where it is then: a second time if it moved back, not at all if it moved
/// forward past the cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerOrder {
    /// By the keys of their rows, which tells nothing: the ids in base32.
    #[default]
    Key,
    /// The highest [score](crate::Reputation::score) first; those that were never asked stand at 0.5.
    Score,
    /// The one that was last heard of first: an address was said, a dial went well, a request was answered.
    /// Those of which none of it is known come last.
    LastSeen,
}

/// Peers that a query found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerPage {
    /// The peers.
    pub peers: Vec<PeerId>,
    /// Where the next page begins; `None` if there is none. A page may be shorter than was asked for, even empty, and
    /// have one.
    pub next: Option<PeerCursor>,
}

/// Peers on a page, unless the query says otherwise.
const PAGE: usize = 1000;

/// Peers that one page looks at by key, however few of them are found, and has at most in another order.
const MOST: usize = 10_000;

/// One page of the peers that a query finds and `matching` takes.
pub(crate) async fn page<M: Matching>(
    core: &Core,
    query: &PeerQuery,
    matching: &M,
) -> Result<PeerPage> {
    core.check_open()?;
    if let Some(after) = &query.after
        && after.order() != query.order
    {
        let message = format!("the cursor {after} is of another order than the query");
        return Err(Error::new(ErrorKind::InvalidInput, message));
    }
    let limit = query.limit.unwrap_or(PAGE);
    if limit == 0 {
        return Ok(PeerPage::default());
    }
    match query.order {
        PeerOrder::Key => by_key(core, query, limit, matching).await,
        PeerOrder::Score | PeerOrder::LastSeen => {
            ordered::page(core, query, limit.min(MOST), matching).await
        }
    }
}

async fn by_key<M: Matching>(
    core: &Core,
    query: &PeerQuery,
    limit: usize,
    matching: &M,
) -> Result<PeerPage> {
    let mut page = PeerPage::default();
    let after = query.after.as_ref().map(PeerCursor::peer);
    let mut peers = std::pin::pin!(known(core, after));
    let mut looked_at = 0;
    while let Some(peer) = peers.try_next().await? {
        let found = matches(core, query, &peer).await? && matching.takes(core, &peer).await?;
        if found {
            page.peers.push(peer);
        }
        looked_at += 1;
        if page.peers.len() == limit || looked_at == MOST {
            page.next = peers.try_next().await?.map(|_| PeerCursor::after_key(peer));
            break;
        }
    }
    Ok(page)
}
