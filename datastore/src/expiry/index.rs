use std::time::SystemTime;

use bytes::Bytes;
use futures::TryStreamExt;

use super::entry::{DIGITS, OVERHEAD, digits, entry_key, from_digits};
use super::marks::Marks;
use super::round::ExpiryRound;
use crate::{Batch, Datastore, DatastoreExt, Due, Expiry, Key, Op, Query, Result};

/// By which a sweep finds what has expired, without looking at anything else: for whatever keeps records
/// that end, in any store.
///
/// The index lies below a prefix of its own and has an entry without a value for each record,
/// `<prefix>/<expiry>/<key of the record>`, the expiry in milliseconds since 1970 as 16 hexadecimal digits. It is
/// lazy: the record itself carries its true expiry, and **every record that expires has an entry at its true
/// expiry or before**. So a record that is made to live longer needs no write here. The sweep finds the old
/// entry when its moment comes, looks at the record, and [moves](Self::moved) the entry, or removes both.
///
/// **Writing.** Hold [`writing`](Self::writing) from before [`schedule`](Self::schedule) until the commit has
/// returned, and commit what it answers in the batch that holds the record; where batches are not atomic, in
/// one that comes before. A record that is removed, or that never expires any more, needs nothing.
///
/// **Sweeping.** A [`round`](Self::round) gives what is due. Look at each record, alone on its key, and commit
/// what is to be done: remove record and entry if it has expired, [move](Self::moved) the entry if it expires
/// later, remove the entry ([`Due::settled`]) if it never expires or is gone. Where batches are not atomic,
/// records are removed before entries, and entries put before entries are removed. Then tell the index with
/// [`passed`](Self::passed). One round at a time; one writer of the index at a time, a process or a handle.
///
/// **Watermark.** `<prefix>/watermark` says from where on there are entries, as 16 digits. Without it each round
/// would walk what a log-structured store still keeps of the entries that were removed. Stores whose
/// batches are not atomic may apply a write after it was given up, and do not keep what was removed:
/// over these there is none, and every round begins at the first entry.
///
/// **Clocks.** What is due is a matter of the time that the caller gives. One that is set back delays what is
/// already in the index, and loses nothing.
///
/// # Examples
/// ```
/// # futures::executor::block_on(async {
/// use std::time::Duration;
/// use datastore::{
///     Batch, Clock, Datastore, DatastoreExt, Expiry, ExpiryIndex, MemoryDatastore, TestClock, key,
/// };
///
/// let (store, clock) = (MemoryDatastore::new(), TestClock::new());
/// let index = ExpiryIndex::open(&store, key!("/expiry")).await?;
///
/// let record = key!("/records/a");
/// let expiry = Expiry::after(clock.now(), Duration::from_secs(60));
/// let writing = index.writing();
/// let mut batch = Batch::new().put(record.clone(), "with its expiry inside");
/// batch.extend(index.schedule(&record, None, expiry));
/// store.commit(batch).await?;
/// drop(writing);
///
/// clock.advance(Duration::from_secs(60));
/// let mut round = index.round(clock.now());
/// for due in round.due(&store, 1000).await? {
///     let mut batch = Batch::new().delete(due.key().clone());
///     batch.extend([due.settled()]);
///     store.commit(batch).await?;
/// }
/// index.passed(&store, round).await?;
/// assert!(!store.has(&record).await?);
/// # Ok::<(), datastore::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct ExpiryIndex {
    prefix: Key,
    watermark: Key,
    marks: Marks,
}

impl ExpiryIndex {
    /// Opens the index below `prefix` of a store, which there may be nothing of yet.
    ///
    /// # Errors
    /// As [`Datastore::read`]; [`InvalidKey`](crate::ErrorKind::InvalidKey) if the prefix is too long.
    pub async fn open(store: &(impl Datastore + ?Sized), prefix: Key) -> Result<Self> {
        let watermark = prefix.child("watermark")?;
        let stored = store.get(&watermark).await?;
        let passed = stored.as_deref().map_or(Some(0), read_watermark).unwrap_or_else(|| {
            tracing::warn!(%watermark, "not a watermark: the next sweep walks from the beginning");
            0
        });
        Ok(Self { prefix, watermark, marks: Marks::new(passed) })
    }

    /// Where the index lies.
    pub fn prefix(&self) -> &Key {
        &self.prefix
    }

    /// The longest key that a record can have in a store that takes keys of up to `below` bytes.
    pub fn max_key_len(&self, below: usize) -> usize {
        below.saturating_sub(self.prefix.as_bytes().len() + OVERHEAD)
    }

    /// Begins a write. While it is held, no sweep passes the places that are given since.
    pub fn writing(&self) -> ExpiryWriting<'_> {
        ExpiryWriting { index: self, hold: self.marks.hold() }
    }

    /// What has to be written with a record that will expire at `expiry`; nothing, if it never does or has
    /// an entry that will do.
    ///
    /// `before` is the expiry that the record in the store has, [`NEVER`](Expiry::NEVER) included, or `None`
    /// if there is none or that is not known: then the entry may be one more. It must not be earlier than
    /// the truth, or the record may have no entry in time; such a record ends all the same, and is not
    /// swept.
    ///
    /// An entry is never put where sweeps have been: a record that has expired by then, or whose clock was set
    /// back, is found a little later. A key longer than [`max_key_len`](Self::max_key_len) gets no entry,
    /// which is logged; refuse it before.
    pub fn schedule(&self, key: &Key, before: Option<Expiry>, expiry: Expiry) -> Option<Op> {
        let floor = self.marks.floor();
        if expiry == Expiry::NEVER || before.is_some_and(|before| has_entry(before, expiry, floor))
        {
            return None;
        }
        self.put(key, expiry.as_millis().max(floor))
    }

    /// Whether nothing has to be written with a record that expires at `before` and is to expire at `expiry`.
    /// Who keeps sweeps from the key from before it asks until the commit has returned needs no
    /// [`writing`](Self::writing).
    pub(crate) fn needs_nothing(&self, before: Expiry, expiry: Expiry) -> bool {
        has_entry(before, expiry, self.marks.floor())
    }

    /// The write that removes the entry at `expiry`, for a record that is removed before its time; nothing, if it never
    /// expires. One that came to live longer has an entry before that, which a sweep finds. Where batches are not
    /// atomic, it comes after the one that removes the record.
    pub fn unschedule(&self, key: &Key, expiry: Expiry) -> Option<Op> {
        let entry = entry_key(&self.prefix, expiry.as_millis(), key).ok();
        entry.filter(|_| expiry != Expiry::NEVER).map(|key| Op::Delete { key })
    }

    /// The entries of these records, due or not. It walks the whole index: for records of which nothing may be left,
    /// and which may have come to live longer, so that [`unschedule`](Self::unschedule) does not remove all.
    ///
    /// # Errors
    /// As [`Datastore::query_page`].
    pub async fn entries_of(
        &self,
        store: &(impl Datastore + ?Sized),
        records: &[Key],
    ) -> Result<Vec<Due>> {
        let mut found = Vec::new();
        let mut entries = store.query_keys(Query::descendants(self.prefix.clone()));
        while let Some(entry) = entries.try_next().await? {
            let due = Due::parse(&self.prefix, &entry);
            found.extend(due.filter(|due| records.contains(due.key())));
        }
        Ok(found)
    }

    /// Begins to look for what is past `now`.
    pub fn round(&self, now: SystemTime) -> ExpiryRound {
        ExpiryRound::new(self.prefix.clone(), self.marks.span(Expiry::at(now)))
    }

    /// The first entries that are due, `limit` at most, soonest first: those that a
    /// [`round`](Self::round) begins with.
    ///
    /// # Errors
    /// As [`Datastore::query_page`].
    pub async fn due(
        &self,
        store: &(impl Datastore + ?Sized),
        now: SystemTime,
        limit: usize,
    ) -> Result<Vec<Due>> {
        self.round(now).due(store, limit).await
    }

    /// The writes that move an entry to `expiry`, at which its record ends after all: the put of
    /// the new one, unless that is never, then the delete of the old one.
    pub fn moved(&self, due: &Due, expiry: Expiry) -> Vec<Op> {
        let place = expiry.as_millis().max(self.marks.floor());
        if expiry == Expiry::NEVER {
            return vec![due.settled()];
        }
        self.put(due.key(), place).into_iter().chain([due.settled()]).collect()
    }

    /// Ends a round: later ones begin behind what it settled, also after a restart. Writes the watermark if
    /// the round gave anything, or if the clock was set back; call it once all that the round gave is committed or
    /// [left](ExpiryRound::leave).
    ///
    /// # Errors
    /// As [`Datastore::commit`]; later rounds then begin where this one did, after a restart.
    pub async fn passed(
        &self,
        store: &(impl Datastore + ?Sized),
        round: ExpiryRound,
    ) -> Result<()> {
        if !store.capabilities().atomic_batches {
            return Ok(());
        }
        if let Some(to) = round.set_back_to() {
            if let Some(watermark) = self.marks.to_store_before_back(to) {
                store.commit(self.watermark_put(watermark)).await?;
            }
            self.marks.back(to);
            return Ok(());
        }
        match self.marks.advance(round.settled_until(), round.gave_any()) {
            Some(watermark) => store.commit(self.watermark_put(watermark)).await,
            None => Ok(()),
        }
    }

    /// The key of the record that an entry is for, from the key of the entry.
    pub(crate) fn record_of(&self, entry: &Key) -> Option<Key> {
        Due::parse(&self.prefix, entry).map(|due| due.key().clone())
    }

    fn put(&self, key: &Key, place: u64) -> Option<Op> {
        match entry_key(&self.prefix, place, key) {
            Ok(key) => Some(Op::Put { key, value: Bytes::new() }),
            Err(error) => {
                tracing::error!(%error, "a key is too long for the expiry index, and is not swept");
                None
            }
        }
    }

    fn watermark_put(&self, watermark: u64) -> Batch {
        Batch::new().put(self.watermark.clone(), Bytes::copy_from_slice(&digits(watermark)))
    }
}

/// A write of records that expire, under way: see [`ExpiryIndex::writing`].
#[derive(Debug)]
#[must_use = "it has to be held until the commit has returned"]
pub struct ExpiryWriting<'i> {
    index: &'i ExpiryIndex,
    hold: u64,
}

impl Drop for ExpiryWriting<'_> {
    fn drop(&mut self) {
        self.index.marks.let_go(self.hold);
    }
}

/// Whether the entry of a record that expires at `before` will do for one that expires at `expiry`.
///
/// Before the floor, the sweep may have taken it away: with the record, or because the clock was ahead.
fn has_entry(before: Expiry, expiry: Expiry, floor: u64) -> bool {
    before <= expiry && before.as_millis() >= floor
}

fn read_watermark(stored: &[u8]) -> Option<u64> {
    from_digits(<&[u8; DIGITS]>::try_from(stored).ok()?)
}
