//! The queries that the stores of js answered.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use bytes::Bytes;
use datastore::{Datastore, DatastoreExt, Direction, Entry, EntryStreamExt, Query, Scope};
use futures::TryStreamExt;
use serde::Deserialize;

use super::{MOST, fill, names};
use crate::bench::Bench;
use crate::failure::{Failure, Outcome, ensure, ensure_eq, shown};

#[derive(Deserialize)]
struct JsFile {
    dataset: Vec<(String, String)>,
    queries: Vec<JsQuery>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsQuery {
    prefix: Option<String>,
    #[serde(default)]
    filters: Vec<JsFilter>,
    #[serde(default)]
    orders: Vec<JsOrder>,
    offset: Option<i64>,
    limit: Option<i64>,
    ordered: bool,
    keys: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum JsFilter {
    #[serde(rename = "key string contains the letter a")]
    HasA,
    #[serde(rename = "value is at least 8 bytes long")]
    Long,
    #[serde(rename = "first byte of the value is even (empty: false)")]
    Even,
    #[serde(rename = "key is top level")]
    TopLevel,
    #[serde(rename = "key is not /b")]
    NotB,
    #[serde(rename = "nothing")]
    Nothing,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum JsOrder {
    // No key of the data set tells UTF-16 order from that of bytes.
    #[serde(rename = "key string ascending (UTF-16 code units)")]
    Key,
    #[serde(rename = "key string descending (UTF-16 code units)")]
    KeyDescending,
    #[serde(rename = "value bytes ascending")]
    Value,
    #[serde(rename = "value length ascending, then key ascending")]
    LengthThenKey,
}

impl JsFilter {
    fn keeps(self, entry: &Entry) -> bool {
        let key = entry.key();
        match self {
            Self::HasA => key.as_bytes().contains(&b'a'),
            Self::Long => entry.size().is_some_and(|size| size >= 8),
            Self::Even => entry.value().and_then(|value| value.first()).is_some_and(|b| b % 2 == 0),
            Self::TopLevel => key.segments().count() == 1,
            Self::NotB => key.as_bytes() != b"/b",
            Self::Nothing => false,
        }
    }
}

impl JsOrder {
    fn compare(self, a: &Entry, b: &Entry) -> Ordering {
        match self {
            Self::Key => a.key().cmp(b.key()),
            Self::KeyDescending => b.key().cmp(a.key()),
            Self::Value => a.value().cmp(&b.value()),
            Self::LengthThenKey => a.size().cmp(&b.size()).then_with(|| a.key().cmp(b.key())),
        }
    }
}

pub(super) async fn queries_answered_by_js_stores(bench: &Bench) -> Outcome {
    let file: JsFile = serde_json::from_str(include_str!("../../../fixtures/js-queries.json"))
        .map_err(|error| Failure::new(format!("the fixture cannot be read: {error}")))?;
    ensure_eq!(file.queries.len(), 298, "queries in the fixture");
    let store = bench.store().await?;
    fill(&store, &file.dataset).await?;
    for query in &file.queries {
        let found = names(&answer_js(&store, query).await?);
        if query.ordered {
            ensure_eq!(found, query.keys, "keys of {}", shown(query));
            continue;
        }
        ensure_eq!(found.len(), query.keys.len(), "number of keys of {}", shown(query));
        let whole = JsQuery {
            offset: None,
            limit: None,
            filters: query.filters.clone(),
            orders: Vec::new(),
            prefix: query.prefix.clone(),
            ordered: false,
            keys: Vec::new(),
        };
        let whole: BTreeSet<String> =
            names(&answer_js(&store, &whole).await?).into_iter().collect();
        let theirs = query.keys.iter().all(|key| whole.contains(key));
        ensure!(theirs, "js found other keys for {}", shown(query));
        let all = query.offset.is_none() && query.limit.is_none();
        ensure!(!all || whole.len() == query.keys.len(), "js found fewer for {}", shown(query));
    }
    Ok(())
}

async fn answer_js(store: &dyn Datastore, asked: &JsQuery) -> Outcome<Vec<Entry>> {
    let JsQuery { prefix, filters, orders, offset, limit, .. } = asked;
    let scope = match prefix {
        Some(prefix) => Scope::StartsWith(Bytes::copy_from_slice(prefix.as_bytes())),
        None => Scope::All,
    };
    let offset = usize::try_from(offset.unwrap_or_default()).unwrap_or_default();
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or_default());
    let direction = match orders.as_slice() {
        [] | [JsOrder::Key] => Some(Direction::Ascending),
        [JsOrder::KeyDescending] => Some(Direction::Descending),
        _ => None,
    };
    let query = Query { scope, direction: direction.unwrap_or_default(), ..Query::all() };
    let kept = store.query(query).filter_entries(|entry| filters.iter().all(|f| f.keeps(entry)));
    if direction.is_some() {
        return Ok(kept.skip_entries(offset).limit_entries(limit).try_collect().await?);
    }
    let compare = |a: &Entry, b: &Entry| {
        let orders = orders.iter().rev().map(|order| order.compare(a, b));
        orders.fold(Ordering::Equal, Ordering::then)
    };
    let sorted = kept.sorted_by(MOST, compare).await?;
    Ok(sorted.into_iter().skip(offset).take(limit).collect())
}
