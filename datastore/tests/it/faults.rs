//! Every failure at every position.

use std::sync::Arc;
use std::time::Duration;

use datastore::{
    Batch, Datastore, DatastoreExt, ErrorKind, Fault, Injected, Key, MemoryDatastore, Operation,
    Outcome, Partial, Position, Query, TestClock, Want, key,
};
use futures::FutureExt;
use futures::executor::block_on;

use crate::model::{keys, store_of};

const CALLS: u64 = 7;

const OPERATIONS: [Operation; 8] = [
    Operation::Read,
    Operation::QueryPage,
    Operation::Commit,
    Operation::Snapshot,
    Operation::Sync,
    Operation::DiskUsage,
    Operation::Compact,
    Operation::Check,
];

/// Whether a position meets the n-th call.
type Meets = fn(u64) -> bool;

const POSITIONS: [(Position, Meets); 7] = [
    (Position::Nth(0), |call| call == 0),
    (Position::Nth(3), |call| call == 3),
    (Position::From(0), |_| true),
    (Position::From(5), |call| call >= 5),
    (Position::Every(1), |_| true),
    (Position::Every(3), |call| call % 3 == 2),
    (Position::Every(0), |_| false),
];

const HOUR: Duration = Duration::from_secs(3600);

/// What a call gave, as far as an injected failure can show in it.
#[derive(Debug, PartialEq)]
enum Seen {
    Ok,
    Failed(ErrorKind, Option<Outcome>),
    Torn(Partial),
    Short(Option<Key>),
    Waited,
}

struct Subject {
    store: Fault<MemoryDatastore>,
    clock: TestClock,
    /// The keys that a commit puts: the second is there if all of it landed.
    puts: [Key; 2],
}

impl Subject {
    fn new() -> Self {
        let clock = TestClock::new();
        let below = store_of(&keys(&["/a", "/b", "/c"]));
        let store = Fault::with_clock(below, Arc::new(clock.clone()));
        Self { store, clock, puts: [key!("/y"), key!("/z")] }
    }

    /// Makes one call, stepping the clock if it waits for it.
    fn call(&self, operation: Operation) -> Seen {
        let store = &self.store;
        let [first, second] = self.puts.clone();
        let key = key!("/a");
        let query = Query::all().limit(3);
        let call = async {
            match operation {
                Operation::Read => store.read(&key, Want::Value).await.map(|_| None),
                Operation::QueryPage => store.query_page(&query).await.map(Some),
                Operation::Commit => {
                    store.commit(Batch::new().put(first, "").put(second, "")).await.map(|()| None)
                }
                Operation::Snapshot => store.snapshot().await.map(|_| None),
                Operation::Sync => store.sync().await.map(|()| None),
                // Memory has none: what is not injected fails too, in its own way.
                Operation::DiskUsage => match store.disk_usage().await {
                    Err(error) if error.kind() == ErrorKind::Unsupported => Ok(None),
                    other => other.map(|_| None),
                },
                Operation::Compact => store.compact().await.map(|()| None),
                Operation::Check => store.check().await.map(|_| None),
                Operation::Close => store.close().await.map(|()| None),
            }
        };
        let mut call = Box::pin(call);
        let mut waited = false;
        let result = match call.as_mut().now_or_never() {
            Some(result) => result,
            None => {
                waited = true;
                assert_eq!(self.clock.sleepers(), 1);
                self.clock.advance(HOUR);
                block_on(call)
            }
        };
        match result {
            Err(error) => match error.partial() {
                Some(partial) => Seen::Torn(partial.clone()),
                None => Seen::Failed(error.kind(), error.outcome()),
            },
            Ok(_) if waited => Seen::Waited,
            Ok(Some(page)) if page.entries.len() < 3 => Seen::Short(page.next),
            Ok(_) => Seen::Ok,
        }
    }

    /// How many operations of a commit landed, and makes room for the next.
    fn landed(&self) -> usize {
        let below = self.store.inner();
        let landed = self.puts.iter().filter(|key| block_on(below.has(key)).unwrap()).count();
        for key in &self.puts {
            block_on(below.delete(key)).unwrap();
        }
        landed
    }
}

fn expected(operation: Operation, injected: Injected) -> Seen {
    let writes = matches!(operation, Operation::Commit | Operation::Sync | Operation::Compact);
    match (injected, operation) {
        (Injected::Error(kind), _) => Seen::Failed(kind, writes.then_some(Outcome::NotApplied)),
        // There is no reply to lose where the store below fails.
        (Injected::LostReply(_), Operation::DiskUsage) => Seen::Ok,
        (Injected::LostReply(kind), _) => Seen::Failed(kind, writes.then_some(Outcome::Unknown)),
        (Injected::Torn(landed), Operation::Commit) if landed < 2 => {
            let mut keys = vec![key!("/y"), key!("/z")];
            let failed = keys.split_off(landed);
            Seen::Torn(Partial { landed: keys, failed })
        }
        (Injected::ShortPage(len), Operation::QueryPage) if len < 3 => {
            Seen::Short(Some(if len < 2 { key!("/a") } else { key!("/b") }))
        }
        (Injected::Torn(_) | Injected::ShortPage(_), _) => Seen::Ok,
        (Injected::Delay(_), _) => Seen::Waited,
    }
}

#[test]
fn every_failure_strikes_where_it_is_told_and_nowhere_else() {
    let failures = [
        Injected::Error(ErrorKind::Unavailable),
        Injected::Error(ErrorKind::Corrupt),
        Injected::LostReply(ErrorKind::Unavailable),
        Injected::Torn(0),
        Injected::Torn(1),
        Injected::Torn(2),
        Injected::ShortPage(0),
        Injected::ShortPage(1),
        Injected::ShortPage(2),
        Injected::ShortPage(3),
        Injected::Delay(HOUR),
    ];
    for operation in OPERATIONS {
        for (position, strikes) in POSITIONS {
            for injected in failures {
                let subject = Subject::new();
                // Positions count from the injection.
                assert_eq!(subject.call(operation), Seen::Ok);
                subject.landed();
                subject.store.inject(operation, position, injected);
                for call in 0..CALLS {
                    let context =
                        format!("call {call} of {operation:?}, {injected:?} {position:?}");
                    let struck = strikes(call);
                    let seen = if struck { expected(operation, injected) } else { Seen::Ok };
                    assert_eq!(subject.call(operation), seen, "{context}");
                    let landed = match injected {
                        _ if operation != Operation::Commit => 0,
                        Injected::Error(_) if struck => 0,
                        Injected::Torn(landed) if struck => landed,
                        _ => 2,
                    };
                    assert_eq!(subject.landed(), landed, "{context}");
                }
                assert_eq!(subject.store.calls(operation), CALLS + 1);
                for other in OPERATIONS.into_iter().filter(|other| *other != operation) {
                    assert_eq!(subject.call(other), Seen::Ok, "{injected:?} of {operation:?}");
                }
            }
        }
    }
}

#[test]
fn the_first_rule_that_meets_a_call_is_taken() {
    let subject = Subject::new();
    let error = |kind| Injected::Error(kind);
    subject.store.inject(Operation::Sync, Position::Nth(1), error(ErrorKind::Corrupt));
    subject.store.inject(Operation::Sync, Position::From(0), error(ErrorKind::Unavailable));
    let kinds = [0; 3].map(|_| match subject.call(Operation::Sync) {
        Seen::Failed(kind, _) => kind,
        other => panic!("{other:?}"),
    });
    assert_eq!(kinds, [ErrorKind::Unavailable, ErrorKind::Corrupt, ErrorKind::Unavailable]);
    subject.store.heal();
    assert_eq!(subject.call(Operation::Sync), Seen::Ok);
}

#[test]
fn while_batches_can_tear_they_are_not_declared_atomic() {
    let store = Fault::new(MemoryDatastore::new());
    assert!(store.capabilities().atomic_batches);
    store.inject(Operation::Commit, Position::Nth(9), Injected::Torn(1));
    assert!(!store.capabilities().atomic_batches);
    store.heal();
    assert_eq!(store.capabilities(), MemoryDatastore::new().capabilities());
}

#[test]
fn a_close_that_fails_has_closed_all_the_same() {
    for (injected, outcome) in [
        (Injected::Error(ErrorKind::Unavailable), Outcome::NotApplied),
        (Injected::LostReply(ErrorKind::Unavailable), Outcome::Unknown),
    ] {
        let subject = Subject::new();
        subject.store.inject(Operation::Close, Position::Nth(0), injected);
        let failed = Seen::Failed(ErrorKind::Unavailable, Some(outcome));
        assert_eq!(subject.call(Operation::Close), failed);
        let closed = Seen::Failed(ErrorKind::Closed, Some(Outcome::NotApplied));
        for operation in OPERATIONS {
            assert_eq!(subject.call(operation), closed, "{operation:?}");
        }
        assert_eq!(subject.call(Operation::Close), Seen::Ok);
        assert!(block_on(subject.store.inner().has(&key!("/a"))).unwrap());
    }
}

#[test]
fn a_snapshot_does_not_fail() {
    let subject = Subject::new();
    let error = Injected::Error(ErrorKind::Unavailable);
    subject.store.inject(Operation::Read, Position::From(0), error);
    let view = block_on(subject.store.snapshot()).unwrap();
    assert!(block_on(view.has(&key!("/a"))).unwrap());
}
