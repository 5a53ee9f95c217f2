//! The bodies of the fuzz targets, on the fixtures and on mutations of them.

use fastrand::Rng;

use crate::car_support::fixture;

#[allow(unreachable_pub, reason = "public for the fuzz targets")]
#[path = "../../fuzz/src/lib.rs"]
mod bodies;

/// Changes something, somewhere.
fn mutate(random: &mut Rng, bytes: &mut Vec<u8>) {
    let at = random.usize(..bytes.len());
    match random.usize(..6) {
        0 => bytes[at] ^= 1 << random.usize(..8),
        1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.usize(..5)],
        2 => bytes.truncate(at.max(1)),
        3 => drop(bytes.drain(at..(at + 1 + random.usize(..4)).min(bytes.len() - 1).max(at))),
        4 => {
            let inserted = vec![random.usize(..256) as u8; 1 + random.usize(..9)];
            bytes.splice(at..at, inserted).for_each(drop);
        }
        _ => {
            let (from, len) = (random.usize(..bytes.len()), random.usize(..100));
            let piece = bytes[from..(from + len).min(bytes.len())].to_vec();
            bytes.splice(at..at, piece).for_each(drop);
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let go = ["small.car", "small.dup.car", "small.v2.car", "small.v2.padded.car"];
    let mut seeds: Vec<Vec<u8>> = go.iter().map(|name| fixture(&format!("go/{name}"))).collect();
    seeds.push(fixture("js/small.car"));
    seeds
}

fn run(body: fn(&[u8]), seeds: &[Vec<u8>], rounds: usize) {
    let mut random = Rng::with_seed(7);
    for seed in seeds {
        body(seed);
        for _ in 0..rounds {
            let mut input = seed.clone();
            for _ in 0..=random.usize(..4) {
                mutate(&mut random, &mut input);
            }
            body(&input);
        }
    }
}

#[test]
fn the_decoder_holds_its_promises_on_mutated_files() {
    run(bodies::car_decoder, &seeds(), 2000);
}

#[test]
fn imports_hold_their_promises_on_mutated_files() {
    run(bodies::car_import, &seeds(), 300);
}

#[test]
fn indexes_hold_their_promises_on_mutated_files() {
    // Where the indexes of the two files begin.
    let indexes = [("small.v2.car", 3857), ("small.v2.padded.car", 4072)];
    let seeds = indexes.map(|(name, at)| fixture(&format!("go/{name}"))[at..].to_vec());
    run(bodies::car_index, &seeds, 3000);
}
