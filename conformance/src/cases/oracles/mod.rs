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

mod go;
mod js;

use bytes::Bytes;
use datastore::{Batch, Datastore, Entry};
use go::queries_answered_by_go_datastore;
use js::queries_answered_by_js_stores;

use super::support::key;
use crate::case::{Case, Need::Writable, case};
use crate::failure::{Failure, Outcome};

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
