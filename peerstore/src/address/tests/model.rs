//! Random sequences of operations on a row, beside a plain retelling of the rules.

use std::time::{Duration, UNIX_EPOCH};

use datastore::Expiry;
use multiaddr::Multiaddr;
use proptest::prelude::*;

use self::plain::{
    ADDRESSES, CONNECTED, Model, Note, PERMANENT, QUARTER, Step, Took, Ttl, Written, step,
};
use super::support::{Book, REMEMBERED, addr, peer, sealed, with_suffix};
use crate::address::{Address, AddressRow, AddressSource, AddressTtl, Glance};
use crate::record::Consumed;
use crate::row::Row;
use crate::session::Session;

#[path = "../../../tests/models/addresses.rs"]
mod plain;

const SOURCES: [AddressSource; plain::SOURCES] = [
    AddressSource::Routing,
    AddressSource::Identify,
    AddressSource::Push,
    AddressSource::Signed,
    AddressSource::User,
];

fn written(list: &[Written]) -> Vec<Multiaddr> {
    let write = |(number, form): &Written| match form {
        1 => with_suffix(&addr(*number), &format!("/p2p/{}", peer(1))),
        2 => with_suffix(&addr(*number), &format!("/p2p/{}", peer(2))),
        _ => addr(*number),
    };
    list.iter().map(write).collect()
}

fn ttl_of(ttl: Ttl) -> AddressTtl {
    match ttl {
        CONNECTED => AddressTtl::Connected,
        PERMANENT => AddressTtl::Permanent,
        millis => AddressTtl::For(Duration::from_millis(millis)),
    }
}

fn take(book: &mut Book, step: &Step) -> Option<Took> {
    match step {
        Step::Add(list, ttl, source) => {
            book.add_from(&written(list), ttl_of(*ttl), SOURCES[*source]);
        }
        Step::Set(list, ttl, source) => {
            book.set_from(&written(list), ttl_of(*ttl), SOURCES[*source]);
        }
        Step::Announce(list, source) => book.announce(&written(list), SOURCES[*source]),
        Step::Patch(list, source) => book.patch(&written(list), SOURCES[*source]),
        Step::Update(old, new) => book.update(ttl_of(*old), ttl_of(*new)),
        Step::Clear => book.clear(),
        Step::Consume(sequence, list, ttl) => {
            return Some(took(book.consume(*sequence, &written(list), ttl_of(*ttl))));
        }
        Step::Connect(list) => book.connected(&written(list)),
        Step::Disconnect => book.disconnected(),
        Step::Succeed(address) => book.succeeded(&written(&[*address])[0]),
        Step::Fail(address) => book.failed(&written(&[*address])[0]),
        Step::Pass(time) => book.pass(Duration::from_millis(*time)),
        Step::Reopen => book.reopen(),
        Step::Sweep => book.row.expire(book.now),
    }
    None
}

fn took(consumed: Consumed) -> Took {
    match consumed {
        Consumed::Accepted => Took::Accepted,
        Consumed::Same => Took::Same,
        Consumed::Older => Took::Older,
        Consumed::Differs => Took::Differs,
    }
}

fn note_of(entry: &Address) -> Note {
    let millis = |time: Option<std::time::SystemTime>| {
        time.map_or(0, |time| {
            u64::try_from(time.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
        })
    };
    Note {
        number: (0..ADDRESSES).find(|number| addr(*number) == *entry.addr()).unwrap(),
        ttl: match entry.ttl() {
            AddressTtl::For(ttl) => u64::try_from(ttl.as_millis()).unwrap(),
            AddressTtl::Connected => CONNECTED,
            AddressTtl::Permanent => PERMANENT,
        },
        ends: entry.expiry().as_millis(),
        source: SOURCES.iter().position(|source| *source == entry.source()).unwrap(),
        certified: entry.is_certified(),
        connected: entry.is_connected(),
        seen: millis(entry.last_seen()),
        worked: millis(entry.last_success()),
        failures: entry.failures(),
    }
}

fn compare(book: &Book, model: &Model) {
    let live: Vec<_> = book.row.live(book.now).map(note_of).collect();
    let mut row = book.row.clone();
    row.expire(book.now);
    let mut model = model.clone();
    model.purge();
    assert_eq!(live, model.notes);
    assert_eq!(row.live(book.now).map(note_of).collect::<Vec<_>>(), model.notes);
    assert_eq!(row.entries.len(), model.notes.len(), "nothing is left of what has expired");

    let record = row.record.as_ref().map(|record| record.envelope.clone());
    let expected = model.record.as_ref();
    let expected =
        expected.map(|(sequence, list)| sealed(*sequence, &written(list)).envelope().clone());
    assert_eq!(record, expected);
    let watermark = row.watermark.as_ref().map(|watermark| (watermark.sequence, watermark.until));
    let expected = model.remembered.as_ref();
    let expected = expected.map(|(sequence, _, until)| (*sequence, Expiry::from_millis(*until)));
    assert_eq!(watermark, expected);
    assert_eq!(row.expiry().as_millis(), model.due());
    glance(book);
}

/// A glance at a row says what reading it says: in this session, in one that begins, and in one that began long ago.
fn glance(book: &Book) {
    let (written, id) = (book.row.encode(), book.session.id);
    let long_ago = book.now - Duration::from_millis(QUARTER);
    let sessions = [
        book.session,
        Session { id: id + 1, began: Expiry::at(book.now) },
        Session { id: id + 2, began: Expiry::at(long_ago) },
    ];
    for session in sessions {
        let row = AddressRow::decode(&written, &book.peer, &session).unwrap();
        let is_live = row.live(book.now).next().is_some();
        let read = Glance { is_live, is_known: row.is_known_at(book.now) };
        assert_eq!(Glance::at(&written, &session, book.now), Ok(read), "{session:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_row_does_as_the_rules_retold(steps in proptest::collection::vec(step(), 1..40), cap in 2..6_usize) {
        let mut book = Book::with_cap(cap);
        let now = u64::try_from(book.now.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        let remembers = u64::try_from(REMEMBERED.as_millis()).unwrap();
        let mut model = Model { now, cap, remembers, ..Model::default() };
        for step in &steps {
            prop_assert_eq!(take(&mut book, step), model.step(step), "{:?}", step);
            compare(&book, &model);
        }
    }
}
