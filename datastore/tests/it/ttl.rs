//! The wrapper `Ttl`: what callers see of values that expire, and what lies below.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use datastore::{
    Batch, Clock, Datastore, DatastoreExt, Error, ErrorKind, Expiry, Fault, Found, Injected, Key,
    MemoryDatastore, Namespace, Operation, Outcome, Position, Query, ReadOnly, TestClock, Ttl,
    TtlOptions, Want, key,
};
use futures::TryStreamExt;
use futures::executor::block_on;

use crate::probe::Probe;

const SECOND: Duration = Duration::from_secs(1);
const A: Key = key!("/a");

/// A layer that sweeps when it is told to.
pub(crate) async fn over<S: Datastore>(below: S, clock: &TestClock) -> Ttl<S> {
    let options = TtlOptions { sweep_interval: Duration::MAX, ..TtlOptions::default() };
    Ttl::with_clock(below, options, Arc::new(clock.clone())).await.unwrap()
}

async fn memory() -> (Ttl<Arc<MemoryDatastore>>, Arc<MemoryDatastore>, TestClock) {
    let (below, clock) = (Arc::new(MemoryDatastore::new()), TestClock::new());
    (over(Arc::clone(&below), &clock).await, below, clock)
}

async fn keys(store: &impl Datastore, query: Query) -> Vec<String> {
    store.query_keys(query).map_ok(|key| key.to_string()).try_collect().await.unwrap()
}

/// Whether `key` is there, by all ways to ask, which agree.
async fn is_there(store: &impl Datastore, key: &Key) -> bool {
    let there = store.has(key).await.unwrap();
    assert_eq!(store.get(key).await.unwrap().is_some(), there);
    assert_eq!(store.size(key).await.unwrap().is_some(), there);
    assert_eq!(store.get_range(key, 0, 1).await.unwrap().is_some(), there);
    for query in [Query::all(), Query::all().sizes_only(), Query::all().keys_only().descending()] {
        let entries: Vec<_> = store.query(query).try_collect().await.unwrap();
        assert_eq!(entries.iter().any(|entry| entry.key() == key), there);
    }
    let absent = store.commit(Batch::new().absent(key.clone())).await;
    assert_eq!(
        absent.map_err(|error| error.kind()),
        if there { Err(ErrorKind::Conflict) } else { Ok(()) }
    );
    there
}

#[test]
fn every_call_can_be_made_in_a_task() {
    fn task(work: impl Future<Output = datastore::Result<()>> + Send + 'static) {
        block_on(work).unwrap();
    }
    task(async {
        let below: Arc<dyn Datastore> = Arc::new(MemoryDatastore::new());
        let store = over(below, &TestClock::new()).await;
        let expiry = store.put_with_ttl(&A, "1", SECOND).await?;
        let batch = Batch::new().put(A, "2").put(key!("/b"), "2");
        store.commit_with_ttl(batch.clone(), SECOND).await?;
        store.refresh(&A, "3", expiry, SECOND).await?;
        store.set_ttl(&A, SECOND).await?;
        store.expiration(&A).await?;
        store.commit(batch.absent(key!("/c"))).await?;
        store.sweep(1).await?;
        store.snapshot().await?.get(&A).await?;
        store.close().await
    });
}

#[test]
fn all_ways_to_read_agree_at_the_instant_of_expiry() {
    block_on(async {
        let (store, _, clock) = memory().await;
        store.put_with_ttl(&A, "value", SECOND).await.unwrap();
        store.put(&key!("/b"), "for ever").await.unwrap();
        for (step, there) in [(0, true), (999, true), (1, false), (1, false)] {
            clock.advance(Duration::from_millis(step));
            assert_eq!(is_there(&store, &A).await, there);
            assert_eq!(store.expiration(&A).await.unwrap().is_some(), there);
            assert!(is_there(&store, &key!("/b")).await);
        }
        // The time of day may be set back: what was not swept is there again.
        clock.set_now(clock.now() - SECOND);
        assert!(is_there(&store, &A).await);
    });
}

#[test]
fn headers_are_not_of_the_value() {
    block_on(async {
        let (store, below, clock) = memory().await;
        let expiry = store.put_with_ttl(&A, "0123456789", SECOND).await.unwrap();
        store.put(&key!("/b"), "0123456789").await.unwrap();
        assert_eq!(expiry, Expiry::after(clock.now(), SECOND));
        let header = [&[0x11][..], &expiry.as_millis().to_be_bytes()].concat();
        assert_eq!(below.get(&A).await.unwrap().unwrap(), [&header, &b"0123456789"[..]].concat());
        assert_eq!(below.get(&key!("/b")).await.unwrap().unwrap(), &b"\x100123456789"[..]);
        for key in [A, key!("/b")] {
            assert_eq!(store.size(&key).await.unwrap(), Some(10));
            for (offset, len, part) in
                [(0, 3, "012"), (8, 9, "89"), (10, 1, ""), (u64::MAX, u64::MAX, ""), (2, 0, "")]
            {
                let found = store.read(&key, Want::Range { offset, len }).await.unwrap().unwrap();
                assert_eq!((found.size(), found.value().unwrap()), (Some(10), &Bytes::from(part)));
            }
            assert_eq!(store.read(&key, Want::Exists).await.unwrap(), Some(Found::exists()));
        }
        let sizes: Vec<_> = store.query(Query::all().sizes_only()).try_collect().await.unwrap();
        assert!(sizes.iter().all(|entry| entry.size() == Some(10)));
    });
}

#[test]
fn what_the_layer_keeps_is_hidden_and_refused() {
    block_on(async {
        let (store, below, _) = memory().await;
        let around = ["/!", "/.ttl!", "/.ttl-", "/.ttl0", "/.ttla/b", "/z"];
        for key in around {
            store.put_with_ttl(&Key::new(key).unwrap(), key, SECOND).await.unwrap();
        }
        assert_eq!(below.count(Query::all()).await.unwrap(), 13);
        let mut expected = around.to_vec();
        assert_eq!(keys(&store, Query::all()).await, expected);
        assert_eq!(keys(&store, Query::starts_with("/.t").limit(3)).await, expected[1..4]);
        assert_eq!(keys(&store, Query::all().after(key!("/.ttl/expiry/x"))).await, expected[3..]);
        assert_eq!(keys(&store, Query::range(key!("/.ttl/a")..)).await, expected[3..]);
        expected.reverse();
        assert_eq!(keys(&store, Query::all().descending()).await, expected);
        assert_eq!(keys(&store, Query::all().descending().limit(4)).await, expected[..4]);
        for query in [Query::descendants(key!("/.ttl")), Query::starts_with("/.ttl/expiry")] {
            assert_eq!(keys(&store, query).await, Vec::<String>::new());
        }
        for key in [key!("/.ttl"), key!("/.ttl/format"), key!("/.ttl/x/y")] {
            let refused = |error: Error| assert_eq!(error.kind(), ErrorKind::InvalidKey);
            refused(store.get(&key).await.unwrap_err());
            refused(store.expiration(&key).await.unwrap_err());
            refused(store.set_ttl(&key, SECOND).await.unwrap_err());
            for batch in [
                Batch::new().put(key.clone(), ""),
                Batch::new().delete(key.clone()),
                Batch::new().put(A, "").absent(key),
            ] {
                let error = store.commit(batch).await.unwrap_err();
                assert_eq!(error.outcome(), Some(Outcome::NotApplied));
                refused(error);
            }
        }
    });
}

#[test]
fn what_has_expired_does_not_count_toward_a_limit() {
    block_on(async {
        let (store, _, clock) = memory().await;
        for name in 0..20 {
            let key = key!("/n").child(format!("{name:02}")).unwrap();
            let ttl = if name % 3 == 0 { SECOND * 9 } else { SECOND };
            store.put_with_ttl(&key, "", ttl).await.unwrap();
        }
        clock.advance(SECOND);
        assert_eq!(keys(&store, Query::all().limit(3)).await, ["/n/00", "/n/03", "/n/06"]);
        assert_eq!(keys(&store, Query::all().limit(99)).await.len(), 7);
    });
}

#[test]
fn a_plain_put_never_expires_and_ends_the_ttl() {
    block_on(async {
        let (store, below, clock) = memory().await;
        store.put_with_ttl(&A, "1", SECOND).await.unwrap();
        store.put(&A, "2").await.unwrap();
        assert_eq!(store.expiration(&A).await.unwrap(), Some(Expiry::NEVER));
        clock.advance(SECOND * 1000);
        let report = store.sweep(10).await.unwrap();
        assert_eq!((report.dropped, report.removed), (1, 0));
        assert_eq!(store.get(&A).await.unwrap().unwrap(), "2");
        assert_eq!(below.count(Query::descendants(key!("/.ttl/expiry"))).await.unwrap(), 1);
    });
}

#[test]
fn a_ttl_of_nothing_removes_and_a_huge_one_is_for_ever() {
    block_on(async {
        let (store, below, clock) = memory().await;
        store.put(&A, "old").await.unwrap();
        store.put_with_ttl(&A, "new", Duration::ZERO).await.unwrap();
        assert!(!is_there(&store, &A).await);
        assert_eq!(below.count(Query::all()).await.unwrap(), 1);
        for huge in [Duration::MAX, Duration::from_nanos(i64::MAX as u64)] {
            assert_eq!(store.put_with_ttl(&A, "1", huge).await.unwrap(), Expiry::NEVER);
            store.put_with_ttl(&A, "1", SECOND).await.unwrap();
            assert_eq!(store.set_ttl(&A, huge).await.unwrap(), Expiry::NEVER);
            clock.advance(SECOND * 3_000_000_000);
            store.sweep(10).await.unwrap();
            assert!(is_there(&store, &A).await);
        }
        store.set_ttl(&A, Duration::ZERO).await.unwrap();
        assert!(!is_there(&store, &A).await);
        let ended = store.put_with_ttl(&A, "1", SECOND).await.unwrap();
        clock.advance(SECOND);
        store.refresh(&A, "2", ended, Duration::ZERO).await.unwrap();
        assert!(!below.has(&A).await.unwrap());
    });
}

#[test]
fn set_ttl_keeps_the_value_and_wants_one() {
    block_on(async {
        let (store, _, clock) = memory().await;
        let error = store.set_ttl(&A, SECOND).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::NotFound, Some(Outcome::NotApplied))
        );
        store.put(&A, "value").await.unwrap();
        let expiry = store.set_ttl(&A, SECOND).await.unwrap();
        assert_eq!(store.expiration(&A).await.unwrap(), Some(expiry));
        assert_eq!(store.get(&A).await.unwrap().unwrap(), "value");
        clock.advance(SECOND);
        assert_eq!(store.set_ttl(&A, SECOND).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(store.expiration(&A).await.unwrap(), None);
    });
}

#[test]
fn versions_end_with_the_value() {
    block_on(async {
        let (store, _, clock) = memory().await;
        let version =
            async || store.read(&A, Want::Value).await.unwrap().unwrap().version().unwrap();
        let put = |version| Batch::new().put(A, "next").unchanged(A, version);
        store.put_with_ttl(&A, "value", SECOND).await.unwrap();
        store.commit(put(version().await)).await.unwrap();
        assert_eq!(store.expiration(&A).await.unwrap(), Some(Expiry::NEVER));

        store.put_with_ttl(&A, "value", SECOND).await.unwrap();
        let read = version().await;
        clock.advance(SECOND);
        let error = store.commit(put(read)).await.unwrap_err();
        assert_eq!((error.kind(), error.key()), (ErrorKind::Conflict, Some(&A)));
        assert!(!is_there(&store, &A).await);
        store.commit(Batch::new().put(A, "new").absent(A)).await.unwrap();
        assert_eq!(store.get(&A).await.unwrap().unwrap(), "new");
    });
}

#[test]
fn an_update_of_what_has_expired_begins_with_nothing() {
    block_on(async {
        let (store, _, clock) = memory().await;
        store.put_with_ttl(&A, "old", SECOND).await.unwrap();
        clock.advance(SECOND);
        let new = store.update(&A, |old| Some(old.unwrap_or("none".into()))).await.unwrap();
        assert_eq!(new.unwrap(), "none");
        assert_eq!(store.get(&A).await.unwrap().unwrap(), "none");
    });
}

#[test]
fn in_a_snapshot_the_time_stands_still() {
    block_on(async {
        let (store, _, clock) = memory().await;
        store.put_with_ttl(&A, "early", SECOND).await.unwrap();
        store.put_with_ttl(&key!("/b"), "late", SECOND * 2).await.unwrap();
        clock.advance(SECOND);
        let snapshot = store.snapshot().await.unwrap();
        clock.advance(SECOND);
        store.sweep(10).await.unwrap();
        assert_eq!(keys(&store, Query::all()).await, Vec::<String>::new());
        assert_eq!(keys(&snapshot, Query::all()).await, ["/b"]);
        assert_eq!(snapshot.get(&key!("/b")).await.unwrap().unwrap(), "late");
        assert_eq!(snapshot.get(&A).await.unwrap(), None);
    });
}

#[test]
fn a_store_that_was_written_without_the_layer_is_refused_in_words() {
    block_on(async {
        let open = async |below: Arc<MemoryDatastore>| Ttl::open(below).await.map(drop);
        let below = Arc::new(MemoryDatastore::new());
        below.put(&A, "1").await.unwrap();
        let error = open(Arc::clone(&below)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Incompatible);
        assert!(error.to_string().contains("without a layer"), "{error}");

        below.delete(&A).await.unwrap();
        open(Arc::clone(&below)).await.unwrap();
        below.put(&A, "\x10value").await.unwrap();
        open(Arc::clone(&below)).await.unwrap();
        let marker = below.get(&key!("/.ttl/format")).await.unwrap().unwrap();
        assert_eq!(marker, "datastore-ttl\nversion 1\n");

        below.put(&key!("/.ttl/format"), "datastore-ttl\nversion 2\n").await.unwrap();
        let error = open(below).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Incompatible);
        assert!(error.to_string().contains("version 2") && error.to_string().contains("version 1"));
    });
}

#[test]
fn a_value_without_a_header_is_corrupt() {
    block_on(async {
        let (store, below, _) = memory().await;
        for stored in ["", "\x12value", "\x11short"] {
            below.put(&A, stored).await.unwrap();
            let corrupt = |error: Error| assert_eq!(error.kind(), ErrorKind::Corrupt);
            corrupt(store.get(&A).await.unwrap_err());
            corrupt(store.has(&A).await.unwrap_err());
            corrupt(store.query_keys(Query::all()).try_collect::<Vec<_>>().await.unwrap_err());
            corrupt(store.set_ttl(&A, SECOND).await.unwrap_err());
        }
        store.put(&A, "mended").await.unwrap();
        assert!(is_there(&store, &A).await);
    });
}

#[test]
fn layers_lie_over_and_beside_each_other() {
    block_on(async {
        let (inner, below, clock) = memory().await;
        let options = TtlOptions {
            reserved: key!("/.outer"),
            sweep_interval: Duration::MAX,
            ..TtlOptions::default()
        };
        let outer = Ttl::with_clock(inner, options, Arc::new(clock.clone())).await.unwrap();
        outer.put_with_ttl(&A, "value", SECOND).await.unwrap();
        outer.inner().set_ttl(&A, SECOND * 3).await.unwrap();
        assert_eq!(outer.get(&A).await.unwrap().unwrap(), "value");
        clock.advance(SECOND);
        assert!(!is_there(&outer, &A).await);
        assert!(outer.inner().has(&A).await.unwrap());
        assert_eq!(outer.sweep(9).await.unwrap().removed, 1);
        assert!(!outer.inner().has(&A).await.unwrap());
        drop(outer);
        let beside = Ttl::open(Namespace::new(below, key!("/beside"))).await.unwrap();
        assert!(!is_there(&beside, &A).await);
    });
}

#[test]
fn keys_and_values_leave_room_for_what_the_layer_adds() {
    block_on(async {
        let (store, _, _) = memory().await;
        let capabilities = store.capabilities();
        assert_eq!(capabilities.max_key_len, Key::MAX_LEN - "/.ttl/expiry/0123456789abcdef".len());
        let key = |len| Key::new([b"/".as_slice(), &vec![b'a'; len - 1]].concat()).unwrap();
        let longest = key(capabilities.max_key_len);
        store.put_with_ttl(&longest, "", SECOND).await.unwrap();
        assert!(is_there(&store, &longest).await);
        let error = store.put(&key(capabilities.max_key_len + 1), "").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidKey);
        assert_eq!(capabilities.max_value_len, u64::MAX - 9);
    });
}

#[test]
fn a_refresh_reads_nothing_and_a_longer_one_writes_the_value_alone() {
    block_on(async {
        let clock = TestClock::new();
        let store = over(Probe::default(), &clock).await;
        let mut expiry = store.put_with_ttl(&A, "0", SECOND * 10).await.unwrap();
        let reads = store.inner().most_reads.load(std::sync::atomic::Ordering::SeqCst);
        assert_eq!(reads, 1);
        store.inner().batches.lock().unwrap().clear();
        store.inner().most_reads.store(0, std::sync::atomic::Ordering::SeqCst);
        for number in 1..=10 {
            clock.advance(SECOND);
            expiry = store.refresh(&A, number.to_string(), expiry, SECOND * 10).await.unwrap();
        }
        assert_eq!(store.inner().most_reads.load(std::sync::atomic::Ordering::SeqCst), 0);
        let batches = std::mem::take(&mut *store.inner().batches.lock().unwrap());
        assert!(batches.iter().all(|batch| batch.ops.len() == 1 && *batch.ops[0].key() == A));
        assert_eq!(batches.len(), 10);
        // The entry of the first write leads the sweep to the value.
        assert_eq!(store.sweep(9).await.unwrap().moved, 1);
        clock.advance(SECOND * 10);
        assert_eq!(store.sweep(9).await.unwrap().removed, 1);
    });
}

#[test]
fn a_read_only_store_is_read() {
    block_on(async {
        let (store, below, clock) = memory().await;
        store.put_with_ttl(&A, "value", SECOND).await.unwrap();
        let read_only = over(ReadOnly::new(below), &clock).await;
        assert!(read_only.has(&A).await.unwrap());
        clock.advance(SECOND);
        assert!(!read_only.has(&A).await.unwrap());
        let error = read_only.put_with_ttl(&A, "", SECOND).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        over(ReadOnly::new(MemoryDatastore::new()), &clock).await;
    });
}

#[test]
fn after_close_everything_is_closed_but_the_store_below() {
    block_on(async {
        let (store, below, _) = memory().await;
        store.close().await.unwrap();
        store.close().await.unwrap();
        let closed = |error: Error| assert_eq!(error.kind(), ErrorKind::Closed);
        closed(store.put_with_ttl(&A, "", SECOND).await.unwrap_err());
        closed(store.refresh(&A, "", Expiry::NEVER, SECOND).await.unwrap_err());
        closed(store.set_ttl(&A, SECOND).await.unwrap_err());
        closed(store.expiration(&A).await.unwrap_err());
        closed(store.sweep(1).await.unwrap_err());
        closed(store.get(&A).await.unwrap_err());
        below.put(&A, "").await.unwrap();
    });
}

#[test]
fn a_failure_of_a_batch_names_the_keys_of_the_caller() {
    block_on(async {
        let clock = TestClock::new();
        let store = over(Fault::new(MemoryDatastore::new()), &clock).await;
        // The value lands or not; its entry landed before.
        store.inner().inject(Operation::Commit, Position::Nth(1), Injected::Torn(0));
        let error = store.put_with_ttl(&A, "", SECOND).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PartialCommit);
        assert_eq!(error.partial().unwrap().failed, [A]);
        // The entry does not land: there is no value to speak of.
        store.inner().heal();
        store.inner().inject(Operation::Commit, Position::Nth(0), Injected::Torn(0));
        let error = store.put_with_ttl(&A, "", SECOND).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::Unavailable, Some(Outcome::NotApplied))
        );
        assert!(!is_there(&store, &A).await);
    });
}
