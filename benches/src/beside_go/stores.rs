use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use datastore::{Batch, Datastore, DatastoreExt, Query};
use datastore_fjall::FjallDatastore;
use futures::TryStreamExt;
use serde_json::json;

use super::Flags;
use super::data::{group, key, missing_key, value};
use super::disk::mib_of;
use super::lines::{emit, emit_time, start};
use super::micro::expect;
use super::pcg::Pcg;
use crate::{Resident, Result};

/// Keys of which reads find most blocks in memory.
const HOT: usize = 10_000;

/// Puts one by one, and in batches of 1,000; reads, listings, deletes.
pub(super) async fn run(flags: &Flags, dir: &Path) -> Result<()> {
    let store = FjallDatastore::open(dir.join("a")).await?;
    let order = Pcg::new(11, 12).permutation(flags.keys);
    let single = (flags.keys / 2).min(100_000);
    let (one_by_one, batched) = order.split_at(single);

    let time = start();
    for n in one_by_one {
        store.put(&key(*n)?, value(*n, flags.value)).await?;
    }
    emit_time(flags, "put", single, time.elapsed());

    let time = start();
    for numbers in batched.chunks(1000) {
        let mut batch = Batch::new();
        for n in numbers {
            batch = batch.put(key(*n)?, value(*n, flags.value));
        }
        store.commit(batch).await?;
    }
    emit_time(flags, "batch_put_1000", batched.len(), time.elapsed());
    store.sync().await?;
    let resident = Resident::now()?.now as f64 / f64::from(1 << 20);
    let fields = json!({"keys": flags.keys, "value": flags.value, "rss_mib": resident, "disk_mib": mib_of(dir)?});
    emit(flags, "rss_disk_after_load", fields);

    for pass in 0..5 {
        read(flags, &store, &order, pass).await?;
    }

    let time = start();
    for n in one_by_one {
        store.delete(&key(*n)?).await?;
    }
    emit_time(flags, "delete", single, time.elapsed());
    Ok(store.close().await?)
}

async fn read(flags: &Flags, store: &FjallDatastore, order: &[usize], pass: u64) -> Result<()> {
    let mut random = Pcg::new(pass, 13);
    let hot = order.get(..HOT).unwrap_or(order);
    let time = start();
    for _ in 0..flags.ops {
        let n = hot.get(random.below(hot.len())).copied().unwrap_or_default();
        store.get_required(&key(n)?).await?;
    }
    emit_time(flags, "get_hot10k", flags.ops, time.elapsed());

    let time = start();
    for _ in 0..flags.ops {
        store.get_required(&key(random.below(flags.keys))?).await?;
    }
    emit_time(flags, "get_random", flags.ops, time.elapsed());

    let time = start();
    for _ in 0..flags.ops {
        let found = store.get(&missing_key(random.below(flags.keys))?).await?;
        expect(usize::from(found.is_some()), 0)?;
    }
    emit_time(flags, "get_missing", flags.ops, time.elapsed());

    let time = start();
    for _ in 0..flags.ops {
        let found = store.has(&key(random.below(flags.keys))?).await?;
        expect(usize::from(found), 1)?;
    }
    emit_time(flags, "has", flags.ops, time.elapsed());

    let time = start();
    for _ in 0..flags.ops {
        std::hint::black_box(key(random.below(flags.keys))?);
    }
    emit_time(flags, "make_key_only", flags.ops, time.elapsed());

    let time = start();
    for _ in 0..100 {
        let query = Query::descendants(group(random.below((flags.keys / 4096).max(1)))?);
        let found = store.query(query).try_fold(0, async |n, _| Ok(n + 1)).await?;
        expect(found, flags.keys.min(4096))?;
    }
    emit_time(flags, "query_prefix_4096", 100 * 4096, time.elapsed());

    if pass < 3 {
        let time = start();
        let found = store.query(Query::all()).try_fold(0, async |n, _| Ok(n + 1)).await?;
        emit_time(flags, "query_all_values", flags.keys, time.elapsed());
        expect(found, flags.keys)?;

        let time = start();
        let found = store.count(Query::all()).await?;
        emit_time(flags, "query_all_keysonly", flags.keys, time.elapsed());
        expect(usize::try_from(found)?, flags.keys)?;
    }
    Ok(())
}

/// For how long synced puts are counted.
const SYNCED: Duration = Duration::from_millis(1500);

/// A put that survives a loss of power, by one task and by 64.
pub(super) async fn run_synced(flags: &Flags, dir: &Path) -> Result<()> {
    let store = Arc::new(FjallDatastore::open(dir.join("a")).await?);
    for tasks in [1, 64] {
        let (next, time) = (Arc::new(AtomicUsize::new(0)), start());
        let mut running = Vec::new();
        for _ in 0..tasks {
            let (store, next, len) = (Arc::clone(&store), Arc::clone(&next), flags.value);
            running.push(tokio::spawn(async move {
                while time.elapsed() < SYNCED {
                    let n = next.fetch_add(1, Ordering::Relaxed) + 1;
                    let put = Batch::new().put(key(n + (tasks << 24))?, value(n, len)).synced();
                    store.commit(put).await?;
                }
                Result::Ok(())
            }));
        }
        for task in running {
            task.await??;
        }
        let n = next.load(Ordering::Relaxed);
        let per_op = time.elapsed().as_nanos() / n.max(1) as u128;
        let op = format!("put_sync_{tasks}");
        emit(flags, &op, json!({"value": flags.value, "n": n, "ns_op": per_op}));
    }
    Ok(store.close().await?)
}
