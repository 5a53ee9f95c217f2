//! What callers see of the store below at one moment.

use std::time::SystemTime;

use super::header::{self, headless};
use super::layout::Layout;
use crate::{
    Content, Datastore, Entry, Expiry, Found, Key, Page, Query, Result, Select, Version, Want,
};

pub(super) async fn read(
    below: &(impl Datastore + ?Sized),
    layout: &Layout,
    now: impl Fn() -> SystemTime + Send,
    key: &Key,
    want: Want,
) -> Result<Option<Found>> {
    layout.check_key(key)?;
    let Some(found) = below.read(key, lower_want(&want)).await? else { return Ok(None) };
    let (expiry, header) = header::of_found(key, &found)?;
    if expiry != Expiry::NEVER && expiry.is_past(now()) {
        return Ok(None);
    }
    let version = found.version();
    let size = found.size().map(|size| size.saturating_sub(header as u64));
    let (Some(stored), Some(size)) = (found.into_value(), size) else { return Err(headless(key)) };
    let found = match want {
        Want::Exists => Found::exists(),
        Want::Size => Found::sized(size),
        Want::Value => {
            let version = version.map(|version| raise_version(&stored, header, version));
            let found = Found::whole(stored.slice(header..));
            match version {
                Some(version) => found.with_version(version),
                None => found,
            }
        }
        Want::Range { offset, len } => {
            // Both ends are at most the length of something in memory.
            let most = stored.len() - header;
            let start = offset.min(most as u64) as usize;
            let end = offset.saturating_add(len).min(most as u64) as usize;
            Found::part(stored.slice(header + start..header + end), size)
        }
    };
    Ok(Some(found))
}

/// The expiry of a value, which may be past; `None` if there is none.
pub(super) async fn expiry(below: &impl Datastore, key: &Key) -> Result<Option<Expiry>> {
    let found = below.read(key, HEADER).await?;
    let found = found.map(|found| header::of_found(key, &found)).transpose()?;
    Ok(found.map(|(expiry, _)| expiry))
}

pub(super) async fn page(
    below: &(impl Datastore + ?Sized),
    layout: &Layout,
    now: SystemTime,
    query: &Query,
) -> Result<Page> {
    let Some((lowered, next)) = layout.lower_query(query) else { return Ok(Page::default()) };
    let page = below.query_page(&lowered).await?;
    let mut entries = Vec::with_capacity(page.entries.len());
    for (key, content) in page.entries.into_iter().map(Entry::into_parts) {
        let Content::Value(stored) = content else { return Err(headless(&key)) };
        let Some((expiry, header)) = header::decode(&stored) else { return Err(headless(&key)) };
        if expiry.is_past(now) {
            continue;
        }
        let content = match query.select {
            Select::Keys => Content::Nothing,
            Select::Sizes => Content::Size((stored.len() - header) as u64),
            Select::Values => Content::Value(stored.slice(header..)),
        };
        entries.push(Entry::new(key, content));
    }
    Ok(Page { entries, next: page.next.or(next) })
}

/// Reads a header, and the size.
const HEADER: Want = Want::Range { offset: 0, len: header::MOST as u64 };

/// What to read below. How long the header is, it says itself: a range begins with it, so that both are of
/// one value.
fn lower_want(want: &Want) -> Want {
    match *want {
        Want::Exists | Want::Size => HEADER,
        Want::Value => Want::Value,
        Want::Range { offset, len } => {
            let len = offset.saturating_add(len).saturating_add(header::MOST as u64);
            Want::Range { offset: 0, len }
        }
    }
}

/// Begins the versions that hold a tag of the store below; no header does.
const TAGGED: u8 = 0;

/// The version for callers: it holds the header, which says until when the value is the one it names.
///
/// A tag always: what is stored is not the value that callers see, but may be another one that they write.
fn raise_version(stored: &[u8], header: usize, version: Version) -> Version {
    match version.as_tag() {
        Some(tag) => {
            let header = stored.get(..header).unwrap_or_default();
            Version::of_tag([&[TAGGED], header, tag].concat())
        }
        None => version.into_tag(),
    }
}

/// Until when a value is the one that a caller's version names, and the version of the store below; `None`
/// if it is no version of this layer.
pub(super) fn lower_version(version: Version) -> Option<(Expiry, Version)> {
    let tag = version.as_tag()?;
    match tag.split_first()? {
        (&TAGGED, rest) => {
            let (expiry, header) = header::decode(rest)?;
            Some((expiry, Version::of_tag(tag.slice(1 + header..))))
        }
        _ => {
            let (expiry, _) = header::decode(tag)?;
            Some((expiry, version.into_value()))
        }
    }
}
