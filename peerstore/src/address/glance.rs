use std::time::SystemTime;

use datastore::Expiry;
use multiaddr::Multiaddr;

use super::codec::{self, ADDRESSES, MARK, RECORD, WATERMARK};
use super::row::AddressRow;
use crate::cbor::{Decoder, Flaw};
use crate::session::Session;

/// What a listing asks of a row, without its addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Glance {
    /// Whether an address has not expired, of those that can be read.
    pub(crate) is_live: bool,
    /// As [`Row::is_known_at`](crate::row::Row::is_known_at).
    pub(crate) is_known: bool,
}

impl Glance {
    /// Goes through a whole row, so that a damaged one is told, and keeps nothing of it.
    pub(crate) fn at(value: &[u8], session: &Session, now: SystemTime) -> Result<Self, Flaw> {
        let (mut from, fields) = Decoder::row(value)?;
        let mut glance = Self::default();
        let (mut connected, mut connected_in) = (Self::default(), None);
        for _ in 0..fields {
            match from.uint()? {
                ADDRESSES => codec::each_group(&mut from, |from, facts, addresses| {
                    let moment = Expiry::at(now);
                    let demoted = AddressRow::demoted(facts, session);
                    let (counts, found) = match demoted.is_live(moment) {
                        true => (true, &mut glance),
                        false => (facts.is_live(moment), &mut connected),
                    };
                    found.is_known |= counts && addresses > 0;
                    for _ in 0..addresses {
                        let addr = from.bytes()?;
                        found.is_live |=
                            counts && !found.is_live && Multiaddr::try_from(addr.to_vec()).is_ok();
                    }
                    Ok(())
                })?,
                MARK => connected_in = Some(codec::decode_mark(&mut from)?.session),
                RECORD => {
                    codec::decode_record(&mut from)?;
                }
                WATERMARK => {
                    codec::decode_watermark(&mut from)?;
                }
                _ => from.skip()?,
            }
        }
        from.end()?;
        if connected_in == Some(session.id) {
            glance.is_live |= connected.is_live;
            glance.is_known |= connected.is_known;
        }
        Ok(glance)
    }
}
