use std::collections::BTreeMap;
use std::time::SystemTime;

use datastore::{Expiry, Result};
use libp2p_identity::PeerId;

use crate::cbor::{Decoder, Encoder, Flaw};
use crate::layout::Book;
use crate::limits::{self, Limits};
use crate::row::{self, Row};
use crate::session::Session;
use crate::tags::Tag;

/// Bytes of the name of a tag, at most.
const TAG_NAME_BYTES: usize = 256;

/// The tags of a peer by name: `{1: {name: {1: value, 2: expiry in ms, absent for never}, …}}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TagRow(BTreeMap<Box<str>, Tag>);

const TAGS: u64 = 1;
const TAG_VALUE: u64 = 1;
const TAG_EXPIRY: u64 = 2;

impl TagRow {
    /// The tags that have not ended, sorted by the bytes of their names.
    pub(crate) fn live(&self, now: SystemTime) -> impl Iterator<Item = (&str, Tag)> {
        let tags = self.0.iter().map(|(name, tag)| (name.as_ref(), *tag));
        tags.filter(move |(_, tag)| tag.is_live(now))
    }

    /// The tag of this name, if it has not ended.
    pub(crate) fn get(&self, name: &str, now: SystemTime) -> Option<Tag> {
        self.0.get(name).copied().filter(|tag| tag.is_live(now))
    }

    /// Puts a tag in the place of the one of its name, or with `None` removes that one; the others stay.
    /// A tag that has ended is none. When they do not fit, nothing changes.
    pub(crate) fn merge<N: AsRef<str>>(
        &mut self,
        changes: impl IntoIterator<Item = (N, Option<Tag>)>,
        now: SystemTime,
        limits: &Limits,
    ) -> Result<()> {
        let mut merged = self.clone();
        merged.expire(now);
        let before = merged.0.len();
        for (name, tag) in changes {
            match tag {
                Some(tag) => {
                    limits::check_name(name.as_ref(), TAG_NAME_BYTES, "tag")?;
                    merged.0.insert(name.as_ref().into(), tag);
                }
                None => merged.remove(name.as_ref()),
            }
        }
        merged.expire(now);
        // A row may hold more than a limit that was lowered since: fewer of them, or others, fit.
        if merged.0.len() > before {
            limits::check_count(merged.0.len(), limits.tags, "tags")?;
        }
        *self = merged;
        Ok(())
    }

    /// Adds a tag, if there is none of its name. When it does not fit, nothing changes.
    pub(crate) fn add(
        &mut self,
        name: &str,
        tag: Tag,
        now: SystemTime,
        limits: &Limits,
    ) -> Result<()> {
        if self.get(name, now).is_some() {
            return Ok(());
        }
        self.merge([(name, Some(tag))], now, limits)
    }

    /// Replaces all tags. When the new ones do not fit, the old ones stay.
    pub(crate) fn set<N: AsRef<str>>(
        &mut self,
        tags: impl IntoIterator<Item = (N, Tag)>,
        now: SystemTime,
        limits: &Limits,
    ) -> Result<()> {
        let mut row = Self::default();
        row.merge(tags.into_iter().map(|(name, tag)| (name, Some(tag))), now, limits)?;
        *self = row;
        Ok(())
    }

    /// Removes the tag of this name, if there is one.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Drops what has ended.
    pub(crate) fn expire(&mut self, now: SystemTime) {
        self.0.retain(|_, tag| tag.is_live(now));
    }
}

impl Row for TagRow {
    const BOOK: Book = Book::Tags;

    fn decode(value: &[u8], _: &PeerId, _: &Session) -> Result<Self, Flaw> {
        let (mut row, fields) = Decoder::row(value)?;
        let mut tags = BTreeMap::new();
        for _ in 0..fields {
            match row.uint()? {
                TAGS => {
                    for _ in 0..row.map()? {
                        tags.insert(row.text()?.into(), decode_tag(&mut row)?);
                    }
                }
                _ => row.skip()?,
            }
        }
        row.end()?;
        Ok(Self(tags))
    }

    fn encode(&self) -> Vec<u8> {
        let mut row = Encoder::row(1);
        row.uint(TAGS);
        row.map(self.0.len());
        for (name, tag) in &self.0 {
            row.text(name);
            encode_tag(&mut row, *tag);
        }
        row.finish()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn is_known_at(&self, now: SystemTime) -> bool {
        self.live(now).next().is_some()
    }

    fn expiry(&self) -> Expiry {
        self.0.values().map(|tag| tag.expiry()).min().unwrap_or(Expiry::NEVER)
    }

    fn weight(&self) -> usize {
        let names = self.0.keys().map(|name| row::allocated(name.len()));
        let tree = row::tree(self.0.len(), size_of::<(Box<str>, Tag)>());
        size_of::<Self>() + tree + names.sum::<usize>()
    }
}

fn decode_tag(row: &mut Decoder<'_>) -> Result<Tag, Flaw> {
    let (mut value, mut expiry) = (0, Expiry::NEVER);
    for _ in 0..row.map()? {
        match row.uint()? {
            TAG_VALUE => value = row.uint()?,
            TAG_EXPIRY => expiry = Expiry::from_millis(row.uint()?),
            _ => row.skip()?,
        }
    }
    let tag = u8::try_from(value).ok().and_then(|value| Tag::new(value, expiry).ok());
    tag.ok_or(Flaw::Damaged("the value of a tag is above 100"))
}

fn encode_tag(row: &mut Encoder, tag: Tag) {
    let ends = tag.expiry() != Expiry::NEVER;
    row.map(if ends { 2 } else { 1 });
    row.uint(TAG_VALUE);
    row.uint(tag.value().into());
    if ends {
        row.uint(TAG_EXPIRY);
        row.uint(tag.expiry().as_millis());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use datastore::{Clock, ErrorKind, Outcome, TestClock};
    use proptest::prelude::*;

    use super::*;

    const NOBODY: [(&str, Option<Tag>); 0] = [];

    fn tag(value: u8, expiry: Expiry) -> Tag {
        Tag::new(value, expiry).unwrap()
    }

    fn ms(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }

    fn at_most(tags: usize) -> Limits {
        Limits { tags, ..Limits::default() }
    }

    fn decode(value: &[u8]) -> Result<TagRow, Flaw> {
        let session = Session { id: 1, began: Expiry::from_millis(0) };
        TagRow::decode(value, &PeerId::random(), &session)
    }

    fn some_row() -> TagRow {
        let mut row = TagRow::default();
        let tags = [("keep", tag(100, Expiry::NEVER)), ("dht", tag(5, Expiry::from_millis(1_000)))];
        row.set(tags, ms(0), &Limits::default()).unwrap();
        row
    }

    #[test]
    fn the_bytes_of_a_row_are_these() {
        let bytes =
            b"\xa2\x00\x01\x01\xa2\x63dht\xa2\x01\x05\x02\x19\x03\xe8\x64keep\xa1\x01\x18\x64";
        assert_eq!(some_row().encode(), bytes);
        assert_eq!(decode(bytes), Ok(some_row()));
    }

    #[test]
    fn fields_that_are_not_known_are_skipped() {
        let bytes = b"\xa3\x00\x01\x01\xa1\x61a\xa2\x01\x05\x09\x81\xf6\x18\x63\x61?";
        let mut row = TagRow::default();
        row.set([("a", tag(5, Expiry::NEVER))], ms(0), &Limits::default()).unwrap();
        assert_eq!(decode(bytes), Ok(row));
    }

    #[test]
    fn damaged_rows_are_flaws() {
        let above_100 = b"\xa2\x00\x01\x01\xa1\x61a\xa1\x01\x18\x65";
        let above_a_byte = b"\xa2\x00\x01\x01\xa1\x61a\xa1\x01\x19\x01\x00";
        let lying_length = b"\xa2\x00\x01\x01\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x61a\xa1\x01\x05";
        let lying_tag = b"\xa2\x00\x01\x01\xa1\x61a\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x01\x05";
        for damaged in [&above_100[..], above_a_byte, lying_length, lying_tag, b"\xa1\x00\x01\x00"]
        {
            assert!(matches!(decode(damaged), Err(Flaw::Damaged(_))), "{damaged:?}");
        }
    }

    #[test]
    fn a_tag_ends_at_its_expiry() {
        let clock = TestClock::new();
        let mut row = TagRow::default();
        let expiry = Expiry::after(clock.now(), Duration::from_secs(60));
        let tags = [("a", tag(1, expiry)), ("b", tag(2, Expiry::NEVER))];
        row.set(tags, clock.now(), &Limits::default()).unwrap();
        assert_eq!(row.expiry(), expiry);

        clock.advance(Duration::from_millis(59_999));
        assert_eq!(row.get("a", clock.now()), Some(tag(1, expiry)));
        row.expire(clock.now());
        assert_eq!(row.live(clock.now()).count(), 2);

        clock.advance(Duration::from_millis(1));
        assert_eq!(row.get("a", clock.now()), None);
        assert!(row.live(clock.now()).eq([("b", tag(2, Expiry::NEVER))]));
        row.expire(clock.now());
        assert_eq!((row.0.len(), row.expiry()), (1, Expiry::NEVER));
    }

    #[test]
    fn merging_replaces_by_name_and_removes_with_none() {
        let mut row = some_row();
        let sooner = tag(6, Expiry::from_millis(500));
        let changes = [("dht", Some(sooner)), ("keep", None), ("new", Some(tag(0, Expiry::NEVER)))];
        row.merge(changes, ms(0), &Limits::default()).unwrap();
        assert!(row.live(ms(0)).eq([("dht", sooner), ("new", tag(0, Expiry::NEVER))]));
    }

    #[test]
    fn over_the_limit_nothing_changes() {
        let mut row = some_row();
        let more = [("new", Some(tag(1, Expiry::NEVER)))];
        let error = row.merge(more, ms(0), &at_most(2)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.outcome(), Some(Outcome::NotApplied));
        assert_eq!(error.to_string(), "3 tags for one peer, which has at most 2");
        let all = [("x", tag(1, Expiry::NEVER)), ("y", tag(1, Expiry::NEVER))];
        assert!(row.set(all, ms(0), &at_most(1)).is_err());
        let long = "n".repeat(TAG_NAME_BYTES + 1);
        assert!(row.merge([(&long, Some(tag(1, Expiry::NEVER)))], ms(0), &at_most(0)).is_err());
        assert_eq!(row, some_row());

        // One that has ended makes room, and a limit that was lowered forbids only what adds.
        row.clone().merge(more, ms(1_000), &at_most(2)).unwrap();
        row.merge([("keep", Some(tag(1, Expiry::NEVER)))], ms(0), &at_most(1)).unwrap();
        row.merge(NOBODY, ms(0), &at_most(1)).unwrap();
        assert_eq!(row.0.len(), 2);
        row.merge(more, ms(0), &at_most(0)).unwrap();
        assert_eq!(row.0.len(), 3);
    }

    fn changes() -> impl Strategy<Value = Vec<(String, Option<(u8, u64)>)>> {
        let expiry = prop_oneof![0..10_u64, Just(u64::MAX)];
        prop::collection::vec(("[a-e]", prop::option::of((0..=100_u8, expiry))), 0..5)
    }

    proptest! {
        #[test]
        fn rows_do_what_a_plain_map_does(steps in prop::collection::vec(changes(), 0..10), most in 0..5_usize) {
            let limits = at_most(most);
            let mut row = TagRow::default();
            let mut model: BTreeMap<String, (u8, u64)> = BTreeMap::new();
            for (now, changes) in (0_u64..).zip(steps) {
                model.retain(|_, (_, expiry)| *expiry > now);
                let mut next = model.clone();
                for (name, tag) in &changes {
                    next.remove(name);
                    if let Some(tag) = tag {
                        next.insert(name.clone(), *tag);
                    }
                }
                next.retain(|_, (_, expiry)| *expiry > now);
                let fits = most == 0 || next.len() <= most || next.len() <= model.len();

                let changes = changes.into_iter().map(|(name, change)| {
                    (name, change.map(|(value, expiry)| tag(value, Expiry::from_millis(expiry))))
                });
                prop_assert_eq!(row.merge(changes, ms(now), &limits).is_ok(), fits);
                if fits {
                    model = next;
                }
                let live = row.live(ms(now)).map(|(name, tag)| {
                    (name.to_owned(), (tag.value(), tag.expiry().as_millis()))
                });
                prop_assert!(live.eq(model.clone()));
                if fits {
                    let soonest = model.values().map(|(_, expiry)| *expiry).min();
                    prop_assert_eq!(row.expiry().as_millis(), soonest.unwrap_or(u64::MAX));
                }
                prop_assert_eq!(decode(&row.encode()), Ok(row.clone()));
            }
        }

        #[test]
        fn hostile_bytes_are_a_flaw_or_a_row(
            at in any::<prop::sample::Index>(), byte: u8, tail in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut bytes = some_row().encode();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            bytes.truncate(at + 1);
            bytes.extend(tail);
            if let Ok(row) = decode(&bytes) {
                prop_assert_eq!(decode(&row.encode()), Ok(row));
            }
        }
    }
}
