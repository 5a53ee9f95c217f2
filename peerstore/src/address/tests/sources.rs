//! Which source replaces, adds or yields; and the order of confidence.

use std::time::Duration;

use super::support::{Book, HOUR, MINUTE, SECOND, addr, addrs};
use crate::address::{AddressSource, AddressTtl};

use AddressSource::{Identify, Push, Routing, Signed, User};

/// From the lowest to the highest; those of one line are one.
const STANDING: [&[AddressSource]; 4] = [&[Routing], &[Identify, Push], &[Signed], &[User]];

fn standing(source: AddressSource) -> usize {
    STANDING.iter().position(|line| line.contains(&source)).unwrap()
}

fn all() -> impl Iterator<Item = AddressSource> {
    STANDING.into_iter().flatten().copied()
}

#[test]
fn an_address_is_of_the_highest_source_in_whichever_order_they_speak() {
    for (first, second) in all().flat_map(|first| all().map(move |second| (first, second))) {
        let mut book = Book::new();
        book.add_from(&[addr(0)], HOUR, first);
        book.add_from(&[addr(0)], HOUR, second);
        assert_eq!(book.entry(&addr(0)).source(), first.max(second));
    }
}

#[test]
fn setting_yields_to_a_higher_source() {
    for (known, source) in all().flat_map(|known| all().map(move |source| (known, source))) {
        let may = standing(source) >= standing(known);

        let mut shorter = Book::new();
        shorter.add_from(&[addr(0)], HOUR, known);
        shorter.set_from(&[addr(0)], MINUTE, source);
        let expected = if may { AddressTtl::For(MINUTE) } else { AddressTtl::ADDRESS };
        assert_eq!(shorter.entry(&addr(0)).ttl(), expected, "{source} after {known}");

        let mut longer = Book::new();
        longer.add_from(&[addr(0)], MINUTE, known);
        longer.set_from(&[addr(0)], HOUR, source);
        assert_eq!(longer.entry(&addr(0)).ttl(), AddressTtl::ADDRESS, "{source} after {known}");

        let mut deleted = Book::new();
        deleted.add_from(&[addr(0)], HOUR, known);
        deleted.set_from(&[addr(0)], Duration::ZERO, source);
        assert_eq!(deleted.addrs().is_empty(), may, "{source} after {known}");
    }
}

#[test]
fn a_list_replaces_what_its_source_said_before_and_nothing_else() {
    for (known, source) in all().flat_map(|known| all().map(move |source| (known, source))) {
        let mut book = Book::new();
        book.add_from(&[addr(0)], HOUR, known);
        book.announce(&[addr(1)], source);
        let goes = source != Routing && standing(known) == standing(source);
        let expected = if goes { vec![addr(1)] } else { addrs(2) };
        assert_eq!(book.addrs(), expected, "{source} after {known}");
    }
}

#[test]
fn a_list_leaves_what_is_connected_or_certified() {
    let mut book = Book::new();
    book.add_from(&addrs(3), HOUR, User);
    book.connected(&[addr(0)]);
    book.consume(1, &[addr(1)], HOUR);
    book.announce(&[addr(5)], User);
    assert_eq!(book.addrs(), [addr(0), addr(1), addr(5)]);
}

#[test]
fn a_list_without_addresses_withdraws_them_and_one_for_no_time_does_nothing() {
    let mut book = Book::new();
    book.announce(&addrs(2), Identify);
    let row = book.row.clone();
    let at = crate::address::At { now: book.now, session: &book.session, limits: &book.limits };
    book.row.announce(&book.peer, &[], Duration::ZERO.into(), Identify, at);
    assert_eq!(book.row, row);
    book.announce(&[], Push);
    assert!(book.addrs().is_empty());
}

#[test]
fn last_seen_is_when_it_was_last_said() {
    let mut book = Book::new();
    book.add(&addrs(1), HOUR);
    book.pass(SECOND);
    book.add(&addrs(1), HOUR);
    assert_eq!(book.entry(&addr(0)).last_seen(), Some(book.now));
    book.pass(SECOND);
    book.set(&addrs(1), MINUTE);
    assert_eq!(book.entry(&addr(0)).last_seen(), Some(book.now));
}

#[test]
fn hearing_again_what_is_kept_for_ever_is_noted_every_ten_minutes() {
    let mut book = Book::new();
    book.add(&addrs(1), AddressTtl::Permanent);
    let (row, said) = (book.row.clone(), book.now);
    book.pass(10 * MINUTE - SECOND);
    book.add(&addrs(1), AddressTtl::Permanent);
    assert_eq!(book.row, row);
    assert_eq!(book.entry(&addr(0)).last_seen(), Some(said));
    book.pass(SECOND);
    book.add(&addrs(1), AddressTtl::Permanent);
    assert_eq!(book.entry(&addr(0)).last_seen(), Some(book.now));
}

#[test]
fn a_clock_that_steps_back_does_not_take_back_what_was_seen() {
    let mut book = Book::new();
    book.add(&addrs(1), HOUR);
    book.succeeded(&addr(0));
    let (row, before) = (book.row.clone(), book.now);
    book.now -= HOUR;
    book.add(&addrs(1), HOUR);
    book.succeeded(&addr(0));
    assert_eq!(book.row, row);
    assert_eq!(book.entry(&addr(0)).last_seen(), Some(before));
}

#[test]
fn the_address_of_most_confidence_comes_first() {
    let mut book = Book::new();
    // In the order that is expected; each line for one rule.
    let expected = addrs(12);
    let at = |place: usize| std::slice::from_ref(&expected[place]);
    book.add_from(at(11), HOUR, Routing);
    book.add_from(at(10), HOUR, Routing);
    book.add_from(at(9), HOUR, Routing);
    book.add_from(at(8), 2 * MINUTE, Routing);
    book.add_from(at(7), 3 * MINUTE, Routing);
    book.add_from(at(5), HOUR, Identify);
    book.add_from(at(4), HOUR, User);
    book.consume(1, at(3), HOUR);
    book.add_from(at(2), HOUR, Routing);
    book.add_from(at(1), HOUR, Routing);
    book.connected(at(0));
    // It failed last, after a success: after those never tried.
    book.succeeded(&expected[9]);
    book.failed(&expected[9]);
    // They have failed only.
    book.failed(&expected[10]);
    book.failed(&expected[11]);
    book.failed(&expected[11]);
    // They worked when last tried, one of them later.
    book.succeeded(&expected[2]);
    book.pass(SECOND);
    book.succeeded(&expected[1]);
    // Seen later than those that expire later.
    book.add_from(at(6), MINUTE, Routing);
    // The later expiry.
    let (seven, eight) = (expected[7].clone(), expected[8].clone());
    assert!(book.entry(&seven).expiry() > book.entry(&eight).expiry());
    assert_eq!(book.ranked(), expected);
    book.reopen();
    assert_eq!(book.ranked()[0], expected[1], "no longer connected");
}
