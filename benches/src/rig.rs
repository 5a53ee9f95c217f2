use std::path::Path;
use std::sync::Arc;

use datastore::{Datastore, MemoryDatastore};
use tempfile::TempDir;

use crate::{
    BenchRuntime, Contestant, Data, KeyForm, RawFjall, RawSubject, Result, Span, StoreSubject,
    Subject, Tuning, Work, open_fjall, wrapped,
};

/// The stores of a benchmark, all with the same entries, or all empty. Gone when dropped.
pub struct Rig<'r> {
    runtime: &'r BenchRuntime,
    subjects: Vec<(Contestant, Arc<dyn Subject>)>,
    _dir: TempDir,
}

impl<'r> Rig<'r> {
    /// Opens stores for these contestants, in new directories below `dir`.
    ///
    /// # Errors
    /// Those of the stores.
    pub fn open(
        runtime: &'r BenchRuntime,
        dir: &Path,
        data: &Arc<Data>,
        contestants: &[Contestant],
    ) -> Result<Self> {
        let dir = tempfile::Builder::new().prefix("bench-").tempdir_in(dir)?;
        let asked = |any: &[Contestant]| contestants.iter().any(|one| any.contains(one));
        let mut subjects: Vec<(Contestant, Arc<dyn Subject>)> = Vec::new();

        for contestant in [Contestant::Raw, Contestant::RawAgain] {
            if asked(&[contestant]) {
                let raw = RawFjall::open(&dir.path().join(contestant.name()), &Tuning::default())?;
                subjects.push((contestant, Arc::new(RawSubject::new(raw, Arc::clone(data)))));
            }
        }
        let mut add = |store: Arc<dyn Datastore>, plain, under_wrappers| {
            let outer = wrapped(Arc::clone(&store));
            let inner = StoreSubject::new(store, Arc::clone(data), KeyForm::Whole);
            let outer = StoreSubject::new(outer, Arc::clone(data), KeyForm::BelowWrappers);
            subjects.push((plain, Arc::new(inner)));
            subjects.push((under_wrappers, Arc::new(outer)));
        };
        if asked(&[Contestant::Fjall, Contestant::FjallWrapped]) {
            let path = dir.path().join("fjall");
            let store = runtime.run(async move { open_fjall(&path, &Tuning::default()).await })?;
            add(store, Contestant::Fjall, Contestant::FjallWrapped);
        }
        if asked(&[Contestant::Memory, Contestant::MemoryWrapped]) {
            let store = Arc::new(MemoryDatastore::new());
            add(store, Contestant::Memory, Contestant::MemoryWrapped);
        }
        Ok(Self { runtime, subjects, _dir: dir })
    }

    /// Writes all entries to all stores, and waits until the engines have put them in order.
    ///
    /// # Errors
    /// Those of the stores.
    pub fn load(&self) -> Result<()> {
        for subject in self.stores() {
            self.runtime.run(async move {
                let span = Span { first: 0, ops: subject.data().entries() };
                Arc::clone(&subject).perform(Work::Batch, span).await?;
                subject.settle().await
            })?;
        }
        Ok(())
    }

    /// One who was asked for.
    ///
    /// # Errors
    /// If it was not.
    pub fn subject(&self, contestant: Contestant) -> Result<Arc<dyn Subject>> {
        let found = self.subjects.iter().find(|(name, _)| *name == contestant);
        let (_, subject) = found.ok_or_else(|| format!("{contestant:?} is not on the rig"))?;
        Ok(Arc::clone(subject))
    }

    /// Closes the stores.
    ///
    /// # Errors
    /// Those of the stores.
    pub fn close(self) -> Result<()> {
        for subject in self.stores() {
            self.runtime.run(async move { subject.close().await })?;
        }
        Ok(())
    }

    /// Each store once: wrappers close themselves, not what they wrap.
    fn stores(&self) -> impl Iterator<Item = Arc<dyn Subject>> {
        let is_wrapper = |one| matches!(one, Contestant::FjallWrapped | Contestant::MemoryWrapped);
        let stores = self.subjects.iter().filter(move |(one, _)| !is_wrapper(*one));
        stores.map(|(_, subject)| Arc::clone(subject))
    }
}

impl std::fmt::Debug for Rig<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.subjects.iter().map(|(contestant, _)| contestant);
        f.debug_list().entries(names).finish()
    }
}
