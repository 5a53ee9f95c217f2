//! Many tasks on few keys: what each of them saw must fit into one order, key by key.

use std::sync::Arc;

use bytes::Bytes;
use datastore::{Conditions, Datastore, ErrorKind, Fault, Injected, Key, Operation, Position};
use fastrand::Rng;
use futures::future::try_join_all;

use super::support::numbered;
use crate::bench::Bench;
use crate::case::{Case, Need::Writable, case};
use crate::failure::{Failure, Outcome};
use crate::recorder::Recorder;

pub(super) const CASES: &[Case] = &[
    case!(
        "concurrency",
        single_writes_fit_one_order,
        [Writable],
        "puts, deletes, reads, and conditional writes if there are conditions"
    ),
    case!(
        "concurrency",
        batches_fit_one_order_on_each_key,
        [Writable],
        "the same, with batches over several keys"
    ),
    case!(
        "concurrency",
        listings_fit_between_writes,
        [Writable],
        "what a listing shows of a key is what a read could have"
    ),
    case!(
        "concurrency",
        failures_and_lost_replies_fit_one_order,
        [Writable],
        "writes of which the caller does not know whether they happened"
    ),
    case!(
        "concurrency",
        dropped_commits_fit_one_order,
        [Writable],
        "writes whose future was dropped midway"
    ),
];

/// What the tasks do, in shares.
#[derive(Clone, Copy, Default)]
struct Mix {
    reads: usize,
    writes: usize,
    swaps: usize,
    /// Whether a swap may delete.
    swaps_delete: bool,
    batches: usize,
    listings: usize,
    dropped: usize,
    /// Whether the store loses replies and refuses calls.
    failing: bool,
}

const SINGLE: Mix = Mix {
    reads: 4,
    writes: 3,
    swaps: 3,
    swaps_delete: true,
    batches: 0,
    listings: 0,
    dropped: 0,
    failing: false,
};

async fn single_writes_fit_one_order(bench: &Bench) -> Outcome {
    run(bench, SINGLE).await
}

async fn batches_fit_one_order_on_each_key(bench: &Bench) -> Outcome {
    run(bench, Mix { batches: 3, ..SINGLE }).await
}

async fn listings_fit_between_writes(bench: &Bench) -> Outcome {
    run(bench, Mix { batches: 2, listings: 4, ..SINGLE }).await
}

async fn failures_and_lost_replies_fit_one_order(bench: &Bench) -> Outcome {
    run(bench, Mix { batches: 1, failing: true, ..SINGLE }).await
}

async fn dropped_commits_fit_one_order(bench: &Bench) -> Outcome {
    run(bench, Mix { dropped: 2, ..SINGLE }).await
}

async fn run(bench: &Bench, mut mix: Mix) -> Outcome {
    let conditions = bench.capabilities.conditions;
    if conditions == Conditions::Unsupported {
        mix.swaps = 0;
    }
    mix.swaps_delete = conditions >= Conditions::SingleKey;
    for round in 0..bench.scale.pick(2, 8) {
        let seed = bench.seed.wrapping_add(round);
        run_once(bench, mix, seed)
            .await
            .map_err(|failure| failure.during(format!("seed {seed}")))?;
    }
    Ok(())
}

async fn run_once(bench: &Bench, mix: Mix, seed: u64) -> Outcome {
    let mut store: Arc<dyn Datastore> = bench.store().await?;
    if mix.failing {
        store = Arc::new(failing(store));
    }
    let recorder = Arc::new(Recorder::new(store, mix.failing));
    let keys = numbered("contended", 3)?;
    // Each dropped write that may land later doubles what the checker has to try.
    let few = mix.dropped > 0 && !bench.capabilities.atomic_batches;
    let (tasks, calls) = if few { (4, 12) } else { bench.scale.pick((4, 12), (6, 40)) };
    let tasks = (0..tasks).map(|task| {
        let (recorder, keys) = (Arc::clone(&recorder), keys.clone());
        let dice = Rng::with_seed(seed.wrapping_mul(1_000).wrapping_add(task));
        tokio::spawn(async move { work(&recorder, &keys, mix, task, calls, dice).await })
    });
    for result in try_join_all(tasks.collect::<Vec<_>>()).await? {
        result?;
    }
    for key in &keys {
        recorder.read(key).await?;
    }
    recorder.check()
}

/// Few enough unknown outcomes for the checker to decide quickly.
fn failing(store: Arc<dyn Datastore>) -> Fault<Arc<dyn Datastore>> {
    let store = Fault::new(store);
    let unavailable = ErrorKind::Unavailable;
    store.inject(Operation::Commit, Position::Every(11), Injected::LostReply(unavailable));
    store.inject(Operation::Commit, Position::Every(7), Injected::Error(unavailable));
    store.inject(Operation::Read, Position::Every(13), Injected::Error(unavailable));
    store
}

async fn work(
    recorder: &Recorder,
    keys: &[Key],
    mix: Mix,
    task: u64,
    calls: usize,
    mut dice: Rng,
) -> Outcome {
    let Mix { reads, writes, swaps, swaps_delete, batches, listings, dropped, failing: _ } = mix;
    for call in 0..calls {
        // Every value is written once, so that a read tells which write it saw.
        let stamp = |key: usize| Bytes::from(format!("{task}.{call}.{key}"));
        let value = |key: usize, dice: &mut Rng| (dice.usize(..5) > 0).then(|| stamp(key));
        let key = dice.choice(keys).ok_or_else(|| Failure::new("no keys to work on"))?;
        let mut choice = dice.usize(..reads + writes + swaps + batches + listings + dropped);
        let mut chosen = |share: usize| {
            let is = choice < share;
            choice = if is { usize::MAX } else { choice.wrapping_sub(share) };
            is
        };
        if chosen(reads) {
            recorder.read(key).await?;
        } else if chosen(writes) {
            recorder.write(&[(key.clone(), value(0, &mut dice))]).await?;
        } else if chosen(swaps) {
            let seen = recorder.read(key).await?;
            let new = value(0, &mut dice).or_else(|| (!swaps_delete).then(|| stamp(0)));
            recorder.swap(key, seen, new).await?;
        } else if chosen(batches) {
            let mut writes = Vec::new();
            for (place, key) in keys.iter().enumerate() {
                writes.push((key.clone(), value(place, &mut dice)));
            }
            recorder.write(&writes).await?;
        } else if chosen(listings) {
            recorder.list(keys).await?;
        } else {
            let polls = dice.usize(..4);
            recorder.write_and_drop(&[(key.clone(), value(0, &mut dice))], polls).await?;
        }
        // A store in memory would otherwise run each task to its end.
        if dice.usize(..2) == 0 {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}
