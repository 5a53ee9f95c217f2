//! Pages in an order that is not that of the keys: all peers pass by, and the first of them stay.

use std::collections::BTreeSet;
use std::time::SystemTime;

use datastore::{Expiry, Result};
use futures::stream::TryStreamExt;
use libp2p_identity::PeerId;

use super::cursor::{PeerCursor, Standing};
use super::filter::{Matching, matches};
use super::page::{PeerOrder, PeerPage, PeerQuery};
use crate::access::Core;
use crate::address::{Address, AddressRow};
use crate::listing::{known, readable};
use crate::reputation::ReputationRow;

pub(super) async fn page<M: Matching>(
    core: &Core,
    query: &PeerQuery,
    limit: usize,
    matching: &M,
) -> Result<PeerPage> {
    let after = query.after.as_ref().and_then(PeerCursor::standing);
    // What time does to peers between two pages moves nobody.
    let as_of = after.map_or(Expiry::at(core.now()), |(as_of, _)| as_of);
    let moment = as_of.time().unwrap_or(SystemTime::UNIX_EPOCH);
    let after = after.map(|(_, standing)| standing);

    let mut first = BTreeSet::new();
    let mut peers = std::pin::pin!(known(core, None));
    while let Some(peer) = peers.try_next().await? {
        let standing = standing(core, query.order, peer, moment).await?;
        let is_next = after.as_ref().is_none_or(|after| standing > *after);
        let worst = if first.len() > limit { first.last() } else { None };
        if !is_next || worst.is_some_and(|worst| standing > *worst) {
            continue;
        }
        if matches(core, query, &peer).await? && matching.takes(core, &peer).await? {
            first.insert(standing);
            // One more than the page has tells whether there is another.
            if first.len() > limit + 1 {
                first.pop_last();
            }
        }
    }
    let is_last = first.len() <= limit;
    let listed: Vec<_> = first.into_iter().take(limit).collect();
    let next = listed.last().filter(|_| !is_last);
    let next = next.map(|last| PeerCursor::after_standing(query.order, as_of, *last));
    Ok(PeerPage { peers: listed.iter().map(|standing| standing.peer).collect(), next })
}

/// Where a peer stands. One with a row of a later release stands where one does of which nothing is known.
async fn standing(
    core: &Core,
    order: PeerOrder,
    peer: PeerId,
    now: SystemTime,
) -> Result<Standing> {
    let reputation = readable(core.read_once::<ReputationRow>(&peer).await)?.unwrap_or_default();
    let place = match order {
        // The bits of a number that is not negative are in the order of the numbers.
        PeerOrder::Score => reputation.score(now).to_bits(),
        PeerOrder::LastSeen => {
            let row = readable(core.read_once::<AddressRow>(&peer).await)?.unwrap_or_default();
            let heard = |address: &Address| address.last_seen().max(address.last_success());
            let last = row.live(now).map(heard).max().flatten().max(reputation.last_success());
            last.map_or(0, |last| Expiry::at(last).as_millis())
        }
        PeerOrder::Key => 0,
    };
    Ok(Standing::new(place, peer))
}
