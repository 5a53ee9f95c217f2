//! Rows that cannot be read, set aside where they hide nothing.

use bytes::Bytes;
use datastore::{
    Batch, Conditions, Datastore, DatastoreExt, Error, ErrorKind, Key, Query, Result, Version,
};

use super::core::Core;
use crate::cbor::Flaw;
use crate::census::Kind;
use crate::layout;

/// How many different rows of one key are kept; the next ones take the place of the last.
const KEPT: usize = 8;

impl Core {
    /// Moves a row that cannot be read into quarantine, where it hides nothing; a row of a later release
    /// stays, and is an error. Where no condition keeps a new row from being taken for it, that is left to who has
    /// the lock of the peer.
    pub(super) async fn set_aside(
        &self,
        key: &Key,
        value: Bytes,
        version: Option<Version>,
        flaw: &Flaw,
        locked: bool,
    ) -> Result<()> {
        let why = match flaw {
            Flaw::Newer(version) => return Err(newer(key, *version)),
            Flaw::Damaged(why) => why,
        };
        let guarded = self.capabilities().conditions == Conditions::AnyBatch;
        if !self.capabilities().writable || !(guarded || locked) {
            tracing::warn!(%key, why, "a row cannot be read and is passed over");
            return Ok(());
        }
        tracing::warn!(%key, why, "a row cannot be read and goes into quarantine");
        let put = Batch::new().put(self.place_aside(key, &value).await?, value);
        let _uncounted = self.census().moving().await;
        if !guarded {
            // First there, then gone here.
            self.store().commit(put).await?;
            self.store().delete(key).await?;
            return self.lost(key).await;
        }
        let moved = put.delete(key.clone());
        let moved = match version {
            Some(version) => moved.unchanged(key.clone(), version),
            None => moved,
        };
        match self.store().commit(moved).await {
            // Somebody wrote a new row meanwhile, which is not the damaged one.
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            Err(error) => Err(error),
            Ok(()) => self.lost(key).await,
        }
    }

    /// A row is not in its book any more.
    async fn lost(&self, key: &Key) -> Result<()> {
        if let Some((book, _)) = layout::place(key) {
            self.census().lost(Kind::of(book));
        } else if let Some(entries) = key.parent() {
            let others = Query::descendants(entries).keys_only().limit(1);
            if self.store().count(others).await? == 0 {
                self.census().lost(Kind::Metadata);
            }
        }
        Ok(())
    }

    /// Where a row of this key goes: the place that has it already, or is free.
    async fn place_aside(&self, key: &Key, value: &Bytes) -> Result<Key> {
        let below = layout::quarantine(key)?;
        for number in 1..KEPT {
            let place = below.child(number.to_string())?;
            if self.store().get(&place).await?.is_none_or(|kept| kept == value) {
                return Ok(place);
            }
        }
        below.child(KEPT.to_string())
    }
}

/// What is answered of a row that a later release wrote.
pub(crate) fn newer(key: &Key, version: u64) -> Error {
    let message = format!("a later release wrote {key}: its rows have version {version}");
    Error::new(ErrorKind::Incompatible, message).with_key(key.clone())
}
