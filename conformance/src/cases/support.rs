//! What many cases need: keys, stores with something in them, whole listings.

use bytes::Bytes;
use datastore::{Content, Datastore, DatastoreExt, Direction, Entry, Key, Page, Query};
use futures::{TryStreamExt, stream};

use crate::failure::{Outcome, ensure};

/// A key and what a listing showed of its value.
pub(super) type Row = (Key, Content);

pub(super) fn key(encoded: impl AsRef<[u8]>) -> Outcome<Key> {
    Ok(Key::new(encoded)?)
}

pub(super) fn keys<T: AsRef<[u8]>>(encoded: impl IntoIterator<Item = T>) -> Outcome<Vec<Key>> {
    encoded.into_iter().map(key).collect()
}

/// Puts each key with itself as the value.
pub(super) async fn fill(store: &dyn Datastore, keys: &[Key]) -> Outcome {
    let entries = keys.iter().map(|key| Ok((key.clone(), key.to_bytes())));
    store.put_many(stream::iter(entries.collect::<Vec<_>>())).await?;
    Ok(())
}

/// Numbered keys, in order: `/PREFIX/00000`, `/PREFIX/00001` …
pub(super) fn numbered(prefix: &str, count: usize) -> Outcome<Vec<Key>> {
    keys((0..count).map(|number| format!("/{prefix}/{number:05}")))
}

/// `len` bytes that differ from place to place and from seed to seed.
pub(super) fn noise(seed: u64, len: usize) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}

/// The keys that the stream of a query gives.
pub(super) async fn listed(store: &dyn Datastore, query: Query) -> Outcome<Vec<Key>> {
    Ok(store.query_keys(query).try_collect().await?)
}

/// The entries that the stream of a query gives.
pub(super) async fn entries(store: &dyn Datastore, query: Query) -> Outcome<Vec<Entry>> {
    Ok(store.query(query).try_collect().await?)
}

/// Walks a query page by page, as a caller who resumes it does: `query.limit` is the size of a page.
/// Checks what every page promises.
pub(super) async fn walked(store: &dyn Datastore, query: &Query) -> Outcome<Vec<Row>> {
    let mut rows: Vec<Row> = Vec::new();
    let mut next = Some(query.clone());
    while let Some(query) = next {
        let page = store.query_page(&query).await?;
        ensure_page(&query, &page)?;
        rows.extend(page.entries.into_iter().map(Entry::into_parts));
        next = page.next.map(|cursor| query.resume(cursor));
    }
    Ok(rows)
}

/// The keys of [`walked`].
pub(super) async fn walked_keys(store: &dyn Datastore, query: &Query) -> Outcome<Vec<Key>> {
    Ok(walked(store, query).await?.into_iter().map(|(key, _)| key).collect())
}

/// What every page promises, whatever it holds: no more than the limit, in order, past the cursor it
/// resumes from, with a cursor that goes on and content as selected.
pub(crate) fn ensure_page(query: &Query, page: &Page) -> Outcome {
    let (len, limit) = (page.entries.len(), query.limit);
    ensure!(limit.is_none_or(|limit| len <= limit), "a page of {limit:?} holds {len} entries");
    let mut last = match query.direction {
        Direction::Ascending => query.after.clone(),
        Direction::Descending => query.before.clone(),
    };
    let is_past = |key: &Key, last: &Key| match query.direction {
        Direction::Ascending => key > last,
        Direction::Descending => key < last,
    };
    let resumed_from = last.clone();
    for entry in &page.entries {
        if let Some(last) = &last {
            let direction = query.direction;
            ensure!(is_past(entry.key(), last), "{} comes {direction:?} after {last}", entry.key());
        }
        let as_selected = match query.select {
            datastore::Select::Keys => entry.size().is_none() && entry.value().is_none(),
            datastore::Select::Sizes => entry.size().is_some() && entry.value().is_none(),
            datastore::Select::Values => entry.value().is_some(),
        };
        ensure!(as_selected, "{entry:?} is not what {:?} selects", query.select);
        last = Some(entry.key().clone());
    }
    let Some(next) = &page.next else { return Ok(()) };
    let goes_on = resumed_from.is_none_or(|from| is_past(next, &from));
    ensure!(goes_on, "the cursor {next} of a page does not go on from where the page began");
    let covers = last.is_none_or(|last| !is_past(&last, next));
    ensure!(covers, "the cursor {next} of a page lies before its last entry");
    Ok(())
}
