//! Values that many change at once: conditions keep them from losing what others did.

use bytes::Bytes;
use datastore::{Batch, Conditions, Datastore, DatastoreExt, ErrorKind, Key, Want, key};
use futures::future::{join_all, try_join_all};

use super::conditions::versioned;
use super::support::{keys, numbered};
use crate::bench::Bench;
use crate::case::Need::{self, Writable};
use crate::case::{Case, case};
use crate::failure::{Failure, Outcome, ensure, ensure_eq, ensure_kind};

const PUT: Need = Need::Conditions(Conditions::SinglePut);
const SINGLE: Need = Need::Conditions(Conditions::SingleKey);
const ANY: Need = Need::Conditions(Conditions::AnyBatch);

pub(super) const CASES: &[Case] = &[
    case!(
        "updates",
        one_of_many_writers_wins,
        [Writable, PUT],
        "concurrent commits under the same condition"
    ),
    case!(
        "updates",
        concurrent_updates_lose_nothing,
        [Writable, PUT],
        "increments from many tasks"
    ),
    case!(
        "updates",
        updates_and_plain_writes_do_not_mix_up,
        [Writable, PUT],
        "increments beside unconditional writers"
    ),
    case!(
        "updates",
        sums_over_keys_are_kept,
        [Writable, ANY],
        "transfers between keys from many tasks"
    ),
    case!(
        "updates",
        an_update_can_create_and_change,
        [Writable, PUT],
        "and write nothing where nothing changes"
    ),
    case!("updates", an_update_can_delete, [Writable, SINGLE], "what it reads"),
];

async fn one_of_many_writers_wins(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/won");
    for round in 0..bench.scale.pick(10, 100) {
        let condition = match store.read(&key, Want::Value).await? {
            Some(found) => found.version(),
            None => None,
        };
        let tasks = (0..8).map(|writer| {
            let (store, key, condition) = (store.clone(), key.clone(), condition.clone());
            tokio::spawn(async move {
                let batch = Batch::new().put(key.clone(), format!("{round} {writer}"));
                let batch = match condition {
                    Some(version) => batch.unchanged(key, version),
                    None => batch.absent(key),
                };
                store.commit(batch).await
            })
        });
        let mut winner = None;
        for (writer, result) in join_all(tasks).await.into_iter().enumerate() {
            match result? {
                Ok(()) => {
                    ensure_eq!(winner, None, "another writer that won against {writer}");
                    winner = Some(format!("{round} {writer}"));
                }
                lost => ensure_kind!(lost, ErrorKind::Conflict, "a commit beside others"),
            }
        }
        ensure!(winner.is_some(), "all 8 writers lost");
        ensure_eq!(store.get(&key).await?, winner.map(Bytes::from), "the value of the winner");
    }
    Ok(())
}

fn number(value: Option<&Bytes>) -> u64 {
    value.and_then(|value| std::str::from_utf8(value).ok()?.parse().ok()).unwrap_or_default()
}

fn increment(value: Option<Bytes>) -> Option<Bytes> {
    Some((number(value.as_ref()) + 1).to_string().into())
}

async fn concurrent_updates_lose_nothing(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let (tasks, rounds) = bench.scale.pick((4, 15), (8, 100));
    let keys = keys(["/counter/1", "/counter/2"])?;
    let tasks = (0..tasks).map(|_| {
        let (store, keys) = (store.clone(), keys.clone());
        tokio::spawn(async move {
            for _ in 0..rounds {
                for key in &keys {
                    store.update(key, increment).await?;
                }
            }
            Ok::<_, datastore::Error>(())
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let expected = tasks.len() as u64 * rounds;
    for result in try_join_all(tasks).await? {
        result?;
    }
    for key in &keys {
        ensure_eq!(number(store.get(key).await?.as_ref()), expected, "increments of {key}");
    }
    Ok(())
}

async fn updates_and_plain_writes_do_not_mix_up(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/mixed");
    let rounds = bench.scale.pick(30, 300);
    // Plain writers raise the number by thousands, updates by ones: the thousands never step back,
    // unless an update wrote over a plain write that it had not seen.
    let plain = tokio::spawn({
        let (store, key) = (store.clone(), key.clone());
        async move {
            for round in 1..=rounds {
                let floor = round * 1_000_000;
                store.put(&key, floor.to_string()).await?;
                let seen = number(store.get(&key).await?.as_ref());
                if seen < floor {
                    return Ok(Err(Failure::new(format!("put {floor}, then read {seen}"))));
                }
            }
            Ok::<_, datastore::Error>(Ok(()))
        }
    });
    let updates = tokio::spawn({
        let (store, key) = (store.clone(), key.clone());
        async move {
            for _ in 0..rounds {
                store.update(&key, increment).await?;
            }
            Ok::<_, datastore::Error>(())
        }
    });
    updates.await??;
    plain.await???;
    let last = number(store.get(&key).await?.as_ref());
    let floor = rounds * 1_000_000;
    ensure!((floor..=floor + rounds).contains(&last), "the number in the end is {last}");
    Ok(())
}

async fn sums_over_keys_are_kept(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let accounts = numbered("account", 5)?;
    for account in &accounts {
        store.put(account, "1000").await?;
    }
    let rounds = bench.scale.pick(15, 150);
    let tasks = (0..6usize).map(|task| {
        let (store, accounts) = (store.clone(), accounts.clone());
        tokio::spawn(async move {
            for round in 0..rounds {
                let (from, to) = (task % 5, (task + 1 + round % 4) % 5);
                if let (Some(from), Some(to)) = (accounts.get(from), accounts.get(to)) {
                    transfer(&store, from, to).await?;
                }
            }
            Ok::<_, Failure>(())
        })
    });
    for result in try_join_all(tasks).await? {
        result?;
    }
    let mut sum = 0;
    for account in &accounts {
        sum += number(store.get(account).await?.as_ref());
    }
    ensure_eq!(sum, 5_000, "the sum over all accounts");
    Ok(())
}

async fn transfer(store: &dyn Datastore, from: &Key, to: &Key) -> Outcome {
    loop {
        // Value and version of one read: a later value would not be the one that is compared.
        let (rich, old_from) = versioned(store, from).await?;
        let (poor, old_to) = versioned(store, to).await?;
        let batch = Batch::new()
            .put(from.clone(), number(Some(&rich)).saturating_sub(1).to_string())
            .put(to.clone(), (number(Some(&poor)) + 1).to_string())
            .unchanged(from.clone(), old_from)
            .unchanged(to.clone(), old_to);
        match store.commit(batch).await {
            Err(error) if error.kind() == ErrorKind::Conflict => tokio::task::yield_now().await,
            result => return Ok(result?),
        }
    }
}

async fn an_update_can_create_and_change(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/updated");
    ensure_eq!(store.update(&key, |_| None).await?, None, "nothing to nothing");
    ensure_eq!(store.update(&key, |_| Some("1".into())).await?, Some("1".into()), "created");
    let same = store.update(&key, |value| value).await?;
    ensure_eq!(same, Some("1".into()), "the same again");
    ensure_eq!(store.update(&key, |_| Some("2".into())).await?, Some("2".into()), "changed");
    ensure_eq!(store.get(&key).await?, Some("2".into()), "the value in the end");
    Ok(())
}

async fn an_update_can_delete(bench: &Bench) -> Outcome {
    let store = bench.store().await?;
    let key = key!("/updated");
    store.put(&key, "1").await?;
    ensure_eq!(store.update(&key, |_| None).await?, None, "deleted");
    ensure_eq!(store.get(&key).await?, None, "the value in the end");
    Ok(())
}
