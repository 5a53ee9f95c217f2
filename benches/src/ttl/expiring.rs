use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use datastore::{
    Clock, Datastore, DatastoreExt, Expiry, MANY_OPS, Query, TestClock, Ttl, TtlOptions, key,
};

use super::TtlScale;
use super::keys::{batches, numbered, value};
use crate::measure::now;
use crate::{BenchRuntime, Result, Tuning, open_fjall};

/// A store of values that expire, some of them from round to round.
pub(super) struct Expiring {
    store: Ttl<Arc<dyn Datastore>>,
    clock: TestClock,
    due: usize,
    /// When the others expire.
    late: Expiry,
}

/// The time from round to round.
const ROUND: Duration = Duration::from_secs(60);

/// Values of one round expire so many at a time, a millisecond apart.
pub(super) const AT_ONCE: usize = 10;

/// The TTL of what does not expire in any round.
const LATE: Duration = Duration::from_secs(1_000_000);

impl Expiring {
    pub(super) fn load(
        runtime: &BenchRuntime,
        dir: &Path,
        scale: TtlScale,
        stored: usize,
    ) -> Result<Arc<Self>> {
        let dir = dir.to_owned();
        runtime.run(async move {
            let (below, clock) = (open_fjall(&dir, &Tuning::default()).await?, TestClock::new());
            let options = TtlOptions { sweep_interval: Duration::MAX, ..TtlOptions::default() };
            let time = Arc::new(clock.clone());
            let store = Ttl::with_clock(Arc::clone(&below), options, time).await?;
            for (round, end) in (0..scale.rounds).zip(1..) {
                let mut ttl = ROUND * end;
                for batch in batches(scale.due_in(round), AT_ONCE) {
                    store.commit_with_ttl(batch?, ttl).await?;
                    ttl -= Duration::from_millis(1);
                }
            }
            for batch in batches(scale.all_due().end..stored, MANY_OPS) {
                store.commit_with_ttl(batch?, LATE).await?;
            }
            below.compact().await?;
            let late = Expiry::after(clock.now(), LATE);
            Ok(Arc::new(Self { store, clock, due: scale.due, late }))
        })
    }

    /// Sweeps what expires in a round; the time of each value.
    pub(super) async fn sweep(self: Arc<Self>) -> Result<f64> {
        self.clock.advance(ROUND);
        let start = now();
        let report = self.store.sweep(usize::MAX).await?;
        let took = start.elapsed();
        if report.removed != self.due as u64 {
            return Err(format!("a sweep of {report:?}").into());
        }
        Ok(took.as_nanos() as f64 / self.due as f64)
    }

    pub(super) async fn sweep_of_nothing(self: Arc<Self>) -> Result<f64> {
        self.clock.advance(Duration::from_millis(1));
        let start = now();
        let report = self.store.sweep(usize::MAX).await?;
        let took = start.elapsed();
        if report.looked != 0 {
            return Err(format!("a sweep of {report:?}").into());
        }
        Ok(took.as_nanos() as f64)
    }

    pub(super) async fn page_of_nothing(self: Arc<Self>) -> Result<f64> {
        let query = Query::range(key!("/.ttl/expiry/0")..key!("/.ttl/expiry/00")).keys_only();
        let start = now();
        let page = self.store.inner().query_page(&query).await?;
        let took = start.elapsed();
        if !page.entries.is_empty() {
            return Err(format!("a page of {page:?}").into());
        }
        Ok(took.as_nanos() as f64)
    }

    /// Refreshes values whose expiry is known; the time of each.
    pub(super) async fn refresh(
        self: Arc<Self>,
        numbers: impl Iterator<Item = usize>,
    ) -> Result<f64> {
        let keys = numbers.map(numbered).collect::<Result<Vec<_>>>()?;
        let start = now();
        for key in &keys {
            self.store.refresh(key, value(), self.late, LATE).await?;
        }
        Ok(start.elapsed().as_nanos() as f64 / keys.len() as f64)
    }

    /// How many entries the index has once each of so many values was refreshed ten times, half of the
    /// times by callers who know its expiry, with sweeps in between.
    pub(super) async fn entries_after_refreshes(self: Arc<Self>, stored: usize) -> Result<f64> {
        for _ in 0..5 {
            let mut known = Vec::with_capacity(stored);
            for number in 0..stored {
                known.push(self.store.put_with_ttl(&numbered(number)?, value(), LATE).await?);
            }
            self.clock.advance(LATE / 4);
            for (number, known) in known.into_iter().enumerate() {
                self.store.refresh(&numbered(number)?, value(), known, LATE).await?;
            }
            self.clock.advance(LATE / 4);
            self.store.sweep(usize::MAX).await?;
        }
        let index = Query::descendants(key!("/.ttl/expiry"));
        let watermark = u64::from(self.store.inner().has(&key!("/.ttl/expiry/watermark")).await?);
        Ok((self.store.inner().count(index).await? - watermark) as f64)
    }
}
