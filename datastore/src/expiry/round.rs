use std::ops::Bound;

use super::entry::bound;
use super::marks::Span;
use crate::{Datastore, Due, Key, Query, Result, Scope};

/// One walk over what is due in an [`ExpiryIndex`](crate::ExpiryIndex): see
/// [`round`](crate::ExpiryIndex::round).
#[derive(Debug)]
pub struct ExpiryRound {
    prefix: Key,
    span: Span,
    cursor: Option<Key>,
    complete: bool,
    /// Place of the last entry that was given.
    given: Option<u64>,
    /// The first place of an entry that was left.
    left: Option<u64>,
}

impl ExpiryRound {
    pub(super) fn new(prefix: Key, span: Span) -> Self {
        Self { prefix, span, cursor: None, complete: false, given: None, left: None }
    }

    /// The next entries that are due, `limit` at most, soonest first; none once all were given. What it gave
    /// before does not come again.
    ///
    /// What lies among the entries and is not one is passed over, and logged.
    ///
    /// # Errors
    /// As [`Datastore::query_page`]; it can be called again.
    pub async fn due(
        &mut self,
        store: &(impl Datastore + ?Sized),
        limit: usize,
    ) -> Result<Vec<Due>> {
        let mut due = Vec::new();
        let (mut cursor, mut complete) = (self.cursor.clone(), self.complete);
        while due.len() < limit && !complete {
            let page = store.query_page(&self.query(cursor, limit - due.len())).await?;
            for entry in page.entries {
                match Due::parse(&self.prefix, entry.key()) {
                    Some(parsed) => due.push(parsed),
                    None => {
                        tracing::warn!(entry = %entry.key(), "not an entry of the expiry index");
                    }
                }
            }
            complete = page.next.is_none();
            cursor = page.next;
        }
        (self.cursor, self.complete) = (cursor, complete);
        self.given = due.last().map(|due| due.at().as_millis()).or(self.given);
        Ok(due)
    }

    /// Leaves an entry for a later round: the record could not be looked at now.
    pub fn leave(&mut self, due: &Due) {
        let place = due.at().as_millis();
        self.left = Some(self.left.map_or(place, |left| left.min(place)));
    }

    /// Whether all that is due was given.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    pub(super) fn gave_any(&self) -> bool {
        self.given.is_some()
    }

    /// The moment at which the clock stood, if it stood behind an earlier round.
    pub(super) fn set_back_to(&self) -> Option<u64> {
        self.span.set_back.then_some(self.span.until)
    }

    /// Before this place nothing is left.
    pub(super) fn settled_until(&self) -> u64 {
        // At the place of the last entry that was given there may be more of them.
        let walked =
            if self.complete { self.span.reach } else { self.given.unwrap_or(self.span.from) };
        walked.min(self.span.reach).min(self.left.unwrap_or(u64::MAX))
    }

    fn query(&self, cursor: Option<Key>, limit: usize) -> Query {
        let start = Bound::Included(bound(&self.prefix, self.span.from));
        let end = Bound::Excluded(bound(&self.prefix, self.span.until));
        let query = Query { scope: Scope::Range(start, end), ..Query::all() };
        let query = query.keys_only().limit(limit);
        match cursor {
            Some(cursor) => query.after(cursor),
            None => query,
        }
    }
}
