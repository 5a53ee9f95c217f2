//! Signed records of a peer's own addresses, and which of them is the newest.

use std::cmp::Ordering;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use datastore::Expiry;
use sha2::{Digest, Sha256};

use super::entry::{Address, Facts, Said};
use super::listed::Listed;
use super::row::AddressRow;
use super::rules::At;
use super::source::AddressSource;
use super::ttl::AddressTtl;
use crate::limits::Limits;
use crate::record::{Consumed, RecordError, VerifiedRecord, check_length};

/// The newest signed record, kept as long as an address that it certifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertifiedRecord {
    pub(crate) sequence: u64,
    /// The envelope as it was received: writing it anew would lose what is not known of it.
    pub(crate) envelope: Bytes,
    /// For how long its sequence is remembered after it, in milliseconds.
    pub(super) remembered: u64,
}

/// What is left of a signed record: older ones are refused until then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watermark {
    pub(crate) sequence: u64,
    pub(crate) until: Expiry,
    /// SHA-256 of the envelope: the same one may come back.
    pub(super) digest: [u8; 32],
}

impl AddressRow {
    /// Takes the addresses of a signed record that the peer has signed, unless it is older than one that was.
    ///
    /// One that is newer than the last replaces what that said, see [`AddressSource`]. `remembered` is for how
    /// long the sequence outlives the last address that is certified. With a TTL of zero, no address is added.
    ///
    /// # Errors
    /// As [`judge`](Self::judge); then nothing has changed but that what has expired is gone.
    pub(crate) fn consume(
        &mut self,
        record: &VerifiedRecord,
        ttl: AddressTtl,
        remembered: Duration,
        at: At<'_>,
    ) -> Result<Consumed, RecordError> {
        self.expire(at.now);
        let verdict = self.judge(record, at.limits)?;
        if matches!(verdict, Consumed::Older | Consumed::Differs) {
            return Ok(verdict);
        }
        let listed = Listed::new(record.peer(), record.addresses());
        self.keep(record, verdict, &listed, remembered);
        let said = Said::new(ttl, AddressSource::Signed, at.now).certified();
        self.hear(&listed, &said, at.limits, Facts::raise);
        self.settle(at);
        Ok(verdict)
    }

    /// Makes it the record that is kept; what is not listed in a newer one goes.
    pub(super) fn keep(
        &mut self,
        record: &VerifiedRecord,
        verdict: Consumed,
        listed: &Listed<'_>,
        remembered: Duration,
    ) {
        if verdict == Consumed::Accepted {
            self.withdraw(listed);
        }
        // What came again may be a part of a larger buffer.
        let kept = self.record.take().filter(|_| verdict == Consumed::Same);
        self.record = Some(CertifiedRecord {
            sequence: record.sequence(),
            envelope: kept.map_or_else(|| record.envelope().clone(), |kept| kept.envelope),
            remembered: u64::try_from(remembered.as_millis()).unwrap_or(u64::MAX),
        });
        self.watermark = None;
    }

    /// Whether this is, byte for byte, the envelope that is kept: it has been verified then.
    pub(crate) fn holds(&self, envelope: &[u8]) -> bool {
        self.record.as_ref().is_some_and(|record| record.envelope == envelope)
    }

    /// The record, while an address lives that it certifies.
    pub(crate) fn live_record(&self, now: SystemTime) -> Option<&CertifiedRecord> {
        let certified = self.live(now).any(Address::is_certified);
        self.record.as_ref().filter(|_| certified)
    }

    /// The number of the newest record that is known of.
    pub(crate) fn last_sequence(&self) -> Option<u64> {
        let last = self.record.as_ref().map(|record| record.sequence);
        last.or(self.watermark.as_ref().map(|watermark| watermark.sequence))
    }

    /// What becomes of a record: every way in asks here.
    ///
    /// # Errors
    /// [`RecordError::TooLong`] for one that would be taken, and is longer than is kept.
    pub(super) fn judge(
        &self,
        record: &VerifiedRecord,
        limits: &Limits,
    ) -> Result<Consumed, RecordError> {
        let envelope = record.envelope();
        let verdict = match self.last_sequence().map(|last| record.sequence().cmp(&last)) {
            None | Some(Ordering::Greater) => Consumed::Accepted,
            Some(Ordering::Less) => Consumed::Older,
            Some(Ordering::Equal) if self.holds(envelope) => Consumed::Same,
            Some(Ordering::Equal) if self.held(envelope) => Consumed::Accepted,
            Some(Ordering::Equal) => Consumed::Differs,
        };
        if verdict == Consumed::Accepted {
            check_length(envelope, limits.envelope_bytes)?;
        }
        Ok(verdict)
    }

    /// Whether this is the envelope that was kept last.
    fn held(&self, envelope: &[u8]) -> bool {
        self.watermark.as_ref().is_some_and(|watermark| watermark.digest == digest(envelope))
    }

    /// Certifies those of some addresses that the record lists which is kept: an address that went and comes again
    /// is what it would be had it stayed.
    pub(super) fn certify_again(&self, new: &mut [Address]) {
        let Some(record) = self.record.as_ref().filter(|_| !new.is_empty()) else { return };
        // What is kept was read when it came in.
        let Ok(record) = VerifiedRecord::reread(record.envelope.clone()) else { return };
        let listed = Listed::new(record.peer(), record.addresses());
        for Address { addr, facts } in new {
            if listed.contains(addr) {
                facts.certified = true;
                facts.source = facts.source.max(AddressSource::Signed);
            }
        }
    }

    /// A newer record does not list them: these addresses are no longer certified, and go unless there is a
    /// connection or the user has said them.
    pub(super) fn withdraw(&mut self, listed: &Listed<'_>) {
        self.entries.retain_mut(|Address { addr, facts }| {
            let signed = facts.certified || facts.source == AddressSource::Signed;
            if !signed || listed.contains(addr) {
                return true;
            }
            facts.certified = false;
            facts.connected || facts.source > AddressSource::Signed
        });
        self.unreadable.retain(|entry| !entry.facts.certified);
    }

    /// Turns the record into its watermark if no address is left that it certifies; `end` is when the last went.
    pub(super) fn release(&mut self, end: Expiry) {
        if self.facts().any(|facts| facts.certified) {
            return;
        }
        let Some(record) = self.record.take().filter(|record| record.remembered > 0) else {
            return;
        };
        let until = Expiry::from_millis(end.as_millis().saturating_add(record.remembered));
        let digest = digest(&record.envelope);
        self.watermark = Some(Watermark { sequence: record.sequence, until, digest });
    }
}

fn digest(envelope: &[u8]) -> [u8; 32] {
    Sha256::digest(envelope).into()
}
