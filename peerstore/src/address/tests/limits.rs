//! At most so many addresses of one peer.

use std::time::Duration;

use super::support::{Book, HOUR, MINUTE, addr, addrs, sorted};
use crate::address::{AddressSource, AddressTtl};

#[test]
fn the_soonest_to_expire_goes_first() {
    let mut book = Book::with_cap(3);
    book.add(&[addr(1)], HOUR);
    book.add(&[addr(2)], 30 * MINUTE);
    book.add(&[addr(3)], 10 * MINUTE);
    book.add(&[addr(4)], 45 * MINUTE);
    assert_eq!(book.addrs(), [addr(1), addr(2), addr(4)]);
}

#[test]
fn what_would_expire_first_of_all_does_not_drive_out_others() {
    let mut book = Book::with_cap(2);
    book.add(&addrs(2), HOUR);
    book.add(&[addr(5)], MINUTE);
    assert_eq!(book.addrs(), addrs(2));
}

#[test]
fn setting_keeps_the_limit() {
    let mut book = Book::with_cap(2);
    book.add(&[addr(1)], HOUR);
    book.add(&[addr(2)], 10 * MINUTE);
    book.set(&[addr(3)], 30 * MINUTE);
    assert_eq!(book.addrs(), [addr(1), addr(3)]);
}

#[test]
fn zero_is_no_limit() {
    let mut book = Book::with_cap(0);
    book.add(&addrs(200), HOUR);
    assert_eq!(book.addrs().len(), 200);
}

#[test]
fn connected_addresses_are_neither_counted_nor_evicted() {
    let mut book = Book::with_cap(2);
    book.add(&[addr(0)], AddressTtl::Connected);
    book.add(&[addr(1)], 10 * MINUTE);
    book.add(&[addr(2)], 20 * MINUTE);
    assert_eq!(book.addrs(), addrs(3));
    book.add(&[addr(3)], 30 * MINUTE);
    assert_eq!(book.addrs(), [addr(0), addr(2), addr(3)]);
}

#[test]
fn the_limit_holds_again_when_the_connection_ends() {
    let mut book = Book::with_cap(2);
    book.add(&addrs(5), AddressTtl::Connected);
    book.add(&addrs(7)[5..], HOUR);
    assert_eq!(book.addrs().len(), 7);
    book.disconnected();
    assert_eq!(book.addrs(), addrs(7)[5..], "15 minutes are sooner than an hour");
}

#[test]
fn of_those_that_expire_together_the_least_confidence_goes() {
    let mut book = Book::with_cap(3);
    book.add(&addrs(3), HOUR);
    book.failed(&addr(0));
    book.succeeded(&addr(2));
    book.add_from(&[addr(9)], HOUR, AddressSource::Routing);
    assert_eq!(book.addrs(), sorted(vec![addr(1), addr(2), addr(9)]));
}

#[test]
fn a_thousand_addresses_leave_the_limit_behind() {
    let mut book = Book::new();
    book.add(&[addr(2_000)], AddressTtl::Permanent);
    book.add_from(&addrs(1_000), HOUR, AddressSource::Identify);
    book.consume(1, &addrs(1_900)[1_000..], HOUR);
    assert_eq!(book.addrs().len(), 64);
    assert!(book.addrs().contains(&addr(2_000)));
}

#[test]
fn a_row_takes_the_memory_of_what_is_left_of_a_thousand_addresses() {
    let mut book = Book::new();
    let kept = |book: &Book| {
        assert_eq!(book.row.entries.len(), 64);
        assert_eq!(book.row.entries.capacity(), 64);
    };
    book.add(&addrs(1_000), HOUR);
    kept(&book);
    book.set(&addrs(2_000)[1_000..], HOUR);
    kept(&book);
    book.announce(&addrs(1_000), AddressSource::Identify);
    kept(&book);
    book.patch(&addrs(1_000), AddressSource::User);
    kept(&book);
    book.consume(1, &addrs(1_000), HOUR);
    kept(&book);
}

#[test]
fn of_many_that_come_again_those_stay_that_the_record_lists() {
    let mut book = Book::with_cap(2);
    book.consume(1, &addrs(9)[7..], HOUR);
    book.set(&[addr(8)], Duration::ZERO);
    assert_eq!(book.addrs(), [addr(7)]);
    book.add(&addrs(10), HOUR);
    assert_eq!(book.certified(), [addr(7), addr(8)]);
}

#[test]
fn an_address_of_absurd_length_is_not_kept() {
    let mut book = Book::new();
    let long = format!("/unix/{}", "a".repeat(2_000)).parse().unwrap();
    book.add(&[long], Duration::from_secs(1));
    assert!(book.addrs().is_empty());
}
