//! Randomness that a seed repeats.

use fastrand::Rng;

/// A stream of its own for each list of numbers.
pub(crate) fn stream(numbers: &[u64]) -> Rng {
    let seed = |seed, number: &u64| Rng::with_seed(seed ^ number).u64(..);
    Rng::with_seed(numbers.iter().fold(0, seed))
}

/// The number in an environment variable.
pub(crate) fn number_from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}
