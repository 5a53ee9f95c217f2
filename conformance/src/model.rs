//! What a store is, said once more and as plainly as can be: a sorted map that is searched entry by
//! entry. It shares no code with the stores, nor with the helpers that stores are made of.

use std::collections::BTreeMap;
use std::ops::Bound;

use datastore::{Direction, Query, Scope, Select};

/// A store in the plainest form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model(BTreeMap<Vec<u8>, Vec<u8>>);

/// A key, and the size and value of its entry as far as a query selects them.
pub(crate) type ModelRow = (Vec<u8>, Option<u64>, Option<Vec<u8>>);

impl Model {
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Vec<u8>> {
        self.0.get(key)
    }

    pub(crate) fn set(&mut self, key: &[u8], value: Option<Vec<u8>>) {
        match value {
            Some(value) => self.0.insert(key.to_vec(), value),
            None => self.0.remove(key),
        };
    }

    /// The entries that a query finds, limit included.
    pub(crate) fn find(&self, query: &Query) -> Vec<ModelRow> {
        let Query { scope, after, before, direction, limit, select } = query;
        let mut rows: Vec<ModelRow> = Vec::new();
        for (key, value) in &self.0 {
            let past_after = after.as_ref().is_none_or(|after| key.as_slice() > after.as_bytes());
            let short_of_before =
                before.as_ref().is_none_or(|before| key.as_slice() < before.as_bytes());
            if past_after && short_of_before && in_scope(key, scope) {
                rows.push(match select {
                    Select::Keys => (key.clone(), None, None),
                    Select::Sizes => (key.clone(), Some(value.len() as u64), None),
                    Select::Values => (key.clone(), Some(value.len() as u64), Some(value.clone())),
                });
            }
        }
        if *direction == Direction::Descending {
            rows.reverse();
        }
        rows.truncate(limit.unwrap_or(usize::MAX));
        rows
    }
}

fn in_scope(key: &[u8], scope: &Scope) -> bool {
    match scope {
        Scope::All => true,
        Scope::Descendants(parent) => {
            key.strip_prefix(parent.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'/'))
        }
        Scope::StartsWith(prefix) => key.starts_with(prefix),
        Scope::Range(start, end) => {
            let from_start = match start {
                Bound::Unbounded => true,
                Bound::Included(start) => *key >= **start,
                Bound::Excluded(start) => *key > **start,
            };
            let to_end = match end {
                Bound::Unbounded => true,
                Bound::Included(end) => *key <= **end,
                Bound::Excluded(end) => *key < **end,
            };
            from_start && to_end
        }
    }
}
