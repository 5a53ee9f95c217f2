//! The cases of go-libp2p's suite of address books.

use std::time::Duration;

use multiaddr::Multiaddr;

use super::support::{Book, HOUR, MINUTE, SECOND, addr, addrs, peer, sorted, with_suffix};
use crate::address::AddressTtl;
use crate::row::Row;

#[test]
fn what_is_added_is_there_once_however_often_it_is_added() {
    let mut book = Book::new();
    book.add(&[addr(1)], HOUR);
    assert_eq!(book.addrs(), [addr(1)]);
    let row = book.row.clone();
    book.add(&[addr(1), addr(1)], HOUR);
    assert_eq!(book.row, row, "the same again changes nothing");

    let many = addrs(5);
    book.add(&many, HOUR);
    book.add(&[&many[2..], &many[..]].concat(), HOUR);
    assert_eq!(book.addrs(), sorted(many));
}

#[test]
fn a_later_expiry_extends() {
    let mut book = Book::new();
    let three = addrs(3);
    book.add(&three, SECOND);
    book.add(&three[2..], HOUR);
    book.pass(Duration::from_millis(1_200));
    assert_eq!(book.addrs(), three[2..]);
    book.update(HOUR, Duration::ZERO);
    assert!(book.addrs().is_empty(), "the TTL was raised too");
}

#[test]
fn an_earlier_expiry_never_shortens() {
    let mut book = Book::new();
    let three = addrs(3);
    book.add(&three, HOUR);
    book.add(&three[2..], SECOND);
    book.pass(Duration::from_millis(2_100));
    assert_eq!(book.addrs(), three);
}

#[test]
fn an_earlier_ttl_never_reduces_the_ttl_while_the_expiry_is_raised() {
    let mut book = Book::new();
    book.add(&[addr(0)], 4 * SECOND);
    book.pass(2 * SECOND);
    book.add(&[addr(0)], 3 * SECOND);
    assert_eq!(book.entry(&addr(0)).ttl(), AddressTtl::For(4 * SECOND));
    book.pass(2 * SECOND);
    assert_eq!(book.addrs(), [addr(0)], "one second is left of the three");
    book.update(4 * SECOND, Duration::ZERO);
    assert!(book.addrs().is_empty());
}

#[test]
fn it_is_gone_at_the_instant_of_expiry_and_not_before() {
    let mut book = Book::new();
    book.add(&[addr(0)], MINUTE);
    book.pass(MINUTE - Duration::from_millis(1));
    assert_eq!(book.addrs(), [addr(0)]);
    book.pass(Duration::from_millis(1));
    assert!(book.addrs().is_empty());
}

#[test]
fn adding_for_no_time_does_nothing() {
    let mut book = Book::new();
    book.add(&addrs(2), Duration::ZERO);
    assert!(book.row.is_empty());
    book.add(&addrs(2), HOUR);
    let row = book.row.clone();
    book.add(&addrs(3), Duration::ZERO);
    assert_eq!(book.row, row);
}

#[test]
fn the_own_id_is_stripped_and_a_foreign_one_refused() {
    let mut book = Book::new();
    let own = format!("/p2p/{}", book.peer);
    let foreign = format!("/p2p/{}", peer(2));
    book.add(&[with_suffix(&addr(0), &own)], HOUR);
    assert_eq!(book.addrs(), [addr(0)]);
    book.add(&[addr(0), with_suffix(&addr(0), &format!("{own}{own}"))], HOUR);
    assert_eq!(book.addrs(), [addr(0)], "the same address in three ways");

    book.add(&[with_suffix(&addr(1), &foreign), foreign.parse().unwrap()], HOUR);
    book.add(&[own.parse().unwrap(), Multiaddr::empty()], HOUR);
    assert_eq!(book.addrs(), [addr(0)]);
}

#[test]
fn a_relayed_address_is_kept_in_one_form() {
    let mut book = Book::new();
    let relayed = [with_suffix(&addr(0), &format!("/p2p/{}/p2p-circuit", peer(2)))];
    book.add(&[with_suffix(&relayed[0], &format!("/p2p/{}", book.peer))], HOUR);
    assert_eq!(book.addrs(), relayed);
    book.add(&relayed, HOUR);
    assert_eq!(book.addrs(), relayed);
    book.add(&[with_suffix(&relayed[0], &format!("/p2p/{}", peer(3)))], HOUR);
    assert_eq!(book.addrs(), relayed, "to another peer over the same relay: refused");
}

#[test]
fn clearing_forgets_all_addresses() {
    let mut book = Book::new();
    book.add(&addrs(50), AddressTtl::Permanent);
    book.clear();
    assert!(book.row.is_empty());
}

#[test]
fn setting_for_no_time_deletes() {
    let mut book = Book::new();
    let hundred = addrs(100);
    book.limits.addresses = 0;
    book.set(&hundred, HOUR);
    book.set(&hundred[..2], Duration::ZERO);
    assert_eq!(book.addrs(), sorted(hundred[2..].to_vec()));
    book.set(&hundred[..2], Duration::ZERO);
    assert_eq!(book.addrs().len(), 98, "once more deletes nothing");
    let more = addrs(120);
    book.set(&more, Duration::ZERO);
    assert!(book.row.is_empty(), "all, and some that were never there");
}

#[test]
fn setting_replaces_the_time() {
    let mut book = Book::new();
    book.add(&addrs(2), HOUR);
    book.set(&[addr(0)], Duration::from_micros(100));
    book.pass(Duration::from_millis(100));
    assert_eq!(book.addrs(), [addr(1)]);
    assert_eq!(book.entry(&addr(1)).ttl(), AddressTtl::ADDRESS);
}

#[test]
fn updating_changes_what_has_the_old_ttl() {
    let mut book = Book::new();
    book.update(HOUR, MINUTE);
    assert!(book.row.is_empty(), "of a peer that is not known: nothing");

    book.set(&[addr(0)], HOUR);
    book.set(&[addr(1)], MINUTE);
    book.pass(SECOND);
    book.update(HOUR, SECOND);
    assert_eq!(book.addrs(), [addr(0), addr(1)], "at once nothing is seen of it");
    book.pass(SECOND);
    assert_eq!(book.addrs(), [addr(1)]);
    book.update(MINUTE, Duration::ZERO);
    assert!(book.row.is_empty());
}

#[test]
fn addresses_expire_one_after_the_other() {
    let mut book = Book::new();
    let three = addrs(3);
    for (place, addr) in three.iter().enumerate() {
        book.add(std::slice::from_ref(addr), MINUTE * (u32::try_from(place).unwrap() + 1));
    }
    for gone in 1..=3 {
        book.pass(MINUTE);
        assert_eq!(book.addrs(), three[gone..]);
    }
    assert!(!book.row.is_empty(), "reading changes nothing");
    book.row.expire(book.now);
    assert!(book.row.is_empty());
}

#[test]
fn what_has_expired_and_is_added_again_is_as_new() {
    let mut book = Book::new();
    book.add(&[addr(0)], HOUR);
    book.failed(&addr(0));
    book.pass(HOUR);
    book.add(&[addr(0)], MINUTE);
    let entry = book.entry(&addr(0));
    assert_eq!((entry.ttl(), entry.failures()), (AddressTtl::For(MINUTE), 0));
}

#[test]
fn permanent_addresses_outlive_every_time() {
    let mut book = Book::new();
    book.add(&[addr(0)], Duration::MAX);
    book.add(&[addr(1)], Duration::from_nanos(i64::MAX as u64));
    book.pass(HOUR * 24 * 365 * 300);
    assert_eq!(book.addrs(), [addr(0), addr(1)]);
    assert_eq!(book.row.expiry(), datastore::Expiry::NEVER);
}
