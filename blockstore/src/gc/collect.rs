use std::sync::Arc;

use datastore::{Batch, Datastore, DatastoreExt, Error, ErrorKind, Outcome, Result};

use super::gate::Run;
use super::leaves::Leaves;
use super::mark::{Marker, NAMED, refusal};
use super::marks::{Marks, Tally};
use super::state::{self, Phase, STATE, State};
use super::sweep::Sweeper;
use super::{GcOptions, GcPhase, GcProgress, GcReport};
use crate::Blockstore;
use crate::store::no_block;

impl Blockstore {
    /// Deletes the blocks that no pin reaches, or goes on with a run that was left unfinished: by an
    /// error, because its future was dropped, or because the process ended.
    ///
    /// **Beside others.** Readers, writers and pins go on meanwhile. A block stays that is put after the
    /// run began, also one that was there and whose put wrote nothing, and so does what is pinned then.
    /// What was put before and is not pinned goes, unless a [`Hold`](crate::Hold) keeps it. What is
    /// unpinned during a run may stay until the next. All writers must share one [`Blockstore`] (clones of
    /// it), in one process. An explicit [`delete`](Self::delete) is not held up by pins or runs. A put that
    /// was begun and is not polled keeps runs waiting, and they the puts that come after.
    ///
    /// **Unfinished runs.** While there is one, puts mark their blocks, also after the store was opened
    /// anew; [`discard_collection`](Self::discard_collection) ends that. Only one call at a time collects.
    /// Do not drop it over a store whose batches are not atomic: a delete that was under way may land
    /// after the block was put anew.
    ///
    /// **What is looked at.** Of every block that pins reach, whether it is there. Read and verified, as
    /// [`get`](Self::get) does, are those whose codec has links. Of raw leaves and of what is pinned directly,
    /// damage is not seen: [`scrub`](Self::scrub) finds it.
    ///
    /// **Costs.** Each CID that is reached is a read and a write of a mark, and, if its codec has links, a read of
    /// the block. All blocks are listed once, and before that once where there are leaves; then the marks are deleted.
    /// Memory is bounded: a page of blocks and marks, a few thousand CIDs, 16 blocks, and the links of one.
    /// While a run is unfinished, each put writes one row more for each block, in the same commit. Writers
    /// wait while a page with garbage in it is deleted: a listing of marks and one commit, 1000 blocks at
    /// most. Over a remote store, let the marks go elsewhere:
    /// [`BlockstoreOptions::marks`](crate::BlockstoreOptions::marks).
    ///
    /// **Dry runs** count what would go. They stand apart: an unfinished run stays as it is, holds are not
    /// waited for, writers do not mark, and no rows are left behind (those of a dry run that did not end go
    /// with the next run, dry or not).
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] if blocks that pins reach are missing, or damaged as far as that
    /// is looked at, or have a codec whose links are not known, or if the row of a pin names no CID: nothing
    /// was deleted, and the run is discarded. The source names the blocks; it is of the kind
    /// [`ErrorKind::NotFound`] if all of them are missing, so that
    /// [`despite_missing`](GcOptions::despite_missing) would go on. [`ErrorKind::Unavailable`] if another
    /// call collects. Those of the datastore; the next call goes on then.
    ///
    /// # Examples
    /// ```
    /// # futures::executor::block_on(async {
    /// use std::sync::Arc;
    /// use datastore::MemoryDatastore;
    /// use datastore_blocks::{Block, Blockstore, GcOptions, PinOptions, RAW};
    ///
    /// let blocks = Blockstore::open(Arc::new(MemoryDatastore::new())).await?;
    /// let (kept, garbage) = (Block::new(RAW, "kept"), Block::new(RAW, "garbage"));
    /// blocks.put_batch(vec![kept.clone(), garbage.clone()]).await?;
    /// blocks.pins().pin_recursive(kept.cid(), PinOptions::new()).await?;
    ///
    /// let report = blocks.collect_garbage(GcOptions::new()).await?;
    /// assert_eq!((report.kept, report.swept), (1, 1));
    /// assert!(!blocks.has(garbage.cid()).await?);
    /// # Ok::<(), datastore::Error>(()) }).unwrap();
    /// ```
    pub async fn collect_garbage(&self, options: GcOptions) -> Result<GcReport> {
        let _only = self.inner.gate.collector.try_lock().ok_or_else(busy)?;
        let mut run = if options.dry_run {
            Collection::dry(self, options).await?
        } else {
            Collection::resume_or_begin(self, options).await?
        };
        run.finish().await
    }

    /// How far an unfinished run is; `None` if there is none.
    ///
    /// # Errors
    /// Those of the datastore.
    pub async fn unfinished_collection(&self) -> Result<Option<GcPhase>> {
        let state = state::unfinished(&self.inner.store).await?;
        Ok(state.map(|state| state.phase.into()))
    }

    /// Gives an unfinished run up, and removes its marks; whether there was one. What it deleted was
    /// garbage.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] while a call collects; those of the datastore.
    pub async fn discard_collection(&self) -> Result<bool> {
        let _only = self.inner.gate.collector.try_lock().ok_or_else(busy)?;
        let there = self.inner.store.has(&STATE).await?;
        forget(self).await?;
        Ok(there)
    }

    /// Where marks go, and whether that is another store.
    fn mark_store(&self) -> (&Arc<dyn Datastore>, bool) {
        let marks = self.inner.options.marks.as_ref();
        (marks.unwrap_or(&self.inner.store), marks.is_some())
    }
}

/// A run, by the one call that collects.
struct Collection<'b> {
    blocks: &'b Blockstore,
    options: GcOptions,
    marks: Marks,
    state: State,
    /// Holds before this one are waited for.
    horizon: u64,
    resumed: bool,
}

impl<'b> Collection<'b> {
    async fn resume_or_begin(blocks: &'b Blockstore, options: GcOptions) -> Result<Self> {
        let inner = &blocks.inner;
        let unfinished = state::recover(&inner.store, inner.options.marks.as_ref()).await?;
        let run = inner.gate.run().await;
        if let Some((state, marks)) = unfinished {
            // Without it, writers did not mark for this run.
            let marking = run.filter(|run| run.marks.run == state.run);
            // What was missing was passed over with a permission that this call does not give.
            let missing = state.missing.max(marks.tally().await?.unwrap_or_default().missing);
            let permitted = options.despite_missing || missing == 0;
            if state.phase == Phase::Clean || (marking.is_some() && permitted) {
                let horizon = marking.map_or(0, |run| run.horizon);
                return Ok(Self { blocks, options, marks, state, horizon, resumed: true });
            }
            // Before its marks: with some of them gone it must not be gone on with.
            inner.store.delete(&STATE).await?;
        }
        Self::begin(blocks, options).await
    }

    async fn begin(blocks: &'b Blockstore, options: GcOptions) -> Result<Self> {
        let (store, external) = blocks.mark_store();
        remove_all(blocks, None).await?;
        let marks = Marks::new(store, external)?;
        let state = State::new(&marks);

        let mut turn = blocks.inner.gate.alone().await;
        let horizon = blocks.inner.gate.holds.horizon();
        // Before the commit, of which it may not be known whether it came to pass.
        turn.begin(Run { marks: marks.clone(), horizon });
        if let Err(error) = first_rows(blocks, &marks, &state).await {
            // Known not to have come to pass, or nobody marks and it is not gone on with.
            if let Ok(false) = blocks.inner.store.has(&STATE).await {
                turn.run = None;
            }
            return Err(error);
        }
        drop(turn);
        Ok(Self { blocks, options, marks, state, horizon, resumed: false })
    }

    async fn dry(blocks: &'b Blockstore, options: GcOptions) -> Result<Self> {
        let unfinished = state::unfinished(&blocks.inner.store).await?;
        remove_all(blocks, unfinished.map(|state| state.run)).await?;
        let (store, external) = blocks.mark_store();
        let marks = Marks::new(store, external)?;
        let state = State::new(&marks);
        Ok(Self { blocks, options, marks, state, horizon: 0, resumed: false })
    }

    async fn finish(&mut self) -> Result<GcReport> {
        let done = self.phases().await;
        let Err(error) = &done else { return done };
        let tidied = match error.kind() {
            _ if self.options.dry_run => self.marks.remove().await,
            // It would end like this again, also once what is missing was unpinned.
            ErrorKind::Corrupt => forget(self.blocks).await,
            _ => Ok(()),
        };
        if let Err(error) = tidied {
            tracing::warn!(%error, "the marks of a collection that failed are left to the next");
        }
        done
    }

    async fn phases(&mut self) -> Result<GcReport> {
        self.tell();
        if self.state.phase == Phase::Roots {
            self.roots().await?;
        }
        if self.state.phase == Phase::Mark {
            self.mark().await?;
        }
        if self.state.phase == Phase::Leaves {
            self.leaves().await?;
        }
        let sweeper =
            Sweeper { blocks: self.blocks, marks: &self.marks, dry_run: self.options.dry_run };
        while self.state.phase == Phase::Sweep {
            sweeper.step(&mut self.state).await?;
            self.tell();
        }
        self.clean().await?;
        Ok(GcReport::of(&self.state, self.resumed))
    }

    async fn roots(&mut self) -> Result<()> {
        self.blocks.inner.gate.holds.wait_for(self.horizon).await;
        let despite_missing = self.options.despite_missing;
        let mut marker = Marker::new(self.blocks, &self.marks, despite_missing).await?;
        loop {
            let next = marker.roots(self.state.cursor()?).await?;
            match &next {
                Some(next) => self.state.cursor = Some(next.to_string()),
                None => self.state.enter(Phase::Mark),
            }
            self.state.marked = marker.tally.marked;
            self.save().await?;
            if next.is_none() {
                return Ok(());
            }
        }
    }

    async fn mark(&mut self) -> Result<()> {
        let marks = self.marks.clone();
        let mut marker = Marker::new(self.blocks, &marks, self.options.despite_missing).await?;
        while marker.step().await? {
            self.state.marked = marker.tally.marked;
            self.tell();
        }
        (self.state.marked, self.state.missing) = (marker.tally.marked, marker.tally.missing);
        self.state.enter(Phase::Leaves);
        self.save().await
    }

    async fn leaves(&mut self) -> Result<()> {
        let leaves = Leaves { blocks: self.blocks, marks: &self.marks };
        let mut named = Vec::new();
        while self.state.phase == Phase::Leaves && named.len() < NAMED {
            let (missing, next) = leaves.missing(self.state.cursor()?).await?;
            if !self.options.despite_missing {
                named.extend(missing.iter().take(NAMED - named.len()).map(no_block));
            }
            self.state.missing += missing.len() as u64;
            match next {
                Some(next) => self.state.cursor = Some(next.to_string()),
                None => self.state.enter(Phase::Sweep),
            }
            // A run that is resumed does not pass over what is missing.
            if named.is_empty() {
                self.save().await?;
            }
        }
        if named.is_empty() { Ok(()) } else { Err(refusal(&named.iter().collect::<Vec<_>>())) }
    }

    async fn clean(&mut self) -> Result<()> {
        if !self.options.dry_run {
            self.blocks.inner.gate.alone().await.run = None;
        }
        self.marks.remove().await?;
        if !self.options.dry_run {
            self.blocks.inner.store.delete(&STATE).await?;
        }
        Ok(())
    }

    /// Commits how far the run is, after the marks that it says are there.
    async fn save(&self) -> Result<()> {
        self.tell();
        if self.options.dry_run {
            return Ok(());
        }
        if self.marks.external {
            self.marks.store.sync().await?;
        }
        self.blocks.inner.store.commit(Batch::from_iter([self.state.op()?])).await
    }

    fn tell(&self) {
        if let Some(progress) = &self.options.progress {
            progress(&GcProgress::of(&self.state));
        }
    }
}

/// Commits the first rows of a run, its state last.
async fn first_rows(blocks: &Blockstore, marks: &Marks, state: &State) -> Result<()> {
    let (whole, state) = (marks.say(&Tally::default())?, state.op()?);
    if !marks.external {
        return marks.store.commit(Batch::from_iter([whole, state])).await;
    }
    marks.store.commit(Batch::from_iter([whole])).await?;
    marks.store.sync().await?;
    blocks.inner.store.commit(Batch::from_iter([state])).await
}

/// Removes the state first: a run without it is not resumed, whatever marks are left.
async fn forget(blocks: &Blockstore) -> Result<()> {
    let mut turn = blocks.inner.gate.alone().await;
    blocks.inner.store.delete(&STATE).await?;
    turn.run = None;
    drop(turn);
    remove_all(blocks, None).await
}

/// Removes the marks of all runs but one, wherever they may be.
async fn remove_all(blocks: &Blockstore, but: Option<u64>) -> Result<()> {
    if let Some(scratch) = &blocks.inner.options.marks {
        Marks::remove_all(&**scratch, but).await?;
    }
    Marks::remove_all(&*blocks.inner.store, but).await
}

fn busy() -> Error {
    let message = "garbage is being collected already; wait for that call, or drop it";
    Error::new(ErrorKind::Unavailable, message).with_outcome(Outcome::NotApplied)
}
