//! Randomness that a seed repeats.

use fastrand::Rng;

/// A stream of its own for each list of numbers.
pub(crate) fn stream(numbers: &[u64]) -> Rng {
    let seed = |seed, number: &u64| Rng::with_seed(seed ^ number).u64(..);
    Rng::with_seed(numbers.iter().fold(0, seed))
}

/// Bytes that do not compress.
pub(crate) fn bytes(random: &mut Rng, len: u64) -> Vec<u8> {
    std::iter::repeat_with(|| random.u8(..)).take(len as usize).collect()
}

/// The number in an environment variable.
pub(crate) fn number_from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}
