//! Peers, by the keys of their rows.

use std::pin::Pin;

use bytes::Bytes;
use datastore::{DatastoreExt, ErrorKind, Key, Query, Result};
use futures::stream::{BoxStream, Peekable, Stream, StreamExt, TryStreamExt, try_unfold};
use libp2p_identity::PeerId;

use crate::access::{Core, Counts};
use crate::address::{Address, AddressRow, Glance};
use crate::cbor::Flaw;
use crate::layout::{self, Book};
use crate::reputation::{BootstrapCandidate, Candidates, ReputationRow};

/// Every peer of which any book has something that has not expired, once, in the order of the keys.
pub(crate) fn known<'c>(
    core: &'c Core,
    after: Option<&PeerId>,
) -> impl Stream<Item = Result<PeerId>> + Send + use<'c> {
    let after = after.map(layout::peer_text);
    let after = after.as_deref();
    // The books of which a row says something for ever.
    let lasting =
        Book::ALL.into_iter().filter(|book| ![Book::Addresses, Book::Tags].contains(book));
    let lasting = lasting.map(Book::prefix).chain([layout::METADATA]);
    let lasting = lasting.map(|prefix| names(core, prefix, after));
    let books: Vec<_> = std::iter::once(addressed(core, after)).chain(lasting).collect();
    let tags = names(core, Book::Tags.prefix(), after);
    try_unfold((books, tags), async move |(mut books, mut tags)| {
        core.check_open()?;
        loop {
            let mut least: Option<Name> = None;
            for book in books.iter_mut().chain([&mut tags]) {
                match Pin::new(book).peek().await {
                    Some(Ok(name)) if least.as_ref().is_none_or(|least| name < least) => {
                        least = Some(name.clone());
                    }
                    _ => {}
                }
            }
            let mut is_known = false;
            for book in &mut books {
                is_known |= take(book, least.as_ref()).await?;
            }
            take(&mut tags, least.as_ref()).await?;
            let Some(name) = least else { return Ok(None) };
            // What is not a peer's name is somebody else's row.
            if let Some(peer) = layout::peer_of(&name)
                // All of its tags may have expired: that is looked at where it has nothing else.
                && (is_known || core.knows_in(&peer, Book::Tags, Counts::Live).await?)
            {
                return Ok(Some((peer, (books, tags))));
            }
        }
    })
}

/// Takes the next name of a book if it is this one, or fails with the error in its place.
async fn take(book: &mut Names<'_>, name: Option<&Name>) -> Result<bool> {
    let taken = Pin::new(book).next_if(|next| match (next, name) {
        (Ok(next), Some(name)) => next == name,
        (Ok(_), None) => false,
        (Err(_), _) => true,
    });
    Ok(taken.await.transpose()?.is_some())
}

/// A peer's part of a key.
type Name = Box<[u8]>;

/// The peers' parts of the keys of a book, in their order.
type Names<'c> = Peekable<BoxStream<'c, Result<Name>>>;

/// The peers' parts of the keys of address rows, but of those of which all has expired, or a watermark is all that is
/// left.
fn addressed<'c>(core: &'c Core, after: Option<&str>) -> Names<'c> {
    let entries = core.store().query(below(&Book::Addresses.prefix(), after));
    let names = entries.try_filter_map(async |entry| {
        let name = entry.key().last_segment();
        // One that cannot be read is of a peer all the same, unless it is damaged.
        let known = match entry.value().map(|value| Glance::at(value, core.session(), core.now())) {
            Some(Ok(row)) => row.is_known,
            Some(Err(Flaw::Newer(_))) => true,
            _ => false,
        };
        Ok(known.then(|| Name::from(name)))
    });
    names.boxed().peekable()
}

/// What lies below a prefix, past everything of a peer, its metadata included.
fn below(prefix: &Key, after: Option<&str>) -> Query {
    let query = Query::descendants(prefix.clone());
    // No peer's part of a key has this sign, and it sorts after those that it has, and the slash.
    match after.and_then(|text| prefix.child(format!("{text}\u{7f}")).ok()) {
        Some(past) => query.after(past),
        None => query,
    }
}

/// The peers' parts of the keys of one book, each once.
fn names<'c>(core: &'c Core, prefix: Key, after: Option<&str>) -> Names<'c> {
    let query = below(&prefix, after).keys_only();
    let mut last: Option<Name> = None;
    let keys = core.store().query_keys(query);
    let names = keys.try_filter_map(move |key| {
        let rest = prefix.strip_from(&key);
        let name = rest.map(|rest| Name::from(rest.first_segment()));
        let new = name.filter(|name| last.as_ref() != Some(name));
        if new.is_some() {
            last.clone_from(&new);
        }
        async { Ok(new) }
    });
    names.boxed().peekable()
}

/// Peers with addresses that have not expired.
pub(crate) fn with_addresses<'c>(
    core: &'c Core,
) -> impl Stream<Item = Result<PeerId>> + Send + use<'c> {
    let entries = core.store().query(layout::all(Book::Addresses));
    entries.try_filter_map(async |entry| {
        core.check_open()?;
        let lives = entry.value().is_some_and(|value| lives(core, value));
        Ok(lives.then(|| layout::peer_of(entry.key().last_segment())).flatten())
    })
}

/// Whether a row has addresses that have not expired; one that cannot be read has none, and is set aside when
/// its peer is asked for.
fn lives(core: &Core, value: &Bytes) -> bool {
    Glance::at(value, core.session(), core.now()).is_ok_and(|row| row.is_live)
}

/// What was read; of a row that a later release wrote, nothing, so that it hides no other peer.
pub(crate) fn readable<T>(row: Result<T>) -> Result<Option<T>> {
    match row {
        Err(error) if error.kind() == ErrorKind::Incompatible => {
            tracing::warn!(%error, "a row is passed over");
            Ok(None)
        }
        other => other.map(Some),
    }
}

/// Peers to begin with after a start.
pub(crate) async fn bootstrap_candidates(core: &Core, n: usize) -> Result<Vec<BootstrapCandidate>> {
    core.check_open()?;
    let now = core.now();
    let mut candidates = Candidates::new(n, now);
    let mut keys = core.store().query_keys(layout::all(Book::Reputation));
    while let Some(key) = keys.try_next().await? {
        let Some(peer) = layout::peer_of(key.last_segment()) else { continue };
        let Some(reputation) = readable(core.read_once::<ReputationRow>(&peer).await)? else {
            continue;
        };
        if reputation.is_proven() {
            let Some(addresses) = readable(core.read_once::<AddressRow>(&peer).await)? else {
                continue;
            };
            candidates.offer(peer, &reputation, addresses.live(now).map(Address::addr));
        }
    }
    Ok(candidates.choose())
}
