//! What is there again after the store was opened anew.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use datastore::{
    Batch, Conditions::SinglePut, Datastore, DatastoreExt, ErrorKind, Query, Survives, Want, key,
};

use super::support::{Row, fill, noise, numbered, walked};
use crate::bench::{Bench, Place};
use crate::case::Need::{BufferedSurvives, Conditions, Reopen, SyncedSurvives, Writable};
use crate::case::{Case, case};
use crate::failure::{Outcome, ensure, ensure_eq, ensure_kind};

pub(super) const CASES: &[Case] = &[
    case!(
        "durability",
        everything_is_there_after_closing,
        [Writable, Reopen, SyncedSurvives(Survives::Process)],
        "keys of all kinds, empty and large values, deletes"
    ),
    case!(
        "durability",
        many_sessions_add_up,
        [Writable, Reopen, SyncedSurvives(Survives::Process)],
        "write, close, open, over and over"
    ),
    case!(
        "durability",
        buffered_commits_survive_a_dropped_handle,
        [Writable, Reopen, BufferedSurvives(Survives::Process)],
        "without a close, as far as one process can show"
    ),
    case!(
        "durability",
        synced_commits_survive_a_dropped_handle,
        [Writable, Reopen, SyncedSurvives(Survives::Process)],
        "by their durability, and by a sync"
    ),
    case!(
        "durability",
        conditions_hold_across_sessions,
        [Writable, Reopen, Conditions(SinglePut), SyncedSurvives(Survives::Process)],
        "versions and absences read before"
    ),
    case!(
        "durability",
        stores_in_two_places_are_two,
        [Writable],
        "nothing of one shows in the other"
    ),
];

async fn rows(store: &dyn Datastore) -> Outcome<Vec<Row>> {
    walked(store, &Query::all()).await
}

async fn everything_is_there_after_closing(bench: &Bench) -> Outcome {
    let place = bench.place().await?;
    let store = place.open().await?;
    let mut batch = Batch::new();
    for (number, byte) in (0..=u8::MAX).filter(|byte| !b"./".contains(byte)).enumerate() {
        let name = datastore::Key::new([b"/kept/".as_slice(), &[byte]].concat())?;
        batch = batch.put(name, noise(number as u64, number * 7));
    }
    store.commit(batch).await?;
    let large = bench.capabilities.max_value_len.min(2 << 20) as usize;
    store.put(&key!("/large"), noise(1, large)).await?;
    store.put(&key!("/empty"), "").await?;
    store.put(&key!("/deleted"), "1").await?;
    store.delete(&key!("/deleted")).await?;
    store.put(&key!("/overwritten"), "first, and longer").await?;
    store.put(&key!("/overwritten"), "second").await?;
    let before = rows(&store).await?;
    ensure_eq!(before.len(), 257, "entries before closing");
    for round in 0..3 {
        let store = place.reopen().await?;
        ensure!(rows(&store).await? == before, "other entries after reopening {round} times");
        ensure_eq!(store.get(&key!("/overwritten")).await?, Some("second".into()), "value");
        ensure!(store.check().await?.is_clean(), "a store that was closed is not clean");
    }
    Ok(())
}

async fn many_sessions_add_up(bench: &Bench) -> Outcome {
    let place = bench.place().await?;
    let sessions = bench.scale.pick(4, 12);
    for session in 0..sessions {
        let store = place.reopen().await?;
        ensure_eq!(store.count(Query::all()).await?, session * 20, "keys in session {session}");
        fill(&store, &numbered(&format!("session{session}"), 20)?).await?;
        store.put(&key!("/temporary"), session.to_string()).await?;
        store.delete(&key!("/temporary")).await?;
    }
    Ok(())
}

/// Opens the data of a store whose handles were dropped. It may take the store a moment to let go of
/// them, which only asking again can show.
async fn open_after_drop(place: &Place) -> Outcome<Arc<dyn Datastore>> {
    drop(place.take_opened());
    let mut tries = 0;
    loop {
        match place.try_open().await {
            Err(error) if error.kind() == ErrorKind::Unavailable && tries < 500 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            result => return Ok(result?),
        }
    }
}

async fn buffered_commits_survive_a_dropped_handle(bench: &Bench) -> Outcome {
    let place = bench.place().await?;
    let mut store = place.open().await?;
    for round in 0..5u64 {
        let keys = numbered(&format!("round{round}"), 50)?;
        for key in &keys {
            store.put(key, key.to_bytes()).await?;
        }
        store.delete(&key!("/round0/00007")).await?;
        let before = rows(&store).await?;
        drop(store);
        store = open_after_drop(&place).await?;
        ensure_eq!(rows(&store).await?, before, "entries after handle {round} was dropped");
    }
    Ok(())
}

async fn synced_commits_survive_a_dropped_handle(bench: &Bench) -> Outcome {
    let place = bench.place().await?;
    let mut store = place.open().await?;
    for round in 0..3 {
        let value = Bytes::from(round.to_string());
        store.commit(Batch::new().put(key!("/synced"), value.clone()).synced()).await?;
        drop(store);
        store = open_after_drop(&place).await?;
        ensure_eq!(store.get(&key!("/synced")).await?, Some(value.clone()), "a synced commit");
        store.put(&key!("/buffered"), value.clone()).await?;
        store.sync().await?;
        drop(store);
        store = open_after_drop(&place).await?;
        ensure_eq!(store.get(&key!("/buffered")).await?, Some(value), "a commit before a sync");
    }
    Ok(())
}

async fn conditions_hold_across_sessions(bench: &Bench) -> Outcome {
    let place = bench.place().await?;
    let store = place.open().await?;
    let key = key!("/versioned");
    store.put(&key, "1").await?;
    let found = store.read(&key, Want::Value).await?;
    let Some(version) = found.and_then(|found| found.version()) else {
        return Err(crate::failure::Failure::new("a store with conditions gave no version"));
    };
    drop(store);
    let store = place.reopen().await?;
    let put = |value: &'static str| Batch::new().put(key.clone(), value);
    ensure_kind!(store.commit(put("2").absent(key.clone())).await, ErrorKind::Conflict, "absent");
    store.commit(put("3").unchanged(key.clone(), version.clone())).await?;
    let store = place.reopen().await?;
    let stale = store.commit(put("4").unchanged(key.clone(), version)).await;
    ensure_kind!(stale, ErrorKind::Conflict, "a version of two sessions ago");
    ensure_eq!(store.get(&key).await?, Some("3".into()), "the value");
    Ok(())
}

async fn stores_in_two_places_are_two(bench: &Bench) -> Outcome {
    let (one, other) = (bench.store().await?, bench.store().await?);
    one.put(&key!("/a"), "one").await?;
    other.put(&key!("/a"), "other").await?;
    one.put(&key!("/b"), "one").await?;
    ensure_eq!(one.get(&key!("/a")).await?, Some("one".into()), "the value in one");
    ensure_eq!(other.get(&key!("/a")).await?, Some("other".into()), "the value in the other");
    one.close().await?;
    ensure_eq!(other.count(Query::all()).await?, 1, "keys of the other, one being closed");
    Ok(())
}
