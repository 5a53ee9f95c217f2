//! The rules of the address book, retold plainly: a list of notes, every step over all of them. Tests of rows and
//! tests of books hold their answers against it; it shares nothing with what is tested.

use std::cmp::Reverse;

use proptest::prelude::*;

/// In milliseconds; the two highest numbers are connected and permanent.
pub(crate) type Ttl = u64;
pub(crate) const CONNECTED: Ttl = u64::MAX - 1;
pub(crate) const PERMANENT: Ttl = u64::MAX;
const NEVER: u64 = u64::MAX;
pub(crate) const QUARTER: u64 = 900_000;

/// Sources by their rank: routing, identify, push, signed, user.
pub(crate) const SOURCES: usize = 5;
const ROUTING: usize = 0;
const SIGNED: usize = 3;

/// The number of an address, and how it is written: plain, with the peer's id, or with that of another.
pub(crate) type Written = (usize, usize);

/// What may be done to the addresses of a peer.
#[derive(Clone, Debug)]
pub(crate) enum Step {
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

/// What becomes of a signed record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Took {
    Accepted,
    Same,
    Older,
    Differs,
}

/// An address, and what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Note {
    pub(crate) number: usize,
    pub(crate) ttl: Ttl,
    pub(crate) ends: u64,
    pub(crate) source: usize,
    pub(crate) certified: bool,
    pub(crate) connected: bool,
    pub(crate) seen: u64,
    pub(crate) worked: u64,
    pub(crate) failures: u32,
}

/// What is known of a peer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    pub(crate) now: u64,
    pub(crate) cap: usize,
    /// For how long a sequence outlives the addresses.
    pub(crate) remembers: u64,
    pub(crate) notes: Vec<Note>,
    pub(crate) record: Option<(u64, Vec<Written>)>,
    pub(crate) remembered: Option<(u64, Vec<Written>, u64)>,
    pub(crate) look_again: Option<u64>,
    /// Whether that was said in another session.
    pub(crate) look_is_old: bool,
}

impl Model {
    fn end(&self, ttl: Ttl) -> u64 {
        if ttl >= CONNECTED { NEVER } else { self.now + ttl }
    }

    /// Drops what has expired.
    pub(crate) fn purge(&mut self) {
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
            let connected = self.notes.iter().any(|note| note.connected);
            self.look_again = connected.then_some(now + QUARTER);
        }
    }

    fn let_go_of_record(&mut self, ended: u64) {
        if self.notes.iter().all(|note| !note.certified)
            && let Some((sequence, content)) = self.record.take()
        {
            let until = ended + self.remembers;
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
        } else if self.look_again.is_none() || self.look_is_old {
            self.look_again = Some(self.now + QUARTER);
            self.look_is_old = false;
        }
        self.notes.sort_by_key(confidence);
    }

    fn say(&mut self, number: usize, ttl: Ttl, source: usize, certified: bool, lower: bool) {
        let (now, ends) = (self.now, self.end(ttl));
        let listed = |(_, content): &(u64, Vec<Written>)| numbers(content).contains(&number);
        let in_record = !certified && self.record.as_ref().is_some_and(listed);
        let Some(note) = self.notes.iter_mut().find(|note| note.number == number) else {
            if ttl > 0 {
                let connected = ttl == CONNECTED;
                let (worked, failures) = (0, 0);
                let source = if in_record { source.max(SIGNED) } else { source };
                let certified = certified || in_record;
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

    pub(crate) fn step(&mut self, step: &Step) -> Option<Took> {
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
                self.look_is_old = true;
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
                if matches!(consumed, Some(Took::Older | Took::Differs)) {
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

    fn consume(&mut self, sequence: u64, list: &[Written], ttl: Ttl) -> Took {
        let held = self.record.as_ref().map(|(sequence, content)| (*sequence, content));
        let was_held = self.remembered.as_ref().map(|(sequence, content, _)| (*sequence, content));
        let answer = match held.or(was_held) {
            Some((last, _)) if sequence < last => return Took::Older,
            Some((last, content)) if sequence == last && content != list => {
                return Took::Differs;
            }
            Some((last, _)) if sequence == last && held.is_some() => Took::Same,
            _ => Took::Accepted,
        };
        let listed = numbers(list);
        if answer == Took::Accepted {
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
    pub(crate) fn due(&self) -> u64 {
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
    (flags, times, note.number)
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

/// So many addresses, the bytes of which are in the order of their numbers.
pub(crate) const ADDRESSES: usize = 7;

fn list() -> impl Strategy<Value = Vec<Written>> {
    proptest::collection::vec((0..ADDRESSES, 0..3_usize), 0..6)
}

fn ttl() -> impl Strategy<Value = Ttl> {
    let ttls = [0, 1, 1_000, 60_000, QUARTER, 3_600_000, 7_200_000, CONNECTED, PERMANENT];
    proptest::sample::select(ttls.to_vec())
}

/// A step of any kind.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    let source = || 0..SOURCES;
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
