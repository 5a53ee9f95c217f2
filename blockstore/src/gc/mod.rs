//! Garbage collection.

use datastore::{Datastore, Op, Result};

use crate::store::Hash;

/// Where writers and the collector meet.
#[derive(Debug)]
pub(crate) struct Gate {}

/// A write that no sweep gets in the way of while this lives.
pub(crate) struct Entered {}

impl Gate {
    pub(crate) async fn open(_: &dyn Datastore) -> Result<Self> {
        Ok(Self {})
    }

    /// Lets a writer of these blocks in.
    pub(crate) async fn enter<'h>(&self, _: impl Iterator<Item = &'h Hash>) -> Result<Entered> {
        Ok(Entered {})
    }
}

impl Entered {
    /// What the writer must commit with its blocks.
    pub(crate) fn marks(&self) -> Vec<Op> {
        Vec::new()
    }
}
