//! Streams of keys and entries.

use bytes::Bytes;
use datastore::{DatastoreExt, Error, ErrorKind, Key, Query, key};
use futures::{StreamExt, TryStreamExt, stream};

use super::support::{fill, listed, noise, numbered};
use crate::bench::Bench;
use crate::case::{Case, Need::Writable, case};
use crate::failure::{Outcome, ensure, ensure_eq, ensure_kind};

pub(super) const CASES: &[Case] = &[
    case!("many", a_stream_of_entries_is_put, [Writable], "100, then thousands"),
    case!(
        "many",
        a_later_entry_of_a_stream_wins,
        [Writable],
        "one key many times over several batches"
    ),
    case!(
        "many",
        values_come_in_the_order_of_their_keys,
        [Writable],
        "get_many, missing ones included"
    ),
    case!(
        "many",
        a_stream_of_keys_is_deleted,
        [Writable],
        "over 1,000, with missing ones among them"
    ),
    case!(
        "many",
        large_values_are_put_in_bounded_batches,
        [Writable],
        "more bytes than one batch takes"
    ),
    case!("many", a_failing_stream_fails_the_call, [Writable], "and leaves whole batches behind"),
];

async fn a_stream_of_entries_is_put(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    for (prefix, count) in [("few", 100), ("many", bench.scale.pick(1_100, 5_000))] {
        let keys = numbered(prefix, count)?;
        let entries: Vec<_> = keys.iter().map(|key| Ok((key.clone(), key.to_bytes()))).collect();
        let put = store.put_many(stream::iter(entries)).await?;
        ensure_eq!(put, count as u64, "entries that were put");
        let below = Query::descendants(Key::new(format!("/{prefix}"))?);
        ensure_eq!(listed(&store, below).await?, keys, "keys that are there");
    }
    Ok(())
}

async fn a_later_entry_of_a_stream_wins(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let count = bench.scale.pick(1_050, 2_500);
    let entries = (0..count).map(|number| {
        let key = if number % 2 == 0 { key!("/even") } else { key!("/odd") };
        Ok((key, Bytes::from(number.to_string())))
    });
    store.put_many(stream::iter(entries.collect::<Vec<_>>())).await?;
    let last = [(key!("/even"), count - 2), (key!("/odd"), count - 1)];
    for (key, number) in last {
        let expected = Bytes::from(number.to_string());
        ensure_eq!(store.get(&key).await?, Some(expected), "the last value of {key}");
    }
    Ok(())
}

async fn values_come_in_the_order_of_their_keys(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = numbered("got", 100)?;
    fill(&store, &keys).await?;
    let missing = key!("/missing");
    ensure_eq!(got(&store, vec![missing.clone()]).await?, [(missing.clone(), None)], "missing");
    ensure_eq!(got(&store, Vec::new()).await?, [], "values of no keys");
    let mut asked: Vec<Key> = keys.iter().rev().cloned().collect();
    asked.insert(50, missing.clone());
    asked.extend_from_slice(&keys);
    let value_of = |key: &Key| (*key != missing).then(|| key.to_bytes());
    let expected: Vec<_> = asked.iter().map(|key| (key.clone(), value_of(key))).collect();
    ensure_eq!(got(&store, asked).await?, expected, "values of 201 keys");
    Ok(())
}

async fn got(
    store: &dyn datastore::Datastore,
    keys: Vec<Key>,
) -> Outcome<Vec<(Key, Option<Bytes>)>> {
    Ok(store.get_many(stream::iter(keys.into_iter().map(Ok))).try_collect().await?)
}

async fn a_stream_of_keys_is_deleted(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = numbered("deleted", bench.scale.pick(1_100, 5_000))?;
    fill(&store, &keys).await?;
    store.put(&key!("/kept"), "1").await?;
    let mut named = keys.clone();
    named.extend(numbered("missing", 10)?);
    let count = named.len() as u64;
    let deleted = store.delete_many(stream::iter(named.into_iter().map(Ok))).await?;
    ensure_eq!(deleted, count, "keys that were named");
    ensure_eq!(listed(&store, Query::all()).await?, [key!("/kept")], "keys that are left");
    // A store can delete what it lists, while it lists.
    fill(&store, &keys).await?;
    store.delete_many(store.query_keys(Query::descendants(key!("/deleted")))).await?;
    ensure_eq!(listed(&store, Query::all()).await?, [key!("/kept")], "after deleting a listing");
    Ok(())
}

async fn large_values_are_put_in_bounded_batches(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let len = bench.capabilities.max_value_len.min(600 << 10) as usize;
    let entries: Vec<_> = numbered("large", 10)?
        .into_iter()
        .enumerate()
        .map(|(number, key)| (key, noise(number as u64, len)))
        .collect();
    store.put_many(stream::iter(entries.clone().into_iter().map(Ok))).await?;
    let keys: Vec<Key> = entries.iter().map(|(key, _)| key.clone()).collect();
    let expected: Vec<_> = entries.into_iter().map(|(key, value)| (key, Some(value))).collect();
    ensure!(got(&store, keys).await? == expected, "the values are not those that were put");
    Ok(())
}

async fn a_failing_stream_fails_the_call(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = numbered("cut", 1_200)?;
    let good = keys.iter().take(1_100).map(|key| Ok((key.clone(), key.to_bytes())));
    let cut = Err(Error::new(ErrorKind::Unavailable, "the source of the entries broke off"));
    let entries: Vec<_> = good.chain([cut]).collect();
    let result = store.put_many(stream::iter(entries)).await;
    ensure_kind!(result, ErrorKind::Unavailable, "put_many of a stream that fails");
    let there = listed(&store, Query::all()).await?;
    ensure!(keys.starts_with(&there), "what was put is not what came first");
    let keys = stream::iter(keys).map(Ok).chain(stream::iter([Err(Error::closed())]));
    let values: Vec<_> = store.get_many(keys).collect().await;
    ensure!(values.last().is_some_and(Result::is_err), "get_many swallowed the stream's error");
    Ok(())
}
