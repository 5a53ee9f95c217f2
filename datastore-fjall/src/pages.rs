//! Pages of a query, each from one snapshot.

use std::time::Duration;

use datastore::{Content, Direction, Page, PageBuilder, Query, Result, Select};
use fjall::{Guard, Readable, Slice, Snapshot};

use crate::engine::{Engine, View};
use crate::{errors, turn};

/// One page of `query` as of `snapshot`.
pub(crate) fn page(engine: &Engine, snapshot: &Snapshot, query: &Query) -> Result<Page> {
    let Query { scope: _, after: _, before: _, direction, limit: _, select } = query;
    let Some(range) = query.key_range() else { return Ok(Page::default()) };
    let entries = snapshot.range::<&[u8], _>(&engine.data, (range.start(), range.end()));
    let mut reader = Reader {
        page: PageBuilder::new(query),
        select: *select,
        // Sizes are at hand with the entry, unless the value is in a file of its own.
        sizes_apart: engine.data.is_kv_separated().then_some((engine, snapshot)),
        began: turn::now(),
        entries: 0,
    };
    match direction {
        Direction::Ascending => reader.gather(entries)?,
        Direction::Descending => reader.gather(entries.rev())?,
    }
    reader.page.finish()
}

struct Reader<'e> {
    page: PageBuilder,
    select: Select,
    sizes_apart: Option<(&'e Engine, &'e Snapshot)>,
    began: Duration,
    entries: u32,
}

impl Reader<'_> {
    fn gather(&mut self, entries: impl Iterator<Item = Guard>) -> Result<()> {
        for entry in entries {
            let (key, content) = self.content(entry)?;
            if self.page.push(&key, content).is_break() {
                break;
            }
            self.entries += 1;
            if self.entries.is_multiple_of(LOOK_EVERY)
                && turn::now().saturating_sub(self.began) >= turn::TURN
            {
                self.page.cut(&key);
                break;
            }
        }
        Ok(())
    }

    fn content(&self, entry: Guard) -> Result<(Slice, Content)> {
        // The value of what begins the next page is not read for this one.
        let select = if self.page.is_full() { Select::Keys } else { self.select };
        match (select, self.sizes_apart) {
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

const LOOK_EVERY: u32 = 64;
