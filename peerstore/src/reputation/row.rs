use libp2p_identity::PeerId;

use super::outcomes::Reputation;
use crate::cbor::{Decoder, Encoder, Flaw};
use crate::layout::Book;
use crate::row::Row;
use crate::session::Session;

/// The fields, numbers all; those that are 0 or unknown are left out. Times are in milliseconds since 1970,
/// the latency in nanoseconds, the weights in millionths.
const SUCCESSES: u64 = 1;
const FAILURES: u64 = 2;
const CONSECUTIVE_FAILURES: u64 = 3;
const LATENCY: u64 = 4;
const LAST_SUCCESS: u64 = 5;
const LAST_FAILURE: u64 = 6;
const FIRST_SEEN: u64 = 7;
const GOOD: u64 = 8;
const BAD: u64 = 9;

impl Row for Reputation {
    const BOOK: Book = Book::Reputation;

    fn decode(value: &[u8], _: &PeerId, _: &Session) -> Result<Self, Flaw> {
        let (mut row, fields) = Decoder::row(value)?;
        let mut reputation = Self::default();
        for _ in 0..fields {
            match row.uint()? {
                SUCCESSES => reputation.successes = row.uint()?,
                FAILURES => reputation.failures = row.uint()?,
                CONSECUTIVE_FAILURES => reputation.consecutive_failures = row.uint()?,
                LATENCY => reputation.latency = Some(row.uint()?),
                LAST_SUCCESS => reputation.last_success = Some(row.uint()?),
                LAST_FAILURE => reputation.last_failure = Some(row.uint()?),
                FIRST_SEEN => reputation.first_seen = Some(row.uint()?),
                GOOD => reputation.weights.good = row.uint()?,
                BAD => reputation.weights.bad = row.uint()?,
                _ => row.skip()?,
            }
        }
        row.end()?;
        let sound = reputation.consecutive_failures <= reputation.failures
            && (reputation.successes > 0) == reputation.last_success.is_some()
            && (reputation.failures > 0) == reputation.last_failure.is_some()
            && (reputation.requests() > 0) == reputation.first_seen.is_some();
        if sound { Ok(reputation) } else { Err(Flaw::Damaged("its counts contradict its times")) }
    }

    fn encode(&self) -> Vec<u8> {
        let number = |field, value: u64| (value > 0).then_some((field, value));
        let known = |field, value: Option<u64>| value.map(|value| (field, value));
        let fields = [
            number(SUCCESSES, self.successes),
            number(FAILURES, self.failures),
            number(CONSECUTIVE_FAILURES, self.consecutive_failures),
            known(LATENCY, self.latency),
            known(LAST_SUCCESS, self.last_success),
            known(LAST_FAILURE, self.last_failure),
            known(FIRST_SEEN, self.first_seen),
            number(GOOD, self.weights.good),
            number(BAD, self.weights.bad),
        ];
        let mut row = Encoder::row(fields.iter().flatten().count());
        for (field, value) in fields.into_iter().flatten() {
            row.uint(field);
            row.uint(value);
        }
        row.finish()
    }

    fn is_empty(&self) -> bool {
        self.requests() == 0 && self.latency.is_none()
    }

    fn weight(&self) -> usize {
        size_of::<Self>()
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use datastore::Expiry;
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }

    fn decode(value: &[u8]) -> Result<Reputation, Flaw> {
        let session = Session { id: 1, began: Expiry::from_millis(0) };
        Reputation::decode(value, &PeerId::random(), &session)
    }

    #[test]
    fn the_bytes_of_a_row_are_these() {
        let mut peer = Reputation::default();
        peer.succeeded(at(1_000), Some(Duration::from_nanos(250)));
        peer.failed(at(1_000));
        peer.failed(at(2_000));
        let bytes =
            b"\xaa\x00\x01\x01\x01\x02\x02\x03\x02\x04\x18\xfa\x05\x19\x03\xe8\x06\x19\x07\xd0\
            \x07\x19\x03\xe8\x08\x1a\x00\x0f\x42\x38\x09\x1a\x00\x1e\x84\x78";
        assert_eq!(peer.encode(), bytes);
        assert_eq!(decode(bytes), Ok(peer));
    }

    #[test]
    fn a_row_of_nothing_is_empty() {
        assert!(Reputation::default().is_empty());
        assert_eq!(decode(b"\xa1\x00\x01"), Ok(Reputation::default()));
        let mut peer = Reputation::default();
        peer.failed(SystemTime::UNIX_EPOCH);
        assert!(!peer.is_empty());
        assert_eq!(decode(&peer.encode()), Ok(peer));
    }

    #[test]
    fn damaged_rows_are_flaws() {
        let lying_length = b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x00\x01\x01\x01";
        let success_without_time = b"\xa3\x00\x01\x01\x01\x07\x01";
        let time_without_failure = b"\xa2\x00\x01\x06\x01";
        let more_in_a_row_than_all = b"\xa5\x00\x01\x02\x01\x03\x02\x06\x01\x07\x01";
        let negative = b"\xa2\x00\x01\x01\x20";
        for damaged in [
            &lying_length[..],
            success_without_time,
            time_without_failure,
            more_in_a_row_than_all,
            negative,
            b"",
        ] {
            assert!(matches!(decode(damaged), Err(Flaw::Damaged(_))), "{damaged:?}");
        }
        let known = b"\xa5\x00\x01\x02\x01\x06\x01\x07\x01\x18\x63\xf6";
        assert_eq!(decode(known).unwrap().failures(), 1);
    }

    proptest! {
        #[test]
        fn rows_come_back_as_they_were(
            outcomes in prop::collection::vec((any::<bool>(), any::<u32>(), any::<Option<u32>>()), 0..20),
        ) {
            let mut peer = Reputation::default();
            for (success, time, latency) in outcomes {
                let now = at(u64::from(time) * 500);
                match success {
                    true => peer.succeeded(now, latency.map(|nanos| Duration::from_nanos(nanos.into()))),
                    false => peer.failed(now),
                }
                prop_assert_eq!(decode(&peer.encode()), Ok(peer.clone()));
            }
        }

        #[test]
        fn hostile_bytes_are_a_flaw_or_a_row(
            fields in prop::collection::vec((0..12_u64, prop_oneof![0..3_u64, any::<u64>()]), 0..12), now: u32,
        ) {
            let mut row = Encoder::row(fields.len());
            for (field, value) in fields {
                row.uint(field);
                row.uint(value);
            }
            if let Ok(mut peer) = decode(&row.finish()) {
                let now = at(now.into());
                prop_assert_eq!(decode(&peer.encode()), Ok(peer.clone()));
                prop_assert!((0.0..=1.0).contains(&peer.score(now)));
                peer.is_backed_off(now);
                peer.succeeded(now, Some(Duration::MAX));
                peer.failed(now);
                prop_assert_eq!(decode(&peer.encode()), Ok(peer.clone()));
            }
        }

        #[test]
        fn any_bytes_are_a_flaw_or_a_row(tail in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(peer) = decode(&[b"\xa4\x00\x01", &tail[..]].concat()) {
                prop_assert_eq!(decode(&peer.encode()), Ok(peer));
            }
        }
    }
}
