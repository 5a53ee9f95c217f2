use datastore::{DatastoreExt, Error, Key, Query, Result};
use futures::{Stream, TryStreamExt};

use super::row::{self, PINS, Pin, PinMode};
use super::store::Pins;

/// A row of a listing of pins.
#[derive(Debug)]
#[non_exhaustive]
pub enum PinRow {
    /// A pin.
    Pin(Pin),
    /// A row that is none, or cannot be read.
    Damaged {
        /// Its key in the datastore.
        key: Key,
        /// What is wrong with it.
        error: Error,
    },
}

impl Pins {
    /// The pins, or those of one mode: direct ones first, each mode in the order of its rows, which says
    /// nothing. One page is in memory at a time; a pin that is made or taken away meanwhile may come or not.
    ///
    /// # Errors
    /// Those of the datastore. A damaged row is an item, not an error.
    pub fn list(&self, mode: Option<PinMode>) -> impl Stream<Item = Result<PinRow>> + Send + '_ {
        let home = mode.and_then(|mode| mode.home().ok()).unwrap_or(PINS);
        self.blocks.inner.store.query(Query::descendants(home)).map_ok(|entry| {
            let value = entry.value().map(AsRef::as_ref).unwrap_or_default();
            match row::decode(entry.key(), value) {
                Ok(pin) => PinRow::Pin(pin),
                Err(error) => PinRow::Damaged { key: entry.key().detached(), error },
            }
        })
    }
}
