//! The row of a peer's addresses: `/peers/addrs/<p>`, a map as of [`cbor`](crate::cbor).
//!
//! | field | content | left out |
//! |---|---|---|
//! | 0 | version: 1 | never |
//! | 1 | addresses: an array of groups | if there are none |
//! | 2 | where addresses are connected: `[session, again]`; in which session, when to look again | if none is |
//! | 3 | certified record: `{1: sequence, 2: envelope, 3: ms for which its sequence outlives it}` | if there is none |
//! | 4 | watermark: `{1: sequence, 2: until, 3: SHA-256 of the envelope}` | if there is none |
//!
//! A group is an array: a map of what is known of each of its addresses, then those addresses, multiaddrs in
//! binary. Addresses that follow each other in the order of confidence and of which the same is known are in one
//! group; those that could not be read come last. The map:
//!
//! | field | content | if it is left out |
//! |---|---|---|
//! | 1 | expiry | never: the TTL is permanent, or connected |
//! | 2 | TTL in ms, where there is an expiry | one hour |
//! | 3 | source: 0 identify, 1 push, 2 signed, 3 routing, 4 user; a higher one is read as routing | 0 |
//! | 4 | bits: 1 certified, 2 connected, 4 the TTL is connected | 0 |
//! | 5 | last seen; 0 if not known | expiry less TTL; 0 without an expiry |
//! | 6 | last success | 0: there was none |
//! | 7 | failures since | 0 |
//!
//! Moments are milliseconds since 1970-01-01 00:00 UTC.

use std::time::Duration;

use bytes::Bytes;
use datastore::Expiry;
use multiaddr::Multiaddr;

use super::certified::{CertifiedRecord, Watermark};
use super::entry::{Address, Facts, Moment, Unreadable};
use super::row::{AddressRow, Mark};
use super::source::AddressSource;
use super::ttl::AddressTtl;
use crate::cbor::{Decoder, Encoder, Flaw};

pub(super) const ADDRESSES: u64 = 1;
pub(super) const MARK: u64 = 2;
pub(super) const RECORD: u64 = 3;
pub(super) const WATERMARK: u64 = 4;

/// What stands before the bytes of an address.
const HEAD: usize = 2;

/// What most rows take beside addresses and envelope.
const BESIDE: usize = 96;

pub(super) fn encode(row: &AddressRow) -> Vec<u8> {
    let AddressRow { entries, unreadable, record, watermark, mark } = row;
    let addresses = !(entries.is_empty() && unreadable.is_empty());
    let fields = [addresses, mark.is_some(), record.is_some(), watermark.is_some()];
    let mut to = Encoder::row(fields.into_iter().filter(|present| *present).count());
    let content = entries.iter().map(|entry| HEAD + entry.addr.len()).sum::<usize>();
    let envelope = record.as_ref().map_or(0, |record| record.envelope.len());
    to.reserve(content + envelope + BESIDE);
    if addresses {
        to.uint(ADDRESSES);
        encode_addresses(&mut to, entries, unreadable);
    }
    if let Some(Mark { session, again }) = mark {
        to.uint(MARK);
        to.array(2);
        to.uint(*session);
        to.uint(again.as_millis());
    }
    if let Some(CertifiedRecord { sequence, envelope, remembered }) = record {
        to.uint(RECORD);
        to.map(3);
        to.uint(1);
        to.uint(*sequence);
        to.uint(2);
        to.bytes(envelope);
        to.uint(3);
        to.uint(*remembered);
    }
    if let Some(Watermark { sequence, until, digest }) = watermark {
        to.uint(WATERMARK);
        to.map(3);
        to.uint(1);
        to.uint(*sequence);
        to.uint(2);
        to.uint(until.as_millis());
        to.uint(3);
        to.bytes(digest);
    }
    to.finish()
}

pub(super) fn decode(value: &[u8]) -> Result<AddressRow, Flaw> {
    let (mut from, fields) = Decoder::row(value)?;
    let mut row = AddressRow::default();
    for _ in 0..fields {
        match from.uint()? {
            ADDRESSES => decode_addresses(&mut from, &mut row)?,
            MARK => row.mark = Some(decode_mark(&mut from)?),
            RECORD => row.record = Some(decode_record(&mut from)?),
            WATERMARK => row.watermark = Some(decode_watermark(&mut from)?),
            _ => from.skip()?,
        }
    }
    from.end()?;
    Ok(row)
}

fn encode_addresses(to: &mut Encoder, entries: &[Address], unreadable: &[Unreadable]) {
    let groups = || entries.chunk_by(|a, b| a.facts == b.facts);
    let unreadable_groups = || unreadable.chunk_by(|a, b| a.facts == b.facts);
    to.array(groups().count() + unreadable_groups().count());
    for group in groups() {
        encode_group(to, group.iter().map(|entry| (&entry.facts, entry.addr.as_ref())));
    }
    for group in unreadable_groups() {
        encode_group(to, group.iter().map(|entry| (&entry.facts, entry.addr.as_ref())));
    }
}

fn encode_group<'a>(to: &mut Encoder, group: impl ExactSizeIterator<Item = (&'a Facts, &'a [u8])>) {
    to.array(group.len() + 1);
    for (place, (facts, addr)) in group.enumerate() {
        if place == 0 {
            encode_facts(to, facts);
        }
        to.bytes(addr);
    }
}

/// For how many addresses there is room at once, whatever a row claims.
const RESERVED: usize = 16;

fn decode_addresses(from: &mut Decoder<'_>, row: &mut AddressRow) -> Result<(), Flaw> {
    each_group(from, |from, facts, addresses| {
        row.entries.reserve(addresses.min(RESERVED));
        for _ in 0..addresses {
            let addr = from.bytes()?;
            match Multiaddr::try_from(addr.to_vec()) {
                Ok(addr) => row.entries.push(Address { addr, facts }),
                Err(_) => {
                    let addr = Bytes::copy_from_slice(addr);
                    row.unreadable.push(Unreadable { addr, facts });
                }
            }
        }
        Ok(())
    })
}

/// Gives the facts of each group, and how many addresses follow, which `group` has to read.
pub(super) fn each_group<'d>(
    from: &mut Decoder<'d>,
    mut group: impl FnMut(&mut Decoder<'d>, Facts, usize) -> Result<(), Flaw>,
) -> Result<(), Flaw> {
    for _ in 0..from.array()? {
        let addresses = from.array()?.checked_sub(1);
        let addresses = addresses.ok_or(Flaw::Damaged("a group of addresses is empty"))?;
        let facts = decode_facts(from)?;
        group(from, facts, addresses)?;
    }
    Ok(())
}

const EXPIRY: u64 = 1;
const TTL: u64 = 2;
const SOURCE: u64 = 3;
const BITS: u64 = 4;
const LAST_SEEN: u64 = 5;
const LAST_SUCCESS: u64 = 6;
const FAILURES: u64 = 7;

const CERTIFIED: u64 = 1;
const CONNECTED: u64 = 2;
const TTL_IS_CONNECTED: u64 = 4;

/// One hour, [`AddressTtl::ADDRESS`].
const USUAL_TTL: u64 = 3_600_000;

fn encode_facts(to: &mut Encoder, facts: &Facts) {
    let Facts { ttl, expiry, source, certified, connected, last_seen, last_success, failures } =
        *facts;
    let (expiry, ttl) = match ttl {
        AddressTtl::For(ttl) => (Some(expiry), Some(millis(ttl))),
        AddressTtl::Connected | AddressTtl::Permanent => (None, None),
    };
    let bits = [
        (certified, CERTIFIED),
        (connected, CONNECTED),
        (facts.ttl == AddressTtl::Connected, TTL_IS_CONNECTED),
    ];
    let bits: u64 = bits.into_iter().filter(|(set, _)| *set).map(|(_, bit)| bit).sum();
    let fields = [
        (EXPIRY, expiry.map(Expiry::as_millis)),
        (TTL, ttl.filter(|ttl| *ttl != USUAL_TTL)),
        (SOURCE, Some(source_code(source)).filter(|code| *code != 0)),
        (BITS, Some(bits).filter(|bits| *bits != 0)),
        (LAST_SEEN, Some(last_seen).filter(|seen| *seen != said(expiry, ttl)).map(|seen| seen.0)),
        (LAST_SUCCESS, Some(last_success.0).filter(|success| *success != 0)),
        (FAILURES, Some(u64::from(failures)).filter(|failures| *failures != 0)),
    ];
    to.map(fields.iter().filter(|(_, value)| value.is_some()).count());
    for (field, value) in fields {
        if let Some(value) = value {
            to.uint(field);
            to.uint(value);
        }
    }
}

fn decode_facts(from: &mut Decoder<'_>) -> Result<Facts, Flaw> {
    let (mut expiry, mut ttl, mut last_seen) = (None, None, None);
    let (mut source, mut bits, mut last_success, mut failures) = (0, 0, 0, 0);
    for _ in 0..from.map()? {
        match from.uint()? {
            EXPIRY => expiry = Some(Expiry::from_millis(from.uint()?)),
            TTL => ttl = Some(from.uint()?),
            SOURCE => source = from.uint()?,
            BITS => bits = from.uint()?,
            LAST_SEEN => last_seen = Some(Moment(from.uint()?)),
            LAST_SUCCESS => last_success = from.uint()?,
            FAILURES => failures = from.uint()?,
            _ => from.skip()?,
        }
    }
    let ttl = expiry.map(|_| ttl.unwrap_or(USUAL_TTL));
    let kept_for_connection = expiry.is_none() && bits & TTL_IS_CONNECTED != 0;
    Ok(Facts {
        ttl: match ttl {
            Some(ttl) => AddressTtl::For(Duration::from_millis(ttl)),
            None if kept_for_connection => AddressTtl::Connected,
            None => AddressTtl::Permanent,
        },
        expiry: expiry.unwrap_or(Expiry::NEVER),
        source: source_of(source),
        certified: bits & CERTIFIED != 0,
        connected: kept_for_connection || expiry.is_none() && bits & CONNECTED != 0,
        last_seen: last_seen.unwrap_or_else(|| said(expiry, ttl)),
        last_success: Moment(last_success),
        failures: u32::try_from(failures).unwrap_or(u32::MAX),
    })
}

/// When an address was said that was said once.
fn said(expiry: Option<Expiry>, ttl: Option<u64>) -> Moment {
    let said = expiry.zip(ttl).map(|(expiry, ttl)| expiry.as_millis().saturating_sub(ttl));
    said.map_or(Moment::UNKNOWN, Moment)
}

fn millis(ttl: Duration) -> u64 {
    u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)
}

fn source_code(source: AddressSource) -> u64 {
    match source {
        AddressSource::Identify => 0,
        AddressSource::Push => 1,
        AddressSource::Signed => 2,
        AddressSource::Routing => 3,
        AddressSource::User => 4,
    }
}

fn source_of(code: u64) -> AddressSource {
    match code {
        0 => AddressSource::Identify,
        1 => AddressSource::Push,
        2 => AddressSource::Signed,
        4 => AddressSource::User,
        _ => AddressSource::Routing,
    }
}

pub(super) fn decode_mark(from: &mut Decoder<'_>) -> Result<Mark, Flaw> {
    match from.array()? {
        2 => Ok(Mark { session: from.uint()?, again: Expiry::from_millis(from.uint()?) }),
        _ => Err(Flaw::Damaged("a session is not a pair")),
    }
}

pub(super) fn decode_record(from: &mut Decoder<'_>) -> Result<CertifiedRecord, Flaw> {
    let (mut sequence, mut envelope, mut remembered) = (None, None, 0);
    for _ in 0..from.map()? {
        match from.uint()? {
            1 => sequence = Some(from.uint()?),
            2 => envelope = Some(Bytes::copy_from_slice(from.bytes()?)),
            3 => remembered = from.uint()?,
            _ => from.skip()?,
        }
    }
    let record = sequence.zip(envelope);
    let (sequence, envelope) = record.ok_or(Flaw::Damaged("a record is incomplete"))?;
    Ok(CertifiedRecord { sequence, envelope, remembered })
}

pub(super) fn decode_watermark(from: &mut Decoder<'_>) -> Result<Watermark, Flaw> {
    let (mut sequence, mut until, mut digest) = (None, None, None);
    for _ in 0..from.map()? {
        match from.uint()? {
            1 => sequence = Some(from.uint()?),
            2 => until = Some(Expiry::from_millis(from.uint()?)),
            3 => digest = <[u8; 32]>::try_from(from.bytes()?).ok(),
            _ => from.skip()?,
        }
    }
    let Some(((sequence, until), digest)) = sequence.zip(until).zip(digest) else {
        return Err(Flaw::Damaged("a watermark is incomplete"));
    };
    Ok(Watermark { sequence, until, digest })
}
