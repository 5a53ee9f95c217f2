//! Random sequences of operations, beside a plain retelling of the rules: a list of notes, every step over all
//! of them, nothing shared with what is tested but the numbers that make the order of confidence.

use std::cmp::Reverse;
use std::time::{Duration, UNIX_EPOCH};

use datastore::Expiry;
use multiaddr::Multiaddr;
use proptest::prelude::*;

use super::support::{Book, REMEMBERED, addr, peer, sealed, with_suffix};
use crate::address::{Address, AddressRow, AddressSource, AddressTtl, Glance};
use crate::record::Consumed;
use crate::row::Row;
use crate::session::Session;

/// In milliseconds; the two highest numbers are connected and permanent.
type Ttl = u64;
const CONNECTED: Ttl = u64::MAX - 1;
const PERMANENT: Ttl = u64::MAX;
const NEVER: u64 = u64::MAX;
const QUARTER: u64 = 900_000;

const SOURCES: [AddressSource; 5] = [
    AddressSource::Routing,
    AddressSource::Identify,
    AddressSource::Push,
    AddressSource::Signed,
    AddressSource::User,
];
const ROUTING: usize = 0;
const SIGNED: usize = 3;

/// The number of an address, and how it is written: plain, with the peer's id, or with that of another.
type Written = (usize, usize);

#[derive(Clone, Debug)]
enum Step {
    Add(Vec<Written>, Ttl, usize),
    Set(Vec<Written>, Ttl, usize),
    Announce(Vec<Written>, usize),
    Patch(Vec<Written>, usize),
    Update(Ttl, Ttl),
    Clear,
    Consume(u64, Vec<Written>, Ttl),
    Connect(Vec<Written>),
    Disconnect,
    Succeed(Written),
    Fail(Written),
    Pass(u64),
    Reopen,
    Sweep,
}

#[derive(Clone, Debug, PartialEq)]
struct Note {
    number: usize,
    ttl: Ttl,
    ends: u64,
    source: usize,
    certified: bool,
    connected: bool,
    seen: u64,
    worked: u64,
    failures: u32,
}

#[derive(Clone, Debug, Default)]
struct Model {
    now: u64,
    cap: usize,
    notes: Vec<Note>,
    record: Option<(u64, Vec<Written>)>,
    remembered: Option<(u64, Vec<Written>, u64)>,
    look_again: Option<u64>,
}

impl Model {
    fn end(&self, ttl: Ttl) -> u64 {
        if ttl >= CONNECTED { NEVER } else { self.now + ttl }
    }

    fn purge(&mut self) {
        let now = self.now;
        let dead = |note: &Note| !note.connected && note.ends <= now;
        let ended = self.notes.iter().filter(|note| dead(note) && note.certified);
        let ended = ended.map(|note| note.ends).max();
        self.notes.retain(|note| !dead(note));
        if let Some(ended) = ended {
            self.let_go_of_record(ended);
        }
        if self.remembered.as_ref().is_some_and(|(_, _, until)| *until <= now) {
            self.remembered = None;
        }
        if self.look_again.is_some_and(|again| again <= now) {
            self.look_again = Some(now + QUARTER);
        }
    }

    fn let_go_of_record(&mut self, ended: u64) {
        if self.notes.iter().all(|note| !note.certified)
            && let Some((sequence, content)) = self.record.take()
        {
            let until = ended + u64::try_from(REMEMBERED.as_millis()).unwrap();
            self.remembered = Some((sequence, content, until));
        }
    }

    fn after_a_change(&mut self) {
        let unconnected = |notes: &[Note]| notes.iter().filter(|note| !note.connected).count();
        while unconnected(&self.notes) > self.cap {
            self.notes.sort_by_key(confidence);
            let victims = self.notes.iter().enumerate().filter(|(_, note)| !note.connected);
            let victim =
                victims.min_by_key(|(place, note)| (note.ends, Reverse(*place))).unwrap().0;
            self.notes.remove(victim);
        }
        self.let_go_of_record(self.now);
        if self.notes.iter().all(|note| !note.connected) {
            self.look_again = None;
        } else if self.look_again.is_none() {
            self.look_again = Some(self.now + QUARTER);
        }
        self.notes.sort_by_key(confidence);
    }

    fn say(&mut self, number: usize, ttl: Ttl, source: usize, certified: bool, lower: bool) {
        let (now, ends) = (self.now, self.end(ttl));
        let Some(note) = self.notes.iter_mut().find(|note| note.number == number) else {
            if ttl > 0 {
                let connected = ttl == CONNECTED;
                let (worked, failures) = (0, 0);
                self.notes.push(Note {
                    number,
                    ttl,
                    ends,
                    source,
                    certified,
                    connected,
                    seen: now,
                    worked,
                    failures,
                });
            }
            return;
        };
        let before = note.clone();
        if lower {
            retime(note, ttl, ends);
        } else {
            note.ttl = note.ttl.max(ttl);
            note.ends = note.ends.max(ends);
            note.connected = note.connected || ttl == CONNECTED;
        }
        note.source = note.source.max(source);
        note.certified = note.certified || certified;
        if *note != before || now >= note.seen + 600_000 {
            note.seen = note.seen.max(now);
        }
    }

    fn set(&mut self, numbers: &[usize], ttl: Ttl, source: usize) {
        for number in numbers {
            let known = self.notes.iter().position(|note| note.number == *number);
            let may = known.is_none_or(|place| outranks(source, self.notes[place].source));
            match known {
                Some(place) if ttl == 0 && may => {
                    self.notes.remove(place);
                }
                _ if ttl == 0 => {}
                _ => self.say(*number, ttl, source, false, may),
            }
        }
    }

    fn step(&mut self, step: &Step) -> Option<Consumed> {
        match step {
            Step::Add(_, 0, _) => return None,
            Step::Pass(time) => {
                self.now += time;
                return None;
            }
            Step::Sweep => {
                self.purge();
                return None;
            }
            Step::Reopen => {
                let ends = self.now + QUARTER;
                for note in self.notes.iter_mut().filter(|note| note.connected) {
                    note.connected = false;
                    if note.ttl == CONNECTED {
                        (note.ttl, note.ends) = (QUARTER, ends);
                    }
                }
                self.look_again = None;
                self.notes.sort_by_key(confidence);
                return None;
            }
            Step::Succeed(written) | Step::Fail(written) => {
                let now = self.now;
                for number in numbers(&[*written]) {
                    for note in self.notes.iter_mut().filter(|note| note.number == number) {
                        if matches!(step, Step::Succeed(_)) {
                            (note.worked, note.failures) = (note.worked.max(now), 0);
                        } else {
                            note.failures += 1;
                        }
                    }
                }
                self.notes.sort_by_key(confidence);
                return None;
            }
            _ => self.purge(),
        }
        let mut consumed = None;
        match step {
            Step::Add(list, ttl, source) => {
                for number in numbers(list) {
                    self.say(number, *ttl, *source, false, false);
                }
            }
            Step::Connect(list) => {
                for number in numbers(list) {
                    self.say(number, CONNECTED, 1, false, false);
                }
            }
            Step::Set(list, ttl, source) => self.set(&numbers(list), *ttl, *source),
            Step::Announce(list, source) => {
                let listed = numbers(list);
                self.notes.retain(|note| {
                    let same = same_source(note.source, *source) && *source != ROUTING;
                    listed.contains(&note.number) || !same || note.certified || note.connected
                });
                for number in listed {
                    self.say(number, 3_600_000, *source, false, false);
                }
            }
            Step::Patch(list, source) => {
                let listed = numbers(list);
                self.notes.retain(|note| {
                    listed.contains(&note.number) || !outranks(*source, note.source)
                });
                self.set(&listed, 3_600_000, *source);
            }
            Step::Update(old, new) => self.update(*old, *new),
            Step::Disconnect => self.update(CONNECTED, QUARTER),
            Step::Clear => self.notes.clear(),
            Step::Consume(sequence, list, ttl) => {
                consumed = Some(self.consume(*sequence, list, *ttl));
                if matches!(consumed, Some(Consumed::Older | Consumed::Differs)) {
                    return consumed;
                }
            }
            Step::Succeed(_) | Step::Fail(_) | Step::Pass(_) | Step::Reopen | Step::Sweep => {}
        }
        self.after_a_change();
        consumed
    }

    fn update(&mut self, old: Ttl, new: Ttl) {
        let ends = self.end(new);
        for note in &mut self.notes {
            if old == CONNECTED && new != CONNECTED {
                note.connected = false;
            }
            if note.ttl == old {
                retime(note, new, ends);
            }
        }
        if new == 0 {
            self.notes.retain(|note| note.ttl != 0);
        }
    }

    fn consume(&mut self, sequence: u64, list: &[Written], ttl: Ttl) -> Consumed {
        let held = self.record.as_ref().map(|(sequence, content)| (*sequence, content));
        let was_held = self.remembered.as_ref().map(|(sequence, content, _)| (*sequence, content));
        let answer = match held.or(was_held) {
            Some((last, _)) if sequence < last => return Consumed::Older,
            Some((last, content)) if sequence == last && content != list => {
                return Consumed::Differs;
            }
            Some((last, _)) if sequence == last && held.is_some() => Consumed::Same,
            _ => Consumed::Accepted,
        };
        let listed = numbers(list);
        if answer == Consumed::Accepted {
            for note in self.notes.iter_mut().filter(|note| !listed.contains(&note.number)) {
                if note.certified || note.source == SIGNED {
                    note.certified = false;
                    if !note.connected && note.source <= SIGNED {
                        note.number = usize::MAX;
                    }
                }
            }
            self.notes.retain(|note| note.number != usize::MAX);
        }
        for number in listed {
            self.say(number, ttl, SIGNED, true, false);
        }
        self.record = Some((sequence, list.to_vec()));
        self.remembered = None;
        answer
    }

    /// When something is due next.
    fn due(&self) -> u64 {
        let ends = self.notes.iter().map(|note| note.ends);
        let remembered = self.remembered.as_ref().map(|(_, _, until)| *until);
        ends.chain(remembered).chain(self.look_again).min().unwrap_or(NEVER)
    }
}

fn retime(note: &mut Note, ttl: Ttl, ends: u64) {
    (note.ttl, note.ends) = (ttl, ends);
    if ttl != PERMANENT {
        note.connected = ttl == CONNECTED;
    }
}

fn same_source(one: usize, other: usize) -> bool {
    one == other || [one, other].iter().all(|source| [1, 2].contains(source))
}

fn outranks(source: usize, known: usize) -> bool {
    source > known || same_source(source, known)
}

fn confidence(note: &Note) -> impl Ord + use<> {
    let class = match (note.worked > 0, note.failures > 0) {
        (true, false) => 0,
        (false, false) => 1,
        (true, true) => 2,
        (false, true) => 3,
    };
    let flags = (!note.connected, class, note.failures, !note.certified, Reverse(note.source));
    let times = (Reverse(note.worked), Reverse(note.seen), Reverse(note.ends));
    (flags, times, addr(note.number))
}

fn numbers(list: &[Written]) -> Vec<usize> {
    let mut numbers = Vec::new();
    for (number, form) in list {
        if *form < 2 && !numbers.contains(number) {
            numbers.push(*number);
        }
    }
    numbers
}

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

fn take(book: &mut Book, step: &Step) -> Option<Consumed> {
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
            return Some(book.consume(*sequence, &written(list), ttl_of(*ttl)));
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
        let read = Glance { is_live, is_known: row.is_known() };
        assert_eq!(Glance::at(&written, &session, book.now), Ok(read), "{session:?}");
    }
}

const ADDRESSES: usize = 7;

fn list() -> impl Strategy<Value = Vec<Written>> {
    proptest::collection::vec((0..ADDRESSES, 0..3_usize), 0..6)
}

fn ttl() -> impl Strategy<Value = Ttl> {
    let ttls = [0, 1, 1_000, 60_000, QUARTER, 3_600_000, 7_200_000, CONNECTED, PERMANENT];
    proptest::sample::select(ttls.to_vec())
}

fn step() -> impl Strategy<Value = Step> {
    let source = || 0..SOURCES.len();
    let time = [1, 999, 1_000, 59_000, 600_000, QUARTER, 3_600_000, 86_400_000, 700_000_000];
    prop_oneof![
        4 => (list(), ttl(), source()).prop_map(|(list, ttl, source)| Step::Add(list, ttl, source)),
        3 => (list(), ttl(), source()).prop_map(|(list, ttl, source)| Step::Set(list, ttl, source)),
        2 => (list(), source()).prop_map(|(list, source)| Step::Announce(list, source)),
        1 => (list(), source()).prop_map(|(list, source)| Step::Patch(list, source)),
        2 => (ttl(), ttl()).prop_map(|(old, new)| Step::Update(old, new)),
        1 => Just(Step::Clear),
        4 => (1..4_u64, list(), ttl()).prop_map(|(number, list, ttl)| Step::Consume(number, list, ttl)),
        2 => list().prop_map(Step::Connect),
        1 => Just(Step::Disconnect),
        1 => (0..ADDRESSES, 0..3_usize).prop_map(Step::Succeed),
        1 => (0..ADDRESSES, 0..3_usize).prop_map(Step::Fail),
        4 => proptest::sample::select(time.to_vec()).prop_map(Step::Pass),
        1 => Just(Step::Reopen),
        1 => Just(Step::Sweep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_row_does_as_the_rules_retold(steps in proptest::collection::vec(step(), 1..40), cap in 2..6_usize) {
        let mut book = Book::with_cap(cap);
        let now = u64::try_from(book.now.duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        let mut model = Model { now, cap, ..Model::default() };
        for step in &steps {
            prop_assert_eq!(take(&mut book, step), model.step(step), "{:?}", step);
            compare(&book, &model);
        }
    }
}
