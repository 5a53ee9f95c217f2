use std::collections::BTreeSet;

use datastore::Result;
use libp2p_identity::PeerId;

use crate::cbor::{Decoder, Encoder, Flaw};
use crate::layout::Book;
use crate::limits::{self, Limits};
use crate::row::{self, Row};
use crate::session::Session;

/// Bytes of one protocol's name, at most. js-libp2p negotiates none that is longer; without it, a cap on
/// their number would cap nothing.
pub(crate) const PROTOCOL_BYTES: usize = 1_024;

/// The protocols that a peer speaks, sorted, each once: `{1: [name, …]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ProtocolRow(BTreeSet<Box<str>>);

const PROTOCOLS: u64 = 1;

impl ProtocolRow {
    /// All of them, sorted by bytes.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Adds those that are not there. When they do not fit, none is added.
    pub(crate) fn add(
        &mut self,
        protocols: impl IntoIterator<Item: AsRef<str>>,
        limits: &Limits,
    ) -> Result<()> {
        let mut new = checked(protocols)?;
        new.retain(|protocol| !self.0.contains(protocol));
        // A row may hold more than a limit that was lowered since: what adds nothing fits all the same.
        if !new.is_empty() {
            let count = self.0.len().saturating_add(new.len());
            limits::check_count(count, limits.protocols, "protocols")?;
        }
        self.0.append(&mut new);
        Ok(())
    }

    /// Adds those that may be added, in their order, as many as fit; names the others.
    pub(crate) fn add_fitting<P: AsRef<str>>(
        &mut self,
        protocols: impl IntoIterator<Item = P>,
        limits: &Limits,
    ) -> Vec<String> {
        let (mut refused, mut over_limit) = (Vec::new(), 0);
        for protocol in protocols {
            let protocol = protocol.as_ref();
            if self.0.contains(protocol) {
                continue;
            }
            if let Err(error) = limits::check_name(protocol, PROTOCOL_BYTES, "protocol") {
                let begin: String = protocol.chars().take(32).collect();
                refused.push(format!("the protocol {begin:?}…: {error}"));
            } else if limits.protocols > 0 && self.0.len() >= limits.protocols {
                over_limit += 1;
            } else {
                self.0.insert(protocol.into());
            }
        }
        if over_limit > 0 {
            let most = limits.protocols;
            refused.push(format!("{over_limit} protocols: one peer has at most {most}"));
        }
        refused
    }

    /// Replaces all of them. When the new ones do not fit, the old ones stay.
    pub(crate) fn set(
        &mut self,
        protocols: impl IntoIterator<Item: AsRef<str>>,
        limits: &Limits,
    ) -> Result<()> {
        let new = checked(protocols)?;
        limits::check_count(new.len(), limits.protocols, "protocols")?;
        self.0 = new;
        Ok(())
    }

    /// Removes those that are there.
    pub(crate) fn remove(&mut self, protocols: impl IntoIterator<Item: AsRef<str>>) {
        for protocol in protocols {
            self.0.remove(protocol.as_ref());
        }
    }

    /// Which of these the peer speaks, in the order in which they were asked for.
    pub(crate) fn supports<'p, P: AsRef<str>>(&self, asked: &'p [P]) -> Vec<&'p str> {
        self.supported(asked).collect()
    }

    /// The first of these that the peer speaks.
    pub(crate) fn first_supported<'p, P: AsRef<str>>(&self, asked: &'p [P]) -> Option<&'p str> {
        self.supported(asked).next()
    }

    fn supported<'p, P: AsRef<str>>(&self, asked: &'p [P]) -> impl Iterator<Item = &'p str> {
        asked.iter().map(AsRef::as_ref).filter(|protocol| self.0.contains(*protocol))
    }
}

impl Row for ProtocolRow {
    const BOOK: Book = Book::Protocols;

    fn decode(value: &[u8], _: &PeerId, _: &Session) -> Result<Self, Flaw> {
        let (mut row, fields) = Decoder::row(value)?;
        let mut protocols = BTreeSet::new();
        for _ in 0..fields {
            match row.uint()? {
                PROTOCOLS => {
                    for _ in 0..row.array()? {
                        protocols.insert(row.text()?.into());
                    }
                }
                _ => row.skip()?,
            }
        }
        row.end()?;
        Ok(Self(protocols))
    }

    fn encode(&self) -> Vec<u8> {
        let mut row = Encoder::row(1);
        row.uint(PROTOCOLS);
        row.array(self.0.len());
        for protocol in &self.0 {
            row.text(protocol);
        }
        row.finish()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn weight(&self) -> usize {
        let names = self.0.iter().map(|protocol| row::allocated(protocol.len()));
        size_of::<Self>() + row::tree(self.0.len(), size_of::<Box<str>>()) + names.sum::<usize>()
    }
}

fn checked(protocols: impl IntoIterator<Item: AsRef<str>>) -> Result<BTreeSet<Box<str>>> {
    let mut checked = BTreeSet::new();
    for protocol in protocols {
        let protocol = protocol.as_ref();
        limits::check_name(protocol, PROTOCOL_BYTES, "protocol")?;
        checked.insert(protocol.into());
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use datastore::{ErrorKind, Expiry, Outcome};
    use proptest::prelude::*;

    use super::*;

    fn row(protocols: &[&str]) -> ProtocolRow {
        let mut row = ProtocolRow::default();
        row.set(protocols, &Limits::default()).unwrap();
        row
    }

    fn at_most(protocols: usize) -> Limits {
        Limits { protocols, ..Limits::default() }
    }

    fn decode(value: &[u8]) -> Result<ProtocolRow, Flaw> {
        let session = Session { id: 1, began: Expiry::from_millis(0) };
        ProtocolRow::decode(value, &PeerId::random(), &session)
    }

    #[test]
    fn short_names_weigh_what_is_allocated_for_them() {
        let names: Vec<_> = (0..1_000).map(|name| format!("/{name}")).collect();
        let mut row = ProtocolRow::default();
        row.add(&names, &Limits::default()).unwrap();
        assert!(row.weight() >= 1_000 * (32 + size_of::<Box<str>>()));
    }

    #[test]
    fn the_bytes_of_a_row_are_these() {
        let bytes = b"\xa2\x00\x01\x01\x83\x62/a\x62/b\x64/a/1";
        let sorted = b"\xa2\x00\x01\x01\x83\x62/a\x64/a/1\x62/b";
        assert_eq!(row(&["/b", "/a", "/a/1", "/b"]).encode(), sorted);
        // In another order, or with one twice, it is the same row.
        assert_eq!(decode(bytes), Ok(row(&["/a", "/a/1", "/b"])));
        assert_eq!(decode(b"\xa2\x00\x01\x01\x82\x62/a\x62/a"), Ok(row(&["/a"])));
    }

    #[test]
    fn a_field_that_is_not_known_is_skipped() {
        let with_more = b"\xa3\x00\x01\x01\x81\x62/a\x18\x63\xa1\x01\x82\x01\x02";
        assert_eq!(decode(with_more), Ok(row(&["/a"])));
    }

    #[test]
    fn damaged_rows_are_flaws() {
        let lying_length = b"\xa2\x00\x01\x01\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x62/a";
        let cut = b"\xa2\x00\x01\x01\x82\x62/a";
        let no_text = b"\xa2\x00\x01\x01\x81\x42/a";
        let trailing = b"\xa2\x00\x01\x01\x81\x62/a\x00";
        for damaged in [&lying_length[..], cut, no_text, trailing, b""] {
            assert!(matches!(decode(damaged), Err(Flaw::Damaged(_))), "{damaged:?}");
        }
        assert_eq!(decode(b"\xa2\x00\x02\x01\x81\x62/a"), Err(Flaw::Newer(2)));
    }

    #[test]
    fn those_that_are_supported_come_in_the_order_asked() {
        let row = row(&["/a", "/b", "/c"]);
        assert_eq!(row.supports(&["/c", "/x", "/a"]), ["/c", "/a"]);
        assert_eq!(row.first_supported(&["/x", "/b", "/a"]), Some("/b"));
        assert_eq!(row.first_supported(&["/x"]), None);
        assert_eq!(row.supports::<&str>(&[]), [""; 0]);
    }

    #[test]
    fn over_the_limit_nothing_changes() {
        let limits = at_most(2);
        let mut row = ProtocolRow::default();
        assert!(row.set(["/a", "/b", "/c"], &limits).is_err());
        assert_eq!(row, ProtocolRow::default());

        // The same one twice counts once.
        row.set(["/a", "/a", "/b"], &limits).unwrap();
        let before = row.clone();
        let error = row.add(["/b", "/c"], &limits).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.outcome(), Some(Outcome::NotApplied));
        assert_eq!(error.to_string(), "3 protocols for one peer, which has at most 2");
        assert_eq!(row, before);
        row.add(["/b", "/a"], &limits).unwrap();
        assert_eq!(row, before);
        row.add(["/b", "/a"], &at_most(1)).unwrap();
        assert_eq!(row, before);
        row.add(["/c"], &at_most(0)).unwrap();
        assert_eq!(row.iter().len(), 3);
    }

    #[test]
    fn a_name_without_end_is_refused() {
        let mut row = row(&["/a"]);
        let longest = "x".repeat(PROTOCOL_BYTES);
        row.add([&longest], &Limits::default()).unwrap();
        let before = row.clone();
        let longer = format!("{longest}x");
        assert!(row.add(["/b", &longer], &Limits::default()).is_err());
        assert!(row.set(["/b", &longer], &Limits::default()).is_err());
        assert_eq!(row, before);
    }

    #[derive(Clone, Debug)]
    enum Change {
        Add(Vec<String>),
        Set(Vec<String>),
        Remove(Vec<String>),
    }

    fn changes() -> impl Strategy<Value = Vec<Change>> {
        let some = || prop::collection::vec("/[a-f]", 0..5);
        let change = prop_oneof![
            some().prop_map(Change::Add),
            some().prop_map(Change::Set),
            some().prop_map(Change::Remove),
        ];
        prop::collection::vec(change, 0..12)
    }

    proptest! {
        #[test]
        fn rows_do_what_a_plain_list_does(changes in changes(), most in 0..5_usize) {
            let limits = at_most(most);
            let mut row = ProtocolRow::default();
            let mut model: Vec<String> = Vec::new();
            for change in changes {
                let (done, mut next) = match change {
                    Change::Add(some) => {
                        (row.add(&some, &limits), model.iter().cloned().chain(some).collect())
                    }
                    Change::Set(some) => (row.set(&some, &limits), some),
                    Change::Remove(some) => {
                        row.remove(&some);
                        (Ok(()), model.iter().filter(|one| !some.contains(one)).cloned().collect())
                    }
                };
                next.sort();
                next.dedup();
                let fits = most == 0 || next.len() <= most;
                prop_assert_eq!(done.is_ok(), fits);
                if fits {
                    model = next;
                }
                prop_assert!(row.iter().eq(model.iter().map(String::as_str)));
                prop_assert_eq!(row.is_empty(), model.is_empty());
                prop_assert_eq!(decode(&row.encode()), Ok(row.clone()));
            }
        }

        #[test]
        fn hostile_bytes_are_a_flaw_or_a_row(
            at in any::<prop::sample::Index>(), byte: u8, tail in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let mut bytes = row(&["/a", "/b", "/ipfs/id/1.0.0"]).encode();
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
