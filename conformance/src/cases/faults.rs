//! Failures at every position, put there by [`Fault`] around the store.

use std::sync::Arc;

use bytes::Bytes;
use datastore::{
    Conditions, Datastore, DatastoreExt, Direction, Entry, ErrorKind, Fault, Injected, Key,
    Operation, Position, Query, key,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::support::{fill, listed, numbered};
use crate::bench::Bench;
use crate::case::{Case, Need, Need::Writable, case};
use crate::failure::{Failure, Outcome, ensure, ensure_eq, ensure_kind};

const PUT: Need = Need::Conditions(Conditions::SinglePut);

pub(super) const CASES: &[Case] = &[
    case!(
        "faults",
        an_error_at_any_page_ends_the_listing_as_an_error,
        [Writable],
        "never as a shorter list"
    ),
    case!(
        "faults",
        an_error_at_any_read_is_an_error,
        [Writable],
        "never an absence, also in get_many"
    ),
    case!(
        "faults",
        an_error_at_any_commit_leaves_whole_batches,
        [Writable],
        "put_many and delete_many"
    ),
    case!(
        "faults",
        short_pages_make_the_same_listing,
        [Writable],
        "pages cut anywhere, in both directions"
    ),
    case!("faults", a_failed_write_was_not_applied, [Writable], "where the error says so"),
    case!(
        "faults",
        lost_replies_of_updates_count_as_unknown,
        [Writable, PUT],
        "increments that may have happened, and no others"
    ),
    case!(
        "faults",
        a_copy_fails_or_is_complete,
        [Writable],
        "an error at any page of the source, at any commit of the target"
    ),
];

pub(super) async fn faulty(bench: &Bench) -> Outcome<Arc<Fault<Arc<dyn Datastore>>>> {
    Ok(Arc::new(Fault::new(bench.store().await?)))
}

const BROKEN: Injected = Injected::Error(ErrorKind::Unavailable);

async fn an_error_at_any_page_ends_the_listing_as_an_error(bench: &Bench) -> Outcome {
    let store = faulty(bench).await?;
    let mut keys = numbered("listed", 10)?;
    fill(&store, &keys).await?;
    for query in [Query::all(), Query::all().keys_only(), Query::all().descending()] {
        if query.direction == Direction::Descending {
            keys.reverse();
        }
        for position in 0.. {
            store.heal();
            store.inject(Operation::QueryPage, Position::Nth(position), BROKEN);
            store.inject(Operation::QueryPage, Position::Every(1), Injected::ShortPage(3));
            let calls = store.calls(Operation::QueryPage);
            let mut items: Vec<_> = store.query(query.clone()).collect().await;
            let broken = store.calls(Operation::QueryPage) - calls > position;
            let end = if broken { items.pop() } else { None };
            let good: datastore::Result<Vec<Entry>> = items.into_iter().collect();
            let good: Vec<Key> = good?.into_iter().map(Entry::into_key).collect();
            if !broken {
                ensure_eq!(good, keys, "keys of the whole listing");
                break;
            }
            ensure!(keys.starts_with(&good), "before an error at page {position}: {good:?}");
            let end = end.unwrap_or_else(|| Err(datastore::Error::closed()));
            ensure_kind!(end, ErrorKind::Unavailable, "the end of a listing broken at {position}");
            ensure!(position < 100, "a listing of 10 keys takes over 100 pages");
        }
    }
    Ok(())
}

async fn an_error_at_any_read_is_an_error(bench: &Bench) -> Outcome {
    let store = faulty(bench).await?;
    let keys = numbered("read", 8)?;
    fill(&store, &keys).await?;
    store.inject(Operation::Read, Position::From(0), BROKEN);
    let key = key!("/read/00000");
    ensure_kind!(store.get(&key).await, ErrorKind::Unavailable, "get");
    ensure_kind!(store.has(&key).await, ErrorKind::Unavailable, "has");
    ensure_kind!(store.size(&key).await, ErrorKind::Unavailable, "size");
    ensure_kind!(store.get_range(&key, 0, 1).await, ErrorKind::Unavailable, "get_range");
    ensure_kind!(store.get_required(&key).await, ErrorKind::Unavailable, "get_required");
    for position in 0..keys.len() as u64 {
        store.heal();
        store.inject(Operation::Read, Position::Nth(position), BROKEN);
        let asked = stream::iter(keys.iter().cloned().map(Ok));
        let got: datastore::Result<Vec<(Key, Option<Bytes>)>> =
            store.get_many(asked).try_collect().await;
        ensure_kind!(got, ErrorKind::Unavailable, "get_many, broken at read {position}");
    }
    Ok(())
}

async fn an_error_at_any_commit_leaves_whole_batches(bench: &Bench) -> Outcome {
    let store = faulty(bench).await?;
    let keys = numbered("many", bench.scale.pick(1_200, 3_500))?;
    let entries = || {
        stream::iter(keys.iter().map(|key| Ok((key.clone(), key.to_bytes()))).collect::<Vec<_>>())
    };
    for position in 0..keys.len().div_ceil(datastore::MANY_OPS) as u64 {
        store.heal();
        store.inject(Operation::Commit, Position::Nth(position), BROKEN);
        let result = store.put_many(entries()).await;
        ensure_kind!(result, ErrorKind::Unavailable, "put_many, broken at commit {position}");
        let landed = position as usize * datastore::MANY_OPS;
        let there = listed(&store, Query::all()).await?;
        ensure!(
            there.iter().eq(keys.iter().take(landed)),
            "{} keys landed, not {landed}",
            there.len()
        );
        store.heal();
        store.put_many(entries()).await?;
        store.inject(Operation::Commit, Position::Nth(position), BROKEN);
        let result = store.delete_many(stream::iter(keys.iter().cloned().map(Ok))).await;
        ensure_kind!(result, ErrorKind::Unavailable, "delete_many, broken at commit {position}");
        let there = listed(&store, Query::all()).await?;
        ensure!(there.iter().eq(keys.iter().skip(landed)), "{} keys are left", there.len());
        store.heal();
        store.delete_many(stream::iter(there.into_iter().map(Ok))).await?;
    }
    Ok(())
}

async fn short_pages_make_the_same_listing(bench: &Bench) -> Outcome {
    let store = faulty(bench).await?;
    let mut keys = numbered("short", 25)?;
    fill(&store, &keys).await?;
    for query in [Query::all(), Query::all().descending()] {
        for size in [1, 2, 3, 7, 24, 25, 26] {
            for period in [1, 2, 3] {
                store.heal();
                store.inject(
                    Operation::QueryPage,
                    Position::Every(period),
                    Injected::ShortPage(size),
                );
                ensure_eq!(
                    listed(&store, query.clone()).await?,
                    keys,
                    "pages of {size} every {period}"
                );
                let limited = listed(&store, query.clone().limit(9)).await?;
                ensure!(limited.iter().eq(keys.iter().take(9)), "limit 9 finds {limited:?}");
            }
        }
        keys.reverse();
    }
    Ok(())
}

async fn a_failed_write_was_not_applied(bench: &Bench) -> Outcome {
    let store = faulty(bench).await?;
    let key = key!("/failed");
    store.put(&key, "before").await?;
    store.inject(Operation::Commit, Position::From(0), BROKEN);
    for result in [store.put(&key, "after").await, store.delete(&key).await] {
        ensure_kind!(result, ErrorKind::Unavailable, "a write");
        let outcome = result.err().and_then(|error| error.outcome());
        ensure_eq!(outcome, Some(datastore::Outcome::NotApplied), "its outcome");
    }
    ensure_eq!(store.get(&key).await?, Some("before".into()), "the value");
    store.heal();
    store.inject(Operation::Commit, Position::Nth(0), Injected::LostReply(ErrorKind::Unavailable));
    let result = store.put(&key, "after").await;
    let outcome = result.err().and_then(|error| error.outcome());
    ensure_eq!(outcome, Some(datastore::Outcome::Unknown), "the outcome of a lost reply");
    ensure_eq!(store.get(&key).await?, Some("after".into()), "the value, the reply being lost");
    Ok(())
}

async fn lost_replies_of_updates_count_as_unknown(bench: &Bench) -> Outcome {
    let store = faulty(bench).await?;
    let key = key!("/counter");
    let lost = Injected::LostReply(ErrorKind::Unavailable);
    store.inject(Operation::Commit, Position::Every(5), lost);
    store.inject(Operation::Commit, Position::Every(7), BROKEN);
    let rounds = bench.scale.pick(20, 150);
    let tasks = (0..4).map(|_| {
        let (store, key) = (Arc::clone(&store), key.clone());
        tokio::spawn(async move {
            let (mut done, mut unknown) = (0u64, 0u64);
            for _ in 0..rounds {
                let increment = |value: Option<Bytes>| {
                    let number =
                        value.and_then(|value| std::str::from_utf8(&value).ok()?.parse().ok());
                    Some((number.unwrap_or(0u64) + 1).to_string().into())
                };
                match store.update(&key, increment).await {
                    Ok(_) => done += 1,
                    Err(error) => match error.outcome() {
                        Some(datastore::Outcome::NotApplied) => {}
                        Some(datastore::Outcome::Unknown) => unknown += 1,
                        None => return Err(Failure::new(format!("no outcome: {error:?}"))),
                    },
                }
            }
            Ok((done, unknown))
        })
    });
    let (mut done, mut unknown) = (0, 0);
    for task in futures::future::try_join_all(tasks.collect::<Vec<_>>()).await? {
        let (more_done, more_unknown) = task?;
        done += more_done;
        unknown += more_unknown;
    }
    store.heal();
    let value = store.get_required(&key).await?;
    let counted: Option<u64> = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
    let range = done..=done + unknown;
    ensure!(
        counted.is_some_and(|counted| range.contains(&counted)),
        "{counted:?} increments, not {range:?}"
    );
    ensure!(unknown > 0, "no reply was lost");
    Ok(())
}

async fn a_copy_fails_or_is_complete(bench: &Bench) -> Outcome {
    let keys = numbered("copied", 30)?;
    let source = faulty(bench).await?;
    fill(&source, &keys).await?;
    for position in 0..=10 {
        let target = faulty(bench).await?;
        source.heal();
        source.inject(Operation::QueryPage, Position::Nth(position), BROKEN);
        source.inject(Operation::QueryPage, Position::Every(1), Injected::ShortPage(3));
        let copied = datastore::copy(&source, &target, Query::all(), |_| {}).await;
        let whole = listed(&target, Query::all()).await? == keys;
        ensure_eq!(copied.is_ok(), whole, "whether the copy broken at page {position} is whole");
        let target = faulty(bench).await?;
        source.heal();
        target.inject(Operation::Commit, Position::Nth(0), BROKEN);
        let copied = datastore::copy(&source, &target, Query::all(), |_| {}).await;
        ensure_kind!(copied, ErrorKind::Unavailable, "a copy whose commit fails");
        let left: Vec<Entry> = target.query(Query::all()).try_collect().await?;
        ensure_eq!(left, [], "entries of a copy whose only commit failed");
    }
    Ok(())
}
