//! Calls of `Ttl` that wait for each other, or meet those of another handle.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use datastore::{Batch, Datastore, DatastoreExt, Injected, Key, Operation, Position, key};
use futures::executor::block_on;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, poll};

use crate::ttl::over;
use crate::ttl_sweeps::faulty;

const SECOND: Duration = Duration::from_secs(1);
const A: Key = key!("/a");

#[test]
fn who_waited_for_a_key_is_woken() {
    block_on(async {
        let (store, below, clock) = faulty().await;
        store.put_with_ttl(&A, "old", SECOND).await.unwrap();
        clock.advance(SECOND);
        below.inject(Operation::Commit, Position::Nth(0), Injected::Delay(SECOND));
        let mut sweep = pin!(store.sweep(9));
        assert!(poll!(&mut sweep).is_pending());
        // It asks nobody again who did not wake.
        let mut waiting = FuturesUnordered::from_iter([async { store.put(&A, "new").await }]);
        assert!(waiting.next().now_or_never().is_none());
        clock.advance(SECOND);
        sweep.await.unwrap();
        waiting.next().now_or_never().unwrap().unwrap().unwrap();
    });
}

#[test]
fn a_sweep_waits_for_the_one_before() {
    block_on(async {
        let (store, below, clock) = faulty().await;
        store.put_with_ttl(&A, "", SECOND).await.unwrap();
        clock.advance(SECOND);
        below.inject(Operation::Commit, Position::Nth(0), Injected::Delay(SECOND));
        let mut first = pin!(store.sweep(9));
        assert!(poll!(&mut first).is_pending());
        let before = below.calls(Operation::QueryPage);
        let mut second = pin!(store.sweep(9));
        assert!(poll!(&mut second).is_pending());
        assert_eq!(below.calls(Operation::QueryPage), before);
        clock.advance(SECOND);
        assert_eq!(first.await.unwrap().removed, 1);
        assert_eq!(second.await.unwrap().looked, 0);
    });
}

#[test]
fn what_another_handle_sweeps_meanwhile_is_absent_all_the_same() {
    block_on(async {
        let (store, below, clock) = faulty().await;
        let other = over(Arc::clone(&below), &clock).await;
        store.put_with_ttl(&A, "old", SECOND).await.unwrap();
        clock.advance(SECOND);
        below.inject(Operation::Commit, Position::Nth(0), Injected::Delay(SECOND));
        let mut write = pin!(async { store.commit(Batch::new().put(A, "new").absent(A)).await });
        assert!(poll!(&mut write).is_pending());
        assert_eq!(other.sweep(9).await.unwrap().removed, 1);
        clock.advance(SECOND);
        write.await.unwrap();
        assert_eq!(store.get(&A).await.unwrap().unwrap(), "new");
    });
}

#[test]
fn to_set_the_ttl_that_a_value_has_writes_nothing() {
    block_on(async {
        let (store, below, _) = faulty().await;
        let expiry = store.put_with_ttl(&A, "", SECOND).await.unwrap();
        let before = below.calls(Operation::Commit);
        assert_eq!(store.set_ttl(&A, SECOND).await.unwrap(), expiry);
        assert_eq!(below.calls(Operation::Commit), before);
    });
}
