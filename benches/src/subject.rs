use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::task::JoinSet;

use crate::{Data, Result, Work};

/// Something that can do any [`Work`]: the loops are within, so that calling it costs nothing that
/// counts.
#[async_trait]
pub trait Subject: Send + Sync + 'static {
    /// The entries it works on.
    fn data(&self) -> &Arc<Data>;

    /// Does the work.
    ///
    /// # Errors
    /// Those of the store.
    async fn perform(self: Arc<Self>, work: Work, span: Span) -> Result<Tally>;

    /// Brings what was written into the shape that it is read in: no memtable, one level.
    ///
    /// # Errors
    /// Those of the store.
    async fn settle(&self) -> Result<()>;

    /// Lets go of the store.
    ///
    /// # Errors
    /// Those of the store.
    async fn close(&self) -> Result<()>;
}

/// Which entries are worked on: so many operations from a number on, around the end if need be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The number of the first entry.
    pub first: usize,
    /// How many operations.
    pub ops: usize,
}

impl Span {
    /// These of the items, each with its number.
    pub fn of<T: Sync>(self, items: &[T]) -> impl Iterator<Item = (usize, &T)> + Send {
        let first = self.first.checked_rem(items.len()).unwrap_or_default();
        items.iter().enumerate().cycle().skip(first).take(self.ops)
    }

    /// The span in pieces, one for each of so many tasks.
    pub fn split(self, tasks: usize) -> impl Iterator<Item = Self> {
        let bounds = move |task| self.ops * task / tasks;
        let piece = move |Range { start, end }: Range<usize>| Self {
            first: self.first + start,
            ops: end - start,
        };
        (0..tasks).map(move |task| piece(bounds(task)..bounds(task + 1)))
    }
}

/// What came of a piece of work. Two subjects that did the same work have the same tally: a
/// difference says that they were not compared at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Entries found, or written.
    pub entries: u64,
    /// Bytes of the values found.
    pub bytes: u64,
}

impl Tally {
    /// Counts an entry and the bytes of its value.
    pub fn add(&mut self, bytes: usize) {
        self.entries += 1;
        self.bytes += bytes as u64;
    }

    /// What came of all these tasks together.
    ///
    /// # Errors
    /// That of the first task that failed.
    pub async fn of_all(mut tasks: JoinSet<Result<Self>>) -> Result<Self> {
        let mut sum = Self::default();
        while let Some(tally) = tasks.join_next().await {
            let Self { entries, bytes } = tally??;
            sum.entries += entries;
            sum.bytes += bytes;
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_goes_around_the_end() {
        let items: Vec<_> = Span { first: 12, ops: 4 }.of(&["a", "b", "c", "d", "e"]).collect();
        assert_eq!(items, [(2, &"c"), (3, &"d"), (4, &"e"), (0, &"a")]);
    }

    #[test]
    fn the_pieces_of_a_span_are_the_whole() {
        let span = Span { first: 7, ops: 130 };
        let items = [(); 1000];
        let pieces: Vec<_> = span.split(64).flat_map(|piece| piece.of(&items)).collect();
        assert_eq!(pieces, span.of(&items).collect::<Vec<_>>());
    }
}
