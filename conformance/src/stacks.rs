use std::sync::Arc;

use datastore::Capabilities;

use crate::bench::{Bench, runtime};
use crate::failure::{Failure, Outcome};
use crate::replay::{replay, take};
use crate::{Factory, Scale};

/// Runs the same random sequences over the stores of several factories and compares every answer of each
/// with that of one model, and so with each other's.
///
/// Steps that one of them does not declare are left out for all. Blocks until it is done; the sequences
/// follow from `seed`.
///
/// # Errors
/// The shortest sequence found whose answers differ, and the name of the store that gave them.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use datastore::{MemoryDatastore, Namespace, key};
/// use datastore_conformance::{Factory, same_answers};
///
/// let plain: Arc<dyn Factory> = Arc::new(|| async { Ok(MemoryDatastore::new()) });
/// let below: Arc<dyn Factory> =
///     Arc::new(|| async { Ok(Namespace::new(MemoryDatastore::new(), key!("/below"))) });
/// same_answers(vec![("plain", plain), ("below", below)], 1, 4).unwrap();
/// ```
pub fn same_answers(
    stores: Vec<(&str, Arc<dyn Factory>)>,
    seed: u64,
    sequences: u32,
) -> Result<(), String> {
    compare(stores, seed, sequences).map_err(|failure| failure.to_string())
}

fn compare(stores: Vec<(&str, Arc<dyn Factory>)>, seed: u64, sequences: u32) -> Outcome {
    let runtime = runtime()?;
    let mut shared = Capabilities::embedded();
    let mut benches = Vec::new();
    for (name, factory) in stores {
        let bench = Bench::new(factory, Capabilities::minimal(), Scale::Full, seed);
        let declared = runtime.block_on(async {
            let declared = bench.store().await?.capabilities();
            bench.clean_up().await?;
            Ok::<_, Failure>(declared)
        })?;
        shared.conditions = shared.conditions.min(declared.conditions);
        shared.snapshots &= declared.snapshots;
        benches.push((name, bench, declared));
    }
    replay(seed, sequences, 60, |steps| {
        for (name, bench, declared) in &benches {
            // Each reopens where it can, and answers as the others do all the same.
            let mut shared = shared.clone();
            shared.synced = declared.synced;
            let taken = runtime.block_on(async {
                let place = bench.place().await?;
                let taken = take(&place, &shared, steps).await;
                bench.clean_up().await?;
                taken
            });
            taken.map_err(|failure: Failure| failure.during(name))?;
        }
        Ok(())
    })
}
