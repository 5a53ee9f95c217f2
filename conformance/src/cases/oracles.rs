//! Queries that two other implementations answered: ours, with the adapters, answers the same.
//!
//! Their queries are put in our words here. Where a thing of theirs has no counterpart, it is spelled
//! out with its reason:
//!
//! | theirs | here |
//! |---|---|
//! | Go cleans prefixes, and finds what lies below | `Key::clean`, then descendants |
//! | Go's limit 0 is none | no limit |
//! | Go, asked for keys alone, sorts by values it did not read: by key in the end | the same, by the same means |
//! | js prefixes are raw | `starts_with` |
//! | js without an order answers as the entries were put | by key, so only which and how many are compared |
//! | js takes the last of several orders as the strongest | compared in reverse |
//! | js takes negative offsets (skip nothing) and limits (give nothing) | 0 |

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use datastore::{
    Batch, Datastore, DatastoreExt, Direction, Entry, EntryStreamExt, Key, Query, Scope, Select,
};
use futures::TryStreamExt;
use serde::Deserialize;

use super::support::key;
use crate::bench::Bench;
use crate::case::{Case, Need::Writable, case};
use crate::failure::{Failure, Outcome, ensure, ensure_eq, shown};

pub(super) const CASES: &[Case] = &[
    case!(
        "oracles",
        queries_answered_by_go_datastore,
        [Writable],
        "1,408 combinations of prefix, order, limit, offset, filter, projection"
    ),
    case!(
        "oracles",
        queries_answered_by_js_stores,
        [Writable],
        "298 combinations of prefix, filters, orders, offset, limit"
    ),
];

/// More entries than any data set has.
const MOST: usize = 1_000;

#[derive(Deserialize)]
struct GoFile {
    datasets: BTreeMap<String, Vec<(String, String)>>,
    queries: Vec<GoQuery>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GoQuery {
    set: String,
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    orders: Vec<GoOrder>,
    #[serde(default)]
    filters: Vec<GoFilter>,
    #[serde(default)]
    offset: usize,
    #[serde(default)]
    limit: usize,
    #[serde(default)]
    keys_only: bool,
    #[serde(default)]
    return_sizes: bool,
    keys: Vec<String>,
    values: Option<Vec<String>>,
    sizes: Option<Vec<u64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GoOrder {
    Key,
    KeyDesc,
    Value,
    ValueDesc,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
enum GoFilter {
    Key { op: String, arg: String },
    Value { op: String, arg: String },
    KeyPrefix { arg: String },
}

impl GoOrder {
    fn compare(self, a: &Entry, b: &Entry) -> Ordering {
        match self {
            Self::Key => a.key().cmp(b.key()),
            Self::KeyDesc => b.key().cmp(a.key()),
            Self::Value => a.value().cmp(&b.value()),
            Self::ValueDesc => b.value().cmp(&a.value()),
        }
    }

    /// The direction of a query that gives this order without sorting.
    fn direction(self) -> Option<Direction> {
        match self {
            Self::Key => Some(Direction::Ascending),
            Self::KeyDesc => Some(Direction::Descending),
            Self::Value | Self::ValueDesc => None,
        }
    }
}

impl GoFilter {
    fn keeps(&self, entry: &Entry) -> bool {
        let compare = |op: &str, ordering: Ordering| match op {
            "==" => ordering.is_eq(),
            "!=" => ordering.is_ne(),
            ">" => ordering.is_gt(),
            ">=" => ordering.is_ge(),
            "<" => ordering.is_lt(),
            _ => ordering.is_le(),
        };
        match self {
            Self::Key { op, arg } => compare(op, entry.key().as_bytes().cmp(arg.as_bytes())),
            Self::Value { op, arg } => {
                let value = entry.value().map(AsRef::as_ref).unwrap_or_default();
                compare(op, Ord::cmp(value, arg.as_bytes()))
            }
            Self::KeyPrefix { arg } => entry.key().as_bytes().starts_with(arg.as_bytes()),
        }
    }
}

fn hex(text: &str) -> Outcome<Bytes> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits.ok_or_else(|| Failure::new(format!("{text} is not hex")))?;
    Ok(digits.chunks(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect())
}

async fn fill(store: &dyn Datastore, entries: &[(String, String)]) -> Outcome {
    let mut batch = Batch::new();
    for (name, value) in entries {
        batch = batch.put(key(name)?, hex(value)?);
    }
    Ok(store.commit(batch).await?)
}

fn names(entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| String::from_utf8_lossy(entry.key().as_bytes()).into_owned())
        .collect()
}

async fn queries_answered_by_go_datastore(bench: &Bench) -> Outcome {
    let file: GoFile = serde_json::from_str(include_str!("../../fixtures/go-queries.json"))
        .map_err(|error| Failure::new(format!("the fixture cannot be read: {error}")))?;
    ensure_eq!(file.queries.len(), 1_408, "queries in the fixture");
    for (set, entries) in &file.datasets {
        let store = bench.store().await?;
        fill(&store, entries).await?;
        for query in file.queries.iter().filter(|query| query.set == *set) {
            let found = answer_go(&store, query).await?;
            ensure_eq!(names(&found), query.keys, "keys of {}", shown(query));
            if let Some(values) = &query.values {
                let found = found.iter().map(|entry| entry.value().map(AsRef::as_ref));
                let same = found.eq(values.iter().map(|value| Some(value.as_bytes())));
                ensure!(same, "other values for {}", shown(query));
            }
            if let Some(sizes) = &query.sizes {
                let same = found.iter().map(Entry::size).eq(sizes.iter().copied().map(Some));
                ensure!(same, "other sizes for {}", shown(query));
            }
        }
    }
    Ok(())
}

async fn answer_go(store: &dyn Datastore, asked: &GoQuery) -> Outcome<Vec<Entry>> {
    let GoQuery { prefix, orders, filters, offset, limit, .. } = asked;
    // Go cleans the prefix; what is left may be its root, below which everything is.
    let scope = Key::clean(prefix).map_or(Scope::All, Scope::Descendants);
    // Go does not read the values that a query of keys alone sorts or filters by, nor do we here.
    let select = match (asked.keys_only, asked.return_sizes) {
        (false, _) => Select::Values,
        (true, true) => Select::Sizes,
        (true, false) => Select::Keys,
    };
    let limit = if *limit == 0 { usize::MAX } else { *limit };
    let query = Query { scope, select, ..Query::all() };
    let by_key = match orders.as_slice() {
        [order] => order.direction(),
        _ => None,
    };
    if let Some(direction) = by_key {
        let query = Query { direction, ..query };
        if filters.is_empty() {
            // All of it is the store's work, but for the offset.
            let query = query.limit(limit.saturating_add(*offset));
            return Ok(store.query(query).skip_entries(*offset).try_collect().await?);
        }
        let kept =
            store.query(query).filter_entries(|entry| filters.iter().all(|f| f.keeps(entry)));
        return Ok(kept.skip_entries(*offset).limit_entries(limit).try_collect().await?);
    }
    let kept = store.query(query).filter_entries(|entry| filters.iter().all(|f| f.keeps(entry)));
    let compare = |a: &Entry, b: &Entry| {
        let orders = orders.iter().map(|order| order.compare(a, b));
        orders.fold(Ordering::Equal, Ordering::then)
    };
    let sorted = kept.sorted_by(MOST, compare).await?;
    Ok(sorted.into_iter().skip(*offset).take(limit).collect())
}

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

async fn queries_answered_by_js_stores(bench: &Bench) -> Outcome {
    let file: JsFile = serde_json::from_str(include_str!("../../fixtures/js-queries.json"))
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
