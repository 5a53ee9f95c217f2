//! Which blocks are there, as far as is known without asking the datastore.

use datastore::Found;

use crate::store::Hash;

/// How much is remembered of which blocks are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresenceOptions {}

impl PresenceOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self {}
    }
}

impl Default for PresenceOptions {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Debug)]
pub(crate) struct Presence {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Absent,
    /// With its size, if that is known.
    Present(Option<u64>),
    Unknown,
}

impl Presence {
    pub(crate) fn new(_: &PresenceOptions) -> Self {
        Self {}
    }

    pub(crate) fn known(&self, _: &Hash) -> Known {
        Known::Unknown
    }

    /// Before the datastore is asked.
    pub(crate) fn watch(&self, _: &Hash) -> Watch {
        Watch {}
    }

    /// Before blocks of these sizes are written.
    pub(crate) fn writing(&self, _: impl Iterator<Item = (Hash, u64)>) -> Change {
        Change {}
    }

    /// Before blocks are deleted.
    pub(crate) fn deleting(&self, _: &[Hash]) -> Change {
        Change {}
    }
}

pub(crate) struct Watch {}

impl Watch {
    pub(crate) fn seen(self, _: Option<&Found>) {}
}

/// A write under way; dropped before it is done, it is not known what became of it.
pub(crate) struct Change {}

impl Change {
    pub(crate) fn done(self) {}
}
