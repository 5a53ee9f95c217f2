use std::cmp::Ordering;

use bytes::Bytes;

use super::changes::{Change, Changes};
use crate::{Content, Direction, Entry, Key, KeyRange, Page, PageBuilder, Query, Result, Select};

/// The pending changes that a page has to show, as they were at one moment.
///
/// It is taken before the store below is asked. What is pending at that moment is in the view, whether it
/// is flushed meanwhile or not, and what was flushed before is below: nothing is missed. (The other way
/// round, a change that is flushed between the two would be in neither.) A key that is in both is taken
/// from the view: nothing is doubled.
#[derive(Debug)]
pub(super) struct View {
    /// In the order of the query.
    changes: Vec<(Key, Change)>,
    /// Whether there are more behind the last of them.
    cut: bool,
    /// How many writes below had begun.
    pub(super) writes_begun: u64,
}

/// Most changes of one view: it is taken under a lock.
const MOST: usize = 2 * PageBuilder::MAX_ENTRIES;

impl View {
    pub(super) fn take(
        newer: &Changes,
        older: &Changes,
        (query, range): (&Query, &KeyRange),
        writes_begun: u64,
    ) -> Self {
        let direction = query.direction;
        let puts_wanted = query.limit.unwrap_or(usize::MAX).min(PageBuilder::MAX_ENTRIES);
        let pending =
            layered(direction, newer.within(range, direction), older.within(range, direction));
        let (mut changes, mut puts, mut cut) = (Vec::new(), 0, false);
        for (key, change) in pending {
            if puts > puts_wanted || changes.len() == MOST {
                cut = true;
                break;
            }
            puts += usize::from(change.is_some());
            changes.push((key, change));
        }
        Self { changes, cut, writes_begun }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What to ask of the store below: more than the page can hold by what the view may hide.
    pub(super) fn query_below(&self, query: &Query) -> Query {
        let deletes = self.changes.iter().filter(|(_, change)| change.is_none()).count();
        let limit = query.limit.map(|limit| limit.saturating_add(deletes));
        Query { limit, ..query.clone() }
    }

    /// The page of `query`, from the page that the store below gave.
    pub(super) fn over(self, query: &Query, below: Page) -> Result<Page> {
        let direction = query.direction;
        // Behind the end of either part there may be more of it: the page goes no further than both.
        let last_change = self.changes.last().filter(|_| self.cut).map(|(key, _)| key.clone());
        let horizon =
            below.next.into_iter().chain(last_change).min_by(|a, b| order(direction, a, b));
        let pending = self
            .changes
            .into_iter()
            .map(|(key, change)| (key, change.map(|value| content(query.select, value))));
        let below = below.entries.into_iter().map(Entry::into_parts);
        let below = below.map(|(key, content)| (key, Some(content)));
        let mut page = PageBuilder::new(query);
        for (key, content) in layered(direction, pending, below) {
            if horizon.as_ref().is_some_and(|horizon| order(direction, &key, horizon).is_gt()) {
                break;
            }
            if let Some(content) = content
                && page.push(key.as_bytes(), content).is_break()
            {
                return page.finish();
            }
        }
        if let Some(horizon) = horizon {
            page.cut(horizon.as_bytes());
        }
        page.finish()
    }
}

fn content(select: Select, value: Bytes) -> Content {
    match select {
        Select::Keys => Content::Nothing,
        Select::Sizes => Content::Size(value.len() as u64),
        Select::Values => Content::Value(value),
    }
}

/// Two lists in order as one; of a key that is in both, what is in `newer`.
fn layered<T>(
    direction: Direction,
    newer: impl Iterator<Item = (Key, T)>,
    older: impl Iterator<Item = (Key, T)>,
) -> impl Iterator<Item = (Key, T)> {
    let (mut newer, mut older) = (newer.peekable(), older.peekable());
    std::iter::from_fn(move || {
        let first = match (newer.peek(), older.peek()) {
            (Some((newer, _)), Some((older, _))) => order(direction, newer, older),
            (Some(_), None) => Ordering::Less,
            (None, _) => Ordering::Greater,
        };
        if first.is_eq() {
            older.next();
        }
        if first.is_le() { newer.next() } else { older.next() }
    })
}

fn order(direction: Direction, a: &Key, b: &Key) -> Ordering {
    match direction {
        Direction::Ascending => a.cmp(b),
        Direction::Descending => b.cmp(a),
    }
}
