//! Signed records: their sequences, what they replace, and when they go.

use std::time::Duration;

use super::support::{
    Book, HOUR, MINUTE, REMEMBERED, SECOND, addr, addrs, sealed, sorted, with_suffix,
};
use crate::address::{AddressSource, AddressTtl, At};
use crate::record::Consumed;
use crate::row::Row;

#[test]
fn certified_and_other_addresses_are_united() {
    let mut book = Book::new();
    let all = addrs(10);
    book.add(&all[5..], HOUR);
    assert_eq!(book.consume(2, &all[..5], HOUR), Consumed::Accepted);
    assert_eq!(book.addrs(), sorted(all.clone()));
    assert_eq!(book.certified(), all[..5]);
}

#[test]
fn an_older_record_is_refused_and_changes_nothing() {
    let mut book = Book::new();
    book.consume(5, &addrs(2), HOUR);
    let row = book.row.clone();
    assert_eq!(book.consume(4, &addrs(3), HOUR), Consumed::Older);
    assert_eq!(book.row, row);
}

#[test]
fn the_envelope_is_kept_byte_for_byte() {
    let mut book = Book::new();
    book.consume(1, &addrs(1), HOUR);
    book.reopen();
    let envelope = sealed(1, &addrs(1)).envelope().clone();
    assert_eq!(book.row.record.as_ref().unwrap().envelope, envelope);
    assert!(book.row.holds(&envelope));
    assert!(!book.row.holds(sealed(2, &addrs(1)).envelope()));
}

#[test]
fn a_newer_record_replaces_what_the_last_one_said_alone() {
    let mut book = Book::new();
    let [keep, gone, unsigned, connected] = [addr(1), addr(2), addr(3), addr(4)];
    book.consume(1, &[keep.clone(), gone, connected.clone()], HOUR);
    book.add(std::slice::from_ref(&connected), AddressTtl::Connected);
    book.add_from(std::slice::from_ref(&unsigned), HOUR, AddressSource::Routing);
    assert_eq!(book.consume(2, std::slice::from_ref(&keep), HOUR), Consumed::Accepted);
    assert_eq!(book.addrs(), [keep.clone(), unsigned, connected]);
    assert_eq!(book.certified(), [keep]);
}

#[test]
fn what_the_user_said_stays_when_a_record_withdraws_it() {
    let mut book = Book::new();
    book.add(&[addr(1)], HOUR);
    book.add_from(&[addr(2)], HOUR, AddressSource::Identify);
    book.consume(1, &addrs(3), HOUR);
    book.consume(2, &[addr(0)], HOUR);
    assert_eq!(book.addrs(), [addr(0), addr(1)]);
    assert_eq!(book.certified(), [addr(0)]);
}

#[test]
fn the_certified_flag_does_not_depend_on_who_came_first() {
    let sources = [AddressSource::Routing, AddressSource::Identify, AddressSource::User];
    for source in sources {
        let (mut first, mut last) = (Book::new(), Book::new());
        first.add_from(&addrs(3), HOUR, source);
        first.consume(1, &addrs(2), HOUR);
        last.consume(1, &addrs(2), HOUR);
        last.add_from(&addrs(3), HOUR, source);
        assert_eq!(first.row, last.row);
        assert_eq!(first.certified(), addrs(2));
    }
}

#[test]
fn the_same_bytes_again_raise_the_addresses_and_bring_back_those_that_went() {
    let mut book = Book::new();
    book.consume(3, &addrs(2), HOUR);
    book.set(&[addr(1)], Duration::ZERO);
    book.pass(30 * MINUTE);
    assert_eq!(book.consume(3, &addrs(2), HOUR), Consumed::Same);
    book.pass(59 * MINUTE);
    assert_eq!(book.certified(), addrs(2));
}

#[test]
fn the_same_sequence_with_other_bytes_is_refused() {
    let mut book = Book::new();
    book.consume(3, &addrs(2), HOUR);
    let row = book.row.clone();
    assert_eq!(book.consume(3, &addrs(3), HOUR), Consumed::Differs);
    assert_eq!(book.row, row);
}

#[test]
fn the_record_goes_with_the_last_address_that_it_certifies() {
    let mut book = Book::new();
    book.consume(1, &addrs(2), HOUR);
    book.add(&[addr(7)], HOUR);
    book.set(&[addr(0)], Duration::ZERO);
    assert!(book.has_record());
    book.set(&[addr(1)], Duration::ZERO);
    assert!(!book.has_record(), "what is not certified does not hold it");
    assert_eq!(book.addrs(), [addr(7)]);

    assert_eq!(book.consume(1, &addrs(2), SECOND), Consumed::Accepted);
    assert!(book.has_record());
    book.pass(SECOND);
    assert!(!book.has_record(), "nor does what has expired");
}

#[test]
fn clearing_takes_the_record_too() {
    let mut book = Book::new();
    book.consume(9, &addrs(2), AddressTtl::Permanent);
    book.clear();
    assert!(!book.has_record());
    assert!(!book.row.is_empty(), "the sequence is remembered");
    assert_eq!(book.consume(8, &addrs(2), HOUR), Consumed::Older);
}

#[test]
fn a_replay_is_refused_after_the_addresses_have_expired() {
    for ways_to_go in [SECOND, HOUR] {
        let mut book = Book::new();
        book.consume(2, &addrs(2), ways_to_go);
        book.pass(HOUR);
        book.reopen();
        assert_eq!(book.consume(1, &addrs(3), HOUR), Consumed::Older);
        assert_eq!(book.consume(2, &addrs(3), HOUR), Consumed::Differs, "the same sequence");
        assert_eq!(book.consume(2, &addrs(2), HOUR), Consumed::Accepted, "the same bytes");
        assert_eq!(book.certified(), addrs(2));
    }
}

#[test]
fn the_sequence_is_remembered_for_the_stated_time_after_the_last_address() {
    let mut book = Book::new();
    book.consume(2, &addrs(2), MINUTE);
    // One of them lives longer, and with it the record.
    book.add(&[addr(0)], HOUR);
    let end = book.now + HOUR + REMEMBERED;

    // It does not matter when it is looked at.
    book.pass(2 * HOUR);
    book.row.expire(book.now);
    assert_eq!(book.row.watermark.as_ref().unwrap().until, datastore::Expiry::at(end));
    assert_eq!(book.row.expiry(), datastore::Expiry::at(end));

    book.now = end - Duration::from_millis(1);
    assert_eq!(book.consume(1, &addrs(1), HOUR), Consumed::Older);
    book.now = end;
    assert_eq!(book.consume(1, &addrs(1), HOUR), Consumed::Accepted);
}

#[test]
fn a_sequence_that_is_not_to_be_remembered_is_not() {
    let mut book = Book::new();
    let at = At { now: book.now, session: &book.session, limits: &book.limits };
    book.row.consume(&sealed(1, &addrs(1)), AddressTtl::ADDRESS, Duration::ZERO, at).unwrap();
    book.clear();
    assert!(book.row.is_empty());
}

#[test]
fn a_record_without_usable_addresses_leaves_its_watermark_alone() {
    let mut book = Book::new();
    book.consume(1, &addrs(2), HOUR);
    assert_eq!(book.consume(2, &[], HOUR), Consumed::Accepted);
    assert!(book.addrs().is_empty());
    assert!(!book.has_record());
    assert_eq!(book.consume(1, &addrs(2), HOUR), Consumed::Older);
}

#[test]
fn a_record_for_no_time_adds_nothing() {
    let mut book = Book::new();
    book.add(&[addr(0)], HOUR);
    assert_eq!(book.consume(1, &addrs(2), Duration::ZERO), Consumed::Accepted);
    assert_eq!(book.addrs(), [addr(0)]);
    assert_eq!(book.certified(), [addr(0)]);
}

#[test]
fn a_thousand_growing_sequences_are_accepted_and_none_twice() {
    let mut book = Book::new();
    for sequence in 1..=1_000 {
        assert_eq!(book.consume(sequence, &addrs(2), HOUR), Consumed::Accepted);
        assert_eq!(book.consume(sequence - 1, &addrs(2), HOUR), Consumed::Older);
    }
}

#[test]
fn an_address_that_went_and_comes_again_is_what_it_would_be_had_it_stayed() {
    let own = format!("/p2p/{}", Book::new().peer);
    let again = [with_suffix(&addr(0), &own)];
    for go in [
        |book: &mut Book| book.set(&[addr(0)], Duration::ZERO),
        |book: &mut Book| {
            book.set(&[addr(0)], SECOND);
            book.pass(SECOND);
        },
        |book: &mut Book| book.patch(&[addr(1)], AddressSource::User),
    ] {
        let mut book = Book::new();
        book.consume(1, &addrs(2), HOUR);
        go(&mut book);
        assert_eq!(book.addrs(), [addr(1)]);
        book.add_from(&again, HOUR, AddressSource::Routing);
        book.add_from(&[addr(2)], HOUR, AddressSource::Routing);
        assert_eq!(book.certified(), addrs(2));
        assert_eq!(book.entry(&addr(0)).source(), AddressSource::Signed);
        // So a newer record withdraws it, as if it had been there all along.
        book.consume(2, &[addr(1)], HOUR);
        assert_eq!(book.addrs(), addrs(3)[1..]);
    }
}

#[test]
fn without_the_record_nothing_certifies_what_comes_again() {
    let mut book = Book::new();
    book.consume(1, &addrs(2), HOUR);
    book.set(&addrs(2), Duration::ZERO);
    book.add(&addrs(1), HOUR);
    assert!(book.certified().is_empty() && !book.has_record());
    assert_eq!(book.consume(1, &addrs(2), HOUR), Consumed::Accepted);
    assert_eq!(book.certified(), addrs(2));
}
