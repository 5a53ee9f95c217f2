//! The cases of js-libp2p's peer store that are about addresses.

use std::time::Duration;

use super::support::{Book, HOUR, MINUTE, addr, addrs, with_suffix};
use crate::address::{AddressSource, AddressTtl};

use AddressSource::{Identify, User};

#[test]
fn merging_unites() {
    let mut book = Book::new();
    book.add(&addrs(2), HOUR);
    book.add(&addrs(3)[1..], HOUR);
    assert_eq!(book.addrs(), addrs(3));
}

#[test]
fn an_identical_merge_changes_nothing() {
    let mut book = Book::new();
    book.add(&addrs(2), HOUR);
    let row = book.row.clone();
    book.add(&addrs(2), HOUR);
    assert_eq!(book.row, row);
    book.patch(&addrs(2), User);
    assert_eq!(book.row, row, "nor does an identical patch");
}

#[test]
fn patching_replaces() {
    let mut book = Book::new();
    book.add(&addrs(3), AddressTtl::Permanent);
    book.connected(&[addr(2)]);
    book.patch(&[addr(1), addr(4)], User);
    assert_eq!(book.addrs(), [addr(1), addr(4)]);
    assert_eq!(book.entry(&addr(1)).ttl(), AddressTtl::ADDRESS);
    book.patch(&[], User);
    assert!(book.addrs().is_empty());
}

#[test]
fn patching_keeps_what_is_known_of_the_addresses_that_stay() {
    let mut book = Book::new();
    book.consume(1, &addrs(2), HOUR);
    book.failed(&addr(1));
    book.patch(&[addr(1)], User);
    assert_eq!(book.certified(), [addr(1)]);
    assert_eq!(book.entry(&addr(1)).failures(), 1);
    book.patch(&[addr(5)], User);
    assert!(!book.has_record(), "with the last address that it certifies");
}

#[test]
fn patching_yields_to_a_higher_source() {
    let mut book = Book::new();
    book.add(&[addr(0)], AddressTtl::Permanent);
    book.add_from(&[addr(1)], HOUR, Identify);
    book.patch(&[addr(2)], Identify);
    assert_eq!(book.addrs(), [addr(0), addr(2)]);
}

#[test]
fn an_address_with_and_without_the_own_id_is_one() {
    let own = format!("/p2p/{}", Book::new().peer);
    let both = [addr(0), with_suffix(&addr(0), &own)];
    let reversed = [both[1].clone(), both[0].clone()];
    for both in [both, reversed] {
        let mut merged = Book::new();
        merged.add(&both[..1], HOUR);
        merged.add(&both[1..], HOUR);
        assert_eq!(merged.addrs(), [addr(0)]);
        let mut at_once = Book::new();
        at_once.add(&both, HOUR);
        assert_eq!(at_once.addrs(), [addr(0)]);
        at_once.patch(&both, User);
        assert_eq!(at_once.addrs(), [addr(0)]);
        at_once.set(&both[1..], Duration::ZERO);
        assert!(at_once.addrs().is_empty());
    }
}

#[test]
fn a_certified_and_an_uncertified_address_are_one_and_certified() {
    let own = format!("/p2p/{}", Book::new().peer);
    let with_id = [with_suffix(&addr(0), &own)];
    let mut first = Book::new();
    first.add(&[addr(0)], HOUR);
    first.consume(1, &with_id, HOUR);
    let mut last = Book::new();
    last.consume(1, &with_id, HOUR);
    last.add(&[addr(0)], HOUR);
    for book in [first, last] {
        assert_eq!(book.addrs(), [addr(0)]);
        assert_eq!(book.certified(), [addr(0)]);
    }
}

#[test]
fn addresses_expire_after_their_age_and_merging_makes_them_young_again() {
    let mut book = Book::new();
    book.add(&addrs(2), AddressTtl::ADDRESS);
    book.pass(59 * MINUTE);
    book.add(&addrs(1), AddressTtl::ADDRESS);
    book.pass(MINUTE);
    assert_eq!(book.addrs(), addrs(1));
    book.pass(59 * MINUTE);
    assert!(book.addrs().is_empty());
}
