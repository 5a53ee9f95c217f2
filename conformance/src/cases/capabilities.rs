//! What a store declares, held against what it does: declared works, undeclared is refused.

use bytes::Bytes;
use datastore::{
    Batch, Conditions, Datastore, DatastoreExt, ErrorKind, Key, Query, Version, Want, key,
};

use super::support::{entries, fill, listed, noise, numbered};
use crate::bench::Bench;
use crate::case::{Case, Need::Writable, case};
use crate::failure::{Outcome, ensure, ensure_eq, ensure_kind};

pub(super) const CASES: &[Case] = &[
    case!(
        "capabilities",
        what_is_declared_stays_so,
        [],
        "the same answer at any time, of any handle"
    ),
    case!(
        "capabilities",
        a_store_that_is_not_writable_refuses_commits,
        [],
        "and one that is takes them"
    ),
    case!("capabilities", disk_usage_is_a_number_or_unsupported, [], "never a false 0"),
    case!("capabilities", snapshots_are_there_or_unsupported, [], "as declared"),
    case!(
        "capabilities",
        conditions_hold_or_are_unsupported,
        [Writable],
        "none, on a put, on one key, on any batch; what is refused changes nothing"
    ),
    case!(
        "capabilities",
        values_are_taken_up_to_the_declared_size,
        [Writable],
        "and refused above it, before anything is written"
    ),
    case!("capabilities", compacting_changes_nothing, [Writable], "but the space that is taken"),
    case!("capabilities", a_check_finds_a_good_store_clean, [], "and counts what it read"),
    case!(
        "capabilities",
        a_sync_is_always_possible,
        [Writable],
        "empty, after writes to several prefixes, twice, at once"
    ),
    case!(
        "capabilities",
        synced_batches_are_ordinary_batches,
        [Writable],
        "but for what they survive"
    ),
];

async fn what_is_declared_stays_so(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let declared = store.capabilities();
    ensure_eq!(declared, bench.capabilities, "capabilities of another store of the same factory");
    ensure!(declared.buffered <= declared.synced, "buffered commits outlive synced ones");
    if declared.writable {
        store.put(&key!("/a"), "1").await?;
        store.sync().await?;
    }
    ensure_eq!(store.capabilities(), declared, "capabilities after a write");
    store.close().await?;
    ensure_eq!(store.capabilities(), declared, "capabilities after closing");
    Ok(())
}

async fn a_store_that_is_not_writable_refuses_commits(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let before = entries(&store, Query::all()).await?;
    let mut batches =
        vec![Batch::new().put(key!("/a"), "1"), Batch::new().delete(key!("/a")).synced()];
    batches.extend(before.first().map(|entry| Batch::new().delete(entry.key().clone())));
    for batch in batches {
        let result = store.commit(batch).await;
        if bench.capabilities.writable {
            result?;
        } else {
            ensure_kind!(result, ErrorKind::Unsupported, "a commit to a read-only store");
            let outcome = result.err().and_then(|error| error.outcome());
            ensure_eq!(outcome, Some(datastore::Outcome::NotApplied), "its outcome");
        }
    }
    ensure_eq!(entries(&store, Query::all()).await?, before, "entries");
    Ok(())
}

async fn disk_usage_is_a_number_or_unsupported(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    if bench.capabilities.writable {
        for (number, key) in numbered("usage", 4)?.into_iter().enumerate() {
            store.put(&key, noise(number as u64, 64 << 10)).await?;
        }
        store.sync().await?;
    }
    let usage = store.disk_usage().await;
    if bench.capabilities.disk_usage {
        let usage = usage?;
        // Compression cannot shrink noise; whoever asks after a sync wants to see what was written.
        let least = if bench.capabilities.writable { 256 << 10 } else { 0 };
        ensure!(usage >= least, "{usage} bytes are taken by {least} bytes of noise");
    } else {
        ensure_kind!(usage, ErrorKind::Unsupported, "disk usage, which is not declared");
    }
    Ok(())
}

async fn snapshots_are_there_or_unsupported(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let snapshot = store.snapshot().await;
    if bench.capabilities.snapshots {
        let (frozen, here) =
            (entries(&snapshot?, Query::all()).await?, entries(&store, Query::all()).await?);
        ensure_eq!(frozen, here, "entries of a snapshot at once");
    } else {
        ensure_kind!(snapshot, ErrorKind::Unsupported, "a snapshot, which is not declared");
    }
    Ok(())
}

async fn conditions_hold_or_are_unsupported(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let (there, a, b) = (key!("/there"), key!("/a"), key!("/b"));
    store.put(&there, "1").await?;
    let found = store.read(&there, Want::Value).await?;
    // A store without conditions has no version to give, and refuses any.
    let version = found.and_then(|found| found.version()).unwrap_or_else(|| Version::of_tag("1"));
    let put = |key: &Key| Batch::new().put(key.clone(), "2");
    let cases = [
        (Batch::new().delete(there.clone()).unchanged(there, version), Conditions::SingleKey),
        (put(&a).absent(a.clone()), Conditions::SinglePut),
        (put(&a).put(b.clone(), "2").absent(a.clone()), Conditions::AnyBatch),
        (put(&a).absent(a.clone()).absent(b.clone()), Conditions::AnyBatch),
        (put(&a).absent(b.clone()), Conditions::AnyBatch),
    ];
    let declared = bench.capabilities.conditions;
    for (batch, needed) in cases {
        let before = entries(&store, Query::all()).await?;
        let shown = format!("{batch:?}");
        let result = store.commit(batch).await;
        let after = entries(&store, Query::all()).await?;
        if declared >= needed {
            result?;
            ensure!(after != before, "{shown} did nothing");
        } else {
            ensure_kind!(result, ErrorKind::Unsupported, "{shown}, with {declared:?} declared");
            let outcome = result.err().and_then(|error| error.outcome());
            ensure_eq!(outcome, Some(datastore::Outcome::NotApplied), "outcome of {shown}");
            ensure_eq!(after, before, "entries after {shown} was refused");
        }
        store.commit(Batch::new().delete(a.clone()).delete(b.clone())).await?;
    }
    if declared == Conditions::Unsupported {
        let result = store.commit(Batch::new().absent(a)).await;
        ensure_kind!(result, ErrorKind::Unsupported, "a condition alone");
    }
    Ok(())
}

async fn values_are_taken_up_to_the_declared_size(bench: &Bench) -> Outcome {
    // Larger values than a test can hold in memory are taken at their word.
    const LARGEST_TRIED: u64 = 64 << 20;
    let store = bench.store().await?;
    let most = bench.capabilities.max_value_len;
    if most > bench.scale.pick(1 << 20, LARGEST_TRIED) {
        let value = noise(1, 1 << 20);
        store.put(&key!("/a"), value.clone()).await?;
        ensure!(store.get(&key!("/a")).await? == Some(value), "another value of 1 MiB");
        return Ok(());
    }
    let value = noise(2, most as usize + 1);
    let largest = value.slice(..most as usize);
    store.put(&key!("/a"), largest.clone()).await?;
    ensure!(store.get(&key!("/a")).await? == Some(largest), "another value of {most} bytes");
    let batch = Batch::new().put(key!("/0"), "1").put(key!("/a"), value).put(key!("/z"), "2");
    let result = store.commit(batch).await;
    ensure_kind!(result, ErrorKind::InvalidInput, "a batch with a value of {} bytes", most + 1);
    let outcome = result.err().and_then(|error| error.outcome());
    ensure_eq!(outcome, Some(datastore::Outcome::NotApplied), "its outcome");
    ensure_eq!(listed(&store, Query::all()).await?, [key!("/a")], "keys after it was refused");
    Ok(())
}

async fn compacting_changes_nothing(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    store.compact().await?;
    let keys = numbered("compacted", bench.scale.pick(100, 2_000))?;
    for _ in 0..3 {
        fill(&store, &keys).await?;
    }
    let (gone, left): (Vec<Key>, Vec<Key>) =
        keys.into_iter().partition(|key| key.as_bytes().last().is_some_and(|digit| digit % 2 == 0));
    store.commit(gone.iter().fold(Batch::new(), |batch, key| batch.delete(key.clone()))).await?;
    store.compact().await?;
    ensure_eq!(listed(&store, Query::all()).await?, left, "keys after compacting");
    for key in &left {
        ensure_eq!(store.get(key).await?, Some(key.to_bytes()), "value of {key}");
    }
    Ok(())
}

async fn a_check_finds_a_good_store_clean(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    ensure!(store.check().await?.is_clean(), "an empty store is not clean");
    if bench.capabilities.writable {
        let keys = numbered("checked", 50)?;
        fill(&store, &keys).await?;
        store.put(&key!("/checked/large"), noise(1, 300_000)).await?;
        let report = store.check().await?;
        ensure!(report.is_clean(), "a good store is not clean: {report:?}");
        // A wrapper checks the whole store below, which may hold more.
        ensure!(report.entries >= 51, "the check read {} entries of 51", report.entries);
        ensure!(report.bytes >= 300_000, "the check read {} bytes of 300,000", report.bytes);
    }
    Ok(())
}

async fn a_sync_is_always_possible(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    store.sync().await?;
    for prefix in ["a", "b", "c"] {
        let keys = numbered(prefix, 5)?;
        fill(&store, &keys).await?;
        store.sync().await?;
        store.sync().await?;
    }
    let syncs = (0..8).map(|_| store.sync());
    futures::future::try_join_all(syncs).await?;
    ensure_eq!(store.count(Query::all()).await?, 15, "keys after syncing");
    Ok(())
}

async fn synced_batches_are_ordinary_batches(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = numbered("synced", 10)?;
    let writes =
        keys.iter().map(|key| store.commit(Batch::new().put(key.clone(), key.to_bytes()).synced()));
    futures::future::try_join_all(writes).await?;
    ensure_eq!(listed(&store, Query::all()).await?, keys, "keys after synced commits");
    let deletes = keys.iter().fold(Batch::new(), |batch, key| batch.delete(key.clone()));
    store.commit(deletes.put(key!("/left"), Bytes::new()).synced()).await?;
    ensure_eq!(listed(&store, Query::all()).await?, [key!("/left")], "keys after a synced batch");
    Ok(())
}
