//! Where the calls run: on any runtime, on none, on one that goes away.

use std::sync::Arc;

use datastore::{Batch, Datastore, DatastoreExt, Error, ErrorKind, Query, key};
use futures::executor::block_on;
use futures::future::join_all;
use tokio::runtime::Builder;

use super::support::{fill, listed, numbered};
use crate::bench::{Bench, runtime};
use crate::case::{Case, Need::Writable, case};
use crate::failure::{Failure, Outcome, describe, ensure, ensure_eq};

pub(super) const CASES: &[Case] = &[
    case!(blocking "runtimes", a_store_works_on_one_thread, [Writable], "a runtime that has no other"),
    case!(blocking "runtimes", a_store_moves_between_runtimes, [Writable], "made on one, used on another and on both"),
    case!(blocking "runtimes", without_a_runtime_calls_answer, [Writable], "as ever or with an error, and do not hang"),
    case!(blocking "runtimes", after_its_runtime_is_gone_calls_answer, [Writable], "with work in flight when it went"),
    case!(blocking "runtimes", threads_share_a_store, [Writable], "each with a runtime of its own"),
];

/// Puts, reads and lists a little.
async fn use_it(store: &dyn Datastore, prefix: &str) -> Outcome {
    let keys = numbered(prefix, 20)?;
    fill(store, &keys).await?;
    for result in join_all(keys.iter().map(|key| store.get(key))).await.into_iter().zip(&keys) {
        let (value, key) = result;
        ensure_eq!(value?, Some(key.to_bytes()), "value of {key}");
    }
    let below = Query::descendants(datastore::Key::new(format!("/{prefix}"))?);
    ensure_eq!(listed(store, below).await?, keys, "keys below /{prefix}");
    store.sync().await?;
    Ok(())
}

/// The call went well, or failed in a way that says it could not run here.
fn ensure_graceful<T>(what: &str, result: Result<T, Error>) -> Outcome<Option<T>> {
    match result {
        Ok(answer) => Ok(Some(answer)),
        Err(error) => {
            let graceful = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Closed);
            ensure!(graceful, "{what} failed with {}, not with Unavailable", describe(&error));
            Ok(None)
        }
    }
}

fn a_store_works_on_one_thread(bench: &Bench) -> Outcome {
    Builder::new_current_thread().enable_all().build()?.block_on(async {
        let store = bench.store().await?;
        use_it(&store, "alone").await?;
        store.close().await?;
        Ok(())
    })
}

fn a_store_moves_between_runtimes(bench: &Bench) -> Outcome {
    let (one, other) = (runtime()?, Builder::new_current_thread().enable_all().build()?);
    let store = one.block_on(async {
        let store = bench.store().await?;
        use_it(&store, "first").await?;
        Ok::<_, Failure>(store)
    })?;
    other.block_on(use_it(&store, "second"))?;
    let beside = one.spawn({
        let store = Arc::clone(&store);
        async move { use_it(&store, "beside").await }
    });
    // Both run until both are done: a connection that one of them opened ends with nobody to drive it.
    other.block_on(async {
        use_it(&store, "third").await?;
        beside.await?
    })?;
    let count = other.block_on(store.count(Query::all()))?;
    ensure_eq!(count, 80, "keys");
    other.block_on(store.close())?;
    Ok(())
}

fn without_a_runtime_calls_answer(bench: &Bench) -> Outcome {
    let runtime = runtime()?;
    let store = runtime.block_on(async {
        let store = bench.store().await?;
        store.put(&key!("/before"), "1").await?;
        Ok::<_, Failure>(store)
    })?;
    ensure_answers(&store)?;
    // The runtime is still there: nothing was lost.
    runtime.block_on(use_it(&store, "after"))
}

/// Every call from a thread without a runtime is answered: rightly, or gracefully.
fn ensure_answers(store: &Arc<dyn Datastore>) -> Outcome {
    let put = ensure_graceful("put", block_on(store.put(&key!("/without"), "2")))?;
    let batch = Batch::new().put(key!("/synced"), "3").synced();
    ensure_graceful("synced commit", block_on(store.commit(batch)))?;
    if let Some(value) = ensure_graceful("get", block_on(store.get(&key!("/before"))))? {
        ensure_eq!(value, Some("1".into()), "the value from before");
    }
    if let (Some(()), Some(value)) =
        (put, ensure_graceful("get", block_on(store.get(&key!("/without"))))?)
    {
        ensure_eq!(value, Some("2".into()), "the value that was put");
    }
    if let Some(count) = ensure_graceful("count", block_on(store.count(Query::all())))? {
        ensure!(count >= 1 && (put.is_none() || count >= 2), "{count} keys");
    }
    ensure_graceful("sync", block_on(store.sync()))?;
    ensure_graceful("compact", block_on(store.compact()))?;
    ensure_graceful("check", block_on(store.check()))?;
    if store.capabilities().snapshots {
        ensure_graceful("snapshot", block_on(store.snapshot()).map(drop))?;
    }
    Ok(())
}

fn after_its_runtime_is_gone_calls_answer(bench: &Bench) -> Outcome {
    for round in 0..bench.scale.pick(2, 6) {
        let runtime = runtime()?;
        let store = runtime.block_on(async {
            let store = bench.store().await?;
            store.put(&key!("/before"), "1").await?;
            Ok::<_, Failure>(store)
        })?;
        for task in 0..8 {
            let store = Arc::clone(&store);
            runtime.spawn(async move {
                for number in 0.. {
                    let key =
                        datastore::Key::from_segments([task.to_string(), number.to_string()])?;
                    store.put(&key, vec![7; 1000]).await?;
                    store.count(Query::all().limit(50)).await?;
                }
                Ok::<_, Error>(())
            });
        }
        // Some of the work has begun, and none of it ends by itself.
        while block_on(store.count(Query::all().limit(20))).is_ok_and(|count| count < 5 + round) {
            std::thread::yield_now();
        }
        runtime.shutdown_background();
        ensure_answers(&store)?;
        ensure_graceful("close", block_on(store.close()))?;
        ensure_graceful("close again", block_on(store.close()))?;
    }
    Ok(())
}

fn threads_share_a_store(bench: &Bench) -> Outcome {
    let home = runtime()?;
    let store = home.block_on(bench.store())?;
    let threads = (0..4).map(|thread| {
        let store = Arc::clone(&store);
        std::thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(use_it(&store, &format!("thread{thread}")))
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().map_err(|_| Failure::new("a thread of the case panicked"))??;
    }
    ensure_eq!(home.block_on(store.count(Query::all()))?, 80, "keys of four threads");
    Ok(())
}
