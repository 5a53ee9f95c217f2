use datastore::{Datastore, DatastoreExt, Query, Result};
use futures::TryStreamExt;

use super::counts::{Kind, PeerCounts};
use crate::address::AddressRow;
use crate::layout;
use crate::row::Row;
use crate::session::Session;

/// Counts the peers of each book by the keys of their rows, and address rows by what they say.
pub(super) async fn count(store: &dyn Datastore, session: &Session) -> Result<PeerCounts> {
    let mut counts = PeerCounts::default();
    for kind in Kind::ALL {
        let below = Query::descendants(kind.prefix());
        match kind {
            // With the addresses.
            Kind::Watermarks => {}
            Kind::Addresses => count_addresses(store, session, below, &mut counts).await?,
            _ => *counts.of_mut(kind) = count_keys(store, kind, below).await?,
        }
    }
    Ok(counts)
}

async fn count_addresses(
    store: &dyn Datastore,
    session: &Session,
    below: Query,
    counts: &mut PeerCounts,
) -> Result<()> {
    let mut rows = store.query(below);
    while let Some(row) = rows.try_next().await? {
        let Some((_, peer)) = layout::place(row.key()) else { continue };
        let decoded = row.value().map(|value| AddressRow::decode(value, &peer, session));
        // One that cannot be read counts for as long as it is there.
        let kind = decoded.and_then(std::result::Result::ok).and_then(|row| row.kind());
        *counts.of_mut(kind.unwrap_or(Kind::Addresses)) += 1;
    }
    Ok(())
}

async fn count_keys(store: &dyn Datastore, kind: Kind, below: Query) -> Result<u64> {
    let (prefix, mut count, mut last) = (kind.prefix(), 0, None);
    let mut keys = store.query_keys(below.keys_only());
    while let Some(key) = keys.try_next().await? {
        let Some(rest) = prefix.strip_from(&key) else { continue };
        // A peer has one row in a book, or an entry of the metadata for each name, one after the other.
        let is_entry = kind == Kind::Metadata;
        if is_entry == rest.is_top_level() {
            continue;
        }
        let Some(peer) = layout::peer_of(rest.first_segment()) else { continue };
        if last.replace(peer) != Some(peer) {
            count += 1;
        }
    }
    Ok(count)
}
