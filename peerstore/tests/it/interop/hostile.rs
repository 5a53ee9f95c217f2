//! Rows that somebody made up: whatever they say, reading them ends, without a panic and without
//! memory for lengths that are only claimed.

use std::collections::BTreeSet;

use peerstore::interop::{SkipReason, read_row};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::fixture::{Rows, hex, load, rows};
use crate::bodies;

const PROTOCOLS: &[u8] =
    b"/peers/metadata/AASAQAISEAIZYN7PQD7V5OZMJIG6UDWFO63I76B3ZOXTHAVFW56YXTJGL5RAK/protocols";

/// Rows as go, js and py wrote them.
pub(crate) fn seeds() -> Rows {
    let mut seeds = rows(&load("go/pstoreds.json")["entries"]);
    seeds.extend(rows(&load("js/peerstore.json")["rows"]));
    seeds.extend(rows(&load("js/peerstore.flat-0.36.json")["rows"]));
    seeds.extend(rows(&load("js/peerstore.books-0.30.json")["rows"]));
    seeds.extend(rows(&load("js/peerstore.books-0.35.json")["rows"]));
    let py = load("py/peerstore.json");
    let py = py["backends"]["memory"]["rows"].as_array().unwrap().clone();
    seeds.extend(py.iter().map(|row| (hex(&row[0]), hex(&row[1]))));
    seeds
}

#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Repeat(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        any::<Index>().prop_map(Change::Cut),
        (any::<Index>(), vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Change::Repeat(from, to)),
    ]
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    let len = bytes.len();
    match change {
        Change::Set(at, byte) if len > 0 => bytes[at.index(len)] = *byte,
        Change::Cut(at) => bytes.truncate(at.index(len + 1)),
        Change::Insert(at, added) => {
            let at = at.index(len + 1);
            bytes.splice(at..at, added.iter().copied());
        }
        Change::Repeat(from, to) if len > 0 => {
            let (from, to) = (from.index(len), to.index(len));
            bytes.extend_from_within(from.min(to)..from.max(to));
        }
        Change::Set(..) | Change::Repeat(..) => {}
    }
}

#[test]
fn altered_rows_are_read_or_skipped_and_what_is_read_can_be_written() {
    let seeds = seeds();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: 3_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let strategy = (any::<Index>(), vec(change(), 0..4), vec(change(), 1..6));
    let altered = |(seed, key_changes, changes): (Index, Vec<Change>, Vec<Change>)| {
        let (mut key, mut value) = seed.get(&seeds).clone();
        // Mostly the key stays: under another one nothing of the value is looked at.
        if key_changes.len() == 3 {
            key_changes.iter().for_each(|change| apply(&mut key, change));
        }
        changes.iter().for_each(|change| apply(&mut value, change));
        bodies::import(&key, &value);
        Ok(())
    };
    runner.run(&strategy, altered).unwrap();
}

#[test]
fn rows_that_are_cut_anywhere_are_read_or_skipped() {
    for (key, value) in few_seeds() {
        (0..value.len()).for_each(|len| bodies::import(&key, &value[..len]));
        (0..key.len()).for_each(|len| bodies::import(&key[..len], &value));
    }
}

#[test]
fn rows_with_any_bit_turned_are_read_or_skipped() {
    for (key, value) in few_seeds() {
        for bit in 0..value.len() * 8 {
            let mut turned = value.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            // Taking a peer in takes its time: of each byte one bit.
            if bit % 8 == bit / 8 % 8 {
                bodies::import(&key, &turned);
            } else {
                drop(read_row(&key, &turned));
            }
        }
    }
}

proptest! {
    #[test]
    fn bytes_at_random_are_read_or_skipped(bytes in vec(any::<u8>(), 0..300)) {
        bodies::import_row(&bytes);
    }
}

/// What takes time by the square of the parts would take minutes.
#[test]
fn rows_of_very_many_parts_are_read() {
    const PARTS: usize = 20_000;
    let short = few_seeds();
    let keys = short.iter().map(|(key, _)| key);
    // The first fields of all formats are repeated, with a few bytes in each.
    for part in [&[0x0a, 4, 0x0a, 2, 6, 1][..], &[0x12, 2, b'/', b'a'], &[0x0a, 0], &[0x3a, 1, 0]] {
        let value = part.repeat(PARTS);
        keys.clone().for_each(|key| bodies::import(key, &value));
    }
}

#[test]
#[ignore = "writes files for the fuzz targets"]
fn seeds_of_the_fuzz_targets() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/import_row");
    std::fs::create_dir_all(&dir).unwrap();
    for (number, (key, value)) in seeds().into_iter().enumerate() {
        let len = u8::try_from(key.len()).unwrap();
        let seed = [&[len], &key[..], &value].concat();
        std::fs::write(dir.join(format!("seed-{number}")), seed).unwrap();
    }
}

/// Of each kind of row one, the shortest.
fn few_seeds() -> Rows {
    let kind = |key: &[u8]| {
        let key = String::from_utf8_lossy(key);
        let part = |part: &'_ str| match part {
            peer if peer.starts_with("bafz") => "js".to_owned(),
            peer if peer.len() > 20 => "go".to_owned(),
            name => name.to_owned(),
        };
        let kind = key.split('/').map(part).collect::<Vec<_>>().join("/");
        kind.split_once(':').map_or(kind.clone(), |(book, _)| book.to_owned())
    };
    let mut seeds = seeds();
    seeds.sort_by_key(|(_, value)| value.len());
    let mut known = BTreeSet::new();
    seeds.retain(|(key, value)| !value.is_empty() && known.insert(kind(key)));
    assert!(known.len() >= 15, "{known:?}");
    seeds
}

#[test]
fn a_number_of_protocols_that_is_not_there_takes_no_memory() {
    let set = rows(&load("go/pstoreds.json")["entries"])
        .into_iter()
        .find(|(key, value)| key.ends_with(b"/protocols") && value.len() < 100)
        .unwrap();
    let count = set.1.windows(3).position(|part| part == [0x13, 0x00, 0x01]).unwrap() + 2;
    let mut value = set.1.clone();
    // 2^40 of them, in a message and a value that are 6 bytes longer.
    value.splice(count..=count, [0xfa, 1, 0, 0, 0, 0, 0]);
    value[count - 2] += 6;
    value[count - 5] += 6;
    assert_eq!(value[count - 5], 0x16 + 6);
    assert_eq!(cause(PROTOCOLS, &value), "it is cut short");
    assert_eq!(cause(PROTOCOLS, &set.1), "");
}

#[test]
fn lengths_that_are_longer_than_the_row_are_refused() {
    // A message of 2^40 bytes; a name of 2^63; a number of 9 bytes.
    assert_eq!(cause(PROTOCOLS, &[0xfa, 1, 0, 0, 0, 0, 0]), "it is cut short");
    let name = [0x0b, 0x10, 0x00, 0xf8, 0x80, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(cause(PROTOCOLS, &name), "it is cut short");
    assert_eq!(cause(PROTOCOLS, &[0xf7; 12]), "a number has more than 8 bytes");
    // An address of 2^40 bytes, in the records of go, js and py.
    let claimed = [0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x04];
    for (key, _) in seeds() {
        let content = read_row(&key, &claimed);
        assert!(
            content.peer.is_none_or(|peer| peer.addresses.is_empty()),
            "{}",
            key.escape_ascii()
        );
    }
}

fn cause(key: &[u8], value: &[u8]) -> String {
    match &read_row(key, value).skipped[..] {
        [] => String::new(),
        [SkipReason::Damaged { cause, .. }] => cause.clone(),
        other => panic!("{other:?}"),
    }
}
