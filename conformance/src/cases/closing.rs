//! The end of a store.

use datastore::{Batch, Datastore, DatastoreExt, ErrorKind, Key, Query, Want, key};
use futures::TryStreamExt;
use futures::future::join_all;

use super::support::{ensure_page, fill, numbered};
use crate::bench::Bench;
use crate::case::Need::{Reopen, SyncedSurvives, Writable};
use crate::case::{Case, case};
use crate::failure::{Outcome, ensure, ensure_eq, ensure_kind};

pub(super) const CASES: &[Case] = &[
    case!("closing", a_closed_store_answers_closed, [], "every method"),
    case!("closing", closing_twice_is_closing_once, [], "one after the other, and at once"),
    case!(
        "closing",
        a_listing_ends_in_an_error_when_the_store_closes,
        [Writable],
        "never as if it were complete"
    ),
    case!("closing", writes_beside_close_land_or_are_refused, [Writable], "and nothing hangs"),
    case!(
        "closing",
        writes_acknowledged_beside_close_are_there,
        [Writable, Reopen, SyncedSurvives(datastore::Survives::Process)],
        "after reopening; refused ones are not"
    ),
    case!(
        "closing",
        a_store_reopens_while_a_stream_is_alive,
        [Writable, Reopen, SyncedSurvives(datastore::Survives::Process)],
        "close, and open at once"
    ),
];

pub(super) async fn ensure_closed(store: &dyn Datastore) -> Outcome {
    use ErrorKind::Closed;
    let key = key!("/a");
    for want in [Want::Exists, Want::Size, Want::Value, Want::Range { offset: 0, len: 1 }] {
        ensure_kind!(store.read(&key, want.clone()).await, Closed, "read {want:?}");
    }
    for query in [Query::all(), Query::descendants(key.clone()).descending(), Query::all().limit(0)]
    {
        ensure_kind!(store.query_page(&query).await, Closed, "page of {query:?}");
    }
    let batches = [
        Batch::new(),
        Batch::new().synced(),
        Batch::new().put(key.clone(), "1"),
        Batch::new().delete(key.clone()),
        Batch::new().absent(key.clone()),
    ];
    for batch in batches {
        let shown = format!("{batch:?}");
        let result = store.commit(batch).await;
        ensure_kind!(result, Closed, "commit of {shown}");
        let outcome = result.err().and_then(|error| error.outcome());
        ensure_eq!(outcome, Some(datastore::Outcome::NotApplied), "its outcome");
    }
    ensure_kind!(store.snapshot().await.map(drop), Closed, "snapshot");
    ensure_kind!(store.sync().await, Closed, "sync");
    ensure_kind!(store.disk_usage().await, Closed, "disk_usage");
    ensure_kind!(store.compact().await, Closed, "compact");
    ensure_kind!(store.check().await, Closed, "check");
    let listed: Result<Vec<_>, _> = store.query(Query::all()).try_collect().await;
    ensure_kind!(listed, Closed, "a stream");
    Ok(())
}

async fn a_closed_store_answers_closed(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    if bench.capabilities.writable {
        store.put(&key!("/a"), "1").await?;
    }
    store.close().await?;
    ensure_closed(&store).await
}

async fn closing_twice_is_closing_once(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    store.close().await?;
    store.close().await?;
    ensure_closed(&store).await?;
    let store = bench.store().await?;
    if bench.capabilities.writable {
        fill(&store, &numbered("closed", 100)?).await?;
    }
    let closes = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.close().await })
    });
    for result in join_all(closes).await {
        result??;
    }
    store.close().await?;
    ensure_closed(&store).await
}

async fn a_listing_ends_in_an_error_when_the_store_closes(bench: &Bench) -> Outcome {
    let keys = numbered("listed", bench.scale.pick(300, 5_000))?;
    for close_after in [0, 1, keys.len() / 2, keys.len()] {
        let store = bench.store().await?;
        fill(&store, &keys).await?;
        // Page by page, closed between two pages.
        let mut next = Some(Query::all().limit(50));
        let mut seen = 0;
        let mut ended = Ok(());
        while let Some(query) = next.take() {
            if seen >= close_after {
                store.close().await?;
            }
            match store.query_page(&query).await {
                Ok(page) => {
                    ensure_page(&query, &page)?;
                    seen += page.entries.len();
                    next = page.next.map(|cursor| query.resume(cursor));
                }
                Err(error) => ended = Err(error),
            }
        }
        if ended.is_ok() {
            ensure_eq!(seen, keys.len(), "keys of a listing that ended cleanly");
        }
        ensure!(close_after == keys.len() || ended.is_err(), "a closed store gave pages");
        if ended.is_err() {
            ensure_kind!(ended, ErrorKind::Closed, "a page of a closed store");
        }
        // As a stream, closed beside it.
        let store = bench.store().await?;
        fill(&store, &keys).await?;
        let closer = tokio::spawn({
            let store = store.clone();
            async move { store.close().await }
        });
        let listed: Result<Vec<Key>, _> = store.query_keys(Query::all()).try_collect().await;
        match listed {
            Ok(listed) => ensure!(listed == keys, "{} keys listed of {}", listed.len(), keys.len()),
            failed => ensure_kind!(failed, ErrorKind::Closed, "a stream of a closed store"),
        }
        closer.await??;
    }
    Ok(())
}

/// Writes from several tasks while the store closes: the keys that were acknowledged, and the ones
/// that were refused as not applied.
async fn write_beside_close(
    store: &std::sync::Arc<dyn Datastore>,
    rounds: usize,
) -> Outcome<(Vec<Key>, Vec<Key>)> {
    let writers = (0..4).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
            for key in numbered(&format!("writer{writer}"), rounds)? {
                match store.put(&key, key.to_bytes()).await {
                    Ok(()) => acknowledged.push(key),
                    Err(error) => {
                        let result: datastore::Result<()> = Err(error);
                        ensure_kind!(result, ErrorKind::Closed, "a put beside close");
                        refused.push(key);
                    }
                }
                tokio::task::yield_now().await;
            }
            Ok::<_, crate::failure::Failure>((acknowledged, refused))
        })
    });
    let writers: Vec<_> = writers.collect();
    for _ in 0..rounds / 2 {
        tokio::task::yield_now().await;
    }
    store.close().await?;
    let (mut acknowledged, mut refused) = (Vec::new(), Vec::new());
    for result in join_all(writers).await {
        let (more_acknowledged, more_refused) = result??;
        acknowledged.extend(more_acknowledged);
        refused.extend(more_refused);
    }
    Ok((acknowledged, refused))
}

async fn writes_beside_close_land_or_are_refused(bench: &Bench) -> Outcome {
    for rounds in [10, bench.scale.pick(30, 200)] {
        let store = bench.store().await?;
        let (acknowledged, refused) = write_beside_close(&store, rounds).await?;
        ensure_eq!(acknowledged.len() + refused.len(), rounds * 4, "answers");
        ensure_closed(&store).await?;
    }
    Ok(())
}

async fn writes_acknowledged_beside_close_are_there(bench: &Bench) -> Outcome {
    for rounds in [10, bench.scale.pick(30, 200)] {
        let place = bench.place().await?;
        let store = place.open().await?;
        let (acknowledged, refused) = write_beside_close(&store, rounds).await?;
        drop(store);
        let store = place.reopen().await?;
        for key in &acknowledged {
            ensure_eq!(store.get(key).await?, Some(key.to_bytes()), "{key}, acknowledged");
        }
        for key in &refused {
            ensure_eq!(store.get(key).await?, None, "{key}, refused as not applied");
        }
    }
    Ok(())
}

async fn a_store_reopens_while_a_stream_is_alive(bench: &Bench) -> Outcome {
    let place = bench.place().await?;
    let keys = numbered("streamed", bench.scale.pick(200, 5_000))?;
    let store = place.open().await?;
    fill(&store, &keys).await?;
    let mut stream = store.query_keys(Query::all());
    ensure!(stream.try_next().await?.is_some(), "a stream of {} keys is empty", keys.len());
    let again = place.reopen().await?;
    ensure_eq!(again.count(Query::all()).await?, keys.len() as u64, "keys after reopening");
    let rest: Result<Vec<Key>, _> = stream.try_collect().await;
    match rest {
        // The page at hand may have been all of it.
        Ok(rest) => ensure_eq!(rest.len() + 1, keys.len(), "keys of the old stream"),
        failed => ensure_kind!(failed, ErrorKind::Closed, "the old stream"),
    }
    again.put(&key!("/again"), "1").await?;
    Ok(())
}
