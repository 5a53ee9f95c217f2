//! The bodies of the fuzz targets, on the fixtures and on mutations of them.

use crate::car_support::fixture;

#[allow(unreachable_pub, reason = "public for the fuzz targets")]
#[path = "../../fuzz/src/lib.rs"]
mod bodies;

/// SplitMix64: the same inputs in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit.max(1) as u64) as usize
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        match self.below(6) {
            0 => bytes[at] ^= 1 << self.below(8),
            1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][self.below(5)],
            2 => bytes.truncate(at.max(1)),
            3 => drop(bytes.drain(at..(at + 1 + self.below(4)).min(bytes.len() - 1).max(at))),
            4 => {
                let inserted = vec![self.below(256) as u8; 1 + self.below(9)];
                bytes.splice(at..at, inserted).for_each(drop);
            }
            _ => {
                let (from, len) = (self.below(bytes.len()), self.below(100));
                let piece = bytes[from..(from + len).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece).for_each(drop);
            }
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
    let mut random = Random(7);
    for seed in seeds {
        body(seed);
        for _ in 0..rounds {
            let mut input = seed.clone();
            for _ in 0..=random.below(4) {
                random.mutate(&mut input);
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
