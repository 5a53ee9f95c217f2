//! Random sequences of operations, against a model.

use crate::bench::{Bench, runtime};
use crate::case::{Case, Need::Writable, case};
use crate::failure::Outcome;
use crate::replay::{replay, take};

pub(super) const CASES: &[Case] = &[case!(
    blocking "models",
    random_sequences_answer_as_the_model,
    [Writable],
    "writes, conditions, reads, queries of all kinds, snapshots, reopening; shrunk when it fails"
)];

fn random_sequences_answer_as_the_model(bench: &Bench) -> Outcome {
    let runtime = runtime()?;
    let (sequences, most_steps) = bench.scale.pick((8, 40), (64, 60));
    replay(bench.seed, sequences, most_steps, |steps| {
        runtime.block_on(async {
            let place = bench.place().await?;
            let taken = take(&place, &bench.capabilities, steps).await;
            // Shrinking makes hundreds of stores.
            bench.clean_up().await?;
            taken
        })
    })
}
