use std::collections::HashMap;

use datastore::{DatastoreExt, Key, Query, Result};
use futures::TryStreamExt;
use libp2p_identity::PeerId;

use super::worth::Worth;
use crate::access::Core;
use crate::address::AddressRow;
use crate::census::Kind;
use crate::layout::{self, Book};
use crate::reputation::ReputationRow;
use crate::row::Row;
use crate::tags::TagRow;

/// A peer that may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    pub(super) worth: Worth,
    pub(super) peer: PeerId,
}

/// Some peers of one book, in the order of their keys.
#[derive(Debug)]
pub(super) struct Page {
    /// Those that may go.
    pub(super) candidates: Vec<Candidate>,
    /// Where the next page begins; `None` at the end of the book.
    pub(super) next: Option<Key>,
}

/// Looks at up to `most` peers of a book, from a place on.
pub(super) async fn look(core: &Core, kind: Kind, from: Option<&Key>, most: usize) -> Result<Page> {
    let (peers, next) = peers(core, kind, from, most).await?;
    let (Some(first), Some(last)) = (peers.first(), peers.last()) else {
        return Ok(Page { candidates: Vec::new(), next });
    };
    let mut seen: HashMap<PeerId, Seen> =
        peers.iter().map(|peer| (*peer, Seen::default())).collect();
    let (now, span) = (core.now(), (first, last));
    each::<AddressRow>(core, span, &mut seen, |seen, row| {
        seen.addresses = row.kind();
        seen.worth.note_addresses(row);
    })
    .await?;
    if kind != Kind::Watermarks {
        each::<ReputationRow>(core, span, &mut seen, |seen, row| seen.worth.note_reputation(row))
            .await?;
        each::<TagRow>(core, span, &mut seen, |seen, row| seen.worth.note_tags(row, now)).await?;
        let private_keys = range(Book::PrivateKeys, span)?.keys_only();
        let mut private_keys = core.store().query_keys(private_keys);
        while let Some(key) = private_keys.try_next().await? {
            if let Some(seen) = layout::place(&key).and_then(|(_, peer)| seen.get_mut(&peer)) {
                seen.worth.stays = true;
            }
        }
    }
    let is_of_address_rows = matches!(kind, Kind::Addresses | Kind::Watermarks);
    seen.retain(|_, seen| !is_of_address_rows || seen.addresses == Some(kind));
    let candidates = seen.into_iter().map(|(peer, Seen { worth, .. })| Candidate { worth, peer });
    Ok(Page { candidates: candidates.filter(|candidate| !candidate.worth.stays).collect(), next })
}

#[derive(Debug, Default)]
struct Seen {
    worth: Worth,
    /// What its row of addresses is.
    addresses: Option<Kind>,
}

async fn peers(
    core: &Core,
    kind: Kind,
    from: Option<&Key>,
    most: usize,
) -> Result<(Vec<PeerId>, Option<Key>)> {
    let (prefix, mut peers) = (kind.prefix(), Vec::new());
    let below = Query::descendants(prefix.clone()).keys_only();
    let mut keys = core.store().query_keys(match from {
        Some(from) => below.after(from.clone()),
        None => below,
    });
    while let Some(key) = keys.try_next().await? {
        let rest = prefix.strip_from(&key);
        let peer = rest.and_then(|rest| layout::peer_of(rest.first_segment()));
        let Some(peer) = peer.filter(|peer| peers.last() != Some(peer)) else { continue };
        if peers.len() == most {
            // The last one that was looked at: what is behind it, and behind its entries, comes next.
            let last = peers.last().map(|last| prefix.child(past(last))).transpose()?;
            return Ok((peers, last));
        }
        peers.push(peer);
    }
    Ok((peers, None))
}

/// What sorts after all rows of a peer, and before those of the next: no peer's part of a key has this sign.
fn past(peer: &PeerId) -> String {
    format!("{}\u{7f}", layout::peer_text(peer))
}

fn range(book: Book, (first, last): (&PeerId, &PeerId)) -> Result<Query> {
    Ok(Query::range(book.key(first)?..=book.key(last)?))
}

/// Looks at the rows of a book between two peers. One that cannot be read says nothing of its peer.
async fn each<R: Row>(
    core: &Core,
    span: (&PeerId, &PeerId),
    seen: &mut HashMap<PeerId, Seen>,
    note: impl Fn(&mut Seen, &R),
) -> Result<()> {
    let mut rows = core.store().query(range(R::BOOK, span)?);
    while let Some(row) = rows.try_next().await? {
        let Some((_, peer)) = layout::place(row.key()) else { continue };
        let Some(seen) = seen.get_mut(&peer) else { continue };
        let decoded = row.value().map(|value| R::decode(value, &peer, core.session()));
        if let Some(Ok(row)) = decoded {
            note(seen, &row);
        }
    }
    Ok(())
}
