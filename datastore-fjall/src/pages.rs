//! Pages of a query, each from one snapshot.

use std::iter;
use std::time::Duration;

use datastore::{Content, Direction, Page, PageBuilder, Query, Result, Select};
use fjall::{Guard, Readable, Slice, Snapshot};

use crate::engine::{Engine, View};
use crate::{errors, turn};

/// One page of `query` as of `snapshot`.
pub(crate) fn page(engine: &Engine, snapshot: &Snapshot, query: &Query) -> Result<Page> {
    let Query { scope: _, after: _, before: _, direction, limit: _, select } = query;
    let Some(range) = query.key_range() else { return Ok(Page::default()) };
    let mut entries = snapshot.range::<&[u8], _>(&engine.data, (range.start(), range.end()));
    let mut reader = Reader {
        page: PageBuilder::new(query),
        select: *select,
        // Sizes are at hand with the entry, unless the value is in a file of its own.
        sizes_apart: engine.data.is_kv_separated().then_some((engine, snapshot)),
        clock: Pace::new(),
    };
    // One loop for both directions is inlined whole, two are not.
    reader.gather(iter::from_fn(|| match direction {
        Direction::Ascending => entries.next(),
        Direction::Descending => entries.next_back(),
    }))?;
    reader.page.finish()
}

struct Reader<'e> {
    page: PageBuilder,
    select: Select,
    sizes_apart: Option<(&'e Engine, &'e Snapshot)>,
    clock: Pace,
}

impl Reader<'_> {
    fn gather(&mut self, entries: impl Iterator<Item = Guard>) -> Result<()> {
        for entry in entries {
            // The value of what begins the next page is not read for this one.
            let (key, content) = if self.page.is_full() {
                (entry.key().map_err(errors::engine)?, Content::Nothing)
            } else {
                self.content(entry)?
            };
            if self.page.push(&key, content).is_break() {
                break;
            }
            if self.clock.is_over() {
                self.page.cut(&key);
                break;
            }
        }
        Ok(())
    }

    #[inline]
    fn content(&self, entry: Guard) -> Result<(Slice, Content)> {
        match (self.select, self.sizes_apart) {
            (Select::Keys, _) => Ok((entry.key().map_err(errors::engine)?, Content::Nothing)),
            (Select::Sizes, Some((engine, snapshot))) => {
                let key = entry.key().map_err(errors::engine)?;
                let size = engine.size_of(View::At(snapshot), &key)?;
                Ok((key, Content::Size(size.unwrap_or_default().into())))
            }
            (Select::Sizes, None) => {
                let (key, value) = entry.into_inner().map_err(errors::engine)?;
                Ok((key, Content::Size(value.len() as u64)))
            }
            (Select::Values, _) => {
                let (key, value) = entry.into_inner().map_err(errors::engine)?;
                Ok((key, Content::Value(value.into())))
            }
        }
    }
}

/// Ends a page after its turn, and looks at the clock as seldom as it can: entries cost from a quarter of
/// a microsecond to milliseconds, where records were rewritten many times since they were last flushed.
struct Pace {
    began: Duration,
    entries: u32,
    look_at: u32,
}

impl Pace {
    fn new() -> Self {
        Self { began: turn::now(), entries: 0, look_at: FIRST_LOOK }
    }

    /// Counts an entry, and answers whether it is the last.
    fn is_over(&mut self) -> bool {
        self.entries += 1;
        if self.entries < self.look_at {
            return false;
        }
        let passed = turn::now().saturating_sub(self.began);
        let each = (passed / self.entries).max(Duration::from_nanos(1));
        let left = turn::TURN.saturating_sub(passed).as_nanos() / each.as_nanos();
        // Half of what would fit, at these costs.
        let step = u32::try_from(left / 2).unwrap_or(MOST_UNSEEN).clamp(1, MOST_UNSEEN);
        self.look_at = self.entries + step;
        passed >= turn::TURN
    }
}

const FIRST_LOOK: u32 = 4;
const MOST_UNSEEN: u32 = 64;
