//! Pages of a query: one listing each, and a request for each value.

use std::collections::VecDeque;
use std::ops::RangeBounds;

use datastore::{
    Content, Direction, Error, ErrorKind, Key, KeyRange, Page, PageBuilder, Query, Result, Select,
};
use futures::stream::{self, StreamExt};

use crate::core::Core;
use crate::listing::Wanted;
use crate::names::Span;
use crate::reads;

pub(crate) async fn page(core: &Core, query: &Query) -> Result<Page> {
    let Query { scope: _, after: _, before: _, direction, limit, select } = query;
    let Some(range) = query.key_range() else { return Ok(Page::default()) };
    let Some(span) = core.names.span(&range) else { return Ok(Page::default()) };
    let limit = limit.unwrap_or(usize::MAX).min(core.page);
    let listed = match direction {
        Direction::Ascending => ascending(core, &range, span, limit).await?,
        Direction::Descending => descending(core, &range, span, limit).await?,
    };
    fill(core, query, *select, listed).await
}

/// Keys of a page, in its order, and the sizes of their values.
#[derive(Default)]
struct Listed {
    keys: Vec<(Key, u64)>,
    more: bool,
}

async fn ascending(core: &Core, range: &KeyRange, span: Span, limit: usize) -> Result<Listed> {
    let mut listing = Walk::new(core, range, span, limit);
    let mut listed = Listed::default();
    // Listings may hold nothing but what is not ours.
    while listed.keys.is_empty() && listing.goes_on() {
        listed.keys = listing.next().await?;
    }
    listed.more = listing.goes_on();
    Ok(listed)
}

/// Lists the whole range for its last keys: object storage lists in one direction.
async fn descending(core: &Core, range: &KeyRange, span: Span, limit: usize) -> Result<Listed> {
    let mut listing = Walk::new(core, range, span, core.page);
    let mut last = VecDeque::new();
    let mut seen = 0;
    while listing.goes_on() {
        for key in listing.next().await? {
            if last.len() == limit {
                last.pop_front();
            }
            last.push_back(key);
            seen += 1;
        }
        if seen > core.descending {
            let message = format!(
                "a page in descending order lists its whole range, and there are more than {} keys in \
                 this one: make it smaller, or ask in ascending order",
                core.descending
            );
            return Err(Error::unsupported(message));
        }
    }
    let more = seen > last.len() as u64;
    Ok(Listed { keys: last.into_iter().rev().collect(), more })
}

/// Goes through the objects of a range, a listing at a time.
pub(crate) struct Walk<'w> {
    core: &'w Core,
    range: &'w KeyRange,
    span: Span,
    token: Option<String>,
    limit: usize,
    more: bool,
    /// How many of the last listings had nothing in them.
    empty: u32,
    /// Objects on the way that no key has the name of.
    pub(crate) foreign: u64,
    /// Bytes of objects of the store's own on the way.
    pub(crate) own_bytes: u64,
}

impl<'w> Walk<'w> {
    pub(crate) fn new(core: &'w Core, range: &'w KeyRange, span: Span, limit: usize) -> Self {
        let token = None;
        Self { core, range, span, token, limit, more: true, empty: 0, foreign: 0, own_bytes: 0 }
    }

    pub(crate) fn goes_on(&self) -> bool {
        self.more
    }

    /// The keys of the next listing, in order.
    pub(crate) async fn next(&mut self) -> Result<Vec<(Key, u64)>> {
        let Span { prefix, after } = &self.span;
        let wanted =
            Wanted { prefix, after: after.as_deref(), token: self.token.take(), limit: self.limit };
        let listing = self.core.remote.list(wanted).await;
        let listing =
            listing.map_err(|given_up| given_up.into_error("listing", self.core.place()))?;
        self.more = listing.more;
        self.token = listing.token;
        self.empty = if listing.objects.is_empty() { self.empty + 1 } else { 0 };
        if self.more && self.empty > 0 && self.token.is_none() {
            return Err(self.broken("says that there is more, and not where"));
        }
        if self.more && self.empty > EMPTY {
            return Err(self.broken("says over and over that there is more, and lists nothing"));
        }

        let mut keys = Vec::with_capacity(listing.objects.len());
        for object in listing.objects {
            let ordered = self.span.after.as_ref().is_none_or(|after| object.name > *after);
            if !ordered || !object.name.starts_with(&self.span.prefix) {
                return Err(self.broken(&format!(
                    "lists `{}` out of order, after {:?} and below `{}`",
                    object.name, self.span.after, self.span.prefix
                )));
            }
            match self.core.names.key(&object.name) {
                Some(key) if self.range.contains(key.as_bytes()) => keys.push((key, object.size)),
                // The listing begins where the range does, so this lies past its end.
                Some(_) => {
                    self.more = false;
                    break;
                }
                None if self.core.names.is_own(&object.name) => {
                    self.own_bytes = self.own_bytes.saturating_add(object.size);
                }
                None => self.foreign += 1,
            }
            self.span.after = Some(object.name);
        }
        Ok(keys)
    }

    fn broken(&self, what: &str) -> Error {
        Error::new(ErrorKind::Internal, format!("{} {what}", self.core.place()))
    }
}

/// Most listings in a row without an object: servers give some where many objects were deleted.
const EMPTY: u32 = 1000;

/// Makes the page, and fetches the values that go into it.
async fn fill(core: &Core, query: &Query, select: Select, listed: Listed) -> Result<Page> {
    let Listed { keys, more } = listed;
    let mut page = PageBuilder::new(query);
    let planned = match select {
        Select::Values => planned(&keys),
        Select::Keys | Select::Sizes => keys.len(),
    };
    let more = more || planned < keys.len();
    let last = keys.get(planned.wrapping_sub(1)).map(|(key, _)| key.clone());

    let contents = stream::iter(keys.into_iter().take(planned)).map(|(key, size)| async move {
        let content = match select {
            Select::Keys => Some(Content::Nothing),
            Select::Sizes => Some(Content::Size(size)),
            Select::Values => value(core, &key).await?,
        };
        Ok::<_, Error>((key, content))
    });
    let mut contents = contents.buffered(core.concurrency);
    while let Some(entry) = contents.next().await {
        let (key, content) = entry?;
        // One that was deleted since it was listed is not there.
        let Some(content) = content else { continue };
        if page.push(key.as_bytes(), content).is_break() {
            return page.finish();
        }
    }
    if let (true, Some(last)) = (more, last) {
        page.cut(last.as_bytes());
    }
    page.finish()
}

/// How many of the values fit into a page, by the sizes that were listed.
fn planned(keys: &[(Key, u64)]) -> usize {
    let mut bytes = 0_u64;
    let fits = |(key, size): &&(Key, u64)| {
        let room = bytes < PageBuilder::MAX_BYTES as u64;
        bytes = bytes.saturating_add(*size).saturating_add(key.as_bytes().len() as u64);
        room
    };
    keys.iter().take_while(fits).count()
}

async fn value(core: &Core, key: &Key) -> Result<Option<Content>> {
    let name = core.names.name(key)?;
    let got = core.remote.get(&name, None).await;
    let got =
        got.map_err(|given_up| given_up.into_error("reading", core.place()).with_key(key.clone()))?;
    let found = got.map(|got| reads::whole(core, key, got)).transpose()?;
    Ok(found.and_then(datastore::Found::into_value).map(Content::Value))
}
