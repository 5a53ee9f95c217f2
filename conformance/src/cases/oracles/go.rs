//! The queries that go-datastore answered.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use datastore::{
    Datastore, DatastoreExt, Direction, Entry, EntryStreamExt, Key, Query, Scope, Select,
};
use futures::TryStreamExt;
use serde::Deserialize;

use super::{MOST, fill, names};
use crate::bench::Bench;
use crate::failure::{Failure, Outcome, ensure, ensure_eq, shown};

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

pub(super) async fn queries_answered_by_go_datastore(bench: &Bench) -> Outcome {
    let file: GoFile = serde_json::from_str(include_str!("../../../fixtures/go-queries.json"))
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
