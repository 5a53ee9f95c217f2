use std::hint::black_box;
use std::sync::Arc;

use async_trait::async_trait;
use datastore::{Batch, Datastore, DatastoreExt, Key, Query};
use futures::TryStreamExt;
use tokio::task::JoinSet;

use crate::{Data, KeyForm, Result, Span, Subject, Tally, Work};

/// A store, used as its users use it: through `Arc<dyn Datastore>`, in the words of [`DatastoreExt`].
#[derive(Debug)]
pub struct StoreSubject {
    store: Arc<dyn Datastore>,
    data: Arc<Data>,
    form: KeyForm,
}

impl StoreSubject {
    /// Works on an open store, which takes keys of this form.
    pub fn new(store: Arc<dyn Datastore>, data: Arc<Data>, form: KeyForm) -> Self {
        Self { store, data, form }
    }

    fn present(&self) -> &[Key] {
        self.data.present(self.form)
    }

    async fn get(&self, keys: &[Key], span: Span) -> Result<Tally> {
        let mut tally = Tally::default();
        for (_, key) in span.of(keys) {
            if let Some(value) = self.store.get(key).await? {
                tally.add(value.len());
            }
        }
        Ok(tally)
    }

    async fn has(&self, keys: &[Key], span: Span) -> Result<Tally> {
        let mut tally = Tally::default();
        for (_, key) in span.of(keys) {
            if self.store.has(key).await? {
                tally.add(0);
            }
        }
        Ok(tally)
    }

    async fn put(&self, span: Span) -> Result<Tally> {
        let mut tally = Tally::default();
        for (number, key) in span.of(self.present()) {
            self.store.put(key, self.data.value(number)).await?;
            tally.add(0);
        }
        Ok(tally)
    }

    async fn delete(&self, span: Span) -> Result<Tally> {
        let mut tally = Tally::default();
        for (_, key) in span.of(self.present()) {
            self.store.delete(key).await?;
            tally.add(0);
        }
        Ok(tally)
    }

    async fn put_synced(&self, span: Span) -> Result<Tally> {
        let mut tally = Tally::default();
        for (number, key) in span.of(self.present()) {
            let batch = Batch::new().put(key.clone(), self.data.value(number)).synced();
            self.store.commit(batch).await?;
            tally.add(0);
        }
        Ok(tally)
    }

    async fn put_batches(&self, span: Span) -> Result<Tally> {
        let mut tally = Tally::default();
        let mut entries = span.of(self.present()).peekable();
        while entries.peek().is_some() {
            let mut batch = Batch::new();
            for (number, key) in entries.by_ref().take(Work::BATCH) {
                batch = batch.put(key.clone(), self.data.value(number));
                tally.add(0);
            }
            self.store.commit(batch).await?;
        }
        Ok(tally)
    }

    async fn pages(&self, entries: usize, span: Span) -> Result<Tally> {
        let mut tally = Tally::default();
        let mut cursor =
            Span { ops: 1, ..span }.of(self.present()).next().map(|(_, key)| key.clone());
        let mut left = span.ops;
        while left > 0 {
            let mut query = Query::all().limit(entries.min(left));
            query.after = cursor;
            let page = self.store.query_page(&query).await?;
            for entry in &page.entries {
                tally.add(entry.value().map_or(0, |value| value.len()));
            }
            left -= page.entries.len();
            // Past the end, the next page is the first one.
            cursor = page.next;
        }
        Ok(tally)
    }

    async fn scan(&self, span: Span) -> Result<Tally> {
        let mut tally = Tally::default();
        while tally.entries < span.ops as u64 {
            let mut entries = self.store.query(Query::all());
            while let Some(entry) = entries.try_next().await? {
                tally.add(entry.value().map_or(0, |value| value.len()));
            }
        }
        Ok(tally)
    }

    async fn scan_keys(&self, span: Span) -> Result<Tally> {
        let mut tally = Tally::default();
        while tally.entries < span.ops as u64 {
            let mut keys = self.store.query_keys(Query::all());
            while let Some(key) = keys.try_next().await? {
                black_box(&key);
                tally.add(0);
            }
        }
        Ok(tally)
    }
}

#[async_trait]
impl Subject for StoreSubject {
    fn data(&self) -> &Arc<Data> {
        &self.data
    }

    async fn perform(self: Arc<Self>, work: Work, span: Span) -> Result<Tally> {
        let data = &self.data;
        match work {
            Work::GetHot => self.get(data.hot(self.form), span).await,
            Work::GetAny => self.get(data.present(self.form), span).await,
            Work::GetMissing => self.get(data.absent(self.form), span).await,
            Work::HasHot => self.has(data.hot(self.form), span).await,
            Work::HasAny => self.has(data.present(self.form), span).await,
            Work::HasMissing => self.has(data.absent(self.form), span).await,
            Work::Put => self.put(span).await,
            Work::Delete => self.delete(span).await,
            Work::Batch => self.put_batches(span).await,
            Work::Page { entries } => self.pages(entries, span).await,
            Work::Scan => self.scan(span).await,
            Work::ScanKeys => self.scan_keys(span).await,
            Work::PutSynced { tasks } => {
                let mut running = JoinSet::new();
                for piece in span.split(tasks) {
                    let subject = Arc::clone(&self);
                    running.spawn(async move { subject.put_synced(piece).await });
                }
                Tally::of_all(running).await
            }
        }
    }

    async fn settle(&self) -> Result<()> {
        Ok(self.store.compact().await?)
    }

    async fn close(&self) -> Result<()> {
        Ok(self.store.close().await?)
    }
}
