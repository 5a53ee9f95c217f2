//! The promises, over rows of every book: whole, cut at each byte, with each bit turned, and altered at random.

use std::time::Duration;

use bytes::Bytes;
use datastore::{Expiry, Key};
use multiaddr::Multiaddr;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::rows::{hashed_id, key, owner, row};
use crate::address::{AddressRow, AddressSource, AddressTtl, At};
use crate::books::OwnRow;
use crate::cbor::Encoder;
use crate::keys::{KeyRow, PrivateKeyRow};
use crate::layout::Book;
use crate::limits::Limits;
use crate::metadata::MetadataValue;
use crate::protocols::ProtocolRow;
use crate::record::VerifiedRecord;
use crate::reputation::ReputationRow;
use crate::row::Row;
use crate::session::Session;
use crate::tags::{Tag, TagRow};

/// A row of each book, with all that one can hold.
pub(super) fn seeds() -> Vec<Vec<u8>> {
    let (owner, limits) = (owner(), Limits::default());
    let peer = owner.public().to_peer_id();
    let now = std::time::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    let session = Session { id: 1, began: Expiry::at(now) };
    let at = At { now, session: &session, limits: &limits };

    let relayed = format!("/ip4/192.0.2.9/tcp/1/p2p/{}/p2p-circuit", hashed_id());
    let addrs: Vec<Multiaddr> = [
        "/ip4/192.0.2.1/tcp/4001",
        "/ip6/2001:db8::1/udp/4001/quic-v1",
        "/dns4/node.example/tcp/443/wss",
        &relayed,
    ]
    .map(|addr| addr.parse().unwrap())
    .to_vec();
    let mut addresses = AddressRow::default();
    addresses.add(&peer, &addrs[..2], AddressTtl::TEMP, AddressSource::Routing, at);
    addresses.add(&peer, &addrs[2..], AddressTtl::Permanent, AddressSource::User, at);
    addresses.failed(&peer, &addrs[0]);
    addresses.succeeded(&peer, &addrs[1], at);
    let mut connected = addresses.clone();
    connected.connected(&peer, &addrs[1..3], AddressSource::Identify, at);
    let mut certified = addresses.clone();
    let record = VerifiedRecord::seal(&owner, 3, &addrs).unwrap();
    certified.consume(&record, AddressTtl::ADDRESS, Duration::from_secs(60), at).unwrap();
    let mut watermark = certified.clone();
    watermark.clear(now);

    let mut protocols = ProtocolRow::default();
    protocols.add(["/ipfs/id/1.0.0", "/b"], &limits).unwrap();
    let mut tags = TagRow::default();
    let keep = Tag::new(100, Expiry::NEVER).unwrap();
    let soon = Tag::new(5, Expiry::after(now, Duration::from_secs(5))).unwrap();
    tags.set([("keep", keep), ("soon", soon)], now, &limits).unwrap();
    let mut reputation = ReputationRow::default();
    reputation.succeeded(now, Some(Duration::from_millis(30)));
    reputation.failed(now);
    let own = OwnRow { sequence: 3, envelope: record.envelope().clone() };
    let typed = MetadataValue::typed(&("agent", vec![1_u64, 2])).unwrap();

    [&addresses, &connected, &certified, &watermark]
        .map(Row::encode)
        .into_iter()
        .chain([
            protocols.encode(),
            tags.encode(),
            reputation.encode(),
            KeyRow::new(&hashed_id(), owner.public()).unwrap().encode(),
            PrivateKeyRow::new(&peer, &owner).unwrap().encode(),
            own.encode(),
            MetadataValue::Bytes(Bytes::from_static(b"\0\xff")).to_row(),
            typed.to_row(),
        ])
        .collect()
}

#[test]
fn whole_rows_are_stable() {
    seeds().iter().for_each(|seed| row(seed));
}

#[test]
fn rows_that_are_cut_anywhere_are_read_or_refused() {
    for seed in seeds() {
        (0..seed.len()).for_each(|len| row(&seed[..len]));
    }
}

#[test]
fn rows_with_any_bit_turned_are_read_or_refused() {
    for seed in seeds() {
        for bit in 0..seed.len() * 8 {
            let mut turned = seed.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            row(&turned);
        }
    }
}

#[test]
fn rows_whose_lengths_are_any_number_are_read_or_refused() {
    // Where a length, or a number, of up to 23 stands: each is made a large one of the same kind.
    let huge = [[0xff; 8], [0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], [0x7f, 0xff, 0, 0, 0, 0, 0, 0]];
    for seed in seeds() {
        for at in (0..seed.len()).filter(|at| seed[*at] & 0x1f < 24) {
            for number in huge {
                let claim = [&[seed[at] & 0xe0 | 27], &number[..]].concat();
                row(&[&seed[..at], &claim, &seed[at + 1..]].concat());
            }
        }
    }
}

#[test]
fn rows_as_deep_as_they_are_long_are_refused() {
    // A field that nobody knows, of arrays in arrays, maps in maps, tags of tags, strings of strings.
    for nested in [&[0x81][..], &[0x9f], &[0xa1, 0x00], &[0xa1], &[0xc1], &[0x5f], &[0xbf, 0x00]] {
        for depth in [200, 100_000] {
            let mut deep = vec![0xa2, 0x00, 0x01, 0x09];
            deep.extend(nested.repeat(depth));
            deep.push(0x00);
            row(&deep);
        }
    }
}

/// What takes time by the square of the parts would take minutes.
#[test]
fn rows_of_very_many_parts_are_read() {
    const PARTS: usize = 4_000;
    let begin = |items: &dyn Fn(&mut Encoder)| {
        let mut encoder = Encoder::row(1);
        encoder.uint(1);
        items(&mut encoder);
        encoder.finish()
    };
    let name = |number: usize| format!("/{number}");
    row(&begin(&|row| {
        row.array(PARTS);
        (0..PARTS).for_each(|number| row.text(&name(number)));
    }));
    row(&begin(&|row| {
        row.map(PARTS);
        for number in 0..PARTS {
            row.text(&name(number));
            row.map(0);
        }
    }));
    // One group with all addresses, and a group for each.
    let addr = |number: usize| [&[4, 192, 0, 2, 1, 6][..], &(number as u16).to_be_bytes()].concat();
    row(&begin(&|row| {
        row.array(1);
        row.array(PARTS + 1);
        row.map(0);
        (0..PARTS).for_each(|number| row.bytes(&addr(number)));
    }));
    row(&begin(&|row| {
        row.array(PARTS);
        for number in 0..PARTS {
            row.array(2);
            row.map(0);
            row.bytes(&addr(number));
        }
    }));
}

#[test]
#[ignore = "writes files for the fuzz targets"]
fn seeds_of_the_fuzz_targets() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/row");
    std::fs::create_dir_all(&dir).unwrap();
    for (number, seed) in seeds().into_iter().enumerate() {
        std::fs::write(dir.join(format!("seed-{number}")), seed).unwrap();
    }
}

#[test]
fn keys_of_rows_are_of_one_row() {
    let peer = owner().public().to_peer_id();
    for book in Book::ALL {
        let whole: Key = book.key(&peer).unwrap();
        for bit in 0..whole.as_bytes().len() * 8 {
            let mut turned = whole.as_bytes().to_vec();
            turned[bit / 8] ^= 1 << (bit % 8);
            key(&turned);
            key(&turned[..bit / 8]);
        }
    }
    assert!(crate::layout::place(&Book::Tags.key(&peer).unwrap()).is_some());
}

#[derive(Clone, Debug)]
enum Step {
    Turn(Index, u8),
    Set(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Remove(Index, Index),
    Repeat(Index, Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (at, byte) = (any::<Index>, any::<u8>);
    let step = prop_oneof![
        (at(), 0..8_u8).prop_map(|(at, bit)| Step::Turn(at, bit)),
        (at(), byte()).prop_map(|(at, byte)| Step::Set(at, byte)),
        at().prop_map(Step::Cut),
        (at(), vec(byte(), 1..10)).prop_map(|(at, bytes)| Step::Insert(at, bytes)),
        (at(), at()).prop_map(|(from, to)| Step::Remove(from, to)),
        (at(), at()).prop_map(|(from, to)| Step::Repeat(from, to)),
    ];
    vec(step, 1..5)
}

fn apply(step: &Step, bytes: &mut Vec<u8>) {
    let place = |index: &Index| index.index(bytes.len() + 1);
    match step {
        Step::Turn(at, bit) => {
            let at = place(at);
            bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << bit);
        }
        Step::Set(at, to) => {
            let at = place(at);
            bytes.get_mut(at).into_iter().for_each(|byte| *byte = *to);
        }
        Step::Cut(at) => bytes.truncate(place(at)),
        Step::Insert(at, added) => {
            let at = place(at);
            bytes.splice(at..at, added.iter().copied());
        }
        Step::Remove(from, to) => {
            let (from, to) = (place(from), place(to));
            bytes.drain(from.min(to)..from.max(to));
        }
        Step::Repeat(from, to) => {
            let (from, to) = (place(from), place(to));
            bytes.extend_from_within(from.min(to)..from.max(to));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn rows_that_are_altered_are_read_or_refused(seed: Index, steps in steps()) {
        let mut altered = seed.get(&seeds()).clone();
        steps.iter().for_each(|step| apply(step, &mut altered));
        row(&altered);
    }

    /// Arrays, maps, numbers and strings in any order, behind the version of a row.
    #[test]
    fn rows_of_any_items_are_read_or_refused(items in vec((0..6_u8, 0..30_u8), 0..40)) {
        let mut encoder = Encoder::row(items.len() / 2);
        for (kind, number) in items {
            match kind {
                0 => encoder.map(usize::from(number % 4)),
                1 => encoder.array(usize::from(number % 4)),
                2 => encoder.bytes(&vec![number; usize::from(number)]),
                3 => encoder.text("/a"),
                _ => encoder.uint(u64::from(number % 9)),
            }
        }
        row(&encoder.finish());
    }
}
