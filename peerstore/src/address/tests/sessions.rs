//! Connected is a mark of one session, and counts down after it.

use std::time::Duration;

use datastore::Expiry;

use super::support::{Book, HOUR, MINUTE, SECOND, addr, addrs, peer};
use crate::address::{AddressRow, AddressTtl};
use crate::row::Row;

#[test]
fn a_connected_address_does_not_expire_before_the_connection_has_ended() {
    let mut book = Book::new();
    book.add(&[addr(0)], MINUTE);
    book.connected(&[addr(0)]);
    book.pass(48 * HOUR);
    assert!(book.entry(&addr(0)).is_connected());

    book.disconnected();
    book.pass(15 * MINUTE - SECOND);
    assert!(!book.entry(&addr(0)).is_connected());
    book.pass(SECOND);
    assert!(book.addrs().is_empty());
}

#[test]
fn an_update_from_connected_ends_it_as_in_go() {
    let mut book = Book::new();
    book.add(&[addr(0)], AddressTtl::Connected);
    book.add(&[addr(1)], HOUR);
    book.update(AddressTtl::Connected, AddressTtl::TEMP);
    assert_eq!(book.entry(&addr(0)).ttl(), AddressTtl::TEMP);
    assert_eq!(book.entry(&addr(1)).ttl(), AddressTtl::ADDRESS);
    book.update(AddressTtl::ADDRESS, AddressTtl::Connected);
    assert!(book.entry(&addr(1)).is_connected());
    book.update(AddressTtl::Connected, Duration::ZERO);
    assert_eq!(book.addrs(), [addr(0)]);
}

#[test]
fn a_permanent_address_is_permanent_again_after_the_connection() {
    let mut book = Book::new();
    book.add(&[addr(0)], AddressTtl::Permanent);
    book.connected(&[addr(0)]);
    assert!(book.entry(&addr(0)).is_connected());
    book.disconnected();
    assert!(!book.entry(&addr(0)).is_connected());
    assert_eq!(book.entry(&addr(0)).ttl(), AddressTtl::Permanent);

    book.connected(&[addr(0)]);
    book.reopen();
    assert!(!book.entry(&addr(0)).is_connected());
    assert_eq!(book.entry(&addr(0)).ttl(), AddressTtl::Permanent);
}

#[test]
fn what_was_connected_when_a_process_ended_counts_down_from_the_begin_of_the_next_session() {
    let mut book = Book::new();
    book.connected(&addrs(2));
    book.pass(30 * 24 * HOUR);
    book.reopen();
    let entry = book.entry(&addr(0));
    assert!(!entry.is_connected());
    assert_eq!(entry.ttl(), AddressTtl::RECENTLY_CONNECTED);
    assert_eq!(entry.expiry(), Expiry::after(book.now, 15 * MINUTE));

    // Read later in the same session, it does not begin anew.
    let written = book.row.encode();
    book.pass(10 * MINUTE);
    book.row = AddressRow::decode(&written, &book.peer, &book.session).unwrap();
    book.pass(5 * MINUTE);
    assert!(book.addrs().is_empty());
}

#[test]
fn a_row_that_no_later_session_has_written_counts_down_from_its_begin_however_late_it_is_read() {
    let mut book = Book::new();
    book.connected(&addrs(1));
    let written = book.row.encode();
    book.reopen();
    book.pass(14 * MINUTE);
    book.row = AddressRow::decode(&written, &book.peer, &book.session).unwrap();
    assert_eq!(book.addrs(), addrs(1));
    book.pass(MINUTE);
    book.row = AddressRow::decode(&written, &book.peer, &book.session).unwrap();
    assert!(book.addrs().is_empty());
}

#[test]
fn a_connected_row_is_due_again_and_again_so_that_a_crash_leaves_no_address_for_ever() {
    let mut book = Book::new();
    book.connected(&addrs(1));
    let due = Expiry::after(book.now, 15 * MINUTE);
    assert_eq!(book.row.expiry(), due);

    // Looked at while it is due: the session is alive.
    book.pass(15 * MINUTE);
    book.row.expire(book.now);
    assert!(book.entry(&addr(0)).is_connected());
    assert_eq!(book.row.expiry(), Expiry::after(book.now, 15 * MINUTE));

    book.disconnected();
    assert_eq!(book.row.expiry(), Expiry::after(book.now, 15 * MINUTE));
    book.pass(15 * MINUTE);
    book.row.expire(book.now);
    assert!(book.row.is_empty());
}

#[test]
fn connecting_again_changes_nothing() {
    let mut book = Book::new();
    book.connected(&addrs(2));
    book.pass(MINUTE);
    let row = book.row.clone();
    book.connected(&addrs(2));
    assert_eq!(book.row, row);
}

#[test]
fn a_dial_is_noted_at_its_address_however_that_is_written() {
    let mut book = Book::new();
    book.add(&addrs(2), HOUR);
    book.failed(&addr(1));
    book.failed(&super::support::with_suffix(&addr(1), &format!("/p2p/{}", book.peer)));
    assert_eq!(book.entry(&addr(1)).failures(), 2);
    assert_eq!(book.entry(&addr(1)).last_success(), None);
    book.pass(SECOND);
    book.succeeded(&addr(1));
    assert_eq!(book.entry(&addr(1)).failures(), 0);
    assert_eq!(book.entry(&addr(1)).last_success(), Some(book.now));

    let row = book.row.clone();
    book.failed(&super::support::with_suffix(&addr(1), &format!("/p2p/{}", peer(2))));
    book.succeeded(&addr(9));
    assert_eq!(book.row, row, "of another peer, and not known");
}
