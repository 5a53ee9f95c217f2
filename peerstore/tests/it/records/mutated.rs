//! Envelopes that were altered on their way.

use std::collections::HashSet;
use std::sync::LazyLock;

use peerstore::VerifiedRecord;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::fixtures::{hex, json, list};
use super::support::{Statement, addrs, keypair, payload, statement};
use crate::bodies;

/// One step of a mutation, at a place that is chosen by its share of the length.
#[derive(Clone, Debug)]
enum Step {
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, Index),
    Repeat(Index, Index),
    Append(Index),
}

/// What go-libp2p and js-libp2p made, and what its signers said.
struct Genuine {
    envelopes: Vec<Vec<u8>>,
    statements: HashSet<Statement>,
}

static GENUINE: LazyLock<Genuine> = LazyLock::new(|| {
    let files = ["go/envelopes.json", "js/envelopes.json"].map(json);
    let cases = files.iter().flat_map(|file| list(&file["cases"]));
    let envelopes: Vec<_> = cases.map(|case| hex(&case["envelope"])).collect();
    let records =
        envelopes.iter().filter_map(|envelope| VerifiedRecord::verify(envelope.clone()).ok());
    let statements = records.map(|record| statement(&record)).collect();
    Genuine { envelopes, statements }
});

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = any::<Index>;
    let step = prop_oneof![
        4 => (index(), 0..8u8).prop_map(|(at, bit)| Step::Flip(at, bit)),
        2 => (index(), vec(any::<u8>(), 1..8)).prop_map(|(at, bytes)| Step::Insert(at, bytes)),
        2 => (index(), index()).prop_map(|(from, to)| Step::Remove(from, to)),
        1 => (index(), index()).prop_map(|(from, to)| Step::Repeat(from, to)),
        1 => index().prop_map(Step::Append),
    ];
    vec(step, 1..4)
}

fn apply(step: Step, envelope: &mut Vec<u8>) {
    let places = envelope.len() + 1;
    let place = |index: Index| index.index(places);
    match step {
        Step::Flip(at, bit) => {
            if let Some(byte) = envelope.get_mut(place(at)) {
                *byte ^= 1 << bit;
            }
        }
        Step::Insert(at, bytes) => {
            let at = place(at);
            envelope.splice(at..at, bytes);
        }
        Step::Remove(from, to) => {
            let (from, to) = (place(from), place(to));
            envelope.drain(from.min(to)..from.max(to));
        }
        Step::Repeat(from, to) => {
            let (from, to) = (place(from), place(to));
            envelope.extend_from_within(from.min(to)..from.max(to));
        }
        Step::Append(other) => envelope.extend(other.get(&GENUINE.envelopes)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Fields that are not known may come and go; what the signer said may not change.
    #[test]
    fn an_altered_envelope_says_nothing_that_no_signer_said(
        envelope: Index,
        steps in steps(),
    ) {
        let mut envelope = envelope.get(&GENUINE.envelopes).clone();
        steps.into_iter().for_each(|step| apply(step, &mut envelope));
        bodies::record_envelope(&envelope);
        if let Ok(record) = VerifiedRecord::verify(envelope.clone()) {
            prop_assert!(GENUINE.statements.contains(&statement(&record)), "{record:?}");
        }
    }

    #[test]
    fn an_altered_payload_that_is_signed_holds_the_promises_of_a_record(
        sequence: u64,
        addresses in vec(prop_oneof![Just(tcp()), vec(any::<u8>(), 0..12)], 0..4),
        steps in steps(),
    ) {
        let addresses: Vec<_> = addresses.iter().map(Vec::as_slice).collect();
        let mut payload = payload(&keypair(7), sequence, &addresses);
        steps.into_iter().for_each(|step| apply(step, &mut payload));
        bodies::record_payload(&payload);
    }

    #[test]
    fn bytes_at_random_are_no_envelope(bytes in vec(any::<u8>(), 0..400)) {
        prop_assert!(VerifiedRecord::verify(bytes).is_err());
    }
}

#[test]
#[ignore = "writes files for the fuzz targets"]
fn seeds_of_the_fuzz_targets() {
    let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let write = |target: &str, seeds: &mut dyn Iterator<Item = Vec<u8>>| {
        std::fs::create_dir_all(corpus.join(target)).unwrap();
        for (number, seed) in seeds.enumerate() {
            std::fs::write(corpus.join(target).join(format!("seed-{number}")), seed).unwrap();
        }
    };
    write("record_envelope", &mut GENUINE.envelopes.iter().cloned());
    let (tcp, some) = (tcp(), [0, 1, 3]);
    write(
        "record_payload",
        &mut some.iter().map(|count| payload(&keypair(7), 7, &vec![&tcp[..]; *count])),
    );
}

fn tcp() -> Vec<u8> {
    addrs(["/ip4/192.0.2.1/tcp/4001"]).remove(0).to_vec()
}

#[test]
fn no_bit_of_an_envelope_can_be_flipped() {
    let sealed = VerifiedRecord::seal(&keypair(1), 7, &addrs(["/ip4/192.0.2.1/tcp/1"])).unwrap();
    for bit in 0..sealed.envelope().len() * 8 {
        let mut flipped = sealed.envelope().to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(VerifiedRecord::verify(flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn no_byte_of_an_envelope_can_be_left_out() {
    let sealed = VerifiedRecord::seal(&keypair(1), 7, &addrs(["/ip4/192.0.2.1/tcp/1"])).unwrap();
    let envelope = sealed.envelope();
    for at in 0..envelope.len() {
        assert!(VerifiedRecord::verify(envelope.slice(..at)).is_err(), "until {at}");
        let without = [&envelope[..at], &envelope[at + 1..]].concat();
        assert!(VerifiedRecord::verify(without).is_err(), "without {at}");
    }
}
