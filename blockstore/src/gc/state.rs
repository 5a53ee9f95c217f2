use std::sync::Arc;

use bytes::Bytes;
use datastore::{Datastore, DatastoreExt, Error, ErrorKind, Key, Op, Result, key};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::marks::Marks;

/// The row of the unfinished run, in the store of the blocks.
pub(super) const STATE: Key = key!("/block-gc/state");

const VERSION: u8 = 1;

/// An unfinished run, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    version: u8,
    pub(super) run: u64,
    /// Whether its marks are in another store.
    pub(super) external: bool,
    pub(super) phase: Phase,
    /// The last pin, mark or block that was dealt with.
    pub(super) cursor: Option<String>,
    pub(super) kept: u64,
    pub(super) kept_bytes: u64,
    pub(super) swept: u64,
    pub(super) swept_bytes: u64,
    pub(super) missing: u64,
    pub(super) marked: u64,
    pub(super) unknown: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Phase {
    /// Holds are waited for, then pins are read.
    Roots,
    /// What pins reach is walked.
    Mark,
    /// The leaves that were reached are looked for.
    Leaves,
    /// What is not marked is deleted.
    Sweep,
    /// Marks are removed; writers do not mark any more.
    Clean,
}

impl State {
    pub(super) fn new(marks: &Marks) -> Self {
        Self {
            version: VERSION,
            run: marks.run,
            external: marks.external,
            phase: Phase::Roots,
            cursor: None,
            kept: 0,
            kept_bytes: 0,
            swept: 0,
            swept_bytes: 0,
            missing: 0,
            marked: 0,
            unknown: 0,
        }
    }

    pub(super) fn op(&self) -> Result<Op> {
        Ok(Op::Put { key: STATE, value: encode(self)? })
    }

    pub(super) fn cursor(&self) -> Result<Option<Key>> {
        self.cursor.as_deref().map(str::parse).transpose()
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        (self.phase, self.cursor) = (phase, None);
    }
}

/// The run that was left unfinished; `None` also if it was not written as runs are written here.
pub(super) async fn unfinished(store: &Arc<dyn Datastore>) -> Result<Option<State>> {
    Ok(store.get(&STATE).await?.and_then(|row| parse(&row)))
}

/// The run that was left unfinished, if it can be resumed: its marks are there, and it was written as
/// runs are written here. One that cannot is forgotten, for good: writers do not mark for it from now on.
pub(super) async fn recover(
    store: &Arc<dyn Datastore>,
    scratch: Option<&Arc<dyn Datastore>>,
) -> Result<Option<(State, Marks)>> {
    let Some(row) = store.get(&STATE).await? else { return Ok(None) };
    if let Some(state) = parse(&row) {
        let home = if state.external { scratch } else { Some(store) };
        if let Some(home) = home {
            let marks = Marks::of_run(home, state.external, state.run)?;
            if state.phase == Phase::Clean || marks.tally().await?.is_some() {
                return Ok(Some((state, marks)));
            }
        }
    }
    tracing::warn!("an unfinished collection cannot be resumed, and the next one starts over");
    if store.capabilities().writable {
        store.delete(&STATE).await?;
    }
    Ok(None)
}

fn parse(row: &[u8]) -> Option<State> {
    decode::<State>(row).filter(|state| state.version == VERSION)
}

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Bytes> {
    let encoded = cbor4ii::serde::to_vec(Vec::new(), value).map_err(|error| {
        Error::new(ErrorKind::Internal, "the row cannot be encoded").with_source(error)
    })?;
    Ok(encoded.into())
}

pub(super) fn decode<T: DeserializeOwned>(value: &[u8]) -> Option<T> {
    cbor4ii::serde::from_slice(value).ok()
}
