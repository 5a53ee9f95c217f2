//! `Ttl` against a map of values and moments, over stores that are atomic and stores that are not, with a
//! clock that is stepped both ways, sweeps and restarts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use datastore::{
    Batch, Clock, Datastore, DatastoreExt, ErrorKind, Expiry, Fault, Injected, Key,
    MemoryDatastore, Operation, Position, Query, TestClock, Ttl, key,
};
use futures::TryStreamExt;
use futures::executor::block_on;
use proptest::prelude::*;

use crate::ttl::over;

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8),
    PutWithTtl(u8, u8, u64),
    Refresh(u8, u8, u64),
    SetTtl(u8, u64),
    PutIfAbsent(u8, u8),
    Delete(u8),
    Sweep(usize),
    Clock(i64),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (key, value, ttl) = (0..6_u8, 0..9_u8, 0..40_u64);
    let step = prop_oneof![
        (key.clone(), value.clone()).prop_map(|(key, value)| Step::Put(key, value)),
        (key.clone(), value.clone(), ttl.clone())
            .prop_map(|(key, value, ttl)| Step::PutWithTtl(key, value, ttl)),
        (key.clone(), value.clone(), ttl.clone())
            .prop_map(|(key, value, ttl)| Step::Refresh(key, value, ttl)),
        (key.clone(), ttl).prop_map(|(key, ttl)| Step::SetTtl(key, ttl)),
        (key.clone(), value).prop_map(|(key, value)| Step::PutIfAbsent(key, value)),
        key.prop_map(Step::Delete),
        (1..9_usize).prop_map(Step::Sweep),
        (0..30_i64).prop_map(Step::Clock),
        (-60..0_i64).prop_map(Step::Clock),
        Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..60)
}

type Below = Arc<Fault<MemoryDatastore>>;

struct Model {
    clock: TestClock,
    values: BTreeMap<Key, (String, Expiry)>,
}

impl Model {
    fn live(&self, key: &Key) -> Option<&(String, Expiry)> {
        self.values.get(key).filter(|(_, expiry)| !expiry.is_past(self.clock.now()))
    }

    fn put(&mut self, key: Key, value: String, ttl: Option<u64>) {
        let expiry = ttl.map_or(Expiry::NEVER, |ttl| self.after(ttl));
        // What expires at once is removed at once.
        if expiry.is_past(self.clock.now()) {
            self.values.remove(&key);
        } else {
            self.values.insert(key, (value, expiry));
        }
    }

    fn after(&self, ttl: u64) -> Expiry {
        Expiry::after(self.clock.now(), Duration::from_millis(ttl))
    }
}

fn name(number: u8) -> Key {
    key!("/k").child([b'a' + number]).unwrap()
}

async fn take(store: &Ttl<Below>, model: &mut Model, step: &Step) {
    let ttl = Duration::from_millis;
    match *step {
        Step::Put(key, value) => {
            store.put(&name(key), value.to_string()).await.unwrap();
            model.put(name(key), value.to_string(), None);
        }
        Step::PutWithTtl(key, value, for_so_long) => {
            store.put_with_ttl(&name(key), value.to_string(), ttl(for_so_long)).await.unwrap();
            model.put(name(key), value.to_string(), Some(for_so_long));
        }
        Step::Refresh(key, value, for_so_long) => {
            // One who refreshes knows of a value that is there, or was until it expired.
            let Some((_, known)) = model.values.get(&name(key)).cloned() else { return };
            store.refresh(&name(key), value.to_string(), known, ttl(for_so_long)).await.unwrap();
            model.put(name(key), value.to_string(), Some(for_so_long));
        }
        Step::SetTtl(key, for_so_long) => {
            let result = store.set_ttl(&name(key), ttl(for_so_long)).await;
            match model.live(&name(key)).cloned() {
                Some((value, _)) => {
                    assert_eq!(result.unwrap(), model.after(for_so_long));
                    model.put(name(key), value, Some(for_so_long));
                }
                None => assert_eq!(result.unwrap_err().kind(), ErrorKind::NotFound),
            }
        }
        Step::PutIfAbsent(key, value) => {
            let batch = Batch::new().put(name(key), value.to_string()).absent(name(key));
            let result = store.commit(batch).await;
            if model.live(&name(key)).is_some() {
                assert_eq!(result.unwrap_err().kind(), ErrorKind::Conflict);
            } else {
                result.unwrap();
                model.put(name(key), value.to_string(), None);
            }
        }
        Step::Delete(key) => {
            store.delete(&name(key)).await.unwrap();
            model.values.remove(&name(key));
        }
        Step::Sweep(budget) => {
            let report = store.sweep(budget).await.unwrap();
            let before = model.values.len() as u64;
            // What a sweep did not come to is there again once the clock is set back.
            for key in model.values.keys().cloned().collect::<Vec<_>>() {
                if !store.inner().has(&key).await.unwrap() {
                    let (_, expiry) = model.values.remove(&key).unwrap();
                    assert!(expiry.is_past(model.clock.now()), "{key} had not expired");
                }
            }
            assert_eq!(before - model.values.len() as u64, report.removed);
        }
        Step::Clock(by) => {
            let step = Duration::from_millis(by.unsigned_abs());
            if by < 0 {
                model.clock.set_now(model.clock.now() - step);
            } else {
                model.clock.advance(step);
            }
        }
        Step::Reopen => {}
    }
}

async fn compare(store: &Ttl<Below>, model: &Model) {
    let expected: Vec<(Key, String)> = (model.values.keys())
        .filter_map(|key| Some((key.clone(), model.live(key)?.0.clone())))
        .collect();
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    let entries: Vec<_> = store.query(Query::all()).try_collect().await.unwrap();
    let found = entries.iter().map(|entry| (entry.key().clone(), text(entry.value().unwrap())));
    assert_eq!(found.collect::<Vec<_>>(), expected);
    let first: Vec<_> = store.query_keys(Query::all().limit(2)).try_collect().await.unwrap();
    assert_eq!(first, expected.iter().map(|(key, _)| key.clone()).take(2).collect::<Vec<_>>());
    for key in (0..6).map(name) {
        let live = model.live(&key);
        let value = store.get(&key).await.unwrap();
        assert_eq!(value.as_deref().map(text).as_ref(), live.map(|(value, _)| value));
        assert_eq!(store.expiration(&key).await.unwrap(), live.map(|(_, expiry)| *expiry));
        let size = store.size(&key).await.unwrap();
        assert_eq!(size, live.map(|(value, _)| value.len() as u64));
    }
}

async fn run(steps: &[Step], best_effort: bool) {
    let below = Arc::new(Fault::new(MemoryDatastore::new()));
    if best_effort {
        // It never meets a call, and while it is there batches are not atomic.
        below.inject(Operation::Commit, Position::Nth(u64::MAX), Injected::Torn(0));
    }
    let clock = TestClock::new();
    let mut model = Model { clock: clock.clone(), values: BTreeMap::new() };
    let mut store = over(Arc::clone(&below), &clock).await;
    for step in steps {
        if matches!(step, Step::Reopen) {
            store = over(Arc::clone(&below), &clock).await;
        }
        take(&store, &mut model, step).await;
        compare(&store, &model).await;
    }
    clock.advance(Duration::from_secs(100));
    store.sweep(usize::MAX).await.unwrap();
    store.sweep(usize::MAX).await.unwrap();
    model.values.retain(|_, (_, expiry)| *expiry == Expiry::NEVER);
    compare(&store, &model).await;
    let mut left: Vec<Key> = below.query_keys(Query::all()).try_collect().await.unwrap();
    left.retain(|key| !key!("/.ttl").is_ancestor_of(key) || key.segments().count() > 3);
    assert_eq!(left, model.values.keys().cloned().collect::<Vec<_>>());
}

proptest! {
    #[test]
    fn values_that_expire_are_as_a_map_has_them(steps in steps(), best_effort: bool) {
        block_on(run(&steps, best_effort));
    }
}
