//! One key at a time: what was put is there, in every way of asking.

use bytes::Bytes;
use datastore::{Batch, Datastore, DatastoreExt, Found, Key, Query, Want, key};
use futures::future::try_join_all;

use super::support::{key as make_key, listed, noise};
use crate::bench::Bench;
use crate::case::{Case, Need::Writable, case};
use crate::failure::{Outcome, ensure, ensure_eq};

pub(super) const CASES: &[Case] = &[
    case!(
        "basics",
        a_new_store_is_empty,
        [Writable],
        "the factory makes stores with nothing in them"
    ),
    case!(
        "basics",
        what_was_put_is_there,
        [Writable],
        "get, has, size and range agree after a put"
    ),
    case!("basics", a_missing_key_is_absent, [], "get, has, size and range of a missing key"),
    case!("basics", a_deleted_key_is_absent_everywhere, [Writable], "reads and listings agree"),
    case!("basics", deleting_a_missing_key_is_no_error, [Writable], "a delete is not an assertion"),
    case!(
        "basics",
        a_value_can_be_overwritten,
        [Writable],
        "by a shorter, a longer and an equal one"
    ),
    case!("basics", an_empty_value_is_a_value, [Writable], "told from a missing key in every way"),
    case!(
        "basics",
        a_range_is_cut_to_the_value,
        [Writable],
        "offsets and lengths at and past its end"
    ),
    case!(
        "basics",
        a_value_can_be_read_back_with_its_version,
        [Writable],
        "if there are conditions"
    ),
    case!(
        "basics",
        keys_do_not_touch_each_other,
        [Writable],
        "parents, children and similar names"
    ),
    case!(
        "basics",
        many_keys_can_be_put_and_deleted_at_once,
        [Writable],
        "100 concurrent puts, then deletes"
    ),
    case!(
        "basics",
        a_put_that_never_starts_does_nothing,
        [Writable],
        "a future dropped before its first poll"
    ),
    case!("basics", values_are_not_shared_with_the_caller, [Writable], "buffers written to later"),
    case!("basics", an_empty_batch_does_nothing, [Writable], "with and without durability"),
];

async fn a_new_store_is_empty(bench: &Bench) -> Outcome {
    for _ in 0..2 {
        let store = bench.store().await?;
        ensure_eq!(listed(&store, Query::all()).await?, [], "keys of a new store");
        ensure_eq!(store.count(Query::all()).await?, 0, "count of a new store");
        if bench.capabilities.writable {
            store.put(&key!("/left/behind"), "by the store before").await?;
        }
    }
    Ok(())
}

async fn what_was_put_is_there(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    for round in 0..3 {
        for len in [1, 2, 255, 256, 4096, 70_000] {
            let (key, value) = (make_key(format!("/put/{len}"))?, noise(round, len));
            store.put(&key, value.clone()).await?;
            ensure_value(&store, &key, &value).await?;
        }
    }
    Ok(())
}

async fn a_missing_key_is_absent(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    ensure_absent(&store, &key!("/missing")).await?;
    if bench.capabilities.writable {
        store.put(&key!("/missing/child"), "1").await?;
        store.put(&key!("/missin"), "1").await?;
        ensure_absent(&store, &key!("/missing")).await?;
        ensure_absent(&store, &key!("/missing/child/of")).await?;
    }
    Ok(())
}

async fn a_deleted_key_is_absent_everywhere(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/deleted");
    for round in 0..3 {
        store.put(&key, noise(round, 100)).await?;
        store.delete(&key).await?;
        ensure_absent(&store, &key).await?;
        ensure_eq!(listed(&store, Query::all()).await?, [], "keys after the delete");
    }
    Ok(())
}

async fn deleting_a_missing_key_is_no_error(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    store.delete(&key!("/missing")).await?;
    store.commit(Batch::new().delete(key!("/missing")).delete(key!("/missing")).synced()).await?;
    ensure_absent(&store, &key!("/missing")).await
}

async fn a_value_can_be_overwritten(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/overwritten");
    for len in [100, 7, 0, 5000, 5000, 1, 300_000, 12] {
        let value = noise(len, len as usize);
        store.put(&key, value.clone()).await?;
        ensure_value(&store, &key, &value).await?;
        ensure_eq!(
            listed(&store, Query::all()).await?,
            std::slice::from_ref(&key),
            "one key, one entry"
        );
    }
    Ok(())
}

async fn an_empty_value_is_a_value(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/empty");
    store.put(&key, "").await?;
    ensure_value(&store, &key, &Bytes::new()).await?;
    ensure_eq!(listed(&store, Query::all()).await?, std::slice::from_ref(&key), "keys");
    ensure_absent(&store, &key!("/empt")).await
}

async fn a_range_is_cut_to_the_value(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let (key, value) = (key!("/ranged"), noise(1, 1000));
    store.put(&key, value.clone()).await?;
    let edges = [0, 1, 499, 999, 1000, 1001, u64::MAX - 1, u64::MAX];
    for (offset, len) in edges.iter().flat_map(|offset| edges.map(|len| (*offset, len))) {
        let start = offset.min(1000);
        let end = offset.saturating_add(len).min(1000);
        let expected = value.slice(start as usize..end as usize);
        let found = store.get_range(&key, offset, len).await?;
        ensure_eq!(found, Some(expected), "{len} bytes from {offset}");
    }
    ensure_eq!(store.get_range(&key!("/range"), 0, 9).await?, None, "range of a missing key");
    Ok(())
}

async fn a_value_can_be_read_back_with_its_version(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/versioned");
    let conditions = bench.capabilities.conditions > datastore::Conditions::Unsupported;
    for value in ["", "a", "b"] {
        store.put(&key, value).await?;
        let found = store.read(&key, Want::Value).await?;
        let version = found.as_ref().and_then(Found::version);
        ensure!(!conditions || version.is_some(), "a store with conditions gave no version");
        ensure_eq!(found.and_then(|found| found.size()), Some(value.len() as u64), "its size");
    }
    Ok(())
}

async fn keys_do_not_touch_each_other(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let names = [
        "/a",
        "/A",
        "/a/b",
        "/a/b/c",
        "/ab",
        "/a.",
        "/a%2Fb",
        "/a\\b",
        "/a b",
        "/a:b",
        "/ä",
        "/a\u{308}",
    ];
    for (number, name) in names.iter().enumerate() {
        store.put(&make_key(name)?, noise(number as u64, 20 + number)).await?;
    }
    for (number, name) in names.iter().enumerate() {
        ensure_value(&store, &make_key(name)?, &noise(number as u64, 20 + number)).await?;
    }
    store.delete(&key!("/a")).await?;
    ensure_absent(&store, &key!("/a")).await?;
    ensure_eq!(store.count(Query::all()).await?, names.len() as u64 - 1, "keys that are left");
    Ok(())
}

async fn many_keys_can_be_put_and_deleted_at_once(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = super::support::numbered("parallel", 100)?;
    try_join_all(keys.iter().map(|key| store.put(key, key.to_bytes()))).await?;
    ensure_eq!(listed(&store, Query::all()).await?, keys, "keys after 100 puts");
    for key in &keys {
        ensure_value(&store, key, &key.to_bytes()).await?;
    }
    try_join_all(keys.iter().map(|key| store.delete(key))).await?;
    ensure_eq!(listed(&store, Query::all()).await?, [], "keys after 100 deletes");
    Ok(())
}

async fn a_put_that_never_starts_does_nothing(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    drop(store.put(&key!("/never"), "started"));
    drop(store.commit(Batch::new().put(key!("/never"), "started").synced()));
    store.put(&key!("/other"), "1").await?;
    store.sync().await?;
    ensure_absent(&store, &key!("/never")).await
}

async fn values_are_not_shared_with_the_caller(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/shared");
    let expected = noise(5, 4096);
    let mine = Bytes::copy_from_slice(&expected);
    store.put(&key, mine.clone()).await?;
    overwrite(mine);
    ensure_value(&store, &key, &expected).await?;
    for query in [Query::all(), Query::all().descending()] {
        if let Some(value) = store.get(&key).await? {
            overwrite(value);
        }
        for entry in super::support::entries(&store, query).await? {
            entry.value().cloned().into_iter().for_each(overwrite);
        }
        ensure_value(&store, &key, &expected).await?;
    }
    Ok(())
}

/// Writes into the buffer, if its last owner is here.
fn overwrite(bytes: Bytes) {
    if let Ok(mut bytes) = bytes.try_into_mut() {
        bytes.fill(0xEE);
    }
}

async fn an_empty_batch_does_nothing(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    store.commit(Batch::new()).await?;
    store.commit(Batch::new().synced()).await?;
    ensure_eq!(listed(&store, Query::all()).await?, [], "keys");
    Ok(())
}

/// Every way of asking says that `key` has this value.
pub(super) async fn ensure_value(store: &dyn Datastore, key: &Key, value: &Bytes) -> Outcome {
    let size = value.len() as u64;
    ensure_eq!(store.get(key).await?.as_ref(), Some(value), "get of {key}");
    ensure_eq!(&store.get_required(key).await?, value, "required get of {key}");
    ensure!(store.has(key).await?, "has of {key} is false");
    ensure_eq!(store.size(key).await?, Some(size), "size of {key}");
    let middle = (size / 3, size / 2);
    let part = value.slice(middle.0 as usize..(middle.0 + middle.1).min(size) as usize);
    let found = store.get_range(key, middle.0, middle.1).await?;
    ensure_eq!(found, Some(part), "range {middle:?} of {key}");
    Ok(())
}

/// Every way of asking says that `key` has no value.
pub(super) async fn ensure_absent(store: &dyn Datastore, key: &Key) -> Outcome {
    ensure_eq!(store.get(key).await?, None, "get of {key}");
    ensure!(!store.has(key).await?, "has of {key} is true");
    ensure_eq!(store.size(key).await?, None, "size of {key}");
    ensure_eq!(store.get_range(key, 0, 1).await?, None, "range of {key}");
    let required = store.get_required(key).await;
    crate::failure::ensure_kind!(required, datastore::ErrorKind::NotFound, "required get of {key}");
    Ok(())
}
