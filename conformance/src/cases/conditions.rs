//! Commits that stand under conditions.

use bytes::Bytes;
use datastore::{
    Batch, Conditions, Datastore, DatastoreExt, ErrorKind, Found, Key, Query, Version, Want, key,
};

use super::support::{entries, fill, keys};
use crate::bench::Bench;
use crate::case::Need::{self, Writable};
use crate::case::{Case, case};
use crate::failure::{Failure, Outcome, ensure_eq, ensure_kind};

const PUT: Need = Need::Conditions(Conditions::SinglePut);
const SINGLE: Need = Need::Conditions(Conditions::SingleKey);
const ANY: Need = Need::Conditions(Conditions::AnyBatch);

pub(super) const CASES: &[Case] = &[
    case!(
        "conditions",
        absent_holds_only_without_a_value,
        [Writable, PUT],
        "an empty value is a value"
    ),
    case!(
        "conditions",
        unchanged_holds_until_the_value_changes,
        [Writable, PUT],
        "overwritten, deleted, written again"
    ),
    case!(
        "conditions",
        every_version_of_an_unchanged_value_holds,
        [Writable, PUT],
        "that of each read, before and after a sync"
    ),
    case!(
        "conditions",
        deletes_stand_under_conditions,
        [Writable, SINGLE],
        "absent and unchanged, that hold and that do not"
    ),
    case!(
        "conditions",
        a_version_of_another_store_never_holds,
        [Writable, PUT],
        "tags and values that are not its own"
    ),
    case!(
        "conditions",
        a_condition_alone_is_checked,
        [Writable, PUT],
        "a batch without operations"
    ),
    case!(
        "conditions",
        conditions_look_at_what_was_before_the_batch,
        [Writable, SINGLE],
        "not at its own operations"
    ),
    case!(
        "conditions",
        a_failed_condition_applies_nothing,
        [Writable, ANY],
        "on any key, at any place among others"
    ),
    case!("conditions", conditions_may_be_on_other_keys_than_the_writes, [Writable, ANY], "guards"),
];

async fn version(store: &dyn Datastore, key: &Key) -> Outcome<Version> {
    Ok(versioned(store, key).await?.1)
}

pub(super) async fn versioned(store: &dyn Datastore, key: &Key) -> Outcome<(Bytes, Version)> {
    let found = store.read(key, Want::Value).await?;
    let version = found.as_ref().and_then(Found::version);
    let value = found.as_ref().and_then(Found::value).cloned();
    let both = value.zip(version);
    both.ok_or_else(|| Failure::new(format!("no value or no version of {key} in {found:?}")))
}

/// The commit is a conflict, said to have done nothing, and did nothing.
async fn ensure_conflict(store: &dyn Datastore, batch: Batch) -> Outcome {
    let before = entries(store, Query::all()).await?;
    let shown = format!("{batch:?}");
    let result = store.commit(batch).await;
    ensure_kind!(result, ErrorKind::Conflict, "commit of {shown}");
    let outcome = result.err().and_then(|error| error.outcome());
    ensure_eq!(outcome, Some(datastore::Outcome::NotApplied), "outcome of the conflict of {shown}");
    ensure_eq!(
        entries(store, Query::all()).await?,
        before,
        "entries after the conflict of {shown}"
    );
    Ok(())
}

async fn absent_holds_only_without_a_value(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/absent");
    for value in ["", "1"] {
        store.commit(Batch::new().put(key.clone(), value).absent(key.clone())).await?;
        ensure_conflict(&store, Batch::new().put(key.clone(), "2").absent(key.clone())).await?;
        ensure_eq!(store.get(&key).await?, Some(value.into()), "the value");
        store.delete(&key).await?;
    }
    Ok(())
}

async fn unchanged_holds_until_the_value_changes(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/unchanged");
    let put = |value: &'static str, version: &Version| {
        Batch::new().put(key.clone(), value).unchanged(key.clone(), version.clone())
    };
    store.put(&key, "1").await?;
    let first = version(&store, &key).await?;
    store.commit(put("2", &first)).await?;
    ensure_conflict(&store, put("3", &first)).await?;
    let second = version(&store, &key).await?;
    store.put(&key, "4").await?;
    ensure_conflict(&store, put("5", &second)).await?;
    let third = version(&store, &key).await?;
    store.put(&key!("/unchanged/child"), "other").await?;
    store.delete(&key).await?;
    ensure_conflict(&store, put("6", &third)).await?;
    ensure_conflict(&store, Batch::new().unchanged(key.clone(), first)).await?;
    // An empty value is a value to compare too.
    store.put(&key, "").await?;
    let empty = version(&store, &key).await?;
    store.delete(&key).await?;
    ensure_conflict(&store, put("7", &empty)).await?;
    store.commit(Batch::new().put(key.clone(), "8").absent(key.clone())).await?;
    ensure_eq!(store.get(&key).await?, Some("8".into()), "the value in the end");
    Ok(())
}

async fn every_version_of_an_unchanged_value_holds(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/unchanged");
    for value in ["", "a", "b"] {
        store.put(&key, value).await?;
        // A store that writes later may have no version of its own before it has written.
        let mut versions = vec![version(&store, &key).await?, version(&store, &key).await?];
        store.sync().await?;
        versions.push(version(&store, &key).await?);
        for version in versions {
            store.commit(Batch::new().unchanged(key.clone(), version)).await?;
        }
        ensure_eq!(store.get(&key).await?, Some(value.into()), "the value");
    }
    Ok(())
}

async fn deletes_stand_under_conditions(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/deleted");
    let delete = || Batch::new().delete(key.clone());
    store.commit(delete().absent(key.clone())).await?;
    store.put(&key, "1").await?;
    ensure_conflict(&store, delete().absent(key.clone())).await?;
    let first = version(&store, &key).await?;
    store.put(&key, "2").await?;
    ensure_conflict(&store, delete().unchanged(key.clone(), first)).await?;
    let second = version(&store, &key).await?;
    store.put(&key!("/deleted/child"), "other").await?;
    store.commit(delete().unchanged(key.clone(), second.clone())).await?;
    ensure_eq!(store.get(&key).await?, None, "the value");
    ensure_conflict(&store, delete().unchanged(key.clone(), second)).await
}

async fn a_version_of_another_store_never_holds(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/foreign");
    store.put(&key, "1").await?;
    let own = version(&store, &key).await?;
    for foreign in [
        Version::of_tag("of another store"),
        Version::of_tag(""),
        Version::of_value("2".into()),
        Version::of_value(Bytes::new()),
    ] {
        if foreign != own {
            let batch = Batch::new().put(key.clone(), "2").unchanged(key.clone(), foreign);
            ensure_conflict(&store, batch).await?;
        }
    }
    Ok(())
}

async fn a_condition_alone_is_checked(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/alone");
    store.commit(Batch::new().absent(key.clone())).await?;
    store.put(&key, "1").await?;
    let version = version(&store, &key).await?;
    ensure_conflict(&store, Batch::new().absent(key.clone())).await?;
    store.commit(Batch::new().unchanged(key.clone(), version.clone()).synced()).await?;
    store.put(&key, "2").await?;
    ensure_conflict(&store, Batch::new().unchanged(key.clone(), version)).await?;
    ensure_eq!(store.get(&key).await?, Some("2".into()), "the value");
    Ok(())
}

async fn conditions_look_at_what_was_before_the_batch(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/before");
    store
        .commit(Batch::new().put(key.clone(), "1").put(key.clone(), "2").absent(key.clone()))
        .await?;
    ensure_conflict(
        &store,
        Batch::new().delete(key.clone()).put(key.clone(), "3").absent(key.clone()),
    )
    .await?;
    let version = version(&store, &key).await?;
    let batch =
        Batch::new().delete(key.clone()).put(key.clone(), "4").unchanged(key.clone(), version);
    store.commit(batch).await?;
    ensure_eq!(store.get(&key).await?, Some("4".into()), "the value");
    Ok(())
}

async fn a_failed_condition_applies_nothing(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let keys = keys(["/c/1", "/c/2", "/c/3", "/c/4"])?;
    for failing in &keys {
        fill(&store, &keys).await?;
        let mut batch = Batch::new().put(key!("/c/new"), "new").delete(key!("/c/1"));
        for key in &keys {
            batch = batch.put(key.clone(), "changed");
            let version = version(&store, key).await?;
            batch = if key == failing {
                batch.absent(key.clone())
            } else {
                batch.unchanged(key.clone(), version)
            };
        }
        ensure_conflict(&store, batch).await?;
    }
    // Opposite conditions on one key cannot both hold.
    let version = version(&store, &key!("/c/1")).await?;
    let both = Batch::new().put(key!("/c/2"), "changed").unchanged(key!("/c/1"), version);
    ensure_conflict(&store, both.absent(key!("/c/1"))).await
}

async fn conditions_may_be_on_other_keys_than_the_writes(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let (guard, written) = (key!("/guard"), key!("/written"));
    store.commit(Batch::new().put(written.clone(), "1").absent(guard.clone())).await?;
    store.put(&guard, "up").await?;
    let up = version(&store, &guard).await?;
    ensure_conflict(&store, Batch::new().put(written.clone(), "2").absent(guard.clone())).await?;
    let batch = Batch::new().put(written.clone(), "3").delete(guard.clone());
    store.commit(batch.unchanged(guard.clone(), up.clone()).absent(key!("/nothing"))).await?;
    ensure_conflict(&store, Batch::new().delete(written.clone()).unchanged(guard, up)).await?;
    ensure_eq!(store.get(&written).await?, Some("3".into()), "the value");
    Ok(())
}
