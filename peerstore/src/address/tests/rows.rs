//! Rows as bytes.

use data_encoding::HEXLOWER;
use datastore::Expiry;
use multiaddr::Multiaddr;
use proptest::prelude::*;

use super::support::{Book, HOUR, MINUTE, SECOND, addr, addrs, sealed};
use crate::address::{Address, AddressRow, AddressSource, AddressTtl, Glance};
use crate::cbor::Flaw;
use crate::row::Row;

fn hex(parts: &[&str]) -> Vec<u8> {
    HEXLOWER.decode(parts.concat().as_bytes()).unwrap()
}

/// Reads a row, and sees that a glance at it says the same.
fn read(row: &[u8]) -> Result<AddressRow, Flaw> {
    let book = Book::new();
    let read = AddressRow::decode(row, &book.peer, &book.session);
    let glance = read.as_ref().map_err(Flaw::clone).map(|row| Glance {
        is_live: row.live(book.now).next().is_some(),
        is_known: row.is_known_at(book.now),
    });
    assert_eq!(Glance::at(row, &book.session, book.now), glance);
    read
}

#[test]
fn a_row_weighs_what_it_takes() {
    let mut book = Book::new();
    book.add(&addrs(2), HOUR);
    let weight = book.row.weight();
    book.row.entries.reserve_exact(62);
    assert!(book.row.weight() >= weight + 62 * size_of::<Address>());
}

#[test]
fn a_row_is_written_into_no_more_memory_than_it_takes() {
    let mut book = Book::new();
    book.consume(1, &addrs(1_000), HOUR);
    for addr in addrs(64).iter().step_by(2) {
        book.failed(addr);
    }
    let written = book.row.encode();
    assert_eq!(written.capacity(), written.len());
}

#[test]
fn addresses_of_which_the_same_is_known_are_written_as_this() {
    let mut book = Book::new();
    book.add_from(&addrs(2), HOUR, AddressSource::Identify);
    let written = hex(&[
        "a2",   // a map of two fields:
        "0001", // the version is 1;
        "0181", // the addresses are one group
        "83",   // of a map and two addresses;
        "a1",   // of both one thing is known:
        "01",
        "1b0000019b77119680", // when they expire;
        "48",
        "04c000020006",
        "03e8", // /ip4/192.0.2.0/tcp/1000
        "48",
        "04c000020106",
        "03e9", // /ip4/192.0.2.1/tcp/1001
    ]);
    assert_eq!(HEXLOWER.encode(&book.row.encode()), HEXLOWER.encode(&written));
    assert_eq!(read(&written).unwrap(), book.row);
}

#[test]
fn a_row_with_everything_is_written_as_this() {
    let mut book = Book::new();
    book.add(&[addr(0)], AddressTtl::Permanent);
    book.add_from(&[addr(1)], MINUTE, AddressSource::Routing);
    book.consume(5, &[addr(2)], HOUR);
    book.pass(SECOND);
    book.succeeded(&addr(2));
    book.failed(&addr(1));
    book.connected(&[addr(3)]);
    let envelope = sealed(5, &[addr(2)]).envelope().clone();
    let written = hex(&[
        "a4",
        "0001", // version 1
        "0184", // four groups:
        "82",
        "a2",
        "04",
        "06",
        "05",
        "1b0000019b76daabe8", // connected, and so is its TTL; last seen
        "48",
        "04c000020306",
        "03eb",
        "82",
        "a4",
        "01",
        "1b0000019b77119680",
        "03",
        "02",
        "04",
        "01", // expiry; signed; certified
        "06",
        "1b0000019b76daabe8",
        "48",
        "04c000020206",
        "03ea", // last success
        "82",
        "a2",
        "03",
        "04",
        "05",
        "1b0000019b76daa800", // user; last seen
        "48",
        "04c000020006",
        "03e8",
        "82",
        "a4",
        "01",
        "1b0000019b76db9260",
        "02",
        "19ea60",
        "03",
        "03",
        "07",
        "01", // expiry, TTL; routing; one failure
        "48",
        "04c000020106",
        "03e9",
        "02",
        "82",
        "07",
        "1b0000019b76e86788", // session 7, to be looked at again
        "03",
        "a3",
        "01",
        "05",
        "02",
        "58",
        &format!("{:02x}", envelope.len()),
        &HEXLOWER.encode(&envelope),
        "03",
        "1a240c8400", // a week
    ]);
    assert_eq!(HEXLOWER.encode(&book.row.encode()), HEXLOWER.encode(&written));
    assert_eq!(read(&written).unwrap(), book.row);
}

#[test]
fn a_watermark_is_written_as_this() {
    let mut book = Book::new();
    book.consume(300, &[addr(2)], HOUR);
    book.clear();
    let digest = book.row.watermark.as_ref().unwrap().digest;
    let written = hex(&[
        "a2",
        "0001",
        "04",
        "a3",
        "01",
        "19012c", // the sequence
        "02",
        "1b0000019b9ae72c00", // until a week later
        "03",
        "5820",
        &HEXLOWER.encode(&digest),
    ]);
    assert_eq!(HEXLOWER.encode(&book.row.encode()), HEXLOWER.encode(&written));
    assert_eq!(read(&written).unwrap(), book.row);
}

#[test]
fn equal_rows_have_equal_bytes_in_whichever_order_they_came_about() {
    let (mut one, mut other) = (Book::new(), Book::new());
    one.add(&addrs(5), HOUR);
    for addr in addrs(5).iter().rev() {
        other.add(std::slice::from_ref(addr), HOUR);
    }
    assert_eq!(one.row.encode(), other.row.encode());
}

/// Three addresses, of which nobody knows the protocol of the second.
fn with_an_unknown_protocol() -> Vec<u8> {
    hex(&[
        "a2",
        "0001",
        "0182", //
        "83",
        "a1",
        "01",
        "1b0000019b77119680", //
        "48",
        "04c000020006",
        "03e8", //
        "44",
        "ffff7f01", //
        "82",
        "a2",
        "01",
        "1b0000019b77119680",
        "04",
        "01", //
        "48",
        "04c000020106",
        "03e9",
    ])
}

#[test]
fn an_address_of_an_unknown_protocol_hides_nothing_and_is_kept_as_it_is() {
    let mut book = Book::new();
    book.row = read(&with_an_unknown_protocol()).unwrap();
    assert_eq!(book.addrs(), addrs(2));
    book.add(&[addr(2)], HOUR);
    let rewritten = book.row.encode();
    assert!(rewritten.windows(5).any(|bytes| bytes == [0x44, 0xff, 0xff, 0x7f, 0x01]));
    assert_eq!(read(&rewritten).unwrap(), book.row);

    book.set(&addrs(3), std::time::Duration::ZERO);
    assert!(book.addrs().is_empty());
    assert!(!book.row.is_empty(), "it is still there");
    book.pass(HOUR);
    book.row.expire(book.now);
    assert!(book.row.is_empty(), "until it expires");
}

#[test]
fn clearing_takes_what_cannot_be_read_too() {
    let mut book = Book::new();
    book.row = read(&with_an_unknown_protocol()).unwrap();
    book.clear();
    assert!(book.row.is_empty());
}

#[test]
fn fields_of_later_releases_are_skipped() {
    let written = hex(&[
        "a3",
        "0001",
        "0181",
        "82", //
        "a2",
        "01",
        "1b0000019b77119680",
        "1863",
        "a10102", // of an address
        "48",
        "04c000020006",
        "03e8", //
        "1864",
        "8301f6626869", // of the row
    ]);
    assert_eq!(read(&written).unwrap().entries.len(), 1);
}

#[test]
fn a_row_of_a_later_version_is_newer_and_not_damaged() {
    assert_eq!(read(&hex(&["a1", "0002"])), Err(Flaw::Newer(2)));
}

#[test]
fn a_row_of_another_implementation_is_damaged_and_no_panic() {
    // Go's: an id, and one address with its expiry and TTL.
    let go = hex(&["0a02", "0001", "1210", "0a08", "04c0000200060fa1", "10", "80a0d6ca06"]);
    assert!(matches!(read(&go), Err(Flaw::Damaged(_))));
    assert!(matches!(read(b""), Err(Flaw::Damaged(_))));
    assert!(matches!(read(b"garbage"), Err(Flaw::Damaged(_))));
}

#[test]
fn lengths_that_lie_are_damage() {
    let lies = [
        hex(&["a2", "0001", "01", "9b7fffffffffffffff"]),
        hex(&["a2", "0001", "01", "81", "9b7fffffffffffffff", "a0"]),
        hex(&["a2", "0001", "01", "81", "82", "a0", "5b7fffffffffffffff", "00"]),
        hex(&["bb7fffffffffffffff", "0001"]),
        hex(&["a2", "0001", "01", "81", "80"]),
    ];
    for lie in lies {
        assert!(matches!(read(&lie), Err(Flaw::Damaged(_))), "{lie:02x?}");
    }
}

#[test]
fn three_addresses_take_little() {
    let mut book = Book::new();
    book.add_from(&addrs(3), HOUR, AddressSource::Identify);
    assert_eq!(book.row.encode().len(), 44);
}

#[test]
fn the_expiry_is_that_of_what_ends_first() {
    let mut book = Book::new();
    assert_eq!(book.row.expiry(), Expiry::NEVER);
    book.add(&[addr(0)], AddressTtl::Permanent);
    assert_eq!(book.row.expiry(), Expiry::NEVER);
    book.add(&[addr(1)], HOUR);
    assert_eq!(book.row.expiry(), Expiry::after(book.now, HOUR));
    book.add(&[addr(2)], MINUTE);
    assert_eq!(book.row.expiry(), Expiry::after(book.now, MINUTE));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(row in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&row);
    }

    #[test]
    fn a_row_with_a_byte_changed_is_damaged_or_another_row_that_can_be_written(
        place in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut book = Book::new();
        book.add(&addrs(3), MINUTE);
        book.consume(5, &addrs(5)[2..], HOUR);
        book.connected(&addrs(1));
        let mut row = book.row.encode();
        let place = place.index(row.len());
        row[place] = byte;
        if let Ok(row) = read(&row) {
            prop_assert_eq!(read(&row.encode()), Ok(row));
        }
    }

    #[test]
    fn any_bytes_in_the_place_of_an_address_are_kept(bytes in proptest::collection::vec(any::<u8>(), 0..20)) {
        let len = u8::try_from(bytes.len()).unwrap();
        let row = [&hex(&["a2", "0001", "0181", "82", "a0"])[..], &[0x40 | len], &bytes].concat();
        let read = read(&row).unwrap();
        prop_assert_eq!(read.entries.len(), usize::from(Multiaddr::try_from(bytes).is_ok()));
        prop_assert_eq!(read.encode(), row);
    }
}
