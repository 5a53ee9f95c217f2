use std::hint::black_box;
use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use datastore::Key;
use fjall::{Guard, PersistMode, Readable, Slice};
use tokio::task::JoinSet;

use crate::{Data, KeyForm, RawFjall, Result, Span, Subject, Tally, Work};

/// Raw fjall, as its documentation has it used: called from within a task, scans through a
/// snapshot, keys and values of a page gathered.
#[derive(Debug)]
pub struct RawSubject {
    raw: RawFjall,
    data: Arc<Data>,
}

impl RawSubject {
    /// Works on an open database.
    pub fn new(raw: RawFjall, data: Arc<Data>) -> Self {
        Self { raw, data }
    }

    fn get(&self, keys: &[Key], span: Span) -> Result<Tally> {
        let mut tally = Tally::default();
        for (_, key) in span.of(keys) {
            if let Some(value) = self.raw.keyspace().get(key.as_bytes())? {
                tally.add(value.len());
            }
        }
        Ok(tally)
    }

    fn has(&self, keys: &[Key], span: Span) -> Result<Tally> {
        let mut tally = Tally::default();
        for (_, key) in span.of(keys) {
            if self.raw.keyspace().contains_key(key.as_bytes())? {
                tally.add(0);
            }
        }
        Ok(tally)
    }

    fn put(&self, span: Span) -> Result<Tally> {
        let mut tally = Tally::default();
        for (number, key) in span.of(self.data.present(KeyForm::Whole)) {
            self.raw.keyspace().insert(key.as_bytes(), &*self.data.value(number))?;
            tally.add(0);
        }
        Ok(tally)
    }

    fn delete(&self, span: Span) -> Result<Tally> {
        let mut tally = Tally::default();
        for (_, key) in span.of(self.data.present(KeyForm::Whole)) {
            self.raw.keyspace().remove(key.as_bytes())?;
            tally.add(0);
        }
        Ok(tally)
    }

    fn put_synced(&self, span: Span) -> Result<Tally> {
        let mut tally = Tally::default();
        for (number, key) in span.of(self.data.present(KeyForm::Whole)) {
            let mut batch = self.raw.db().batch().durability(Some(PersistMode::SyncData));
            batch.insert(self.raw.keyspace(), key.as_bytes(), &*self.data.value(number));
            batch.commit()?;
            tally.add(0);
        }
        Ok(tally)
    }

    fn put_batches(&self, span: Span) -> Result<Tally> {
        let mut tally = Tally::default();
        let mut entries = span.of(self.data.present(KeyForm::Whole)).peekable();
        while entries.peek().is_some() {
            let mut batch = self.raw.db().batch().durability(Some(PersistMode::Buffer));
            for (number, key) in entries.by_ref().take(Work::BATCH) {
                batch.insert(self.raw.keyspace(), key.as_bytes(), &*self.data.value(number));
                tally.add(0);
            }
            batch.commit()?;
        }
        Ok(tally)
    }

    fn pages(&self, entries: usize, span: Span) -> Result<Tally> {
        let mut tally = Tally::default();
        let first = Span { ops: 1, ..span }.of(self.data.present(KeyForm::Whole)).next();
        let mut cursor = first.map(|(_, key)| Slice::from(key.as_bytes()));
        let mut left = span.ops;
        while left > 0 {
            let most = entries.min(left);
            let start = cursor.map_or(Bound::Unbounded, Bound::Excluded);
            let mut page = Vec::with_capacity(most);
            let range = (start, Bound::Unbounded);
            for guard in self.raw.db().snapshot().range(self.raw.keyspace(), range).take(most) {
                page.push(guard.into_inner()?);
            }
            page.iter().for_each(|(_, value)| tally.add(value.len()));
            left -= page.len();
            // Past the end, the next page is the first one.
            cursor = if page.len() < most { None } else { page.pop().map(|(key, _)| key) };
        }
        Ok(tally)
    }

    fn scan(
        &self,
        span: Span,
        read: impl Fn(Guard) -> fjall::Result<(Slice, Slice)>,
    ) -> Result<Tally> {
        let mut tally = Tally::default();
        while tally.entries < span.ops as u64 {
            for guard in self.raw.db().snapshot().iter(self.raw.keyspace()) {
                let (key, value) = read(guard)?;
                black_box(&key);
                tally.add(value.len());
            }
        }
        Ok(tally)
    }
}

#[async_trait]
impl Subject for RawSubject {
    fn data(&self) -> &Arc<Data> {
        &self.data
    }

    async fn perform(self: Arc<Self>, work: Work, span: Span) -> Result<Tally> {
        let data = &self.data;
        match work {
            Work::GetHot => self.get(data.hot(KeyForm::Whole), span),
            Work::GetAny => self.get(data.present(KeyForm::Whole), span),
            Work::GetMissing => self.get(data.absent(KeyForm::Whole), span),
            Work::HasHot => self.has(data.hot(KeyForm::Whole), span),
            Work::HasAny => self.has(data.present(KeyForm::Whole), span),
            Work::HasMissing => self.has(data.absent(KeyForm::Whole), span),
            Work::Put => self.put(span),
            Work::Delete => self.delete(span),
            Work::Batch => self.put_batches(span),
            Work::Page { entries } => self.pages(entries, span),
            Work::Scan => self.scan(span, Guard::into_inner),
            Work::ScanKeys => self.scan(span, |guard| Ok((guard.key()?, Slice::default()))),
            Work::PutSynced { tasks } => {
                let mut running = JoinSet::new();
                for piece in span.split(tasks) {
                    let subject = Arc::clone(&self);
                    running.spawn(async move { subject.put_synced(piece) });
                }
                Tally::of_all(running).await
            }
        }
    }

    async fn settle(&self) -> Result<()> {
        self.raw.settle().await
    }

    async fn close(&self) -> Result<()> {
        // Dropping it closes it.
        Ok(())
    }
}
